//! The verdict of a comparison, in words that claim no more than its numbers.

use nas_space::search::{Direction, Metric, Scale};

use super::comparison::{Standing, Task};
use super::words::listed;
use super::{Comparison, Finding, Pair, SIGNIFICANCE, about_seeds, difference, interval, p_equals};

/// The method that others are measured by.
pub const BASELINE: &str = "random";

/// Sentences on each task, then on all of them.
pub(super) fn verdict(comparison: &Comparison) -> Vec<String> {
    let several = comparison.tasks.len() > 1;
    let mut sentences = Vec::new();
    for (name, task) in &comparison.tasks {
        let place = if several {
            format!("On {name}: ")
        } else {
            String::new()
        };
        sentences.extend(
            of_task(task)
                .into_iter()
                .map(|sentence| format!("{place}{sentence}")),
        );
    }
    if let Some(sentence) = of_ranks(comparison) {
        sentences.push(sentence);
    }
    sentences
}

fn of_task(task: &Task) -> Vec<String> {
    let names: Vec<&str> = task.methods.keys().map(String::as_str).collect();
    let pair = |a: &str, b: &str| task.pairs.iter().find_map(|pair| pair.seen_from(a, b));
    let mut sentences = Vec::new();
    if names.contains(&BASELINE) {
        for &name in names.iter().filter(|&&name| name != BASELINE) {
            sentences.extend(pair(name, BASELINE).map(|pair| of_pair(&pair, &task.metric)));
        }
    }
    sentences.extend(of_best(task, &names));
    sentences.extend(
        task.methods
            .iter()
            .filter_map(|(name, standing)| failures(name, standing)),
    );
    sentences.extend(task.note.clone());
    sentences
}

/// The method of the best mean, and what the tests say of it and the others.
fn of_best(task: &Task, names: &[&str]) -> Vec<String> {
    let mut best: Option<(&str, f64)> = None;
    for (name, standing) in &task.methods {
        // Of equal means the first: what rounding leaves decides nothing.
        if let Some(mean) = standing.test_mean
            && best.is_none_or(|(_, highest)| mean > highest + 1e-9)
        {
            best = Some((name, mean));
        }
    }
    let Some((best, _)) = best else {
        return vec!["No run of any method has a result.".to_owned()];
    };
    let rivals: Vec<Pair> = names
        .iter()
        .filter(|&&name| name != BASELINE)
        .filter_map(|name| task.pairs.iter().find_map(|pair| pair.seen_from(best, name)))
        .collect();
    let of =
        |finding: Finding| -> Vec<&Pair> { rivals.iter().filter(|pair| pair.finding() == finding).collect() };
    let named =
        |pairs: &[&Pair]| -> String { listed(&pairs.iter().map(|pair| &pair.b[..]).collect::<Vec<_>>()) };
    let (worse, better, open) = (of(Finding::First), of(Finding::Second), of(Finding::Open));
    let extreme = match task.metric.direction() {
        Direction::Higher => "highest",
        Direction::Lower => "lowest",
    };
    let highest = format!("{best} has the {extreme} mean {}", on_test(&task.metric));
    let mut sentences = Vec::new();
    if !worse.is_empty() {
        sentences.push(format!(
            "{highest}; it is significantly better than {}.",
            named(&worse)
        ));
    }
    if !better.is_empty() {
        sentences.push(format!(
            "{highest}, yet {} found significantly better architectures seed by seed: few seeds, or only \
             the runs with a result, determine the mean.",
            named(&better)
        ));
    }
    if !open.is_empty() {
        let needed: Vec<String> = open
            .iter()
            .filter_map(|pair| {
                Some(format!(
                    "about {} for {}",
                    about_seeds(pair.would_settle()?),
                    pair.b
                ))
            })
            .collect();
        let settle = match &needed[..] {
            [] => String::new(),
            _ => format!(
                " If the differences seen are real, these numbers of seeds would show them: {}.",
                needed.join(", ")
            ),
        };
        let verb = if worse.is_empty() && better.is_empty() {
            format!("{highest}, but no difference")
        } else {
            "No difference".to_owned()
        };
        sentences.push(format!(
            "{verb} between {best} and {} could be shown.{settle}",
            named(&open)
        ));
    }
    sentences
}

