//! A table of vectors.

use candle_core::{Result, Tensor, Var};

use super::{Init, Parameters};
use crate::error::EvalError;

/// A table of `rows` vectors, `NAME.weight` of shape \[rows, width\], looked up by their numbers.
#[derive(Debug, Clone)]
pub struct Embedding(Var);

impl Embedding {
    /// A table, which is created as a parameter. PyTorch starts it from N(0, 1).
    ///
    /// # Errors
    /// As [`Parameters::create`].
    pub fn new(
        parameters: &mut Parameters,
        name: &str,
        [rows, width]: [usize; 2],
        init: Init,
    ) -> std::result::Result<Self, EvalError> {
        Ok(Self(parameters.create(
            &format!("{name}.weight"),
            &[rows, width],
            init,
            true,
        )?))
    }

    /// The vectors of these numbers.
    ///
    /// # Shapes
    /// `numbers` is \[batch\], of type `u32`; the result is \[batch, width\].
    ///
    /// # Errors
    /// A Candle error where a number is not below the number of rows.
    pub fn forward(&self, numbers: &Tensor) -> Result<Tensor> {
        self.0.index_select(numbers, 0)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use nas_space::seed::Seed;

    use super::*;
    use crate::compute::Compute;
    use crate::nn::Gradients;
    use crate::ops::gradient_check::assert_values;

    #[test]
    fn rows_are_looked_up_and_get_the_gradients_of_all_their_uses() {
        let mut parameters = Parameters::new(Seed::new(0), &Compute::cpu().with_dtype(DType::F64));
        let table = Embedding::new(&mut parameters, "table", [3, 2], Init::Normal { std: 1.0 }).unwrap();
        let weight = Tensor::new(&[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], &Device::Cpu).unwrap();
        parameters.get("table.weight").unwrap().var.set(&weight).unwrap();
        let numbers = Tensor::new(&[2_u32, 0, 2], &Device::Cpu).unwrap();
        let vectors = table.forward(&numbers).unwrap();
        assert_values(&vectors, &[5.0, 6.0, 1.0, 2.0, 5.0, 6.0], 0.0, "rows");
        let up = Tensor::new(&[[0.1, 0.2], [1.0, 2.0], [10.0, 20.0]], &Device::Cpu).unwrap();
        let loss = (vectors * up).unwrap().sum_all().unwrap();
        let gradients = Gradients::of(&loss, &parameters).unwrap();
        let expected = [1.0, 2.0, 0.0, 0.0, 10.1, 20.2];
        assert_values(
            gradients.get("table.weight").unwrap(),
            &expected,
            1e-12,
            "gradient",
        );
        let beyond = Tensor::new(&[3_u32], &Device::Cpu).unwrap();
        assert!(table.forward(&beyond).is_err());
    }
}
