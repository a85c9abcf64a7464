//! Batch normalisation: by the statistics of the batch (training) or by given ones (evaluation).
//!
//! Per channel, over batch, height and width, `y = (x − mean) / √(variance + eps) · weight + bias`.
//! The sums of a plane (one channel of one image) are taken in lanes and blocks, see [`sums`](super::sums), and
//! those of the planes are put together in `f64` in the order of the batch: stable, however far the mean is from 0,
//! and with the same bits for any number of threads.
//!
//! # References
//! Ioffe, Szegedy: "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
//! arXiv:1502.03167.

#![allow(
    unsafe_code,
    reason = "outputs are written into memory that is not zeroed first"
)]

use candle_core::{CpuStorage, CustomOp1, CustomOp3, DType, Device, Layout, Result, Shape, Tensor, bail};

use super::float::Float;
use super::host::{for_float, host, like_storage, runs_kernel, slice_of};
use super::parallel::{fill_new, items_per_chunk, map_chunks};
use super::reference;
use super::simd::vectorize;
use super::sums::{sum, sum_against, sum_deviations};

#[cfg(test)]
mod tests;

/// What [`batch_norm_train`] gives.
#[derive(Clone, Debug)]
pub struct BatchNormed {
    /// The normalised tensor, `[N, C, H, W]`.
    pub output: Tensor,
    /// The batch's mean of each channel, `[C]`; no gradient flows through it.
    pub mean: Tensor,
    /// The batch's biased variance (divided by [`count`](Self::count)) of each channel, `[C]`, by which the output is
    /// normalised; no gradient flows through it.
    pub variance: Tensor,
    /// How many values of each channel there were, `N · H · W`; at least 2.
    pub count: usize,
    /// What was applied, where it was a kernel of this module.
    pub(super) kernel: Option<Normalize>,
}

impl BatchNormed {
    /// The unbiased variance (divided by `count − 1`) of each channel, `[C]`: what PyTorch's running variance is an
    /// average of.
    ///
    /// # Errors
    /// Those of the multiplication.
    pub fn unbiased_variance(&self) -> Result<Tensor> {
        &self.variance * (self.count as f64 / (self.count - 1) as f64)
    }

    /// The gradients for `x`, weight and bias from that of the output, off the tape. `x` and `weight` are those the
    /// output was computed from.
    ///
    /// # Errors
    /// If the output was not computed by a CPU kernel, or a shape does not fit.
    pub(crate) fn backward(&self, x: &Tensor, weight: Option<&Tensor>, grad: &Tensor) -> Result<[Tensor; 3]> {
        match &self.kernel {
            Some(kernel) => kernel.gradients(x, weight, grad),
            None => bail!("batch normalisation off the CPU has its gradient on the tape alone"),
        }
    }
}

/// Normalises by the batch's own mean and biased variance of each channel, and scales by `affine` (weight, bias).
/// The gradient for `x` includes the part that flows through the statistics.
///
/// # Shapes
/// `x` is `[N, C, H, W]`, weight and bias are `[C]`; so are mean and variance of the result.
///
/// # Errors
/// If a channel has fewer than two values (its variance would be 0), a shape or type does not fit, or `eps` is
/// negative or not finite.
pub fn batch_norm_train(x: &Tensor, affine: Option<(&Tensor, &Tensor)>, eps: f64) -> Result<BatchNormed> {
    let count = check_train(x, affine, eps)?;
    if !runs_kernel(&[x]) {
        return reference::batch_norm_train(x, affine, eps);
    }
    let x = x.contiguous()?;
    let (n, c, h, w) = x.dims4()?;
    let shape = Planes { n, c, len: h * w };
    let (mean, variance) = for_float!(x.dtype(), T => statistics::<T>(host(&x).slice()?, shape));
    let to_tensor = |values: &[f64]| Tensor::from_slice(values, c, &Device::Cpu)?.to_dtype(x.dtype());
    let (batch_mean, batch_variance) = (to_tensor(&mean)?, to_tensor(&variance)?);
    let kernel = Normalize::new(mean, &variance, eps, true);
    Ok(BatchNormed {
        output: kernel.clone().apply(&x, affine)?,
        mean: batch_mean,
        variance: batch_variance,
        count,
        kernel: Some(kernel),
    })
}

/// Normalises by the statistics given, and scales by `affine` (weight, bias). Differentiable in `x`, weight and
/// bias; the statistics are constants.
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
    if !runs_kernel(&[x]) {
        return reference::batch_norm_eval(x, mean, variance, affine, eps);
    }
    let values = |t: &Tensor| t.to_dtype(DType::F64)?.to_vec1::<f64>();
    Normalize::new(values(mean)?, &values(variance)?, eps, false).apply(&x.contiguous()?, affine)
}

