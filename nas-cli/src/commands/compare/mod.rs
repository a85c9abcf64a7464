//! `nas compare`: methods against each other, with everything else the same.
//!
//! A comparison has a directory: `runs.jsonl` holds the runs that are finished, so that one that was stopped goes on and one
//! that is done takes more seeds; runs that train are run directories below `runs/`. What is written at the end are
//! `comparison.json`, `runs.csv` and `report.html`.

mod bench;
mod csv;
mod jobs;
mod json;
mod one_shot;
mod page;
mod resolver;
mod text;

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use bench::{Bench, EqualWork, Scored};
use nas_runner::methods::Method;
use nas_runner::plan::RunConfig;
use nas_runner::{Environment, Usage};
use nas_space::search::Budget;
use nas_space::seed::Seed;
use nas_study::compare::{BASELINE, Comparison, Entry, Journal, Run, TaskRuns};
use serde::Serialize;
use serde_json::{Value, json};

use self::resolver::Resolver;
use super::typed;
use crate::args::{CompareArgs, Entrant};
use crate::output::{Output, note};
use crate::progress::RunsBar;
use crate::signals;

/// The JSON of `nas compare`.
#[derive(Debug, Serialize)]
pub(super) struct CompareResult {
    /// The comparison's directory.
    run: PathBuf,
    /// The page about it.
    report: PathBuf,
    space: String,
    /// What judges architectures, by task: the identity of the evaluator.
    evaluators: BTreeMap<String, String>,
    /// The same for people.
    judged: BTreeMap<String, String>,
    /// Epochs of a trial.
    search_epochs: u32,
    /// Of methods that are halved, the epochs after which they judge; the last are those of a trial of the others.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    rungs: BTreeMap<String, Vec<u32>>,
    /// Epochs of the training whose test accuracy is reported.
    test_epochs: u32,
    /// Runs of each method, with the seeds from 0 on.
    seeds: u64,
    /// Of each run. It ends with the trial that exceeds it.
    budget: Budget,
    /// The same as image passes, where there are supernets, on the first task.
    #[serde(skip_serializing_if = "Option::is_none")]
    equal_work: Option<EqualWork>,
    /// Of methods that train a supernet, its epochs on the first task.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    supernet_epochs: BTreeMap<String, u32>,
    /// What becomes of a proposal that was made before.
    duplicates: nas_study::Duplicates,
    /// The settings of each method, on the first task.
    settings: BTreeMap<String, Value>,
    environment: Environment,
    /// Methods that were not asked for by name and cannot run here, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    left_out: BTreeMap<String, String>,
    /// Methods that see scores and no accuracies, and the score.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    scored: BTreeMap<String, String>,
    /// What was typed.
    command: String,
    #[serde(flatten, serialize_with = "json::in_values")]
    comparison: Comparison,
    /// The methods of the only task, where there is one task.
    #[serde(skip_serializing_if = "Option::is_none")]
    methods: Option<Value>,
    /// Its pairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pairs: Option<Value>,
}

/// A method that takes part.
struct Contestant {
    name: String,
    /// Which of those of this method it is, from 0.
    copy: u64,
}

impl Contestant {
    /// The seed of its study. Of several of one method the second and later ones have others, or they would be the same.
    fn seed(&self, seed: u64) -> u64 {
        if self.copy == 0 {
            seed
        } else {
            // TOML has no more than 63 bits.
            Seed::new(seed).derive("copy", self.copy).value() >> 1
        }
    }
}

