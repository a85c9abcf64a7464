//! A comparison as a page: what is shown, and in which words.

use nas_report::Shown;
use nas_report::number::counted;
use nas_report::page::compare::{self, CompareData, MethodRow, PairRow};
use nas_report::plot::{
    Bar, BarChart, BoxChart, CurveChart, Dimension, Joined, OnAxis, Point, RankChart, Ranked, Sample, Scale,
};
use nas_study::compare::{
    BASELINE, CONFIDENCE, Currency, Curve, POWER, Pair, RESAMPLES, SIGNIFICANCE, Standing, Task, about_seeds,
    difference, interval, least_pairs, p_equals, p_text,
};

use super::CompareResult;
use super::text::{budget, halved, left_out, scored, spread, supernets, valid_spread};

/// Curves are drawn from this share of the budget on: what a few trials found is so much worse that all else would look alike.
const BEGIN: f64 = 0.05;

/// The page as one HTML document.
pub(super) fn page(result: &CompareResult) -> String {
    compare::page(&data(result))
}

fn data(result: &CompareResult) -> CompareData {
    let names: Vec<&str> = result.comparison.names().collect();
    let tasks = &result.comparison.tasks;
    let task_names: Vec<&str> = tasks.keys().map(String::as_str).collect();
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let environment = &result.environment;
    CompareData {
        title: format!("{} on {}", names.join(", "), task_names.join(", ")),
        lead: format!(
            "{} methods with {} seeds each, {}, in the space {}.",
            names.len(),
            result.seeds,
            budget(result),
            result.space
        ),
        verdict: result.comparison.verdict.clone(),
        warnings: warnings(result),
        conditions: [
            fact("Space", result.space.clone()),
            fact(
                "Trials",
                std::iter::once(format!(
                    "{} after {}",
                    named(result, "validation"),
                    counted(result.search_epochs as usize, "epoch")
                ))
                .chain(halved(result))
                .chain(scored(result))
                .chain(supernets(result))
                .collect::<Vec<_>>()
                .join("; "),
            ),
            fact(
                "Test",
                format!(
                    "of the architecture that validation chose, after {}, once for each run",
                    counted(result.test_epochs as usize, "epoch")
                ),
            ),
            fact("Budget", format!("{}; a run ends with the trial that reaches it", budget(result))),
            fact("Seeds", format!("0 to {}, the same for all methods", result.seeds - 1)),
            fact(
                "Repeated proposals",
                match result.duplicates {
                    nas_study::Duplicates::Evaluate => "are evaluated, and paid for, again".to_owned(),
                    nas_study::Duplicates::Reuse => "take over the first outcome and are paid for again".to_owned(),
                },
            ),
        ]
        .into_iter()
        .chain(result.judged.iter().map(|(task, evaluator)| {
            let name = if tasks.len() == 1 { "Evaluator".to_owned() } else { format!("Evaluator of {task}") };
            (name, evaluator.clone())
        }))
        .collect(),
        tasks: tasks.iter().map(|(name, task)| section(result, name, task)).collect(),
        ranks: result.comparison.ranks.as_ref().filter(|_| names.len() > 2).map(|ranks| RankChart {
            title: "Mean ranks of the methods".to_owned(),
            subtitle: format!(
                "Over {} pairs of task and seed, by {}; joined methods do not differ by Nemenyi's test at 5 %, \
                 critical difference {:.2}",
                ranks.blocks,
                named(result, "test"),
                ranks.critical_difference
            ),
            methods: names
                .iter()
                .zip(&ranks.mean)
                .map(|(name, &mean_rank)| Ranked {
                    name: (*name).to_owned(),
                    mean_rank,
                })
                .collect(),
            joined: if ranks.p_value < SIGNIFICANCE {
                    Joined::Distance(ranks.critical_difference)
                } else {
                    Joined::Groups(ranks.groups.clone())
                },
        }),
        statistics: statistics(result),
        environment: vec![
            fact("Program", format!("nas {}", environment.version)),
            fact(
                "Threads",
                format!("{}, {} runs at a time", environment.threads, environment.workers),
            ),
            fact("CPU", environment.cpu.clone().unwrap_or_else(|| "unknown".to_owned())),
            fact("Kernels", environment.kernels.clone()),
            fact("System", environment.system.clone()),
        ],
        command: result.command.clone(),
        settings: serde_json::to_string_pretty(&result.settings).unwrap_or_default(),
    }
}