/// Checks the arguments of [`batch_norm_train`] and counts the values of each channel.
pub(super) fn check_train(x: &Tensor, affine: Option<(&Tensor, &Tensor)>, eps: f64) -> Result<usize> {
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
pub(super) fn check_eval(
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

/// The shape of the input: `n` images of `c` planes of `len` values.
#[derive(Clone, Copy)]
struct Planes {
    n: usize,
    c: usize,
    len: usize,
}

impl Planes {
    fn of(shape: &Shape) -> Result<Self> {
        let (n, c, h, w) = shape.dims4()?;
        Ok(Self { n, c, len: h * w })
    }

    fn per_chunk(&self) -> usize {
        items_per_chunk(self.n * self.c, self.len)
    }

    /// Values of one channel.
    fn count(&self) -> f64 {
        (self.n * self.len) as f64
    }

    /// `f(plane)` of every plane, in their order; `f` is vectorised.
    fn map<R: Send>(&self, f: impl Fn(usize) -> R + Sync + Send) -> Vec<R> {
        let chunks = map_chunks(self.n * self.c, self.per_chunk(), |planes| {
            let mut results = Vec::with_capacity(planes.len());
            // A loop, not `collect`: only what is inlined here is compiled for vectors.
            vectorize(
                #[inline(always)]
                || {
                    for plane in planes {
                        results.push(f(plane));
                    }
                },
            );
            results
        });
        chunks.into_iter().flatten().collect()
    }
}

/// Mean and biased variance of each channel.
///
/// Each plane's mean and sum of squared deviations from it are put together as
/// Σ (x − mean)² = Σ planes' sums + len · Σ (plane's mean − mean)², which subtracts nothing large.
fn statistics<T: Float>(x: &[T], shape: Planes) -> (Vec<f64>, Vec<f64>) {
    let len = shape.len as f64;
    let planes = shape.map(
        #[inline(always)]
        |plane| {
            let x = &x[plane * shape.len..][..shape.len];
            let center = T::from_f64(sum(x) / len);
            // `center` is rounded: the remaining deviation corrects both.
            let [deviation, squares] = sum_deviations(x, center);
            [
                center.to_f64() + deviation / len,
                squares - deviation * deviation / len,
            ]
        },
    );
    let per_channel = |f: &dyn Fn(usize, [f64; 2]) -> f64| {
        let mut total = vec![0.0; shape.c];
        for image in planes.chunks_exact(shape.c) {
            for (channel, (total, plane)) in total.iter_mut().zip(image).enumerate() {
                *total += f(channel, *plane);
            }
        }
        total
    };
    let mut mean = per_channel(&|_, [plane_mean, _]| plane_mean);
    mean.iter_mut().for_each(|mean| *mean /= shape.n as f64);
    let mut variance = per_channel(&|channel, [plane_mean, squares]| {
        let d = plane_mean - mean[channel];
        squares + len * d * d
    });
    variance
        .iter_mut()
        .for_each(|variance| *variance /= shape.count());
    (mean, variance)
}

/// Normalisation by the statistics it holds.
#[derive(Clone, Debug)]
pub(super) struct Normalize {
    mean: Vec<f64>,
    /// 1 / √(variance + eps).
    inverse_deviation: Vec<f64>,
    /// Whether the statistics are those of the input, so that a gradient flows through them.
    own_statistics: bool,
}

/// `a · (x − center) + b` for the values of one channel, in the element type.
#[derive(Clone, Copy)]
struct Line<T> {
    center: T,
    a: T,
    b: T,
}

impl Normalize {
    fn new(mean: Vec<f64>, variance: &[f64], eps: f64, own_statistics: bool) -> Self {
        let inverse_deviation = variance
            .iter()
            .map(|variance| 1.0 / (variance + eps).sqrt())
            .collect();
        Self {
            mean,
            inverse_deviation,
            own_statistics,
        }
    }

    fn apply(self, x: &Tensor, affine: Option<(&Tensor, &Tensor)>) -> Result<Tensor> {
        match affine {
            None => x.apply_op1(self),
            Some((weight, bias)) => x.apply_op3(&weight.contiguous()?, &bias.contiguous()?, self),
        }
    }

    fn forward<T: Float>(&self, x: &[T], affine: Option<(&[T], &[T])>, shape: Planes) -> Vec<T> {
        let lines: Vec<Line<T>> = (0..shape.c)
            .map(|i| {
                let (weight, bias) = affine.map_or((1.0, 0.0), |(w, b)| (w[i].to_f64(), b[i].to_f64()));
                let a = weight * self.inverse_deviation[i];
                let center = T::from_f64(self.mean[i]);
                // The mean is rounded to the element type; the bias takes up what is lost.
                let b = bias - a * (self.mean[i] - center.to_f64());
                Line {
                    center,
                    a: T::from_f64(a),
                    b: T::from_f64(b),
                }
            })
            .collect();
        let per_chunk = shape.per_chunk();
        // SAFETY: a chunk is a whole number of planes, and each plane is as long as that of `x`.
        unsafe {
            fill_new(x.len(), per_chunk * shape.len, |chunk, out| {
                let first = chunk * per_chunk;
                let x = &x[first * shape.len..];
                vectorize(
                    #[inline(always)]
                    || {
                        for (i, (out, x)) in out
                            .chunks_exact_mut(shape.len)
                            .zip(x.chunks_exact(shape.len))
                            .enumerate()
                        {
                            let Line { center, a, b } = lines[(first + i) % shape.c];
                            for (out, x) in out.iter_mut().zip(x) {
                                out.write(a * (*x - center) + b);
                            }
                        }
                    },
                );
            })
        }
    }

    /// The gradients for `x`, weight and bias.
    fn backward<T: Float>(&self, x: &[T], weight: Option<&[T]>, grad: &[T], shape: Planes) -> [Vec<T>; 3] {
        let center = |channel: usize| T::from_f64(self.mean[channel]);
        let planes = shape.map(
            #[inline(always)]
            |plane| {
                let range = plane * shape.len..(plane + 1) * shape.len;
                sum_against(&grad[range.clone()], &x[range], center(plane % shape.c))
            },
        );
        // Σ grad and Σ grad · (x − mean) / deviation: the gradients for bias and weight.
        let mut for_bias = vec![0.0; shape.c];
        let mut for_weight = vec![0.0; shape.c];
        for image in planes.chunks_exact(shape.c) {
            for (i, [grad, against]) in image.iter().enumerate() {
                for_bias[i] += grad;
                for_weight[i] += against;
            }
        }
        let lines: Vec<[T; 4]> = (0..shape.c)
            .map(|i| {
                let lost = self.mean[i] - center(i).to_f64();
                for_weight[i] = (for_weight[i] - lost * for_bias[i]) * self.inverse_deviation[i];
                let a = weight.map_or(1.0, |w| w[i].to_f64()) * self.inverse_deviation[i];
                let (b, c) = if self.own_statistics {
                    let b = -a * self.inverse_deviation[i] * for_weight[i] / shape.count();
                    (b, -a * for_bias[i] / shape.count() - b * lost)
                } else {
                    (0.0, 0.0)
                };
                [a, b, c, center(i).to_f64()].map(T::from_f64)
            })
            .collect();
        let per_chunk = shape.per_chunk();
        // SAFETY: a chunk is a whole number of planes, and each plane is as long as those of `x` and `grad`.
        let for_x = unsafe {
            fill_new(x.len(), per_chunk * shape.len, |chunk, out| {
                let first = chunk * per_chunk;
                let (x, grad) = (&x[first * shape.len..], &grad[first * shape.len..]);
                let planes = x.chunks_exact(shape.len).zip(grad.chunks_exact(shape.len));
                vectorize(
                    #[inline(always)]
                    || {
                        for (i, (out, (x, grad))) in out.chunks_exact_mut(shape.len).zip(planes).enumerate() {
                            let [a, b, c, center] = lines[(first + i) % shape.c];
                            if self.own_statistics {
                                for ((out, x), grad) in out.iter_mut().zip(x).zip(grad) {
                                    out.write(a * *grad + (b * (*x - center) + c));
                                }
                            } else {
                                for (out, grad) in out.iter_mut().zip(grad) {
                                    out.write(a * *grad);
                                }
                            }
                        }
                    },
                );
            })
        };
        [
            for_x,
            for_weight.into_iter().map(T::from_f64).collect(),
            for_bias.into_iter().map(T::from_f64).collect(),
        ]
    }

    fn gradients(&self, x: &Tensor, weight: Option<&Tensor>, grad: &Tensor) -> Result<[Tensor; 3]> {
        let shape = Planes::of(x.shape())?;
        let grad = grad.contiguous()?;
        let (hx, hg, hw) = (host(x), host(&grad), weight.map(host));
        for_float!(x.dtype(), T => {
            let weight = hw.as_ref().map(|w| w.slice::<T>()).transpose()?;
            let [for_x, for_weight, for_bias] = self.backward::<T>(hx.slice()?, weight, hg.slice()?, shape);
            Ok([
                Tensor::from_vec(for_x, x.shape(), &Device::Cpu)?,
                Tensor::from_vec(for_weight, shape.c, &Device::Cpu)?,
                Tensor::from_vec(for_bias, shape.c, &Device::Cpu)?,
            ])
        })
    }
}

impl CustomOp1 for Normalize {
    fn name(&self) -> &'static str {
        "batch-norm"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let shape = Planes::of(layout.shape())?;
        let out = like_storage!(x, T => self.forward::<T>(slice_of(x, layout)?, None, shape));
        Ok((out, layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let [for_x, _, _] = self.gradients(x, None, grad)?;
        Ok(Some(for_x))
    }
}

impl CustomOp3 for Normalize {
    fn name(&self) -> &'static str {
        "batch-norm-affine"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let shape = Planes::of(layout.shape())?;
        let out = like_storage!(x, T => {
            let affine = (slice_of(weight, weight_layout)?, slice_of(bias, bias_layout)?);
            self.forward::<T>(slice_of(x, layout)?, Some(affine), shape)
        });
        Ok((out, layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _bias: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [for_x, for_weight, for_bias] = self.gradients(x, Some(weight), grad)?;
        Ok((Some(for_x), Some(for_weight), Some(for_bias)))
    }
}
