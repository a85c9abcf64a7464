//! The rectifier.

use candle_core::{Result, Tensor};

/// [`ops::relu`](crate::ops::relu) from stock Candle operations.
///
/// # Errors
/// Those of the operations.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    let zeros = x.zeros_like()?;
    x.le(&zeros)?.where_cond(&zeros, x)
}
