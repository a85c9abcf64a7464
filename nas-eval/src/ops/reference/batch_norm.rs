//! Batch normalisation, written as its definition.

use candle_core::{DType, Result, Tensor};

use crate::ops::BatchNormed;
use crate::ops::batch_norm::{check_eval, check_train};

/// [`ops::batch_norm_train`](crate::ops::batch_norm_train) from stock Candle operations.
///
/// # Shapes
/// `x` is `[N, C, H, W]`, weight and bias are `[C]`; so are mean and variance of the result.
///
/// # Errors
/// Those of [`ops::batch_norm_train`](crate::ops::batch_norm_train).
pub fn batch_norm_train(x: &Tensor, affine: Option<(&Tensor, &Tensor)>, eps: f64) -> Result<BatchNormed> {
    let count = check_train(x, affine, eps)?;
    let wide = widened(x)?;
    let mean = wide.mean_keepdim((0, 2, 3))?;
    let centered = wide.broadcast_sub(&mean)?;
    let variance = centered.sqr()?.mean_keepdim((0, 2, 3))?;
    let normal = centered
        .broadcast_div(&(&variance + eps)?.sqrt()?)?
        .to_dtype(x.dtype())?;
    Ok(BatchNormed {
        output: scaled(normal, affine)?,
        mean: mean.flatten_all()?.to_dtype(x.dtype())?.detach(),
        variance: variance.flatten_all()?.to_dtype(x.dtype())?.detach(),
        count,
        kernel: None,
    })
}

/// [`ops::batch_norm_eval`](crate::ops::batch_norm_eval) from stock Candle operations.
///
/// # Shapes
/// `x` is `[N, C, H, W]`, all others are `[C]`.
///
/// # Errors
/// Those of [`ops::batch_norm_eval`](crate::ops::batch_norm_eval).
pub fn batch_norm_eval(
    x: &Tensor,
    mean: &Tensor,
    variance: &Tensor,
    affine: Option<(&Tensor, &Tensor)>,
    eps: f64,
) -> Result<Tensor> {
    check_eval(x, mean, variance, affine, eps)?;
    let wide = widened(x)?;
    let per_channel = |t: &Tensor| {
        t.detach()
            .to_dtype(wide.dtype())?
            .reshape((1, t.elem_count(), 1, 1))
    };
    let deviation = (per_channel(variance)? + eps)?.sqrt()?;
    let normal = wide
        .broadcast_sub(&per_channel(mean)?)?
        .broadcast_div(&deviation)?;
    scaled(normal.to_dtype(x.dtype())?, affine)
}

/// Half precision cannot hold the sums of a batch.
fn widened(x: &Tensor) -> Result<Tensor> {
    match x.dtype() {
        DType::F32 | DType::F64 => Ok(x.clone()),
        _ => x.to_dtype(DType::F32),
    }
}

fn scaled(normal: Tensor, affine: Option<(&Tensor, &Tensor)>) -> Result<Tensor> {
    let Some((weight, bias)) = affine else {
        return Ok(normal);
    };
    let shape = (1, weight.elem_count(), 1, 1);
    normal
        .broadcast_mul(&weight.reshape(shape)?)?
        .broadcast_add(&bias.reshape(shape)?)
}
