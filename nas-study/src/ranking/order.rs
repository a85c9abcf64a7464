//! Architectures in the order of two figures.

/// Which architectures have equal scores and equal accuracies, and the order of both.
#[derive(Debug)]
pub(super) struct Order {
    /// For each architecture, the place of its score among the different scores, the lowest first.
    pub(super) scores: Vec<usize>,
    /// The same of its accuracy.
    pub(super) accuracies: Vec<usize>,
    /// How many different scores there are.
    pub(super) different_scores: usize,
    /// How many different accuracies there are.
    pub(super) different_accuracies: usize,
    /// Architectures by score, those of equal scores by accuracy.
    pub(super) sorted: Vec<usize>,
}

impl Order {
    pub(super) fn of(pairs: &[(f64, f64)]) -> Self {
        let (scores, different_scores) = places(pairs.iter().map(|pair| pair.0));
        let (accuracies, different_accuracies) = places(pairs.iter().map(|pair| pair.1));
        let mut sorted: Vec<usize> = (0..pairs.len()).collect();
        sorted.sort_unstable_by_key(|&i| (scores[i], accuracies[i], i));
        Self {
            scores,
            accuracies,
            different_scores,
            different_accuracies,
            sorted,
        }
    }
}

/// The place of each value among the different values, and how many these are.
fn places(values: impl Iterator<Item = f64>) -> (Vec<usize>, usize) {
    // −0 and 0 are equal, but not in the total order.
    let values: Vec<f64> = values.map(|value| value + 0.0).collect();
    let mut different = values.clone();
    different.sort_by(f64::total_cmp);
    different.dedup();
    let place = |value: &f64| different.partition_point(|other| other < value);
    (values.iter().map(place).collect(), different.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_one_place() {
        let (places, different) = places([2.0, f64::NEG_INFINITY, -0.0, 2.0, 0.0].into_iter());
        assert_eq!((places, different), (vec![2, 0, 1, 2, 1], 3));
    }

    #[test]
    fn equal_scores_are_sorted_by_accuracy() {
        let order = Order::of(&[(1.0, 0.5), (0.0, 0.9), (1.0, 0.4)]);
        assert_eq!(order.sorted, [1, 2, 0]);
        assert_eq!((order.different_scores, order.different_accuracies), (2, 3));
    }
}
