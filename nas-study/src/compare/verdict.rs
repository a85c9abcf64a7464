//! What a comparison says, in words that say no more than its numbers do.

use super::comparison::{Pair, Task};
use super::{Comparison, SIGNIFICANCE};

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
            sentences.extend(pair(name, BASELINE).map(|pair| of_pair(&pair, task.seeds())));
        }
    }
    let best = task
        .methods
        .iter()
        .max_by(|a, b| a.1.test_mean.total_cmp(&b.1.test_mean))
        .map(|(name, _)| name.as_str());
    let Some(best) = best else {
        return sentences;
    };
    let rivals = || {
        names
            .iter()
            .copied()
            .filter(|&name| name != best && name != BASELINE)
    };
    let beaten = |name: &&str| pair(best, name).is_some_and(|pair| pair.p_value < SIGNIFICANCE);
    let worse: Vec<&str> = rivals().filter(beaten).collect();
    let open: Vec<&str> = rivals().filter(|name| !beaten(name)).collect();
    if !worse.is_empty() {
        sentences.push(format!(
            "{best} has the highest mean test accuracy; it is significantly better than {}.",
            listed(&worse)
        ));
    }
    if !open.is_empty() {
        let needed: Vec<String> = open
            .iter()
            .filter_map(|name| Some(format!("{} for {name}", pair(best, name)?.seeds_needed?)))
            .collect();
        let settle = match &needed[..] {
            [] => String::new(),
            _ => format!(
                " If the differences seen are real, these numbers of seeds would show them: {}.",
                needed.join(", ")
            ),
        };
        let verb = if worse.is_empty() {
            format!("{best} has the highest mean test accuracy, but no difference")
        } else {
            "No difference".to_owned()
        };
        sentences.push(format!(
            "{verb} between {best} and {} could be shown.{settle}",
            listed(&open)
        ));
    }
    sentences
}

/// A method against the baseline.
fn of_pair(pair: &Pair, seeds: usize) -> String {
    let Pair { a, b, .. } = pair;
    let points = 100.0 * pair.difference;
    let p = p_value(pair.p_value);
    if pair.p_value < SIGNIFICANCE {
        // The test is one of ranks; a mean may point the other way.
        let (better, worse, share) = if pair.effect >= 0.5 {
            (a, b, pair.effect)
        } else {
            (b, a, 1.0 - pair.effect)
        };
        return format!(
            "{better} found better architectures than {worse}: {points:+.2} points of test accuracy on average for {a} (95 % \
             interval {:+.2} to {:+.2}), {p}; a run of {better} is better than one of {worse} with probability {share:.2}.",
            100.0 * pair.low,
            100.0 * pair.high
        );
    }
    let settle = match pair.seeds_needed {
        Some(needed) if needed > seeds as u64 => {
            format!(" If that difference is real, about {needed} seeds would show it.")
        }
        _ => String::new(),
    };
    format!(
        "No difference between {a} and {b} could be shown with {seeds} seeds: {points:+.2} points of test accuracy on average \
         for {a} (95 % interval {:+.2} to {:+.2}), {p}.{settle}",
        100.0 * pair.low,
        100.0 * pair.high
    )
}

fn of_ranks(comparison: &Comparison) -> Option<String> {
    let ranks = comparison.ranks.as_ref()?;
    let names: Vec<&str> = comparison.names().collect();
    if names.len() < 3 && comparison.tasks.len() < 2 {
        // The pair has said it.
        return None;
    }
    let p = p_value(ranks.p_value);
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
        "{of}, the methods' ranks differ (Friedman's test, {p}): the best mean rank is that of {}, {:.2}{beside} (Nemenyi's \
         test). This speaks of other seeds of {}, not of other tasks.",
        names[best],
        ranks.mean[best],
        if comparison.tasks.len() == 1 {
            "this task"
        } else {
            "these tasks"
        },
    ))
}

/// `p = 0.012`.
fn p_value(p: f64) -> String {
    if p >= 0.001 {
        format!("p = {p:.3}")
    } else {
        format!("p = {p:.0e}")
    }
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
