//! Sums over the weights of convolutions and linear layers.

use candle_core::{DType, Tensor};
use nas_space::network::{LayerKind, Network};

use crate::error::EvalError;
use crate::model::Model;
use crate::nn::Gradients;

/// The weights of one layer, with their gradient where the loss depends on them.
pub(super) struct Weighted {
    pub(super) weight: Vec<f64>,
    pub(super) gradient: Option<Vec<f64>>,
}

impl Weighted {
    /// Σ f(weight, gradient), 0 where there is no gradient.
    pub(super) fn sum(&self, f: impl Fn(f64, f64) -> f64) -> f64 {
        let Some(gradient) = &self.gradient else {
            return 0.0;
        };
        let pairs = self.weight.iter().zip(gradient);
        pairs.map(|(weight, gradient)| f(*weight, *gradient)).sum()
    }
}

/// The names of the weights of the convolutions and linear layers behind the class scores, in the
/// order of the layers.
pub(super) fn names(network: &Network) -> impl Iterator<Item = String> + '_ {
    let behind = network.layers().iter().zip(network.behind_logits());
    behind.filter_map(|(layer, behind)| {
        let has_weight = matches!(layer.kind, LayerKind::Conv2d(_) | LayerKind::Linear { .. });
        (behind && has_weight).then(|| format!("{}.weight", layer.name))
    })
}

/// The weights of each layer, in order.
pub(super) fn weights(model: &Model) -> Result<Vec<Vec<f64>>, EvalError> {
    names(model.network())
        .map(|name| match model.parameters().get(&name) {
            Some(parameter) => Ok(values(&parameter.var.as_detached_tensor())?),
            None => Err(candle_core::Error::msg(format!("the model has no parameter '{name}'")).into()),
        })
        .collect()
}

/// The weights of each layer with their gradients, in order.
pub(super) fn with_gradients(model: &Model, gradients: &Gradients) -> Result<Vec<Weighted>, EvalError> {
    let weights = weights(model)?.into_iter();
    names(model.network())
        .zip(weights)
        .map(|(name, weight)| {
            let gradient = gradients.get(&name).map(values).transpose()?;
            Ok(Weighted { weight, gradient })
        })
        .collect()
}

/// The elements of a tensor, in order.
pub(super) fn values(tensor: &Tensor) -> candle_core::Result<Vec<f64>> {
    let tensor = tensor.flatten_all()?.to_device(&candle_core::Device::Cpu)?;
    tensor.to_dtype(DType::F64)?.to_vec1()
}