/// Runs every method with every seed on every task, and compares what they found.
pub(crate) fn run(args: &CompareArgs, output: Output) -> Result<()> {
    if let (Some(_), false) = (args.task.workers.count(), args.trains()) {
        let why = "--workers: nothing is trained where accuracies are looked up in a table; expected --data, or --jobs for \
                   several runs at a time";
        return Err(Usage::new(why).into());
    }
    let stop = signals::stop()?;
    let tasks: Vec<Option<&str>> = match &args.task.subject.table_data[..] {
        [] => vec![None],
        names => names.iter().map(|name| Some(&name[..])).collect(),
    };
    let resolver = Resolver::new(args);
    let (entrants, left_out) = able(&resolver, entrants(args)?, &tasks)?;
    let mut benches = Vec::new();
    for task in tasks {
        let configs = entrants.iter().map(|entrant| resolver.config(entrant, task));
        let configs = configs.collect::<Result<Vec<_>>>()?;
        // A comparison that is continued keeps to the latencies of its first part.
        if let Some(directory) = args.task.files.run.as_ref().filter(|path| path.is_dir()) {
            configs[0].keep_latencies_in(directory)?;
        }
        let scored: Vec<Option<&str>> = entrants.iter().map(Entrant::score).collect();
        let scores = Scored {
            by: &scored,
            file: args.task.screening.scores.as_deref(),
        };
        benches.push(Bench::new(configs, &scores, resolver.work(), &stop)?);
    }
    resolver.refuse_unused_images(&entrants)?;
    let contestants = contestants(&entrants, &benches[0].configs);
    let budget = args.budget();
    let configs = &benches[0].configs;
    let mut halved = 0;
    for config in configs {
        let rungs = config
            .halving()?
            .map(|halving| halving.rung_epochs())
            .transpose()?;
        halved += usize::from(rungs.is_some_and(|rungs| rungs.len() > 1));
    }
    if budget.epochs.is_none() && budget.seconds.is_none() && (1..configs.len()).contains(&halved) {
        note(
            "note: with the same number of trials, methods with rungs of few epochs train less; --budget-epochs N gives all methods the \
             same amount of training",
        );
    }
    let directory = match &args.task.files.run {
        Some(directory) => directory.clone(),
        None => free_directory(benches[0].space_name()),
    };
    signals::set_resume_hint(format!("the same command with --run {}", directory.display()));
    fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    for bench in &benches {
        bench.configs[0].keep_latencies_in(&directory)?;
    }
    let identity = identity(&benches, &contestants)?;
    let (journal, done) = Journal::open(&directory.join("runs.jsonl"), &identity)?;
    if output == Output::Text {
        note(&format!(
            "directory: {} (continue after an interruption with the same command and --run {0})",
            directory.display()
        ));
    }
    let runs = compare(args, &benches, &contestants, &directory, (journal, done))?;
    let comparison = Comparison::new(runs)?;
    let scored = entrants
        .iter()
        .filter_map(|entrant| Some((entrant.name.clone(), entrant.score()?.to_owned())));
    let result = CompareResult {
        left_out,
        scored: scored.collect(),
        ..result(args, &benches, &contestants, &directory, comparison)?
    };
    let written = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    written("comparison.json", &serde_json::to_string(&result)?)?;
    written("runs.csv", &csv::runs(&result.comparison))?;
    written("report.html", &page::page(&result))?;
    output.result(&result, || text::text(&result))?;
    let mut standings = result
        .comparison
        .tasks
        .values()
        .flat_map(|task| task.methods.values());
    if standings.all(|standing| standing.test_mean.is_none()) {
        bail!("no run has a result, because every trial failed; report.html and runs.csv give the reasons");
    }
    Ok(())
}

/// Those who can run on all tasks, and those who cannot and were not asked for by name, with the reason.
fn able(
    resolver: &Resolver<'_>,
    entrants: Vec<Entrant>,
    tasks: &[Option<&str>],
) -> Result<(Vec<Entrant>, BTreeMap<String, String>)> {
    let check = |entrant: &Entrant| {
        tasks.iter().try_for_each(|task| {
            bench::check(&resolver.config(entrant, *task)?, entrant.score())
                .with_context(|| format!("method {}", entrant.name))
        })
    };
    let (mut able, mut left_out) = (Vec::new(), BTreeMap::new());
    for entrant in entrants {
        match check(&entrant) {
            Ok(()) => able.push(entrant),
            // What random search cannot do nobody can.
            Err(error) if !resolver.args.methods.is_empty() || entrant.name == BASELINE => return Err(error),
            Err(error) => {
                // The first is the method's name.
                let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
                let reason = if causes.is_empty() {
                    error.to_string()
                } else {
                    causes.join(": ")
                };
                left_out.insert(entrant.name, reason);
            }
        }
    }
    if able.is_empty() {
        let reasons: Vec<String> = left_out
            .iter()
            .map(|(name, why)| format!("{name}: {why}"))
            .collect();
        bail!("no method can run here: {}", reasons.join("; "));
    }
    Ok((able, left_out))
}

