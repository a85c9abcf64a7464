//! A comparison for people, in a terminal.

use nas_study::compare::{Standing, Task};

use super::CompareResult;
use crate::number::{counted, percent};

pub(super) fn text(result: &CompareResult) -> String {
    let mut lines = vec![format!(
        "{} of each method, {}, space {}",
        counted(result.seeds as usize, "run"),
        budget(result),
        result.space
    )];
    for (name, task) in &result.comparison.tasks {
        lines.push(String::new());
        lines.push(format!(
            "{name}: {}",
            result.judged.get(name).map_or("", String::as_str)
        ));
        of_task(&mut lines, result, task);
    }
    if let Some(ranks) = &result.comparison.ranks {
        lines.push(String::new());
        let mean = |(name, rank): (&str, &f64)| format!("{name} {rank:.2}");
        let means: Vec<String> = result.comparison.names().zip(&ranks.mean).map(mean).collect();
        lines.push(format!(
            "mean ranks: {}; critical difference {:.2} (Nemenyi, 5 %), p = {:.2e} (Friedman)",
            means.join(", "),
            ranks.critical_difference,
            ranks.p_value
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
    lines.push(format!(
        "{:<width$} {:>18} {:>18} {:>9} {:>9} {:>14}",
        "method",
        format!("test ({} epochs)", result.test_epochs),
        format!("valid ({} epochs)", result.search_epochs),
        "regret",
        "gain",
        "ms per trial"
    ));
    for (name, standing) in &task.methods {
        let spread = |mean: f64, std: f64| format!("{:.2} ± {:.2} %", 100.0 * mean, 100.0 * std);
        let Standing {
            test_mean,
            test_std,
            valid_mean,
            valid_std,
            ..
        } = *standing;
        lines.push(format!(
            "{name:<width$} {:>18} {:>18} {:>9} {:>9} {:>14.3}",
            spread(test_mean, test_std),
            spread(valid_mean, valid_std),
            standing.regret_mean.map_or(String::new(), percent),
            standing.relative_improvement.map_or(String::new(), percent),
            1e3 * standing.seconds_per_trial
        ));
    }
    if let Some(uniform) = task.uniform {
        lines.push(format!(
            "gain: test accuracy beyond the {} of {} uniform draws, as a share of it",
            percent(uniform.test_mean),
            uniform.draws
        ));
    }
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
        "{:<width$} {:>10} {:>20} {:>10} {:>16}",
        "pair", "difference", "95 % interval", "p", "P(first better)"
    ));
    for pair in &task.pairs {
        lines.push(format!(
            "{:<width$} {:>8.2} % {:>20} {:>10.2e} {:>16.3}",
            named(&pair.a, &pair.b),
            100.0 * pair.difference,
            format!("{:.2} to {:.2} %", 100.0 * pair.low, 100.0 * pair.high),
            pair.p_value,
            pair.effect
        ));
    }
    lines.push(
        "p: Wilcoxon's signed-rank test on pairs of equal seeds, two-sided, corrected by Holm's method for all pairs".to_owned(),
    );
}
