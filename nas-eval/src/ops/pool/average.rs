//! Average pooling.

#![allow(
    unsafe_code,
    reason = "outputs are written into memory that is not zeroed first"
)]

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor};

use super::PoolSpec;
use super::windows::Windows;
use crate::ops::float::Float;
use crate::ops::host::{for_float, host, like_storage, runs_kernel, slice_of};
use crate::ops::parallel::{fill_new, items_per_chunk};
use crate::ops::reference;
use crate::ops::simd::vectorize;

/// The average of each window's elements inside the image: padding is not counted (PyTorch's
/// `count_include_pad=False`, which is what DARTS and NAS-Bench-201 use).
///
/// # Shapes
/// `x` is `[N, C, H, W]`; the result is `[N, C, H', W']` with `[H', W']` from [`PoolSpec::output_size`].
///
/// # Errors
/// Those of [`PoolSpec::output_size`], and if `x` does not have four dimensions.
pub fn avg_pool2d(x: &Tensor, spec: &PoolSpec) -> Result<Tensor> {
    let (_, _, h, w) = x.dims4()?;
    spec.output_size([h, w])?;
    if runs_kernel(&[x]) {
        x.contiguous()?.apply_op1(AvgPool(*spec))
    } else {
        reference::avg_pool2d(x, spec)
    }
}

/// The gradient for `x` from that of the result, off the tape. CPU only.
pub(crate) fn avg_pool2d_backward(x: &Tensor, grad: &Tensor, spec: &PoolSpec) -> Result<Tensor> {
    let (_, _, h, w) = x.dims4()?;
    let windows = Windows::new(*spec, [h, w])?;
    let grad = grad.contiguous()?;
    let grad = host(&grad);
    let gx = for_float!(x.dtype(), T => Tensor::from_vec(backward::<T>(grad.slice()?, &windows), x.shape(), &Device::Cpu)?);
    Ok(gx)
}

struct AvgPool(PoolSpec);

impl CustomOp1 for AvgPool {
    fn name(&self) -> &'static str {
        "avg-pool2d"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, c, h, w) = layout.shape().dims4()?;
        let windows = Windows::new(self.0, [h, w])?;
        let [oh, ow] = windows.output;
        let out = like_storage!(storage, T => forward::<T>(slice_of(storage, layout)?, &windows));
        Ok((out, Shape::from((n, c, oh, ow))))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        avg_pool2d_backward(x, grad, &self.0).map(Some)
    }
}

/// One over the number of elements that each window covers.
fn weights<T: Float>(windows: &Windows) -> Vec<T> {
    let [height, width] = windows.output;
    (0..height * width)
        .map(|i| {
            let [rows, columns] = windows.covered(i / width, i % width);
            T::ONE / T::from_f64((rows.len() * columns.len()) as f64)
        })
        .collect()
}

fn forward<T: Float>(x: &[T], windows: &Windows) -> Vec<T> {
    let (from, to) = (windows.input_len(), windows.output_len());
    let planes = x.len() / from;
    let per_chunk = items_per_chunk(planes, windows.work());
    let weights = weights::<T>(windows);
    // SAFETY: the rows of `flat_rows` cover an output plane, and a chunk is a whole number of planes.
    unsafe {
        fill_new(planes * to, per_chunk * to, |chunk, out| {
            let mut scratch = vec![T::ZERO; windows.scratch_len()];
            let mut flat = vec![T::ZERO; windows.flat_len()];
            let planes = x[chunk * per_chunk * from..]
                .chunks_exact(from)
                .zip(out.chunks_exact_mut(to));
            vectorize(
                #[inline(always)]
                || {
                    for (x, out) in planes {
                        windows.lay(x, &mut scratch);
                        windows.fold(&scratch, &mut flat, |a, b| a + b);
                        for (row, place) in windows.flat_rows() {
                            for ((out, sum), weight) in
                                out[row.clone()].iter_mut().zip(&flat[place]).zip(&weights[row])
                            {
                                out.write(*sum * *weight);
                            }
                        }
                    }
                },
            );
        })
    }
}

fn backward<T: Float>(grad: &[T], windows: &Windows) -> Vec<T> {
    let (from, to) = (windows.input_len(), windows.output_len());
    let planes = grad.len() / to;
    let per_chunk = items_per_chunk(planes, windows.work());
    let weights = weights::<T>(windows);
    // SAFETY: `Windows::collect` writes whole planes, and a chunk is a whole number of planes.
    unsafe {
        fill_new(planes * from, per_chunk * from, |chunk, out| {
            let mut gradient = vec![T::ZERO; windows.scratch_len()];
            let mut share = vec![T::ZERO; windows.flat_len()];
            let planes = grad[chunk * per_chunk * to..]
                .chunks_exact(to)
                .zip(out.chunks_exact_mut(from));
            vectorize(
                #[inline(always)]
                || {
                    for (grad, out) in planes {
                        for (row, place) in windows.flat_rows() {
                            for ((share, grad), weight) in
                                share[place].iter_mut().zip(&grad[row.clone()]).zip(&weights[row])
                            {
                                *share = *grad * *weight;
                            }
                        }
                        gradient.fill(T::ZERO);
                        for start in &windows.taps {
                            for (gradient, share) in gradient[*start..].iter_mut().zip(&share) {
                                *gradient += *share;
                            }
                        }
                        windows.collect(&gradient, out);
                    }
                },
            );
        })
    }
}
