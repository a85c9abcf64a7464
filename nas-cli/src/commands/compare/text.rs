//! A comparison for people, in a terminal.

use nas_report::Shown;
use nas_report::number::{counted, grouped, percent};
use nas_space::search::{Metric, Scale};
use nas_study::compare::{Standing, Task, difference, interval, p_equals, p_text};

use super::CompareResult;
use super::page::mean_passes;

pub(super) fn text(result: &CompareResult) -> String {
    let mut lines = vec![format!(
        "{} of each method, {}, space {}",
        counted(result.seeds as usize, "run"),
        budget(result),
        result.space
    )];
    lines.extend(scored(result));
    lines.extend(supernets(result));
    lines.extend(left_out(result).map(|(name, why)| format!("{name} left out: {why}")));
    for (name, task) in &result.comparison.tasks {
        lines.push(String::new());
        lines.push(format!(
            "{name}: {}",
            result.judged.get(name).map_or("", String::as_str)
        ));
        lines.extend(halved(result));
        of_task(&mut lines, result, task);
    }
    if let Some(ranks) = &result.comparison.ranks {
        lines.push(String::new());
        let mean = |(name, rank): (&str, &f64)| format!("{name} {rank:.2}");
        let means: Vec<String> = result.comparison.names().zip(&ranks.mean).map(mean).collect();
        lines.push(format!(
            "mean ranks: {}; critical difference {:.2} (Nemenyi, 5 %), {} (Friedman)",
            means.join(", "),
            ranks.critical_difference,
            p_equals(ranks.p_value)
        ));
    }
    if !result.comparison.verdict.is_empty() {
        lines.push(String::new());
        lines.extend(result.comparison.verdict.iter().cloned());
    }
    lines.push(String::new());
    lines.push(format!("page: {}", result.report.display()));
    lines.join("\n")
}

/// Which methods see no accuracy, a sentence each.
pub(super) fn scored(result: &CompareResult) -> impl Iterator<Item = String> {
    let scored = result.scored.iter();
    scored.map(|(name, score)| format!("{name}: trials are scored by {score}, so it sees no accuracy"))
}

/// How long supernets are trained, and how that is the work of the others.
pub(super) fn supernets(result: &CompareResult) -> Option<String> {
    let work = result.equal_work.as_ref()?;
    let epochs: Vec<String> = result
        .supernet_epochs
        .iter()
        .map(|(name, epochs)| format!("{name} {epochs}"))
        .collect();
    let images = grouped(work.epoch_images);
    let of_epoch = match work.assumed {
        false => format!("an epoch of a trial passes {images} images"),
        true => format!(
            "the table does not say how many images its networks were trained on, so an epoch of a trial is counted as all {images} \
             training images here"
        ),
    };
    Some(format!(
        "epochs of supernets: {}; so a run, with the one trial that judges what the supernet found, passes no more than the budget's {} \
         images forward and backward; {of_epoch}",
        epochs.join(", "),
        grouped(work.image_passes)
    ))
}

/// Methods that were left out, and why.
pub(super) fn left_out(result: &CompareResult) -> impl Iterator<Item = (&str, &str)> {
    result.left_out.iter().map(|(name, why)| (&name[..], &why[..]))
}

/// Of each method that is halved, after how many epochs it judges.
pub(super) fn halved(result: &CompareResult) -> impl Iterator<Item = String> {
    result.rungs.iter().map(|(name, rungs)| {
        let rungs: Vec<String> = rungs.iter().map(u32::to_string).collect();
        format!("{name} is halved: rungs of {} epochs", rungs.join(", "))
    })
}

/// `100 trials each`.
pub(super) fn budget(result: &CompareResult) -> String {
    let budget = &result.budget;
    let limits = [
        budget.trials.map(|n| format!("{n} trials")),
        budget.epochs.map(|n| format!("{n} epochs")),
        budget.seconds.map(|n| format!("{n} s")),
    ];
    let limits: Vec<String> = limits.into_iter().flatten().collect();
    format!("{} each", limits.join(" or "))
}

