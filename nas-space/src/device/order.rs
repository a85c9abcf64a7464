//! The order of all steps: part by part, where a single buffer leads from one part to the next.

use super::search::{MOST_STEPS, Ordered, Search};
use super::steps::Problem;

/// An order of the steps that needs little memory, and what is known of the best one. The search
/// looks at up to `limit` sets of steps of each part.
///
/// Where all that was computed comes down to one buffer, no order can mix the steps before with
/// those after. Each part in between is ordered by itself. Only where that can lower the peak of
/// the whole is the best order searched: not in a part that needs less than another one does in any
/// order.
pub(super) fn order(problem: &Problem, limit: usize) -> Ordered {
    let parts = parts(problem);
    let problems: Vec<Problem> = parts
        .iter()
        .map(|steps| {
            let last = steps.last().copied();
            problem.part(steps, |step| Some(step) == last || problem.kept[step])
        })
        .collect();
    let searches: Vec<Search<'_>> = problems.iter().map(Search::new).collect();
    let mut floor = searches.iter().map(Search::bound).max().unwrap_or_default();
    let mut orders: Vec<Ordered> = searches.iter().map(|search| search.dive(floor)).collect();
    let mut open: Vec<usize> = (0..parts.len()).collect();
    // Those that seem to need most come first: what they need for certain, others may use.
    open.sort_by_key(|&part| std::cmp::Reverse(orders[part].peak));
    for part in open {
        if orders[part].peak > floor && problems[part].len() <= MOST_STEPS {
            let known = orders[part].clone();
            orders[part] = searches[part].best(known, floor, limit);
            floor = floor.max(orders[part].least);
        }
    }
    let mut order = vec![0];
    for (steps, part) in parts.iter().zip(&orders) {
        order.extend(part.order[1..].iter().map(|&step| steps[step]));
    }
    let peak = Search::new(problem).peak_of(&order);
    Ordered {
        order,
        peak,
        least: floor.min(peak),
    }
}

/// The steps of each part, the first being the last of the part before.
fn parts(problem: &Problem) -> Vec<Vec<usize>> {
    let readers = problem.readers();
    let last_read = |step: usize| match problem.kept[step] {
        true => usize::MAX,
        false => readers[step].last().copied().unwrap_or(step),
    };
    let mut parts = Vec::new();
    let mut first = 0;
    // The last step that reads a buffer of a step before the one in question.
    let mut latest = last_read(0);
    for step in 1..problem.len() {
        let is_last = step + 1 == problem.len();
        if latest <= step || is_last {
            parts.push((first..=step).collect());
            first = step;
        }
        latest = latest.max(last_read(step));
    }
    if parts.is_empty() {
        parts.push(vec![0]);
    }
    parts
}
