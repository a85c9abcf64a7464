//! How important the decisions of a space are for the scores of architectures that were evaluated.
//!
//! A random forest learns the scores from one-hot encoded choices. The choices of one decision are
//! then shuffled among the architectures: by how much the forest predicts worse is the importance
//! of this decision (permutation importance). Predictions are out of bag: each is the mean of the
//! trees that were not grown on its architecture. With scores y, predictions p and p' after the
//! shuffle,
//!
//! R² = 1 − Σ (y − p)² / Σ (y − mean y)², importance = R² − R² of p'.
//!
//! All of it is repeated with other trees and shuffles, [`REPETITIONS`] times. The lowest and the
//! highest value show how much depends on these; they do not say what other architectures would
//! have given.
//!
//! Where decisions depend on each other in the sample, a shuffle makes combinations that are rare
//! in it, and importance is shared among such decisions. Importance is a property of the
//! architectures that were evaluated: of a search that has converged, they are much alike.
//!
//! # Deviations
//! Breiman shuffles within each tree's out-of-bag rows and averages over trees. Here rows are
//! shuffled among all, and the forest's mean prediction is judged.
//!
//! # Example
//! ```
//! use nas_pnas::importance::{Importance, importance};
//! use nas_space::arch::{Architecture, Decision};
//! use nas_space::seed::Seed;
//!
//! # fn main() -> Result<(), nas_pnas::PnasError> {
//! let decisions = [Decision::new("a", "op", ["x", "y"]), Decision::new("b", "op", ["x", "y", "z"])];
//! let all: Vec<Architecture> = (0..6).map(|i| Architecture::new([i / 3, i % 3])).collect();
//! let samples: Vec<(&Architecture, f64)> = all.iter().map(|one| (one, one.choices()[0] as f64)).collect();
//! let known = importance(&decisions, &samples, Seed::new(1))?;
//! assert_eq!(known, Importance::TooFew { distinct: 6 });
//! # Ok(())
//! # }
//! ```
//!
//! # References
//! - L. Breiman. Random Forests. Machine Learning 45, 2001, section 10.

use std::collections::BTreeSet;

use nas_space::arch::{Architecture, Decision};
use nas_space::seed::Seed;
use rand::seq::SliceRandom;
use rayon::prelude::*;

use crate::error::PnasError;
use crate::forest::{Growing, RegressionForest};

/// Trees of each forest.
pub const TREES: usize = 100;

/// How often a forest is grown and all decisions are shuffled.
pub const REPETITIONS: usize = 10;

/// Fewer distinct architectures say nothing.
pub const LEAST: usize = 30;

/// Of more distinct architectures, so many are used, evenly spread over their order.
pub const MOST: usize = 300;

/// Fewest samples of a leaf: five, as Breiman's program has it for regression.
const MIN_LEAF: usize = 5;

/// What repetitions gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Repeated {
    /// Their mean.
    pub mean: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

/// What is known of the importance of decisions.
#[derive(Debug, Clone, PartialEq)]
pub enum Importance {
    /// It is known.
    Known {
        /// Distinct architectures that the forests learned from.
        used: usize,
        /// Distinct architectures there are.
        distinct: usize,
        /// The out-of-bag R² of the forests, at most 1.
        r_squared: Repeated,
        /// By how much R² falls if a decision is shuffled: for each decision, in their order. What
        /// has no importance may be a little below 0.
        falls: Vec<Repeated>,
    },
    /// There are fewer than [`LEAST`] distinct architectures.
    TooFew {
        /// How many there are.
        distinct: usize,
    },
    /// All scores are equal.
    Alike,
    /// R² is not above 0 in every repetition: the forest has learned nothing from the choices.
    Unexplained {
        /// The R².
        r_squared: Repeated,
    },
}