fn of_task(lines: &mut Vec<String>, result: &CompareResult, task: &Task) {
    let width = task.methods.keys().map(String::len).max().unwrap_or(0).max(14);
    // Shown where there is something to show.
    let failed = task.methods.values().any(|standing| standing.failed > 0);
    let lost = task
        .methods
        .values()
        .any(|standing| standing.runs_without_result > 0);
    let work = result.equal_work.is_some();
    let optional = |shown: bool, width: usize, text: String| {
        if shown {
            format!(" {text:>width$}")
        } else {
            String::new()
        }
    };
    lines.push(format!(
        "{:<width$} {:>18} {:>18} {:>9} {:>9} {:>14}{}{}{}",
        "method",
        format!("test ({})", counted(result.test_epochs as usize, "epoch")),
        format!("valid ({})", counted(result.search_epochs as usize, "epoch")),
        "regret",
        "gain",
        "ms per trial",
        optional(failed, 14, "failed trials".to_owned()),
        optional(lost, 17, "runs with result".to_owned()),
        optional(work, 14, "image passes".to_owned()),
    ));
    for (name, standing) in &task.methods {
        let Standing {
            test_mean,
            test_std,
            trials,
            failed: failures,
            runs_without_result,
            ..
        } = *standing;
        let runs = standing.runs.len() as u64;
        lines.push(format!(
            "{name:<width$} {:>18} {:>18} {:>9} {:>9} {:>14.3}{}{}{}",
            spread(&task.metric, test_mean, test_std),
            valid_spread(&task.metric, standing),
            standing
                .regret_mean
                .map_or(String::new(), |regret| task.metric.regret(regret)),
            standing.relative_improvement.map_or(String::new(), percent),
            1e3 * standing.seconds_per_trial,
            optional(failed, 14, format!("{failures} of {trials}")),
            optional(lost, 17, format!("{} of {runs}", runs - runs_without_result)),
            optional(
                work,
                14,
                mean_passes(standing).map_or("–".to_owned(), |passes| grouped(passes.round() as u64))
            ),
        ));
    }
    if !task.metric.is_accuracy() {
        lines.push(format!("test and valid: {}", task.metric.described()));
    }
    if let Some(uniform) = task.uniform {
        let (test, mean) = (task.metric.on("test"), task.metric.shown(uniform.test_mean));
        let gains = task.methods.values().any(|s| s.relative_improvement.is_some());
        lines.push(match gains {
            true => format!(
                "gain: {test} beyond the {mean} of {} uniform draws, as a share of it",
                uniform.draws
            ),
            false => format!("mean {test} of {} uniform draws: {mean}", uniform.draws),
        });
    }
    if lost {
        lines.push(
            "means are over the runs that have a result; a run without one counts as worse than any with one"
                .to_owned(),
        );
    }
    pairs(lines, task);
}

/// A mean and its standard deviation, where any run has a result.
pub(super) fn spread(metric: &Metric, mean: Option<f64>, std: Option<f64>) -> String {
    match mean.zip(std) {
        Some((mean, std)) => metric.spread(mean, std),
        None => "no result".to_owned(),
    }
}

/// The same of validation accuracies. A method that sees scores has none, with a result and without.
pub(super) fn valid_spread(metric: &Metric, standing: &Standing) -> String {
    match (standing.valid_mean, standing.test_mean) {
        (None, Some(_)) => "not measured".to_owned(),
        _ => spread(metric, standing.valid_mean, standing.valid_std),
    }
}

/// What a difference is called.
pub(super) fn unit(metric: &Metric) -> &'static str {
    match metric.scale() {
        Scale::Share => "points",
        Scale::Plain => "difference",
    }
}

fn pairs(lines: &mut Vec<String>, task: &Task) {
    if task.pairs.is_empty() {
        return;
    }
    let named = |a: &str, b: &str| format!("{a} - {b}");
    let width = task
        .pairs
        .iter()
        .map(|pair| named(&pair.a, &pair.b).len())
        .max()
        .unwrap_or(0)
        .max(24);
    lines.push(String::new());
    lines.push(format!(
        "{:<width$} {:>10} {:>18} {:>8} {:>7} {:>16}",
        "pair",
        unit(&task.metric),
        "95 % interval",
        "p",
        "effect",
        "won-equal-lost"
    ));
    for pair in &task.pairs {
        lines.push(format!(
            "{:<width$} {:>10} {:>18} {:>8} {:>7.3} {:>16}",
            named(&pair.a, &pair.b),
            pair.difference
                .map_or("no result".to_owned(), |by| difference(&task.metric, by)),
            interval(&task.metric, pair.low, pair.high).unwrap_or_else(|| "none".to_owned()),
            p_text(pair.p_value),
            pair.effect,
            format!("{}-{}-{}", pair.won, pair.equal, pair.lost),
        ));
    }
    lines.push(format!(
        "{}: of the first over the second in a typical seed in which they differ (Hodges and Lehmann), with the interval that \
         the test leaves{}; p: Wilcoxon's signed-rank test of the differences with equal seeds, two-sided; both corrected for all \
         pairs (Holm); effect: share of the ranks that the first won, 0.5 is no difference",
        unit(&task.metric),
        task.metric.note()
    ));
}
