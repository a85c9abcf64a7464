//! GraSP: what the norm of the gradient loses with each weight (Wang et al. 2020, "Picking Winning
//! Tickets Before Training by Preserving Gradient Flow", arXiv 2002.07376, equation 8).
//!
//! −wᵀ H g, with g and H the gradient and the Hessian of the loss in the weights w of convolutions
//! and linear layers. The sign is that of Abdelfattah et al. 2021, of whose scores a higher one is
//! better.
//!
//! Since H is symmetric, wᵀ H g is the change of ½ ‖g‖² when all w grow together: H w is the
//! derivative of g at w · (1 + t). So the score is −(‖g(w · (1 + t))‖² − ‖g(w · (1 − t))‖²) / 4t, a
//! central difference in double precision. Scaling all weights moves almost no value across the
//! kink of a ReLU, since batch norms undo it, or since all values grow by the same factor. The
//! published programs differentiate twice, which takes every ReLU as fixed; this agrees with that to
//! better than 1e-5.
//!
//! Batch norms by the statistics of the batch; mean cross-entropy on the whole batch, at
//! temperature 1; PyTorch's initialisation.

use std::sync::Arc;

use candle_core::DType;
use nas_space::network::Network;
use nas_space::seed::Seed;

use super::ProxyBatch;
use super::score::mean_cross_entropy;
use super::weights;
use crate::compute::Compute;
use crate::error::EvalError;
use crate::model::{Model, Wanted};

/// By how much of themselves weights are moved.
const STEP: f64 = 1e-6;

pub(super) fn score(
    network: &Arc<Network>,
    batch: &ProxyBatch,
    seed: Seed,
    compute: &Compute,
) -> Result<f64, EvalError> {
    let compute = compute.clone().with_dtype(DType::F64);
    of_model(&Model::new(Arc::clone(network), seed, &compute)?, batch)
}

/// The score of a model in double precision, whose weights are moved.
pub(super) fn of_model(model: &Model, batch: &ProxyBatch) -> Result<f64, EvalError> {
    let images = batch.images.to_dtype(DType::F64)?;
    let mut start = Vec::new();
    for name in weights::names(model.network()) {
        if let Some(parameter) = model.parameters().get(&name) {
            start.push((&parameter.var, parameter.var.as_detached_tensor().copy()?));
        }
    }
    let squared_norm = |factor: f64| -> Result<f64, EvalError> {
        for (var, weight) in &start {
            var.set(&(weight * factor)?)?;
        }
        let loss = mean_cross_entropy(&batch.labels);
        let done = model.differentiate_untrained(&images, Wanted::Weights, loss, None)?;
        let layers = weights::with_gradients(model, &done.gradients)?;
        Ok(layers.iter().map(|layer| layer.sum(|_, g| g * g)).sum())
    };
    let (above, below) = (squared_norm(1.0 + STEP)?, squared_norm(1.0 - STEP)?);
    Ok((below - above) / (4.0 * STEP))
}