/// Who takes part: those that are named or else all, and random search.
fn entrants(args: &CompareArgs) -> Result<Vec<Entrant>> {
    let mut entrants = args.methods.clone();
    if entrants.is_empty() {
        entrants = Method::proposing().map(Entrant::method).collect();
    }
    let random = Entrant::method(Method::Random);
    let is_random = |entrant: &Entrant| entrant.name == BASELINE;
    match (entrants.iter().any(is_random), args.runs.without_random) {
        (false, false) => entrants.insert(0, random.clone()),
        (true, true) if args.methods.is_empty() => entrants.retain(|entrant| !is_random(entrant)),
        (true, true) => {
            let why = "--without-random: random search is named; leave out one of the two";
            return Err(Usage::new(why.to_owned()).into());
        }
        _ => {}
    }
    for (i, entrant) in entrants.iter().enumerate() {
        if entrants[..i].iter().any(|other| other.name == entrant.name) {
            let name = &entrant.name;
            let why =
                format!("METHOD: {name} is named twice; expected each name once, as in {name}-2={name}");
            return Err(Usage::new(why).into());
        }
        if entrant.name == BASELINE && entrant.what != random.what {
            let why =
                format!("METHOD: the name {BASELINE} is reserved for random search; choose another name");
            return Err(Usage::new(why).into());
        }
    }
    Ok(entrants)
}

fn contestants(entrants: &[Entrant], configs: &[RunConfig]) -> Vec<Contestant> {
    let methods: Vec<Method> = configs.iter().map(|config| config.method.method()).collect();
    let copy = |place: usize| methods[..place].iter().filter(|m| **m == methods[place]).count() as u64;
    entrants
        .iter()
        .enumerate()
        .map(|(place, entrant)| Contestant {
            name: entrant.name.clone(),
            copy: copy(place),
        })
        .collect()
}

/// What decides the results of the runs. Where files are does not.
fn identity(benches: &[Bench], contestants: &[Contestant]) -> Result<Value> {
    let mut tasks = Vec::new();
    for bench in benches {
        let mut methods = Vec::new();
        for (place, (config, contestant)) in bench.configs.iter().zip(contestants).enumerate() {
            let mut config = serde_json::to_value(config)?;
            for section in ["estimation", "images"] {
                if let Some(section) = config.get_mut(section).and_then(Value::as_object_mut) {
                    for of_files in ["table", "data_dir", "metric", "one_figure"] {
                        section.remove(of_files);
                    }
                }
            }
            let mut method = json!({"name": contestant.name, "config": config});
            if let Some(scores) = bench.scored_by(place) {
                method["scores"] = scores.into();
            }
            methods.push(method);
        }
        let mut task = json!({
            "task": bench.name(),
            "evaluator": bench.description(),
            "methods": methods,
        });
        if let Some(costs) = bench.configs[0].given_costs()? {
            task["costs"] = costs.into();
        }
        tasks.push(task);
    }
    Ok(json!({ "tasks": tasks }))
}

/// Runs what is not on file yet, and gives all runs.
fn compare(
    args: &CompareArgs,
    benches: &[Bench],
    contestants: &[Contestant],
    directory: &Path,
    (journal, done): (Journal, Vec<Entry>),
) -> Result<Vec<TaskRuns>> {
    let seeds = args.seeds();
    let mut finished: BTreeMap<(String, String, u64), Run> = done
        .into_iter()
        .map(|entry| ((entry.task, entry.method, entry.run.seed), entry.run))
        .collect();
    let key = |bench: &Bench, contestant: &Contestant, seed| {
        (bench.name().to_owned(), contestant.name.clone(), seed)
    };
    // Seed by seed, so that what is there after an interruption is a comparison of fewer seeds.
    let runs = (0..seeds).flat_map(|seed| {
        benches
            .iter()
            .flat_map(move |bench| (0..contestants.len()).map(move |place| (bench, place, seed)))
    });
    let missing =
        runs.filter(|&(bench, place, seed)| !finished.contains_key(&key(bench, &contestants[place], seed)));
    let bar = RunsBar::new(
        seeds * (benches.len() * contestants.len()) as u64,
        missing.clone().count() as u64,
    );
    let journal = Mutex::new(journal);
    let jobs = args.runs.jobs.unwrap_or_else(|| benches[0].jobs());
    let made = jobs::run(missing, jobs, |(bench, place, seed)| {
        let contestant = &contestants[place];
        let run = bench
            .run(
                place,
                contestant.seed(seed),
                &directory.join("runs").join(format!("{}-{seed}", contestant.name)),
                args.task.workers.count(),
            )
            .with_context(|| format!("method {}, seed {seed}, {}", contestant.name, bench.name()))?;
        let entry = Entry {
            task: bench.name().to_owned(),
            method: contestant.name.clone(),
            run: Run { seed, ..run },
        };
        journal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(&entry)?;
        bar.advance();
        Ok(entry)
    })?;
    bar.finish();
    for entry in made {
        finished.insert((entry.task, entry.method, entry.run.seed), entry.run);
    }
    benches
        .iter()
        .map(|bench| {
            let of = |contestant: &Contestant| {
                let runs = (0..seeds).filter_map(|seed| finished.get(&key(bench, contestant, seed)).cloned());
                (contestant.name.clone(), runs.collect())
            };
            Ok(TaskRuns {
                name: bench.name().to_owned(),
                best_test: bench.best_test(),
                uniform: bench.uniform()?,
                metric: bench.metric(),
                note: bench.one_figure().map(|one| one.sentence().to_owned()),
                test_images: bench.test_images(),
                runs: contestants.iter().map(of).collect(),
            })
        })
        .collect()
}

