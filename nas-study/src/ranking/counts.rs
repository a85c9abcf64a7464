//! Rank correlations where each architecture counts a whole number of times.

use super::order::Order;
use super::{Figures, TOP};

/// What is counted for one draw after another, in memory that is reused.
#[derive(Debug)]
pub(super) struct Counts<'a> {
    order: &'a Order,
    scores: Ties,
    accuracies: Ties,
    /// A Fenwick tree over the different accuracies: architectures with lower scores.
    below: Vec<u64>,
}

impl<'a> Counts<'a> {
    pub(super) fn new(order: &'a Order) -> Self {
        Self {
            order,
            scores: Ties::new(&order.scores, order.different_scores),
            accuracies: Ties::new(&order.accuracies, order.different_accuracies),
            below: vec![0; order.different_accuracies + 1],
        }
    }

    /// The figures where architecture `i` counts `times[i]` times.
    pub(super) fn figures(&mut self, times: &[u64]) -> Figures {
        self.scores.count(&self.order.scores, times);
        self.accuracies.count(&self.order.accuracies, times);
        Figures {
            spearman: self.spearman(times),
            kendall: self.kendall(times),
            top: self.top(times),
        }
    }

    /// Pearson's correlation of the ranks.
    fn spearman(&self, times: &[u64]) -> Option<f64> {
        let middle = self.scores.middle();
        let mut product = 0.0;
        for (i, &times) in times.iter().enumerate() {
            let score = self.scores.rank[self.order.scores[i]] - middle;
            let accuracy = self.accuracies.rank[self.order.accuracies[i]] - middle;
            product += times as f64 * score * accuracy;
        }
        let squares = self.scores.squares() * self.accuracies.squares();
        (squares > 0.0).then(|| (product / squares.sqrt()).clamp(-1.0, 1.0))
    }

    /// τ-b = (C − D) / √((P − P_s) (P − P_a)), with P the number of pairs, of which P_s have equal
    /// scores and P_a equal accuracies. D is counted as in Christensen 2005, "Fast algorithms for
    /// the calculation of Kendall's τ", Computational Statistics 20.
    fn kendall(&mut self, times: &[u64]) -> Option<f64> {
        let order = self.order;
        self.below.fill(0);
        let (mut discordant, mut lower, mut equal_both) = (0_u64, 0_u64, 0_u64);
        for equal in order.sorted.chunk_by(|&a, &b| order.scores[a] == order.scores[b]) {
            for &i in equal.iter().filter(|&&i| times[i] > 0) {
                discordant += times[i] * (lower - self.not_above(order.accuracies[i]));
            }
            for same in equal.chunk_by(|&a, &b| order.accuracies[a] == order.accuracies[b]) {
                let count = same.iter().map(|&i| times[i]).sum();
                equal_both += pairs(count);
                lower += count;
                self.add(order.accuracies[same[0]], count);
            }
        }
        let all = pairs(lower);
        let (scores, accuracies) = (self.scores.pairs(), self.accuracies.pairs());
        // Pairs that are equal in both are counted in both.
        let ordered = all + equal_both - scores - accuracies;
        let difference = ordered as f64 - 2.0 * discordant as f64;
        let squares = (all - scores) as f64 * (all - accuracies) as f64;
        (squares > 0.0).then(|| (difference / squares.sqrt()).clamp(-1.0, 1.0))
    }

    /// Architectures with lower scores whose accuracy is not above this one.
    fn not_above(&self, accuracy: usize) -> u64 {
        let (mut place, mut sum) = (accuracy + 1, 0);
        while place > 0 {
            sum += self.below[place];
            place &= place - 1;
        }
        sum
    }

    fn add(&mut self, accuracy: usize, count: u64) {
        let mut place = accuracy + 1;
        while count > 0 && place < self.below.len() {
            self.below[place] += count;
            place += place & place.wrapping_neg();
        }
    }

    /// The expected share of the best by score that is among the best by accuracy, where ties of
    /// different architectures at the borders are broken at random. Copies of one architecture are
    /// no such ties: as many of them as both sides have room for are among the best by both.
    fn top(&mut self, times: &[u64]) -> f64 {
        let best = (TOP * self.scores.all() as f64).ceil();
        self.scores.choose(best);
        self.accuracies.choose(best);
        let mut both = 0.0;
        for (i, &times) in times.iter().enumerate() {
            let (of_score, of_accuracy) = (self.order.scores[i], self.order.accuracies[i]);
            let (score, accuracy) = (self.scores.chosen[of_score], self.accuracies.chosen[of_accuracy]);
            let alone = self.scores.alone[of_score] && self.accuracies.alone[of_accuracy];
            both += times as f64
                * if alone {
                    score.min(accuracy)
                } else {
                    score * accuracy
                };
        }
        both / best.max(1.0)
    }
}

/// Groups of equal values, the lowest first.
#[derive(Debug)]
struct Ties {
    /// Whether it is of one architecture.
    alone: Vec<bool>,
    /// Architectures in each.
    count: Vec<u64>,
    /// The mean of their ranks, from 1.
    rank: Vec<f64>,
    /// The share of them that is among the best.
    chosen: Vec<f64>,
}

impl Ties {
    fn new(places: &[usize], groups: usize) -> Self {
        let mut ties = Self {
            alone: Vec::new(),
            count: vec![0; groups],
            rank: vec![0.0; groups],
            chosen: vec![0.0; groups],
        };
        ties.count(places, &vec![1; places.len()]);
        ties.alone = ties.count.iter().map(|&count| count == 1).collect();
        ties
    }

    fn count(&mut self, groups: &[usize], times: &[u64]) {
        self.count.fill(0);
        for (&group, times) in groups.iter().zip(times) {
            self.count[group] += times;
        }
        let mut below = 0.0;
        for (rank, &count) in self.rank.iter_mut().zip(&self.count) {
            *rank = below + (count as f64 + 1.0) / 2.0;
            below += count as f64;
        }
    }

    fn all(&self) -> u64 {
        self.count.iter().sum()
    }

    /// The mean of all ranks.
    fn middle(&self) -> f64 {
        (self.all() as f64 + 1.0) / 2.0
    }

    /// Σ (rank − mean)² over architectures.
    fn squares(&self) -> f64 {
        let middle = self.middle();
        let groups = self.rank.iter().zip(&self.count);
        groups
            .map(|(rank, &count)| count as f64 * (rank - middle).powi(2))
            .sum()
    }

    /// Pairs of equal ones.
    fn pairs(&self) -> u64 {
        self.count.iter().copied().map(pairs).sum()
    }

    /// Marks the best ones.
    fn choose(&mut self, best: f64) {
        let mut free = best;
        for (chosen, &count) in self.chosen.iter_mut().zip(&self.count).rev() {
            let taken = free.min(count as f64);
            *chosen = if count > 0 { taken / count as f64 } else { 0.0 };
            free -= taken;
        }
    }
}

/// Pairs of this number of things.
fn pairs(count: u64) -> u64 {
    count * count.saturating_sub(1) / 2
}
