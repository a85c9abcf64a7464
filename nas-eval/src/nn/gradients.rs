//! The gradients of a loss, by the names of the parameters.

use std::collections::HashMap;

use candle_core::backprop::GradStore;
use candle_core::{CpuStorage, DType, Storage, Tensor};
use indexmap::IndexMap;

use super::Parameters;
#[cfg(any(feature = "cuda", test))]
use crate::cuda::{self, multi_tensor};

/// Gradients by the names of the parameters, in their order.
///
/// A parameter that the loss does not depend on has none: optimizers leave it alone, as PyTorch's
/// do.
#[derive(Debug, Clone)]
pub struct Gradients(IndexMap<String, Tensor>);

impl Gradients {
    /// The gradients of `loss`, a tensor of one element, in all parameters it depends on.
    ///
    /// # Errors
    /// A Candle error where an operation of the loss has no gradient.
    pub fn of(loss: &Tensor, parameters: &Parameters) -> candle_core::Result<Self> {
        Ok(Self::from_store(loss.backward()?, parameters))
    }

    /// Those of a backward pass that has been made.
    pub fn from_store(mut store: GradStore, parameters: &Parameters) -> Self {
        let take = |(name, parameter): (&str, &super::Parameter)| {
            store
                .remove(parameter.var.as_tensor())
                .map(|gradient| (name.to_owned(), gradient))
        };
        Self(parameters.iter().filter_map(take).collect())
    }

    /// Those in `given`, put in the order of the parameters. Names that no parameter has are left
    /// out.
    pub fn from_named(mut given: HashMap<String, Tensor>, parameters: &Parameters) -> Self {
        let take = |(name, _): (&str, _)| Some((name.to_owned(), given.remove(name)?));
        Self(parameters.iter().filter_map(take).collect())
    }

    /// The sums of these and those of another loss, in the order of the parameters. A parameter that
    /// only one of the losses depends on has the gradient of that one.
    ///
    /// # Errors
    /// A Candle error where the two are of different shapes, or from the device.
    pub fn plus(self, other: Self, parameters: &Parameters) -> candle_core::Result<Self> {
        let mut sums: HashMap<String, Tensor> = self.0.into_iter().collect();
        for (name, gradient) in other.0 {
            let sum = match sums.get(&name) {
                Some(before) => (before + gradient)?,
                None => gradient,
            };
            sums.insert(name, sum);
        }
        Ok(Self::from_named(sums, parameters))
    }

    /// The gradient in this parameter.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.0.get(name)
    }

    /// All of them, in the order of the parameters.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, gradient)| (name.as_str(), gradient))
    }

    /// The Euclidean norm of all gradients taken together, summed in a fixed order; on the CPU in
    /// double precision.
    ///
    /// # Errors
    /// A Candle error from the device.
    pub fn norm(&self) -> candle_core::Result<f64> {
        let mut sum = 0.0;
        for gradient in self.0.values() {
            sum += sum_of_squares(gradient)?;
        }
        Ok(sum.sqrt())
    }

    /// Scales all gradients by `max_norm` / ([`norm`](Gradients::norm) + 1e-6) where that is below
    /// 1, as PyTorch's `clip_grad_norm_` does. A norm that is not finite makes the gradients NaN,
    /// so that the next loss shows it.
    ///
    /// # Errors
    /// A Candle error from the device.
    pub fn clip_norm(&mut self, max_norm: f64) -> candle_core::Result<()> {
        #[cfg(any(feature = "cuda", test))]
        if !self.0.is_empty() && self.0.values().all(cuda::has_kernels) {
            return self.clip_norm_at_once(max_norm);
        }
        let on_device = self.0.values().any(|gradient| !gradient.device().is_cpu());
        if on_device {
            return self.clip_norm_on_device(max_norm);
        }
        let norm = self.norm()?;
        let coefficient = max_norm / (norm + 1e-6);
        if coefficient < 1.0 || !norm.is_finite() {
            let coefficient = if norm.is_finite() { coefficient } else { f64::NAN };
            for gradient in self.0.values_mut() {
                *gradient = gradient.affine(coefficient, 0.0)?;
            }
        }
        Ok(())
    }

    /// The same without waiting for the device: the coefficient stays there.
    fn clip_norm_on_device(&mut self, max_norm: f64) -> candle_core::Result<()> {
        let mut sum: Option<Tensor> = None;
        for gradient in self.0.values() {
            let squares = gradient.sqr()?.sum_all()?;
            sum = Some(match sum {
                Some(sum) => (sum + squares)?,
                None => squares,
            });
        }
        let Some(sum) = sum else { return Ok(()) };
        let coefficient = coefficient(&sum, max_norm)?;
        for gradient in self.0.values_mut() {
            *gradient = gradient.broadcast_mul(&coefficient)?;
        }
        Ok(())
    }

    /// The same in a few launches for all gradients together.
    #[cfg(any(feature = "cuda", test))]
    fn clip_norm_at_once(&mut self, max_norm: f64) -> candle_core::Result<()> {
        let dense = self.0.values().map(Tensor::contiguous);
        let dense = dense.collect::<candle_core::Result<Vec<_>>>()?;
        let dense: Vec<&Tensor> = dense.iter().collect();
        let coefficient = coefficient(&multi_tensor::sum_of_squares(&dense)?, max_norm)?;
        let scaled = multi_tensor::scaled(&dense, &coefficient)?;
        for (gradient, scaled) in self.0.values_mut().zip(scaled) {
            *gradient = scaled;
        }
        Ok(())
    }
}

