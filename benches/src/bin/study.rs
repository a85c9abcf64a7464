//! Times what a study costs beside its evaluations: trials a second in a table, whether that falls as the history grows, how long
//! a long one takes to be opened, read and looked at, and what a trial through a worker process takes. Prints tables.
//!
//! `study [--trials N] [--nas PROGRAM]`; N is 1,000,000 where nothing is said. With the program `nas`, workers are timed too.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nas_eval::clock::Stopwatch;
use nas_evo::{EvolutionConfig, RandomSearch, RandomSearchConfig, RegularizedEvolution};
use nas_space::search::{Budget, Evaluator, Strategy};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use nas_study::{Commit, Event, Parts, PreparedStudy, Records, RunOptions, Store, StudyConfig};
use nas_tables::{TabularEvaluator, built_in};

/// Parts of the history whose speed is told apart.
const PARTS: u64 = 5;

fn main() -> Result<()> {
    let (mut trials, mut program) = (1_000_000_u64, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match &word[..] {
            "--trials" => trials = value()?.parse()?,
            "--nas" => program = Some(value()?),
            other => bail!("there is no option '{other}'; expected --trials N or --nas PROGRAM"),
        }
    }
    let table = Arc::new(built_in("digits")?);
    let space = Arc::clone(table.space());
    let evaluator = TabularEvaluator::new(table, "digits")?;
    let seed = Seed::new(1);
    let folder = std::env::temp_dir().join(format!("nas-study-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let random = RandomSearch::new(Arc::clone(&space), RandomSearchConfig::default(), seed)?;
    let evolution = RegularizedEvolution::new(Arc::clone(&space), EvolutionConfig::default(), seed)?;
    let strategies: [Box<dyn Strategy>; 2] = [Box::new(random), Box::new(evolution)];
    let mut lines = Vec::new();
    for mut strategy in strategies {
        let path = folder.join(format!("{}.db", strategy.name()));
        lines.push(timed(
            strategy.as_mut(),
            space.as_ref(),
            &evaluator,
            &path,
            trials,
        )?);
    }
    let parts: Vec<String> = (1..=PARTS).map(|part| format!("{part}/{PARTS}")).collect();
    say(&format!(
        "{trials} trials of {}, one thread, records on disk\n\n| method | trials/s in each part: {} | ask + tell, µs, in each part | open, s | \
         read all, s | standing, s | file, MB |\n|---|---|---|---|---|---|---|\n{}",
        space.name(),
        parts.join(", "),
        lines.join("\n")
    ))?;
    std::fs::remove_dir_all(&folder)?;
    if let Some(program) = program {
        workers(&program)?;
    }
    Ok(())
}

/// A line of the table: a whole study, and then its records.
fn timed(
    strategy: &mut dyn Strategy,
    space: &dyn Space,
    evaluator: &dyn Evaluator,
    path: &Path,
    trials: u64,
) -> Result<String> {
    let name = strategy.name().to_owned();
    let config = StudyConfig {
        budget: Budget::trials(trials),
        fidelity: nas_space::search::Fidelity { epochs: 4 },
        ..StudyConfig::new(name.clone(), space.name(), evaluator.description(), Seed::new(1))
    };
    let mut store = Store::create(path)?;
    let parts = Parts {
        space,
        strategy,
        evaluator,
    };
    let options = RunOptions {
        workers: NonZeroUsize::MIN,
        commit: Commit::Within(Duration::from_millis(50)),
        ..RunOptions::default()
    };
    let watch = Stopwatch::start();
    let mut marks = vec![0.0];
    let mut watcher = |event: &Event| {
        if let Event::Finished { progress, .. } = event
            && progress.spent.trials * PARTS >= trials * marks.len() as u64
        {
            marks.push(watch.seconds());
        }
    };
    PreparedStudy::create(&mut store, config, parts)?.run(&options, &mut watcher)?;
    drop(store);
    let part = trials as f64 / PARTS as f64;
    let rates: Vec<String> = marks
        .windows(2)
        .map(|pair| format!("{:.0}", part / (pair[1] - pair[0])))
        .collect();
    let (store, open) = clocked(|| Store::open(path))?;
    let (records, read) = clocked(|| store.records().trials())?;
    drop(store);
    let (_, standing) = clocked(|| Records::look(path)?.standing())?;
    let strategy: Vec<String> = records
        .chunks(part.ceil() as usize)
        .map(|records| {
            let seconds: f64 = records
                .iter()
                .map(|record| record.ask_seconds + record.tell_seconds.unwrap_or(0.0))
                .sum();
            format!("{:.2}", 1e6 * seconds / records.len() as f64)
        })
        .collect();
    let megabytes = std::fs::metadata(path)?.len() as f64 / 1e6;
    Ok(format!(
        "| {name} | {} | {} | {open:.2} | {read:.2} | {standing:.2} | {megabytes:.0} |",
        rates.join(", "),
        strategy.join(", ")
    ))
}

/// What a trial through a worker takes beyond its evaluation, which is looked up: the same searches by the program itself.
fn workers(program: &str) -> Result<()> {
    const TRIALS: u64 = 4_000;
    let folder = std::env::temp_dir().join(format!("nas-workers-{}", std::process::id()));
    let mut lines = Vec::new();
    for count in ["0", "1", "2"] {
        let run = folder.join(count);
        let words = format!(
            "search evolution --benchmark digits --trials {TRIALS} --batch 8 --workers {count} --json"
        );
        let status = std::process::Command::new(program)
            .args(words.split(' '))
            .arg("--run")
            .arg(&run)
            .stdout(std::process::Stdio::null())
            .status()
            .with_context(|| format!("{program} cannot be started"))?;
        if !status.success() {
            bail!("{program} {words} ended with {status}");
        }
        let records = Records::open(run.join("study.db"))?;
        let trials = records.trials()?;
        let begun = trials.first().map_or(0.0, |record| record.asked_unix_seconds);
        let ended = trials.iter().filter_map(|record| record.conclusion.as_ref());
        let ended = ended
            .map(|conclusion| conclusion.finished_unix_seconds)
            .fold(0.0, f64::max);
        lines.push(format!(
            "| {count} | {:.3} |",
            1e3 * (ended - begun) / TRIALS as f64
        ));
    }
    std::fs::remove_dir_all(&folder)?;
    say(&format!(
        "\n{TRIALS} trials that are looked up, in batches of 8\n\n| workers | ms a trial |\n|---|---|\n{}",
        lines.join("\n")
    ))
}

fn clocked<T, E: Into<anyhow::Error>>(work: impl FnOnce() -> Result<T, E>) -> Result<(T, f64)> {
    let watch = Stopwatch::start();
    let result = work().map_err(Into::into)?;
    Ok((result, watch.seconds()))
}

fn say(text: &str) -> Result<()> {
    use std::io::Write as _;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
