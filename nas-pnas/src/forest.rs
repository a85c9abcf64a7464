//! Random forests on rows of features, grown by `smartcore`.
//!
//! Each tree is grown on as many rows as there are, drawn with replacement; each split is the
//! best by squared error among a third of the features, drawn anew, as Breiman 2001 does for
//! regression.

use smartcore::ensemble::random_forest_regressor::{RandomForestRegressor, RandomForestRegressorParameters};
use smartcore::error::Failed;
use smartcore::linalg::basic::matrix::DenseMatrix;

use crate::error::PnasError;

type Trees = RandomForestRegressor<f32, f64, DenseMatrix<f32>, Vec<f64>>;

/// A forest that was grown.
#[derive(Debug)]
pub(crate) struct RegressionForest(Trees);

/// How a forest is grown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Growing {
    /// How many trees it has.
    pub(crate) trees: usize,
    /// Fewest samples of a leaf.
    pub(crate) min_leaf: usize,
    /// What all of its random numbers are from.
    pub(crate) seed: u64,
    /// Whether it keeps which rows each tree was grown on, for [`RegressionForest::out_of_bag`].
    pub(crate) keeps_bags: bool,
}

impl RegressionForest {
    /// Grows one on rows of features of equal length, with a value for each.
    pub(crate) fn grow(rows: &Vec<Vec<f32>>, values: &Vec<f64>, how: Growing) -> Result<Self, PnasError> {
        let parameters = RandomForestRegressorParameters {
            max_depth: None,
            min_samples_leaf: how.min_leaf,
            min_samples_split: 2,
            n_trees: how.trees,
            m: Some(rows.first().map_or(1, Vec::len).div_ceil(3)),
            keep_samples: how.keeps_bags,
            seed: how.seed,
        };
        Trees::fit(&matrix(rows)?, values, parameters)
            .map(Self)
            .map_err(failed)
    }

    /// What the trees expect of these rows, on average.
    pub(crate) fn predict(&self, rows: &Vec<Vec<f32>>) -> Result<Vec<f64>, PnasError> {
        self.0.predict(&matrix(rows)?).map_err(failed)
    }

    /// What the trees that were not grown on a row expect in its place, on average: as many rows as
    /// it was grown on, perhaps with other features. NaN where all trees were grown on a row.
    pub(crate) fn out_of_bag(&self, rows: &Vec<Vec<f32>>) -> Result<Vec<f64>, PnasError> {
        self.0.predict_oob(&matrix(rows)?).map_err(failed)
    }
}

fn matrix(rows: &Vec<Vec<f32>>) -> Result<DenseMatrix<f32>, PnasError> {
    DenseMatrix::from_2d_vec(rows).map_err(failed)
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
fn failed(error: Failed) -> PnasError {
    PnasError::Forest(error.to_string())
}
