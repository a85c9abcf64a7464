//! The rectifier.

#![allow(
    unsafe_code,
    reason = "outputs are written into memory that is not zeroed first"
)]

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor};

use super::float::Float;
use super::host::{for_float, host, like_storage, runs_kernel, slice_of};
use super::parallel::{fill_new, items_per_chunk};
use super::reference;
use super::simd::vectorize;

/// `max(x, 0)` of each element; NaN stays NaN.
///
/// The gradient passes where the result is not 0 (at `x = 0` it is 0, as in PyTorch).
///
/// # Errors
/// If `x` cannot be read.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    if runs_kernel(&[x]) {
        x.contiguous()?.apply_op1(Relu)
    } else {
        reference::relu(x)
    }
}

/// The gradient for `x` from the result `y` and its gradient, off the tape. CPU only.
pub(crate) fn relu_backward(y: &Tensor, grad: &Tensor) -> Result<Tensor> {
    let grad = grad.contiguous()?;
    let (hy, hg) = (host(y), host(&grad));
    for_float!(y.dtype(), T => {
        Tensor::from_vec(where_positive::<T>(hy.slice()?, hg.slice()?), y.shape(), &Device::Cpu)
    })
}

struct Relu;

impl CustomOp1 for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let out = like_storage!(storage, T => {
            let x: &[T] = slice_of(storage, layout)?;
            where_positive(x, x)
        });
        Ok((out, layout.shape().clone()))
    }

    fn bwd(&self, _x: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        relu_backward(y, grad).map(Some)
    }
}

/// `value` where `gate` is positive or NaN, else 0.
fn where_positive<T: Float>(gate: &[T], value: &[T]) -> Vec<T> {
    let per_chunk = items_per_chunk(gate.len(), 1);
    // SAFETY: the three slices of a chunk are equally long, so each element of it is written.
    unsafe {
        fill_new(gate.len(), per_chunk, |chunk, out| {
            let range = chunk * per_chunk..chunk * per_chunk + out.len();
            let (gate, value) = (&gate[range.clone()], &value[range]);
            vectorize(
                #[inline(always)]
                || {
                    for ((out, gate), value) in out.iter_mut().zip(gate).zip(value) {
                        out.write(if *gate <= T::ZERO { T::ZERO } else { *value });
                    }
                },
            );
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::gradient_check::{
        assert_gradients_are_differences, assert_same_bits_for_any_threads, assert_same_function,
        assert_values, gradients, random,
    };
    use candle_core::DType;

    #[test]
    fn gradients_are_the_finite_differences() {
        let x = random((2, 3, 7), DType::F64, 1);
        assert!(
            crate::ops::gradient_check::values(&x)
                .iter()
                .all(|v| v.abs() > 1e-4)
        );
        assert_gradients_are_differences(&[x], "relu", |x| relu(&x[0]));
    }

    #[test]
    fn the_fast_path_is_the_reference() {
        let x = (random((3, 5, 7), DType::F64, 2) * 2.0).unwrap().round().unwrap();
        assert_same_function(&[x], "relu", |x| relu(&x[0]), |x| reference::relu(&x[0]));
    }

    /// ```python
    /// x = torch.tensor([-1., 0., -0., 2., float('nan')], requires_grad=True)
    /// y = F.relu(x); torch.autograd.grad(y, x, torch.ones(5))
    /// ```
    #[test]
    fn nan_stays_and_zero_stops_the_gradient_as_in_pytorch() {
        let x = Tensor::new(&[-1.0, 0.0, -0.0, 2.0, f32::NAN], &Device::Cpu).unwrap();
        for f in [relu as fn(&Tensor) -> Result<Tensor>, reference::relu] {
            let (y, g) = gradients(std::slice::from_ref(&x), |y| y.ones_like().unwrap(), |x| f(&x[0]));
            assert_values(&y, &[0.0, 0.0, 0.0, 2.0, f64::NAN], 0.0, "relu");
            assert_values(&g[0], &[0.0, 0.0, 0.0, 1.0, 1.0], 0.0, "gradient");
        }
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        assert_same_bits_for_any_threads(&[random(1_000_003, DType::F32, 3)], |x| relu(&x[0]));
    }

    #[test]
    fn the_input_may_have_any_strides() {
        let x = random((5, 6), DType::F32, 3).t().unwrap();
        let expected = relu(&x.contiguous().unwrap()).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(relu(&x).unwrap().to_vec2::<f32>().unwrap(), expected);
    }
}
