//! Batch normalisation, with the statistics of the batch (training) or with given ones
//! (evaluation).
//!
//! Per channel, over batch, height and width, `y = (x − mean) / √(variance + eps) · weight + bias`.
//!
//! # References
//! Ioffe, Szegedy: "Batch Normalization: Accelerating Deep Network Training by Reducing Internal
//! Covariate Shift", arXiv:1502.03167.

use candle_core::{DType, Result, Tensor, bail};

#[cfg(test)]
mod tests;

/// What [`batch_norm_train`] gives.
#[derive(Clone, Debug)]
pub struct BatchNormed {
    /// The normalised tensor, `[N, C, H, W]`.
    pub output: Tensor,
    /// The batch's mean of each channel, `[C]`; no gradient flows through it.
    pub mean: Tensor,
    /// The batch's biased variance (divided by [`count`](Self::count)) of each channel, `[C]`, by
    /// which the output is normalised; no gradient flows through it.
    pub variance: Tensor,
    /// How many values of each channel there were, `N · H · W`; at least 2.
    pub count: usize,
}

impl BatchNormed {
    /// The unbiased variance (divided by `count − 1`) of each channel, `[C]`: what PyTorch's
    /// running variance is an average of.
    ///
    /// # Errors
    /// Those of the multiplication.
    pub fn unbiased_variance(&self) -> Result<Tensor> {
        &self.variance * (self.count as f64 / (self.count - 1) as f64)
    }
}

/// Normalises by the batch's own mean and biased variance of each channel, and scales by `affine`
/// (weight, bias). The gradient for `x` includes the part that flows through the statistics.
///
/// # Shapes
/// `x` is `[N, C, H, W]`, weight and bias are `[C]`; so are mean and variance of the result.
///
/// # Errors
/// If a channel has fewer than two values (its variance would be 0), a shape or type does not fit,
/// or `eps` is negative or not finite.
pub fn batch_norm_train(x: &Tensor, affine: Option<(&Tensor, &Tensor)>, eps: f64) -> Result<BatchNormed> {
    let count = check_train(x, affine, eps)?;
    #[cfg(any(feature = "cuda", test))]
    if crate::cuda::has_kernels(x) {
        let moments = crate::cuda::moments(x)?;
        return Ok(BatchNormed {
            output: crate::cuda::normalize(x, &moments, affine, eps)?,
            mean: moments.get(0)?,
            variance: moments.get(1)?,
            count,
        });
    }
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
    })
}

/// Normalises by the statistics given, and scales by `affine` (weight, bias). Differentiable in
/// `x`, weight and bias; the statistics are constants.
///
/// # Shapes
/// `x` is `[N, C, H, W]`, all others are `[C]`.
///
/// # Errors
/// If a shape or type does not fit, or `eps` is negative or not finite.
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

/// Checks the arguments of [`batch_norm_train`] and counts the values of each channel.
fn check_train(x: &Tensor, affine: Option<(&Tensor, &Tensor)>, eps: f64) -> Result<usize> {
    let (n, c, h, w) = x.dims4()?;
    check(x, c, &affine_names(affine), eps)?;
    let count = n * h * w;
    if count < 2 {
        bail!(
            "batch norm: expected at least 2 values of each channel in training, got {count} (input {:?}); \
             use a larger batch",
            x.dims()
        )
    }
    Ok(count)
}

/// Checks the arguments of [`batch_norm_eval`].
fn check_eval(
    x: &Tensor,
    mean: &Tensor,
    variance: &Tensor,
    affine: Option<(&Tensor, &Tensor)>,
    eps: f64,
) -> Result<()> {
    let (_, c, _, _) = x.dims4()?;
    let mut per_channel = vec![("mean", mean), ("variance", variance)];
    per_channel.extend(affine_names(affine));
    check(x, c, &per_channel, eps)
}

fn affine_names<'a>(affine: Option<(&'a Tensor, &'a Tensor)>) -> Vec<(&'static str, &'a Tensor)> {
    affine.map_or_else(Vec::new, |(weight, bias)| {
        vec![("weight", weight), ("bias", bias)]
    })
}

fn check(x: &Tensor, channels: usize, per_channel: &[(&str, &Tensor)], eps: f64) -> Result<()> {
    for (name, t) in per_channel {
        if t.dims() != [channels] {
            bail!(
                "batch norm: expected a {name} of shape [{channels}] for input {:?}, got {:?}",
                x.dims(),
                t.dims()
            )
        }
        if t.dtype() != x.dtype() {
            bail!(
                "batch norm: expected a {name} of the input's type {:?}, got {:?}",
                x.dtype(),
                t.dtype()
            )
        }
    }
    if !(eps >= 0.0 && eps.is_finite()) {
        bail!("batch norm: expected a finite eps of at least 0, got {eps}")
    }
    Ok(())
}
