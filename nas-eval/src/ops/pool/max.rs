//! Max pooling.

#![allow(
    unsafe_code,
    reason = "outputs are written into memory that is not zeroed first"
)]

use std::mem::MaybeUninit;

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor};

use super::PoolSpec;
use super::windows::Windows;
use crate::ops::float::Float;
use crate::ops::host::{for_float, host, like_storage, runs_kernel, slice_of};
use crate::ops::parallel::{fill_new, items_per_chunk};
use crate::ops::reference;
use crate::ops::simd::vectorize;

/// The maximum of each window. Padding counts as minus infinity; a window with a NaN gives NaN.
///
/// The gradient of a window goes to the first of its largest elements in row-major order, or to its last NaN, as in
/// PyTorch.
///
/// # Shapes
/// `x` is `[N, C, H, W]`; the result is `[N, C, H', W']` with `[H', W']` from [`PoolSpec::output_size`].
///
/// # Errors
/// Those of [`PoolSpec::output_size`], and if `x` does not have four dimensions.
pub fn max_pool2d(x: &Tensor, spec: &PoolSpec) -> Result<Tensor> {
    let (_, _, h, w) = x.dims4()?;
    spec.output_size([h, w])?;
    if runs_kernel(&[x]) {
        x.contiguous()?.apply_op1(MaxPool(*spec))
    } else {
        reference::max_pool2d(x, spec)
    }
}

/// The gradient for `x` from that of the result, off the tape. CPU only.
pub(crate) fn max_pool2d_backward(x: &Tensor, y: &Tensor, grad: &Tensor, spec: &PoolSpec) -> Result<Tensor> {
    let (_, _, h, w) = x.dims4()?;
    let windows = Windows::new(*spec, [h, w])?;
    let grad = grad.contiguous()?;
    let (hx, hy, hg) = (host(x), host(y), host(&grad));
    let gx = for_float!(x.dtype(), T => {
        let gx = backward::<T>(hx.slice()?, hy.slice()?, hg.slice()?, &windows);
        Tensor::from_vec(gx, x.shape(), &Device::Cpu)?
    });
    Ok(gx)
}

struct MaxPool(PoolSpec);

impl CustomOp1 for MaxPool {
    fn name(&self) -> &'static str {
        "max-pool2d"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, c, h, w) = layout.shape().dims4()?;
        let windows = Windows::new(self.0, [h, w])?;
        let [oh, ow] = windows.output;
        let out = like_storage!(storage, T => forward::<T>(slice_of(storage, layout)?, &windows));
        Ok((out, Shape::from((n, c, oh, ow))))
    }

    fn bwd(&self, x: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        max_pool2d_backward(x, y, grad, &self.0).map(Some)
    }
}

/// The larger of two, or the one that is NaN.
#[inline(always)]
#[expect(clippy::eq_op, reason = "true for NaN alone")]
fn larger<T: Float>(a: T, b: T) -> T {
    if (b > a) | (b != b) { b } else { a }
}

fn forward<T: Float>(x: &[T], windows: &Windows) -> Vec<T> {
    let (from, to) = (windows.input_len(), windows.output_len());
    let planes = x.len() / from;
    let per_chunk = items_per_chunk(planes, windows.work());
    // SAFETY: the rows of `flat_rows` cover an output plane, and a chunk is a whole number of planes.
    unsafe {
        fill_new(planes * to, per_chunk * to, |chunk, out| {
            let mut scratch = vec![T::NEG_INFINITY; windows.scratch_len()];
            let mut flat = vec![T::NEG_INFINITY; windows.flat_len()];
            let planes = x[chunk * per_chunk * from..]
                .chunks_exact(from)
                .zip(out.chunks_exact_mut(to));
            vectorize(
                #[inline(always)]
                || {
                    for (x, out) in planes {
                        windows.lay(x, &mut scratch);
                        windows.fold(&scratch, &mut flat, larger);
                        for (row, place) in windows.flat_rows() {
                            out[row].write_copy_of_slice(&flat[place]);
                        }
                    }
                },
            );
        })
    }
}

