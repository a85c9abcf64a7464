//! The best of a stream.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Keeps the `size` items of the highest scores; of equal scores those that came first.
#[derive(Debug)]
pub(crate) struct Selection<T> {
    size: usize,
    arrived: u64,
    /// The worst one is on top.
    kept: BinaryHeap<Ranked<T>>,
}

#[derive(Debug)]
struct Ranked<T> {
    score: f64,
    arrival: u64,
    item: T,
}

impl<T> Selection<T> {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            size,
            arrived: 0,
            kept: BinaryHeap::new(),
        }
    }

    /// Offers an item; the score is a number.
    pub(crate) fn offer(&mut self, score: f64, item: T) {
        let ranked = Ranked {
            score,
            arrival: self.arrived,
            item,
        };
        self.arrived += 1;
        if self.kept.len() < self.size {
            self.kept.push(ranked);
        } else if let Some(mut worst) = self.kept.peek_mut()
            && ranked < *worst
        {
            *worst = ranked;
        }
    }

    /// What was kept, the best first.
    pub(crate) fn into_best_first(self) -> Vec<T> {
        self.kept
            .into_sorted_vec()
            .into_iter()
            .map(|ranked| ranked.item)
            .collect()
    }
}

/// The better one is the lesser one.
impl<T> Ord for Ranked<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = other.score.total_cmp(&self.score);
        by_score.then(self.arrival.cmp(&other.arrival))
    }
}

impl<T> PartialOrd for Ranked<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Ranked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Ranked<T> {}

#[cfg(test)]
mod tests {
    use nas_space::seed::Seed;
    use rand::RngExt;

    use super::*;

    fn best(size: usize, scores: &[f64]) -> Vec<usize> {
        let mut selection = Selection::new(size);
        for (place, &score) in scores.iter().enumerate() {
            selection.offer(score, place);
        }
        selection.into_best_first()
    }

    #[test]
    fn of_equal_scores_the_first_stay_in_their_order() {
        assert_eq!(best(3, &[0.5, 0.7, 0.5, 0.7, 0.5]), [1, 3, 0]);
        assert_eq!(best(2, &[0.0; 5]), [0, 1]);
        assert_eq!(best(9, &[0.1, 0.2]), [1, 0]);
        assert_eq!(best(0, &[0.1, 0.2]), [] as [usize; 0]);
    }

    #[test]
    fn a_stream_gives_what_sorting_all_of_it_gives() {
        let mut rng = Seed::new(1).rng();
        let scores: Vec<f64> = (0..500).map(|_| f64::from(rng.random_range(0..40_u8))).collect();
        let mut sorted: Vec<usize> = (0..scores.len()).collect();
        sorted.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        assert_eq!(best(60, &scores), sorted[..60]);
    }
}
