//! Sums of tensors.

use candle_core::{Result, Tensor};

use crate::ops::add::check;

/// [`ops::add_many`](crate::ops::add_many) from stock Candle operations.
///
/// # Errors
/// Those of [`ops::add_many`](crate::ops::add_many).
pub fn add_many(terms: &[Tensor]) -> Result<Tensor> {
    let (first, rest) = check(terms)?;
    rest.iter().try_fold(first.clone(), |sum, term| sum + term)
}