impl Repeated {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.collect();
        Self {
            mean: values.iter().sum::<f64>() / values.len().max(1) as f64,
            low: values.iter().copied().fold(f64::INFINITY, f64::min),
            high: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

/// The importance of these decisions for these scores. Of an architecture that is there more than
/// once, the first score counts. The same samples and seed give the same bits, for any number of
/// threads.
///
/// # Errors
/// Where a forest cannot be grown.
pub fn importance(
    decisions: &[Decision],
    samples: &[(&Architecture, f64)],
    seed: Seed,
) -> Result<Importance, PnasError> {
    let mut known = BTreeSet::new();
    let distinct: Vec<(&Architecture, f64)> = samples
        .iter()
        .filter(|(architecture, score)| score.is_finite() && known.insert(*architecture))
        .copied()
        .collect();
    if distinct.len() < LEAST {
        return Ok(Importance::TooFew {
            distinct: distinct.len(),
        });
    }
    let used = distinct.len().min(MOST);
    let kept = (0..used).map(|place| distinct[place * distinct.len() / used]);
    let (architectures, scores): (Vec<&Architecture>, Vec<f64>) = kept.unzip();
    if scores.iter().all(|score| *score == scores[0]) {
        return Ok(Importance::Alike);
    }
    let blocks = blocks(decisions);
    let rows: Vec<Vec<f32>> = architectures
        .iter()
        .map(|architecture| one_hot(&blocks, architecture))
        .collect();
    let repetitions: Vec<Result<(f64, Vec<f64>), PnasError>> = (0..REPETITIONS as u64)
        .into_par_iter()
        .map(|repetition| repeat(&blocks, &rows, &scores, seed.derive("importance", repetition)))
        .collect();
    let repetitions: Vec<(f64, Vec<f64>)> = repetitions.into_iter().collect::<Result<_, _>>()?;
    let r_squared = Repeated::of(repetitions.iter().map(|(r_squared, _)| *r_squared));
    if r_squared.low.is_nan() || r_squared.low <= 0.0 {
        return Ok(Importance::Unexplained { r_squared });
    }
    Ok(Importance::Known {
        used,
        distinct: distinct.len(),
        r_squared,
        falls: (0..blocks.len())
            .map(|decision| Repeated::of(repetitions.iter().map(|(_, falls)| falls[decision])))
            .collect(),
    })
}

/// Where the features of each decision are: the first, and behind the last.
fn blocks(decisions: &[Decision]) -> Vec<(usize, usize)> {
    let mut end = 0;
    let options = decisions.iter().map(|decision| decision.options.len());
    options
        .map(|options| {
            let begin = end;
            end += options;
            (begin, end)
        })
        .collect()
}

/// A 1 for each option that was chosen; nothing for decisions that an architecture has not reached.
fn one_hot(blocks: &[(usize, usize)], architecture: &Architecture) -> Vec<f32> {
    let mut row = vec![0.0; blocks.last().map_or(0, |block| block.1)];
    for (&(begin, end), &choice) in blocks.iter().zip(architecture.choices()) {
        if choice < end - begin {
            row[begin + choice] = 1.0;
        }
    }
    row
}

/// R² of one forest, and by how much it falls for each decision.
fn repeat(
    blocks: &[(usize, usize)],
    rows: &Vec<Vec<f32>>,
    scores: &Vec<f64>,
    seed: Seed,
) -> Result<(f64, Vec<f64>), PnasError> {
    let how = Growing {
        trees: TREES,
        min_leaf: MIN_LEAF,
        seed: seed.derive("trees", 0).value(),
        keeps_bags: true,
    };
    let forest = RegressionForest::grow(rows, scores, how)?;
    let whole = r_squared(scores, &forest.out_of_bag(rows)?);
    let mut falls = Vec::with_capacity(blocks.len());
    if whole.is_nan() || whole <= 0.0 {
        // What was not learned is not shown: see Importance::Unexplained.
        return Ok((whole, falls));
    }
    for (decision, &(begin, end)) in (0..).zip(blocks) {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.shuffle(&mut seed.derive("shuffle", decision).rng());
        let mut shuffled = rows.clone();
        for (row, &other) in shuffled.iter_mut().zip(&order) {
            row[begin..end].copy_from_slice(&rows[other][begin..end]);
        }
        falls.push(whole - r_squared(scores, &forest.out_of_bag(&shuffled)?));
    }
    Ok((whole, falls))
}

/// The share of the variance that the predictions explain; of rows without one, nothing is said.
fn r_squared(scores: &[f64], predictions: &[f64]) -> f64 {
    let judged = scores.iter().zip(predictions);
    let judged: Vec<(f64, f64)> = judged
        .filter(|(_, prediction)| prediction.is_finite())
        .map(|(score, prediction)| (*score, *prediction))
        .collect();
    let mean = judged.iter().map(|(score, _)| score).sum::<f64>() / judged.len() as f64;
    let total: f64 = judged.iter().map(|(score, _)| (score - mean).powi(2)).sum();
    let rest: f64 = judged
        .iter()
        .map(|(score, prediction)| (score - prediction).powi(2))
        .sum();
    1.0 - rest / total
}
