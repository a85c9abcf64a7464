//! SynFlow: the flow through all paths of the network (Tanaka et al. 2020, "Pruning neural networks
//! without any data by iteratively conserving synaptic flow", arXiv 2006.05467, equation 2).
//!
//! All parameters are replaced by their absolute values and all inputs by ones. With R the sum of
//! the class scores, S = Σ |w · ∂R/∂w| over the weights of convolutions and linear layers
//! (Abdelfattah et al. 2021, section 3.2, and the authors' program).
//!
//! - **Batch norms** are left out: each is the identity, without its scale and shift.
//! - **Data** is not used: the input is one image of ones.
//! - **Initialisation** is PyTorch's. Biases count as paths, with their absolute values.
//! - **The score** is ln(1 + S), which ranks as S does. S is a product over the depth of the
//!   network; its logarithm is what can be averaged over initialisations.
//!
//! Computed in double precision. A network so deep that S is beyond 1e308 is an error.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use nas_space::network::Network;
use nas_space::seed::Seed;

use super::network::without_batch_norms;
use super::weights;
use crate::compute::Compute;
use crate::error::EvalError;
use crate::model::{Logits, Model, Wanted};

pub(super) fn score(network: &Network, seed: Seed, compute: &Compute) -> Result<f64, EvalError> {
    let compute = compute.clone().with_dtype(DType::F64);
    let model = Model::new(Arc::new(without_batch_norms(network)?), seed, &compute)?;
    flow(&model)
}

/// The score of a model without batch norms, whose parameters become their absolute values.
pub(super) fn flow(model: &Model) -> Result<f64, EvalError> {
    for (_, parameter) in model.parameters().iter() {
        parameter.var.set(&parameter.var.as_detached_tensor().abs()?)?;
    }
    let image = model.network().image();
    let ones = (1, image.channels, image.height, image.width);
    let ones = Tensor::ones(ones, DType::F64, model.parameters().device())?;
    let sum = Box::new(|logits: &Logits| logits.main.sum_all());
    let done = model.differentiate_untrained(&ones, Wanted::Weights, sum, None)?;
    let layers = weights::with_gradients(model, &done.gradients)?;
    let flow: f64 = layers.iter().map(|layer| layer.sum(|w, g| (w * g).abs())).sum();
    Ok(flow.ln_1p())
}
