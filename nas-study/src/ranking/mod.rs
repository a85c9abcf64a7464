//! How well scores rank architectures: rank correlations of scores with accuracies.
//!
//! A score, such as a zero-cost proxy, is worth what its order says of the order of accuracies. A
//! [`Ranking`] has three figures of this:
//!
//! - Spearman's ρ (1904): Pearson's correlation of the ranks, where equal values share the mean of
//!   their ranks.
//! - Kendall's τ-b (1945): of all pairs of architectures, those in the same order less those in
//!   opposite order, as a share of the pairs without ties.
//! - The precision at the top: the share of the best 10 % by score that is among the best 10 % by
//!   accuracy. Where equal values lie on the border, it is the mean over all ways to break the tie.
//!
//! Each has a percentile interval of 95 % (Efron 1979): architectures are drawn anew, with
//! replacement. It says what another sample of architectures from the same space could have shown,
//! and nothing of other images, initialisations or trainings.

mod counts;
mod order;
mod regret;

use nas_space::seed::Seed;
use serde::{Deserialize, Serialize};

pub use self::regret::top_regret;

use self::counts::Counts;
use self::order::Order;
use crate::compare::{CONFIDENCE, quantile};

/// How often architectures are drawn anew.
pub const DRAWS: usize = 1000;
/// The share of architectures that are the best ones.
pub const TOP: f64 = 0.1;
/// Fewer architectures than this have no interval, and no best 10 %.
pub const LEAST: usize = 10;

/// A figure and its 95 % interval, lower bound first. Few architectures have no interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bounded {
    /// The figure.
    pub value: f64,
    /// The interval, which contains the figure.
    pub interval: Option<[f64; 2]>,
}

/// How well scores rank architectures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ranking {
    /// Number of architectures.
    pub architectures: usize,
    /// Spearman's ρ, in \[−1, 1\]. None for fewer than three architectures, or if all scores or all
    /// accuracies are equal.
    pub spearman: Option<Bounded>,
    /// Kendall's τ-b, in \[−1, 1\]. None as above.
    pub kendall: Option<Bounded>,
    /// The share of the best 10 % by score that is among the best 10 % by accuracy, in \[0, 1\]; by
    /// chance, it is 0.1. None for fewer than [`LEAST`] architectures.
    #[serde(rename = "top_10_percent")]
    pub top: Option<Bounded>,
}

impl Ranking {
    /// Of pairs of a score and an accuracy, one of each architecture; higher is better for both.
    ///
    /// −∞ is a score like any other. Pairs with a NaN are left out.
    ///
    /// # Complexity
    /// O(n log n) for each of the [`DRAWS`] draws.
    pub fn of(pairs: &[(f64, f64)]) -> Self {
        let pairs: Vec<(f64, f64)> = pairs
            .iter()
            .copied()
            .filter(|(score, accuracy)| !score.is_nan() && !accuracy.is_nan())
            .collect();
        let order = Order::of(&pairs);
        let n = pairs.len();
        let mut counts = Counts::new(&order);
        let figures = counts.figures(&vec![1; n]);
        let drawn = if n < LEAST {
            Vec::new()
        } else {
            drawn(&mut counts, n)
        };
        let bounded = |figure: fn(&Figures) -> Option<f64>| {
            Some(Bounded {
                value: figure(&figures)?,
                interval: interval(drawn.iter().filter_map(figure).collect(), figure(&figures)?),
            })
        };
        Self {
            architectures: n,
            spearman: bounded(|figures| figures.spearman).filter(|_| n > 2),
            kendall: bounded(|figures| figures.kendall).filter(|_| n > 2),
            top: bounded(|figures| Some(figures.top)).filter(|_| n >= LEAST),
        }
    }
}

/// The rank of each value, the lowest first, from 1; equal values share the mean of their ranks.
/// −∞ has a rank like any other value; a NaN has the rank NaN.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).filter(|&i| !values[i].is_nan()).collect();
    order.sort_by(|&a, &b| (values[a] + 0.0).total_cmp(&(values[b] + 0.0)));
    let mut ranks = vec![f64::NAN; values.len()];
    let mut below = 0.0;
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let count = equal.len() as f64;
        for &i in equal {
            ranks[i] = below + (count + 1.0) / 2.0;
        }
        below += count;
    }
    ranks
}

/// The figures of one draw.
#[derive(Debug, Clone, Copy)]
struct Figures {
    spearman: Option<f64>,
    kendall: Option<f64>,
    top: f64,
}

/// The figures of other draws of as many architectures.
fn drawn(counts: &mut Counts<'_>, n: usize) -> Vec<Figures> {
    let mut drawn = Vec::with_capacity(DRAWS);
    redraw(n, DRAWS, |times| drawn.push(counts.figures(times)));
    drawn
}

/// Draws `n` architectures out of `n` so often, with replacement, and says how often each was drawn;
/// the same draws for the same number.
fn redraw(n: usize, draws: usize, mut drawn: impl FnMut(&[u64])) {
    use rand::RngExt;
    let mut rng = Seed::new(0).derive("ranking", n as u64).rng();
    let mut times = vec![0; n];
    for _ in 0..draws {
        times.fill(0);
        for _ in 0..n {
            times[rng.random_range(0..n)] += 1;
        }
        drawn(&times);
    }
}

/// The middle of the drawn figures, which contains the figure itself. None if there are none.
fn interval(mut drawn: Vec<f64>, value: f64) -> Option<[f64; 2]> {
    if drawn.is_empty() {
        return None;
    }
    drawn.sort_by(f64::total_cmp);
    let tail = (1.0 - CONFIDENCE) / 2.0;
    Some([
        quantile(&drawn, tail).min(value),
        quantile(&drawn, 1.0 - tail).max(value),
    ])
}

#[cfg(test)]
mod tests;
