//! The rectifier.

use candle_core::{Result, Tensor};

/// `max(x, 0)` of each element; NaN stays NaN.
///
/// The gradient passes where the result is not 0 (at `x = 0` it is 0, as in PyTorch).
///
/// # Errors
/// If `x` cannot be read.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    #[cfg(any(feature = "cuda", test))]
    if crate::cuda::has_kernels(x) {
        return crate::cuda::relu(x);
    }
    let zeros = x.zeros_like()?;
    x.le(&zeros)?.where_cond(&zeros, x)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::ops::gradient_check::{
        assert_gradients_are_differences, assert_values, gradients, random, values,
    };

    #[test]
    fn gradients_are_the_finite_differences() {
        let x = random((2, 3, 7), DType::F64, 1);
        assert!(values(&x).iter().all(|v| v.abs() > 1e-4));
        assert_gradients_are_differences(&[x], "relu", |x| relu(&x[0]));
    }

    /// ```python
    /// x = torch.tensor([-1., 0., -0., 2., float('nan')], requires_grad=True)
    /// y = F.relu(x); torch.autograd.grad(y, x, torch.ones(5))
    /// ```
    #[test]
    fn nan_stays_and_zero_stops_the_gradient_as_in_pytorch() {
        let x = Tensor::new(&[-1.0, 0.0, -0.0, 2.0, f32::NAN], &Device::Cpu).unwrap();
        let (y, g) = gradients(
            std::slice::from_ref(&x),
            |y| y.ones_like().unwrap(),
            |x| relu(&x[0]),
        );
        assert_values(&y, &[0.0, 0.0, 0.0, 2.0, f64::NAN], 0.0, "relu");
        assert_values(&g[0], &[0.0, 0.0, 0.0, 1.0, 1.0], 0.0, "gradient");
    }
}