/// A method against the baseline.
fn of_pair(pair: &Pair, metric: &Metric) -> String {
    let p = p_equals(pair.p_value);
    let (a, b) = (&pair.a, &pair.b);
    let pair = match pair.finding() {
        Finding::Second => &pair.seen_from(b, a).unwrap_or_else(|| pair.clone()),
        Finding::First | Finding::Open => pair,
    };
    let (a, b, seeds) = (&pair.a, &pair.b, pair.won + pair.lost + pair.equal);
    let by = of_difference(pair, metric);
    if pair.finding() != Finding::Open {
        return format!(
            "{a} found better architectures than {b}: {by}, {p}; {}.",
            tally(pair)
        );
    }
    let settle = match pair.would_settle() {
        Some(needed) => format!(
            " If that difference is real, about {} seeds would show it.",
            about_seeds(needed)
        ),
        None => String::new(),
    };
    format!(
        "No difference between {a} and {b} could be shown with {seeds} seeds: {by}, {p}; {}.{settle}",
        tally(pair)
    )
}

/// `+1.00 points of test accuracy in a typical seed (interval +0.80 to +1.20)`.
fn of_difference(pair: &Pair, metric: &Metric) -> String {
    let by = match pair.difference {
        Some(by) => {
            let (by, figure) = (difference(metric, by), on_test(metric));
            let better = match (metric.is_accuracy(), metric.direction()) {
                (true, _) => "",
                (false, Direction::Higher) => " (higher is better)",
                (false, Direction::Lower) => " (lower is better)",
            };
            match metric.scale() {
                Scale::Share => format!("{by} points of {figure}{better} in a typical seed"),
                Scale::Plain => format!("{by} in {figure}{better} in a typical seed"),
            }
        }
        None => "in a typical seed one of the two has no result".to_owned(),
    };
    match interval(metric, pair.low, pair.high) {
        Some(interval) => format!("{by} (corrected 95 % interval {interval})"),
        None => format!("{by} (too few seeds with a difference for an interval)"),
    }
}

/// `test accuracy`, or what the metric is called.
fn on_test(metric: &Metric) -> String {
    // A metric may be called "validation loss" in its file.
    let name = metric.name().strip_prefix("validation ");
    let name = name.or_else(|| metric.name().strip_prefix("test "));
    format!("test {}", name.unwrap_or(metric.name()))
}

/// `a is better with 12 of 20 seeds, equal with 3`.
fn tally(pair: &Pair) -> String {
    let seeds = pair.won + pair.lost + pair.equal;
    let equal = match pair.equal {
        0 => String::new(),
        equal => format!(", equal with {equal}"),
    };
    format!("{} is better with {} of {seeds} seeds{equal}", pair.a, pair.won)
}

/// What failed, where anything did.
fn failures(name: &str, standing: &Standing) -> Option<String> {
    let Standing {
        trials,
        failed,
        runs_without_result,
        ..
    } = *standing;
    if failed == 0 && runs_without_result == 0 {
        return None;
    }
    let lost = match runs_without_result {
        0 => String::new(),
        lost => format!(
            "; {lost} of its {} runs have no result: each counts as worse than every run with one, and means leave it out",
            standing.runs.len()
        ),
    };
    Some(format!("{failed} of the {trials} trials of {name} failed{lost}."))
}

fn of_ranks(comparison: &Comparison) -> Option<String> {
    let ranks = comparison.ranks.as_ref()?;
    let names: Vec<&str> = comparison.names().collect();
    if names.len() < 3 && comparison.tasks.len() < 2 {
        // The pair has said it.
        return None;
    }
    let p = p_equals(ranks.p_value);
    let of = match comparison.tasks.len() {
        1 => format!("Over {} seeds of one task", ranks.blocks),
        tasks => format!("Over {} pairs of task and seed of {tasks} tasks", ranks.blocks),
    };
    if ranks.p_value >= SIGNIFICANCE {
        return Some(format!(
            "{of}, no difference of ranks could be shown (Friedman's test, {p})."
        ));
    }
    let best = (0..names.len()).min_by(|&a, &b| ranks.mean[a].total_cmp(&ranks.mean[b]))?;
    let with: Vec<&str> = ranks
        .groups
        .iter()
        .filter(|group| group.contains(&best))
        .flatten()
        .filter(|&&place| place != best)
        .map(|&place| names[place])
        .collect();
    let beside = if with.is_empty() {
        ", significantly better than every other".to_owned()
    } else {
        format!(", not significantly better than {}", listed(&with))
    };
    Some(format!(
        "{of}, the methods' ranks differ (Friedman's test, {p}): the best mean rank is that of {}, \
         {:.2}{beside} (Nemenyi's test). This applies to other seeds of {}, not to other tasks.",
        names[best],
        ranks.mean[best],
        if comparison.tasks.len() == 1 {
            "this task"
        } else {
            "these tasks"
        },
    ))
}