fn backward<T: Float>(x: &[T], y: &[T], grad: &[T], windows: &Windows) -> Vec<T> {
    let (from, to) = (windows.input_len(), windows.output_len());
    let per_chunk = items_per_chunk(x.len() / from, 2 * windows.work());
    // SAFETY: `Windows::collect` and `backward_nan` write whole planes, and a chunk is a whole number of planes.
    unsafe {
        fill_new(x.len(), per_chunk * from, |chunk, out| {
            // The padding must not be equal to any maximum, not even to minus infinity.
            let mut scratch = vec![T::from_f64(f64::NAN); windows.scratch_len()];
            let mut gradient = vec![T::ZERO; windows.scratch_len()];
            let mut flat = Flat::new(windows);
            let first = chunk * per_chunk;
            vectorize(
                #[inline(always)]
                || {
                    for (i, out) in out.chunks_exact_mut(from).enumerate() {
                        let plane = first + i;
                        let x = &x[plane * from..][..from];
                        let (y, grad) = (&y[plane * to..][..to], &grad[plane * to..][..to]);
                        if has_nan(y) {
                            backward_nan(x, grad, windows, out);
                            continue;
                        }
                        windows.lay(x, &mut scratch);
                        gradient.fill(T::ZERO);
                        flat.lay(y, grad, windows);
                        flat.find(&scratch, windows);
                        flat.hand_out(&mut gradient, windows);
                        windows.collect(&gradient, out);
                    }
                },
            );
        })
    }
}

/// What the backward pass knows of each window of a plane, as slices of `flat_len` elements.
struct Flat<T> {
    largest: Vec<T>,
    /// The window's gradient; 0 between the rows.
    gradient: Vec<T>,
    /// The number of the first tap that is the largest. It is of the element type so that comparing and choosing
    /// stay in the same vector registers.
    winner: Vec<T>,
}

impl<T: Float> Flat<T> {
    fn new(windows: &Windows) -> Self {
        let zeros = || vec![T::ZERO; windows.flat_len()];
        Self {
            largest: zeros(),
            gradient: zeros(),
            winner: zeros(),
        }
    }

    #[inline(always)]
    fn lay(&mut self, largest: &[T], gradient: &[T], windows: &Windows) {
        for (row, place) in windows.flat_rows() {
            self.largest[place.clone()].copy_from_slice(&largest[row.clone()]);
            self.gradient[place].copy_from_slice(&gradient[row]);
        }
    }

    /// Finds the winners: going backwards, the last one found is the first.
    #[inline(always)]
    fn find(&mut self, x: &[T], windows: &Windows) {
        let n = self.winner.len();
        let largest = &self.largest[..n];
        if let Ok(starts) = <[usize; 9]>::try_from(windows.taps.as_slice()) {
            let taps: [&[T]; 9] = starts.map(|start| &x[start..][..n]);
            let numbers: [T; 9] = std::array::from_fn(number);
            for (i, winner) in self.winner.iter_mut().enumerate() {
                let mut found = T::ZERO;
                for tap in (0..9).rev() {
                    found = if taps[tap][i] == largest[i] {
                        numbers[tap]
                    } else {
                        found
                    };
                }
                *winner = found;
            }
            return;
        }
        for (tap, start) in windows.taps.iter().enumerate().rev() {
            let number = number(tap);
            for ((winner, x), largest) in self.winner.iter_mut().zip(&x[*start..][..n]).zip(largest) {
                *winner = if x == largest { number } else { *winner };
            }
        }
    }

    /// Adds each window's gradient to that of its winner.
    #[inline(always)]
    fn hand_out(&self, out: &mut [T], windows: &Windows) {
        for (tap, start) in windows.taps.iter().enumerate() {
            let number = number::<T>(tap);
            let out = &mut out[*start..][..self.gradient.len()];
            for ((out, winner), gradient) in out.iter_mut().zip(&self.winner).zip(&self.gradient) {
                let gradient = *gradient;
                *out += if *winner == number { gradient } else { T::ZERO };
            }
        }
    }
}

/// The number of a tap; exact, since a kernel has fewer than 2²⁴ taps.
fn number<T: Float>(tap: usize) -> T {
    T::from_f64(tap as f64)
}

#[inline(always)]
#[expect(clippy::eq_op, reason = "true for NaN alone")]
fn has_nan<T: Float>(values: &[T]) -> bool {
    values.iter().fold(false, |found, v| found | (v != v))
}

/// The gradient of a plane with a NaN among its maxima, one window at a time.
#[inline(never)]
#[expect(clippy::eq_op, reason = "true for NaN alone")]
fn backward_nan<T: Float>(x: &[T], grad: &[T], windows: &Windows, out: &mut [MaybeUninit<T>]) {
    let mut gradient = vec![T::ZERO; x.len()];
    for (i, g) in grad.iter().enumerate() {
        let [rows, columns] = windows.covered(i / windows.output[1], i % windows.output[1]);
        let mut at = rows.start * windows.input[1] + columns.start;
        for y in rows {
            for candidate in y * windows.input[1] + columns.start..y * windows.input[1] + columns.end {
                if x[candidate] > x[at] || x[candidate] != x[candidate] {
                    at = candidate;
                }
            }
        }
        gradient[at] += *g;
    }
    out.write_copy_of_slice(&gradient);
}