/// What gradients whose squares sum up to `sum` are multiplied by, on the device: NaN where that is
/// not finite. A device's minimum of NaN and a number can be the number, so that NaN is added:
/// nothing of anything finite.
fn coefficient(sum: &Tensor, max_norm: f64) -> candle_core::Result<Tensor> {
    let bounded = ((sum.sqrt()? + 1e-6)?.recip()? * max_norm)?.minimum(1.0)?;
    bounded + (sum * 0.0)?
}

fn sum_of_squares(gradient: &Tensor) -> candle_core::Result<f64> {
    let gradient = gradient.contiguous()?;
    let (storage, layout) = gradient.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => {
            Ok(lane_sums(values[start..end].iter().map(|&v| f64::from(v))))
        }
        (Storage::Cpu(CpuStorage::F64(values)), Some((start, end))) => {
            Ok(lane_sums(values[start..end].iter().copied()))
        }
        _ => gradient.to_dtype(DType::F64)?.sqr()?.sum_all()?.to_scalar(),
    }
}

/// The sum of squares in eight interleaved sums, so that it need not wait for one addition after
/// the other.
fn lane_sums(values: impl Iterator<Item = f64>) -> f64 {
    let mut lanes = [0.0; 8];
    for (i, value) in values.enumerate() {
        lanes[i % 8] += value * value;
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use nas_space::seed::Seed;

    use super::*;
    use crate::compute::Compute;
    use crate::nn::Init;

    fn parameters(names: &[&str]) -> Parameters {
        let mut parameters = Parameters::new(Seed::new(0), &Compute::cpu().with_dtype(DType::F64));
        for name in names {
            parameters.create(name, &[3], Init::Ones, true).unwrap();
        }
        parameters
    }

    fn weighted(parameters: &Parameters, name: &str, weight: f64) -> Tensor {
        (parameters.get(name).unwrap().var.sum_all().unwrap() * weight).unwrap()
    }

    #[test]
    fn a_parameter_the_loss_does_not_depend_on_has_no_gradient() {
        let parameters = parameters(&["a", "unused", "b"]);
        let loss = (weighted(&parameters, "b", 2.0) + weighted(&parameters, "a", 1.0)).unwrap();
        let gradients = Gradients::of(&loss, &parameters).unwrap();
        assert_eq!(
            gradients.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            ["a", "b"]
        );
        assert_eq!(gradients.get("b").unwrap().to_vec1::<f64>().unwrap(), [2.0; 3]);
    }

    #[test]
    fn gradients_of_two_losses_add_up_in_the_order_of_the_parameters() {
        let parameters = parameters(&["a", "b", "c", "unused"]);
        let first = (weighted(&parameters, "c", 1.0) + weighted(&parameters, "b", 2.0)).unwrap();
        let second = (weighted(&parameters, "b", 3.0) + weighted(&parameters, "a", 4.0)).unwrap();
        let of = |loss| Gradients::of(loss, &parameters).unwrap();
        let sum = of(&first).plus(of(&second), &parameters).unwrap();
        let values = sum
            .iter()
            .map(|(name, gradient)| (name, gradient.to_vec1::<f64>().unwrap()[0]));
        assert_eq!(values.collect::<Vec<_>>(), [("a", 4.0), ("b", 5.0), ("c", 1.0)]);
    }

    #[test]
    fn clipping_scales_a_large_norm_and_leaves_a_small_one() {
        let parameters = parameters(&["a", "b"]);
        let loss = (weighted(&parameters, "a", 3.0) + weighted(&parameters, "b", 4.0)).unwrap();
        let norm = 75f64.sqrt();
        let mut gradients = Gradients::of(&loss, &parameters).unwrap();
        assert_eq!(gradients.norm().unwrap(), norm);
        gradients.clip_norm(10.0).unwrap();
        assert_eq!(gradients.norm().unwrap(), norm);
        let mut on_device = gradients.clone();
        gradients.clip_norm(2.0).unwrap();
        assert!((gradients.norm().unwrap() - 2.0 * norm / (norm + 1e-6)).abs() < 1e-12);
        on_device.clip_norm_on_device(2.0).unwrap();
        for (name, gradient) in gradients.iter() {
            let difference = (gradient - on_device.get(name).unwrap())
                .unwrap()
                .abs()
                .unwrap()
                .max(0)
                .unwrap();
            assert!(difference.to_scalar::<f64>().unwrap() < 1e-12, "{name}");
        }
    }

    #[test]
    fn on_a_device_a_norm_that_is_not_finite_gives_no_number() {
        let of = |sum: f64| {
            let sum = Tensor::new(sum, &Device::Cpu).unwrap();
            coefficient(&sum, 1.0).unwrap().to_scalar::<f64>().unwrap()
        };
        assert!(of(f64::NAN).is_nan() && of(f64::INFINITY).is_nan());
        assert_eq!((of(0.25), of(4.0)), (1.0, 1.0 / (2.0 + 1e-6)));
    }

    #[test]
    fn a_norm_that_is_not_finite_shows_in_every_gradient() {
        let parameters = parameters(&["a", "b"]);
        let loss = (weighted(&parameters, "a", f64::INFINITY) + weighted(&parameters, "b", 4.0)).unwrap();
        let mut gradients = Gradients::of(&loss, &parameters).unwrap();
        gradients.clip_norm(1.0).unwrap();
        assert!(gradients.get("b").unwrap().to_vec1::<f64>().unwrap()[0].is_nan());
    }
}
