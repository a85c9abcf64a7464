//! Random forests on features, grown by `smartcore`.
//!
//! Each tree is grown on as many samples as there are, drawn with replacement; each split is the
//! best by squared error among a third of the features, drawn anew, as Breiman 2001 does for
//! regression.
//!
//! A feature that no sample had splits no tree: far from the samples all forests say much the same,
//! so their spread is no measure of how far that is.

use nas_space::arch::Architecture;
use nas_space::seed::Seed;
use rayon::prelude::*;
use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::error::Failed;
use smartcore::linalg::basic::matrix::DenseMatrix;

use super::ensemble::Member;
use super::features::Encoder;
use super::{ForestConfig, Sample};
use crate::error::PnasError;

type Trees = RandomForestRegressor<f32, f64, DenseMatrix<f32>, Vec<f64>>;

/// One forest of an ensemble. It is grown anew at each fit, with the same random numbers.
#[derive(Debug)]
pub(super) struct Forest {
    encoder: Encoder,
    config: ForestConfig,
    seed: Seed,
    trees: Option<Trees>,
}

impl Forest {
    pub(super) fn new(encoder: Encoder, config: ForestConfig, seed: Seed) -> Self {
        Self {
            encoder,
            config,
            seed,
            trees: None,
        }
    }
}

impl Member for Forest {
    fn fit(&mut self, samples: &[&Sample]) -> Result<(), PnasError> {
        let features = self
            .encoder
            .all(samples.par_iter().map(|sample| &sample.architecture))?;
        let accuracies: Vec<f64> = samples.iter().map(|sample| sample.accuracy).collect();
        let parameters = RandomForestRegressorParameters {
            max_depth: None,
            min_samples_leaf: self.config.min_leaf,
            min_samples_split: 2,
            n_trees: self.config.trees,
            m: Some(features.first().map_or(1, Vec::len).div_ceil(3)),
            keep_samples: false,
            seed: self.seed.value(),
        };
        self.trees = Some(Trees::fit(&matrix(&features)?, &accuracies, parameters).map_err(failed)?);
        Ok(())
    }

    fn predict(&self, architectures: &[Architecture]) -> Result<Vec<f64>, PnasError> {
        let Some(trees) = &self.trees else {
            return Err(PnasError::Unfitted { surrogate: "forest" });
        };
        if architectures.is_empty() {
            return Ok(Vec::new());
        }
        trees
            .predict(&matrix(&self.encoder.all(architectures.par_iter())?)?)
            .map_err(failed)
    }
}

fn matrix(rows: &Vec<Vec<f32>>) -> Result<DenseMatrix<f32>, PnasError> {
    DenseMatrix::from_2d_vec(rows).map_err(failed)
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
fn failed(error: Failed) -> PnasError {
    PnasError::Forest(error.to_string())
}
