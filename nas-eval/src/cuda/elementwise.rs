//! The rectifier and the weighted sum.

use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Result, Tensor};

use super::launch::Launch;
use super::slices_of;

/// As [`relu`](crate::ops::relu).
pub(crate) fn relu(x: &Tensor) -> Result<Tensor> {
    let count = x.elem_count();
    Launch::each("relu", x.shape(), &[count])?.run_on_tape([x], move |_, step| {
        let backward = Launch::each("relu_input", step.gradient.shape(), &[count])?;
        Ok([Some(backward.run(&[step.gradient, step.result])?)])
    })
}

/// `sum` + `weight` · `x`, or `weight` · `x` alone. The weight is a number to the tape:
/// `on_backward` is given the gradient in the result and `x` on the way back, to make of them what
/// the weight's gradient is.
pub(crate) fn add_scaled(
    sum: Option<&Tensor>,
    x: &Tensor,
    weight: f64,
    on_backward: impl Fn(&Tensor, &Tensor) -> Result<()> + Send + Sync + 'static,
) -> Result<Tensor> {
    let count = x.elem_count();
    let scale = move |x: &Tensor, with_sum: usize| {
        Ok::<_, candle_core::Error>(
            Launch::each("add_scaled", x.shape(), &[count, with_sum])?.with_reals(&[weight]),
        )
    };
    match sum {
        None => scale(x, 0)?.run_on_tape([x], move |[x], step| {
            on_backward(step.gradient, x)?;
            Ok([Some(scale(x, 0)?.run(&[step.gradient])?)])
        }),
        Some(sum) => scale(x, 1)?.run_on_tape([x, sum], move |[x, _], step| {
            on_backward(step.gradient, x)?;
            Ok([
                Some(scale(x, 0)?.run(&[step.gradient])?),
                Some(step.gradient.clone()),
            ])
        }),
    }
}

/// Inner products by their operands, collected during a backward pass and fetched at its end.
#[derive(Debug)]
pub(crate) struct DotProducts<K>(Mutex<Vec<(K, Tensor)>>);

impl<K> Default for DotProducts<K> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<K: Copy> DotProducts<K> {
    /// Adds that of two tensors of the same shape; without `b`, the sum of `a`.
    pub(crate) fn push(&self, of: K, a: &Tensor, b: Option<&Tensor>) -> Result<()> {
        let count = a.elem_count();
        let slices = slices_of(1, count);
        let sizes = [count, slices, usize::from(b.is_some())];
        let launch = Launch::new("dot_slices", slices, slices, &sizes)?;
        let parts = match b {
            Some(b) => launch.run(&[a, b])?,
            None => launch.run(&[a])?,
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((of, parts));
        Ok(())
    }

    /// All so far, in the order in which they came.
    pub(crate) fn totals(&self) -> Result<Vec<(K, f64)>> {
        let collected = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if collected.is_empty() {
            return Ok(Vec::new());
        }
        let parts: Vec<&Tensor> = collected.iter().map(|(_, parts)| parts).collect();
        // One transfer for all of them.
        let values: Vec<f64> = Tensor::cat(&parts, 0)?
            .to_device(&Device::Cpu)?
            .to_dtype(DType::F64)?
            .to_vec1()?;
        let mut values = values.into_iter();
        let total = |(of, parts): &(K, Tensor)| (*of, values.by_ref().take(parts.elem_count()).sum());
        Ok(collected.iter().map(total).collect())
    }
}
