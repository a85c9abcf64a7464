//! A linear layer.

use candle_core::{Result, Tensor, Var};

use super::product::times_transposed;
use super::{Init, Parameters};
use crate::error::EvalError;

/// y = x·Wᵀ + b, with the weights and biases of PyTorch's `Linear`: `NAME.weight` of shape
/// \[outputs, inputs\], `NAME.bias` of shape \[outputs\].
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Var,
    bias: Option<Var>,
}

/// What the bias of a layer starts from, if it has one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bias {
    /// It has none.
    Without,
    /// It starts from this.
    With(Init),
}

impl Linear {
    /// A layer of these parameters, which are created. PyTorch starts both from
    /// [`Init::KaimingUniform`] with the number of inputs.
    ///
    /// # Errors
    /// As [`Parameters::create`].
    pub fn new(
        parameters: &mut Parameters,
        name: &str,
        [inputs, outputs]: [usize; 2],
        weight: Init,
        bias: Bias,
    ) -> std::result::Result<Self, EvalError> {
        Ok(Self {
            weight: parameters.create(&format!("{name}.weight"), &[outputs, inputs], weight, true)?,
            bias: match bias {
                Bias::Without => None,
                Bias::With(init) => {
                    Some(parameters.create(&format!("{name}.bias"), &[outputs], init, true)?)
                }
            },
        })
    }

    /// The outputs.
    ///
    /// # Shapes
    /// `x` is \[batch, inputs\], the result is \[batch, outputs\].
    ///
    /// # Errors
    /// A Candle error where the shapes do not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = times_transposed(x, &self.weight)?;
        match &self.bias {
            Some(bias) => y.broadcast_add(bias),
            None => Ok(y),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use nas_space::seed::Seed;

    use super::*;
    use crate::compute::Compute;
    use crate::ops::gradient_check::{assert_gradients_are_differences, assert_values, random};

    fn layer(bias: Bias) -> (Parameters, Linear) {
        let mut parameters = Parameters::new(Seed::new(0), &Compute::cpu().with_dtype(DType::F64));
        let weight = Init::KaimingUniform { fan_in: 2 };
        let linear = Linear::new(&mut parameters, "head", [2, 3], weight, bias).unwrap();
        (parameters, linear)
    }

    #[test]
    fn it_is_the_product_with_the_transposed_weights_plus_the_bias() {
        let (parameters, linear) = layer(Bias::With(Init::Constant(0.5)));
        assert_eq!(parameters.get("head.weight").unwrap().var.dims(), [3, 2]);
        let weight = Tensor::new(&[[1.0, 2.0], [3.0, 4.0], [-5.0, 6.0]], &Device::Cpu).unwrap();
        linear.weight.set(&weight).unwrap();
        let x = Tensor::new(&[[1.0, 10.0], [0.0, -1.0]], &Device::Cpu).unwrap();
        let y = linear.forward(&x).unwrap();
        assert_eq!(y.dims(), [2, 3]);
        assert_values(&y, &[21.5, 43.5, 55.5, -1.5, -3.5, -5.5], 1e-12, "linear");
    }

    #[test]
    fn its_gradients_are_differences() {
        let inputs = [
            random((4, 2), DType::F64, 1),
            random((3, 2), DType::F64, 2),
            random(3, DType::F64, 3),
        ];
        assert_gradients_are_differences(&inputs, "linear", |inputs| {
            inputs[0].matmul(&inputs[1].t()?)?.broadcast_add(&inputs[2])
        });
        // The layer's own parameters get them.
        let (parameters, linear) = layer(Bias::Without);
        assert_eq!(parameters.iter().count(), 1);
        let loss = linear.forward(&inputs[0]).unwrap().sum_all().unwrap();
        let gradients = crate::nn::Gradients::of(&loss, &parameters).unwrap();
        let column_sums = inputs[0].sum(0).unwrap().to_vec1::<f64>().unwrap();
        let expected: Vec<f64> = (0..3).flat_map(|_| column_sums.clone()).collect();
        assert_values(gradients.get("head.weight").unwrap(), &expected, 1e-12, "weight");
    }
}