fn result(
    args: &CompareArgs,
    benches: &[Bench],
    contestants: &[Contestant],
    directory: &Path,
    comparison: Comparison,
) -> Result<CompareResult> {
    let first = &benches[0];
    let (mut evaluators, mut judged) = (BTreeMap::new(), BTreeMap::new());
    for bench in benches {
        judged.insert(bench.name().to_owned(), bench.judged());
        evaluators.insert(bench.name().to_owned(), bench.description().to_owned());
    }
    let (mut settings, mut rungs, mut supernet_epochs) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (contestant, config) in contestants.iter().zip(&first.configs) {
        settings.insert(contestant.name.clone(), settings_of(config)?);
        if let Some(plan) = config.method.supernet_plan() {
            supernet_epochs.insert(contestant.name.clone(), plan.epochs);
        }
        if let Some(halving) = config.halving()? {
            rungs.insert(contestant.name.clone(), halving.rung_epochs()?);
        }
    }
    let jobs = args.runs.jobs.unwrap_or_else(|| first.jobs());
    let values = json::values(&comparison)?;
    let only = match values.get("tasks").and_then(Value::as_object) {
        Some(tasks) if tasks.len() == 1 => tasks.values().next(),
        _ => None,
    };
    let methods = only.and_then(|task| task.get("methods")).cloned();
    let pairs = only.and_then(|task| task.get("pairs")).cloned();
    Ok(CompareResult {
        run: directory.to_owned(),
        report: directory.join("report.html"),
        space: first.space_name().to_owned(),
        evaluators,
        judged,
        search_epochs: first.search_epochs()?,
        rungs,
        test_epochs: first.test_epochs(),
        seeds: args.seeds(),
        budget: args.budget(),
        equal_work: first.equal_work(&args.budget())?,
        supernet_epochs,
        duplicates: nas_study::Duplicates::default(),
        settings,
        environment: Environment::here(NonZeroUsize::new(jobs).unwrap_or(NonZeroUsize::MIN)),
        left_out: BTreeMap::new(),
        scored: BTreeMap::new(),
        command: typed::command(),
        methods,
        pairs,
        comparison,
    })
}

/// What a method is run with, besides what all have in common.
fn settings_of(config: &RunConfig) -> Result<Value> {
    let mut settings = json!({ "method": config.method });
    if let Some(halving) = &config.halving {
        settings["halving"] = json!(halving);
    }
    if let Some(screening) = &config.screening {
        settings["screening"] = json!(screening);
    }
    Ok(settings)
}

/// The first of `runs/compare-SPACE`, `runs/compare-SPACE-2`, … that does not exist.
fn free_directory(space: &str) -> PathBuf {
    let base = format!("runs/compare-{space}");
    let numbered = (2_u64..).map(|n| PathBuf::from(format!("{base}-{n}")));
    let mut candidates = std::iter::once(PathBuf::from(&base)).chain(numbered);
    candidates
        .find(|path| !path.exists())
        .unwrap_or_else(|| PathBuf::from(base))
}