/// What is compared on these images, of all tasks: `test accuracy`, `test loss (lower is better)`.
fn named(result: &CompareResult, images: &str) -> String {
    let mut names: Vec<String> = Vec::new();
    for task in result.comparison.tasks.values() {
        let note = task.metric.note().trim_start_matches(", ");
        let name = match note {
            "" => task.metric.on(images),
            note => format!("{} ({note})", task.metric.on(images)),
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(", ")
}

fn warnings(result: &CompareResult) -> Vec<String> {
    let mut warnings: Vec<String> = left_out(result)
        .map(|(name, why)| format!("{name} is left out, as it cannot run here: {why}."))
        .collect();
    for (name, task) in &result.comparison.tasks {
        warnings.extend(
            task.note
                .as_ref()
                .map(|note| match result.comparison.tasks.len() {
                    1 => note.clone(),
                    _ => format!("On {name}: {note}"),
                }),
        );
    }
    let tests = result
        .comparison
        .tasks
        .values()
        .map(|task| task.pairs.len())
        .sum();
    let least = least_pairs(tests);
    if tests > 0 && result.seeds < least {
        warnings.push(format!(
            "{} are too few: with fewer than {least} no one difference of {} could be significant, whatever its size.",
            counted(result.seeds as usize, "seed"),
            counted(tests, "pair")
        ));
    }
    for (name, task) in &result.comparison.tasks {
        for (method, standing) in &task.methods {
            if standing.failed > 0 {
                warnings.push(format!(
                    "{} of the {} trials of {method} failed on {name}.",
                    standing.failed, standing.trials
                ));
            }
            if let Some(failure) = standing.runs.iter().find_map(|run| run.failure.as_ref()) {
                warnings.push(format!(
                    "{} of {method} on {name} without a result: {failure}. Such a run counts as worse than any that has one; \
                     means and boxes leave it out, and there is no curve of a method with one.",
                    counted(standing.runs_without_result as usize, "run"),
                ));
            }
        }
    }
    warnings
}

fn statistics(result: &CompareResult) -> Vec<String> {
    let mut sentences = vec![
        "Runs of the same seed are a pair, and all that is said of two methods is said by one test of the differences of their test \
         accuracies: Wilcoxon's signed-rank test. Differences are rounded to whole images where accuracies are counts of images, \
         else to 1e-9; those of 0 are left out, equal ones share their rank, and the distribution of the ranks is counted out. The \
         p-value is two-sided and corrected by Holm's method for all pairs of methods on all tasks; below 5 % a difference is \
         called significant."
            .to_owned(),
        "The points are Hodges and Lehmann's estimate, the median of the means of two differences, for the seeds in which the two \
         differ. Its interval is what the same test leaves: the shifts that it does not reject. It is corrected as the p-value is: \
         95 % for all pairs at once (Bonferroni), or the level of Holm's step where only that finds a difference significant. So it \
         excludes 0 exactly where a difference is significant. With too few seeds that differ it has no ends."
            .to_owned(),
        "The effect is the share of the sum of ranks that the seeds won by the first have: 1 where it is better in every seed in \
         which the two differ, 0.5 where there is no difference (twice it less 1 is the matched-pairs rank-biserial correlation)."
            .to_owned(),
        "A run of which every trial failed, or whose choice cannot be tested, has no result. It counts as worse than any run with \
         one, by the highest rank, and as equal to another without one."
            .to_owned(),
        format!(
            "Bands of curves hold the middle {:.0} % of {RESAMPLES} bootstrap means over runs. Curves are of methods all of whose runs \
             have a result; they keep each value until the next, and begin where all runs have an architecture.",
            100.0 * CONFIDENCE
        ),
        format!(
            "The seeds that would settle a difference are those with which the test would find one as large as the mean seen, \
             relative to the spread seen, with a probability of {:.0} %: a rough figure, from a mean that is itself uncertain.",
            100.0 * POWER
        ),
    ];
    let gains = |task: &&Task| {
        task.methods
            .values()
            .any(|standing| standing.relative_improvement.is_some())
    };
    let mut tasks = result.comparison.tasks.values().filter(gains);
    if let Some(uniform) = tasks.find_map(|task| task.uniform) {
        sentences.push(format!(
            "Random architectures are {} uniform draws that nothing chose; what a method has over them is its mean test accuracy \
             less theirs, as a share of theirs.",
            uniform.draws
        ));
    }
    if let Some(ranks) = &result.comparison.ranks {
        sentences.push(format!(
            "Ranks are compared over {} pairs of task and seed (Friedman's test, {}): they speak of other seeds of these \
             tasks, not of other tasks.",
            ranks.blocks,
            p_equals(ranks.p_value)
        ));
    }
    sentences.push(
        "Settings of methods are their defaults where none were given. Those of rl and pnas for small budgets were chosen on \
         NAS-Bench-201's CIFAR-10 with other seeds, which favours them there."
            .to_owned(),
    );
    let tasks = result.comparison.tasks.values();
    if tasks.clone().any(|task| !task.metric.is_accuracy()) {
        let figures = |sentence: String| {
            sentence
                .replace("accuracies", "figures")
                .replace("accuracy", "figure")
        };
        sentences = sentences.into_iter().map(figures).collect();
    }
    sentences
}

fn section(result: &CompareResult, name: &str, task: &Task) -> compare::Task {
    let methods = task
        .methods
        .iter()
        .map(|(method, standing)| row(task, method, standing));
    let samples: Vec<Sample> = task
        .methods
        .iter()
        .map(|(method, standing)| Sample {
            name: method.clone(),
            values: standing
                .runs
                .iter()
                .filter_map(|run| Some(task.metric.on_axis(run.test_accuracy?)))
                .collect(),
        })
        .filter(|sample| !sample.values.is_empty())
        .collect();
    compare::Task {
        name: name.to_owned(),
        methods: methods.collect(),
        figure: task.metric.clone(),
        pairs: task.pairs.iter().map(|one| pair(task, one)).collect(),
        curves: curves(result, task),
        boxes: (!samples.is_empty()).then(|| BoxChart {
            title: format!("{} of what the runs chose", task.metric.on("Test")),
            subtitle: format!("{} runs of each method, {}.", result.seeds, budget(result)),
            x: task.metric.dimension(task.metric.on("test")),
            samples,
        }),
        costs: Some(costs(task)),
    }
}

fn row(task: &Task, method: &str, standing: &Standing) -> MethodRow {
    let runs = standing.runs.len();
    let mean = |figure: fn(&nas_study::compare::Run) -> f64| {
        standing.runs.iter().map(figure).sum::<f64>() / runs as f64
    };
    let against = task
        .pairs
        .iter()
        .find_map(|pair| pair.seen_from(method, BASELINE));
    MethodRow {
        name: method.to_owned(),
        runs,
        with_result: runs - standing.runs_without_result as usize,
        test: spread(&task.metric, standing.test_mean, standing.test_std),
        valid: valid_spread(&task.metric, standing),
        regret: standing.regret_mean.map(|regret| task.metric.regret(regret)),
        effect: against.map(|pair| pair.effect),
        relative_improvement: standing.relative_improvement,
        trials: mean(|run| run.trials as f64),
        image_passes: mean_passes(standing),
        failed: standing.failed,
        strategy_seconds: mean(|run| run.strategy_seconds),
    }
}

/// The mean image passes of a run, where they are known of all.
pub(super) fn mean_passes(standing: &Standing) -> Option<f64> {
    let passes = standing.runs.iter().map(|run| Some(run.image_passes? as f64));
    let sum: f64 = passes.sum::<Option<f64>>()?;
    Some(sum / standing.runs.len() as f64)
}

fn pair(task: &Task, pair: &Pair) -> PairRow {
    PairRow {
        a: pair.a.clone(),
        b: pair.b.clone(),
        difference: pair
            .difference
            .map_or("no result".to_owned(), |by| difference(&task.metric, by)),
        interval: interval(&task.metric, pair.low, pair.high).unwrap_or_else(|| "none".to_owned()),
        p_value: p_text(pair.p_value),
        effect: pair.effect,
        won: format!("{}, {}, {}", pair.won, pair.equal, pair.lost),
        seeds_needed: pair.would_settle().map(about_seeds),
    }
}

/// Of the test accuracy where it is known on the way, of its regret where the best is known, and of the validation accuracy.
fn curves(result: &CompareResult, task: &Task) -> Vec<(CurveChart, String)> {
    let subtitle = format!(
        "Mean over {} runs; bands: 95 % by the bootstrap; from a twentieth of the budget on",
        result.seeds
    );
    let metric = &task.metric;
    let (test, valid) = (metric.on("test"), metric.on("validation"));
    let mut charts = Vec::new();
    // Trials mean little where a supernet is one of them.
    let first = match result.equal_work {
        Some(_) => Currency::ImagePasses,
        None => Currency::Trials,
    };
    for along in [first, Currency::Seconds] {
        let x = match along {
            Currency::Trials => Dimension::count("trials", Scale::Logarithmic),
            Currency::Epochs => Dimension::count("epochs", Scale::Logarithmic),
            Currency::ImagePasses => Dimension::count("image passes", Scale::Logarithmic),
            Currency::Seconds => Dimension::new("seconds of trials and method", Scale::Logarithmic),
        };
        let over = match along {
            Currency::Trials => "trials",
            Currency::Epochs => "epochs",
            Currency::ImagePasses => "image passes",
            Currency::Seconds => "seconds",
        };
        let mut add = |title: String, y: Dimension, caption: &str, of: Of| {
            let curves = drawn(task, along, of);
            // Where none of the runs fails, all methods have a curve or none has.
            if !curves.is_empty() {
                let chart = CurveChart {
                    title,
                    subtitle: subtitle.clone(),
                    x: x.clone(),
                    y,
                    curves,
                    dots: Vec::new(),
                };
                charts.push((chart, caption.to_owned()));
            }
        };
        add(
            format!("{} over {over}", metric.on("Test")),
            metric.dimension(test.clone()),
            &format!(
                "{} of the architecture that {}; no method sees it.",
                metric.on("Test"),
                match result.equal_work {
                    Some(_) => "validation, or the supernet after each epoch, would have chosen so far",
                    None => "validation would have chosen so far",
                }
            ),
            Of::Test,
        );
        if let Some(best) = task.best_test {
            add(
                format!("Regret over {over}"),
                metric.distance(format!("regret of the {test}")),
                &format!("How far the {test} is from the best there is."),
                Of::Regret(best),
            );
        }
        add(
            format!("{} over {over}", metric.on("Validation")),
            metric.dimension(valid.clone()),
            &format!("Best {valid} so far: what the methods see."),
            Of::Valid,
        );
    }
    charts
}

/// What a curve is of.
#[derive(Debug, Clone, Copy)]
enum Of {
    Test,
    Regret(f64),
    Valid,
}

fn drawn(task: &Task, along: Currency, of: Of) -> Vec<nas_report::Curve> {
    let curve = |(name, standing): (&String, &Standing)| {
        let curves = match of {
            Of::Valid => &standing.valid_curves,
            Of::Test | Of::Regret(_) => &standing.test_curves,
        };
        let curve: &Curve = curves.iter().find(|curve| curve.along == along)?;
        let begin = curve.spent.last()? * BEGIN;
        let first = curve
            .spent
            .partition_point(|&spent| spent <= begin)
            .saturating_sub(1);
        let places = curve.spent.iter().zip(&curve.estimates).skip(first);
        let points = places.map(|(&x, estimate)| {
            let x = x.max(begin);
            // Scores: where lower values are better, the upper end of the band is the lower one of scores.
            let value = |score: f64| match of {
                Of::Regret(best) => task.metric.distance_on_axis(best - score),
                Of::Test | Of::Valid => task.metric.on_axis(score),
            };
            let (low, high) = (value(estimate.low), value(estimate.high));
            Point {
                x,
                mean: value(estimate.mean),
                low: low.min(high),
                high: low.max(high),
            }
        });
        Some(nas_report::Curve {
            name: name.clone(),
            points: points.collect(),
        })
    };
    task.methods.iter().filter_map(curve).collect()
}

fn costs(task: &Task) -> BarChart {
    let bar = |(name, standing): (&String, &Standing)| {
        let runs = standing.runs.len() as f64;
        let mean = |figure: fn(&nas_study::compare::Run) -> f64| {
            standing.runs.iter().map(figure).sum::<f64>() / runs
        };
        Bar {
            name: name.clone(),
            seconds: vec![
                mean(|run| run.trial_seconds),
                mean(|run| run.strategy_seconds),
                mean(|run| run.final_seconds),
            ],
        }
    };
    BarChart {
        title: "Seconds of a run".to_owned(),
        subtitle: "On average; those of trials are simulated where they were looked up".to_owned(),
        parts: ["trials", "the method itself", "final training"]
            .map(str::to_owned)
            .to_vec(),
        bars: task.methods.iter().map(bar).collect(),
    }
}
