//! What a progressive search was like, level by level.

use nas_space::search::TrialId;
use serde::{Deserialize, Serialize};

use crate::rank::{kendall, precision_at, spearman};
use crate::surrogate::Prediction;

/// All of it: the [`report`](nas_space::search::Strategy::report) of a progressive search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchReport {
    /// Name of the surrogate.
    pub surrogate: String,
    /// The levels so far; the last one may be incomplete.
    pub levels: Vec<LevelReport>,
}

/// One level, perhaps incomplete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LevelReport {
    /// From 1.
    pub level: usize,
    /// How many architectures of the level before were expanded; 0 at level 1.
    pub parents: usize,
    /// Children that were made, where the order of interchangeable choices does not count.
    pub written: u64,
    /// The different ones among them that no level before has trained. All of them were predicted,
    /// at level 1 none.
    pub distinct: u64,
    /// All architectures of the level, isomorphic ones counted apart: what an exhaustive search
    /// would face.
    pub size: f64,
    /// Those that were chosen to be trained, in the order of the trials.
    pub models: Vec<ModelReport>,
    /// Trials that failed.
    pub failed: usize,
    /// The highest validation accuracy of the level, if any trial of it has succeeded.
    pub best_accuracy: Option<f64>,
    /// How the surrogate of the levels before ranked these; `None` at level 1.
    pub extrapolated: Option<RankQuality>,
    /// How the surrogate ranks these where it has learned from others of the level, but not from
    /// themselves; `None` until the level is complete, or where the surrogate does not tell.
    pub held_out: Option<RankQuality>,
}

/// One architecture that was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelReport {
    /// Its trial.
    pub trial: TrialId,
    /// Its choices, as text.
    pub architecture: String,
    /// What was predicted before it was trained; `None` at level 1.
    pub predicted: Option<Prediction>,
    /// What is predicted by a model that has learned from others of the level.
    pub held_out: Option<f64>,
    /// Its validation accuracy; `None` before its trial has ended, or where it failed.
    pub accuracy: Option<f64>,
}

/// How well predictions rank what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankQuality {
    /// Models with a prediction and an accuracy.
    pub models: usize,
    /// Spearman's ρ; `None` where there is nothing to rank.
    pub spearman: Option<f64>,
    /// Kendall's τ-b; `None` where there is nothing to rank.
    pub kendall: Option<f64>,
    /// Of the k of the best predictions, the share among the k of the best accuracies, for each of
    /// [`PRECISION_AT`] that is below the number of models.
    pub precision: Vec<PrecisionAt>,
}

/// Precision among the best k.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PrecisionAt {
    /// How many.
    pub k: usize,
    /// The share, in [0, 1].
    pub precision: f64,
}

/// At which k precision is reported.
pub const PRECISION_AT: [usize; 4] = [5, 10, 25, 100];

impl RankQuality {
    /// That of these pairs of prediction and accuracy; `None` for none.
    pub fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        if pairs.is_empty() {
            return None;
        }
        let (predicted, measured): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let precision = PRECISION_AT.into_iter().filter(|&k| k < pairs.len());
        Some(Self {
            models: pairs.len(),
            spearman: spearman(&predicted, &measured),
            kendall: kendall(&predicted, &measured),
            precision: precision
                .filter_map(|k| {
                    let precision = precision_at(k, &predicted, &measured)?;
                    Some(PrecisionAt { k, precision })
                })
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_is_that_of_the_pairs() {
        let pairs: Vec<(f64, f64)> = (0..12).map(|i| (f64::from(i), f64::from(i * i))).collect();
        let quality = RankQuality::of(&pairs).unwrap();
        assert_eq!(
            (quality.models, quality.spearman, quality.kendall),
            (12, Some(1.0), Some(1.0))
        );
        let at: Vec<(usize, f64)> = quality.precision.iter().map(|p| (p.k, p.precision)).collect();
        assert_eq!(at, [(5, 1.0), (10, 1.0)]);
        assert_eq!(RankQuality::of(&[]), None);
        assert_eq!(RankQuality::of(&pairs[..1]).unwrap().spearman, None);
    }
}
