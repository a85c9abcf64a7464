//! Sums of tensors, each times a number.

use candle_core::{Result, Tensor};

use super::add_many;
use crate::ops::weighted_sum::check_weights;

/// [`ops::weighted_sum`](crate::ops::weighted_sum) from stock Candle operations.
///
/// # Errors
/// Those of [`ops::weighted_sum`](crate::ops::weighted_sum).
pub fn weighted_sum(terms: &[Tensor], weights: &[f64]) -> Result<Tensor> {
    check_weights(terms, weights)?;
    let scaled = terms.iter().zip(weights).map(|(term, &weight)| term * weight);
    add_many(&scaled.collect::<Result<Vec<_>>>()?)
}
