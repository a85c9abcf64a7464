//! Random forests as members of an ensemble.
//!
//! A feature that no sample had splits no tree: far from the samples all forests say much the same,
//! so their spread is no measure of how far that is.

use nas_space::arch::Architecture;
use nas_space::seed::Seed;
use rayon::prelude::*;

use super::ensemble::Member;
use super::features::Encoder;
use super::{ForestConfig, Sample};
use crate::error::PnasError;
use crate::forest::{Growing, RegressionForest};

/// One forest of an ensemble. It is grown anew at each fit, with the same random numbers.
#[derive(Debug)]
pub(super) struct Forest {
    encoder: Encoder,
    config: ForestConfig,
    seed: Seed,
    grown: Option<RegressionForest>,
}

impl Forest {
    pub(super) fn new(encoder: Encoder, config: ForestConfig, seed: Seed) -> Self {
        Self {
            encoder,
            config,
            seed,
            grown: None,
        }
    }
}

impl Member for Forest {
    fn fit(&mut self, samples: &[&Sample]) -> Result<(), PnasError> {
        let features = self
            .encoder
            .all(samples.par_iter().map(|sample| &sample.architecture))?;
        let accuracies: Vec<f64> = samples.iter().map(|sample| sample.accuracy).collect();
        let how = Growing {
            trees: self.config.trees,
            min_leaf: self.config.min_leaf,
            seed: self.seed.value(),
            keeps_bags: false,
        };
        self.grown = Some(RegressionForest::grow(&features, &accuracies, how)?);
        Ok(())
    }

    fn predict(&self, architectures: &[Architecture]) -> Result<Vec<f64>, PnasError> {
        let Some(grown) = &self.grown else {
            return Err(PnasError::Unfitted { surrogate: "forest" });
        };
        if architectures.is_empty() {
            return Ok(Vec::new());
        }
        grown.predict(&self.encoder.all(architectures.par_iter())?)
    }
}
