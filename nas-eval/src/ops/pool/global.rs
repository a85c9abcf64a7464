//! The average of a whole plane.

#![allow(
    unsafe_code,
    reason = "outputs are written into memory that is not zeroed first"
)]

use std::mem::MaybeUninit;

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor, bail};

use crate::ops::float::Float;
use crate::ops::host::{for_float, host, like_storage, runs_kernel, slice_of};
use crate::ops::parallel::{fill_new, items_per_chunk};
use crate::ops::reference;
use crate::ops::simd::vectorize;
use crate::ops::sums::sum;

/// The average over height and width of each channel.
///
/// # Shapes
/// `x` is `[N, C, H, W]`; the result is `[N, C]`.
///
/// # Errors
/// If `x` does not have four dimensions, or `H` or `W` is 0.
pub fn global_avg_pool(x: &Tensor) -> Result<Tensor> {
    let (_, _, h, w) = x.dims4()?;
    if h * w == 0 {
        bail!(
            "global average pooling: the image must not be empty, got {:?} (height, width)",
            [h, w]
        )
    }
    if runs_kernel(&[x]) {
        x.contiguous()?.apply_op1(GlobalAvgPool)
    } else {
        reference::global_avg_pool(x)
    }
}

/// The gradient for `x` from that of the result, off the tape. CPU only.
pub(crate) fn global_avg_pool_backward(x: &Tensor, grad: &Tensor) -> Result<Tensor> {
    let (_, _, h, w) = x.dims4()?;
    let grad = grad.contiguous()?;
    let grad = host(&grad);
    let gx = for_float!(x.dtype(), T => Tensor::from_vec(backward::<T>(grad.slice()?, h * w), x.shape(), &Device::Cpu)?);
    Ok(gx)
}

struct GlobalAvgPool;

impl CustomOp1 for GlobalAvgPool {
    fn name(&self) -> &'static str {
        "global-avg-pool"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, c, h, w) = layout.shape().dims4()?;
        let out = like_storage!(storage, T => forward::<T>(slice_of(storage, layout)?, h * w));
        Ok((out, Shape::from((n, c))))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        global_avg_pool_backward(x, grad).map(Some)
    }
}

fn forward<T: Float>(x: &[T], plane: usize) -> Vec<T> {
    let planes = x.len() / plane;
    let per_chunk = items_per_chunk(planes, plane);
    // SAFETY: each element of the chunk is written; there are as many planes as elements.
    unsafe {
        fill_new(planes, per_chunk, |chunk, out| {
            vectorize(
                #[inline(always)]
                || {
                    for (out, x) in out
                        .iter_mut()
                        .zip(x[chunk * per_chunk * plane..].chunks_exact(plane))
                    {
                        out.write(T::from_f64(sum(x) / plane as f64));
                    }
                },
            );
        })
    }
}

fn backward<T: Float>(grad: &[T], plane: usize) -> Vec<T> {
    let per_chunk = items_per_chunk(grad.len(), plane);
    let count = T::from_f64(plane as f64);
    // SAFETY: each plane of the chunk is written, and a chunk is a whole number of planes.
    unsafe {
        fill_new(grad.len() * plane, per_chunk * plane, |chunk, out| {
            for (out, grad) in out.chunks_exact_mut(plane).zip(&grad[chunk * per_chunk..]) {
                out.fill(MaybeUninit::new(*grad / count));
            }
        })
    }
}
