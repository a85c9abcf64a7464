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
//! No term is negative, so S is the derivative of R when all these weights grow together: the
//! difference of R at w · (1 + t) and w · (1 − t), over 2t. Scaling the weights of a layer is
//! scaling what it reads, so both are computed in one pass of two images, and none backward. It is
//! in double precision, where S is exact to about 1e-9: R has no negative terms either, so nothing
//! cancels but the two values of R. A network so deep that R is beyond 1e308 is an error.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use nas_space::network::Network;
use nas_space::seed::Seed;

use super::network::scaled_without_batch_norms;
use crate::compute::Compute;
use crate::error::EvalError;
use crate::model::{Model, Pass};

/// By how much of themselves weights are moved.
const STEP: f64 = 1e-6;

pub(super) fn score(network: &Network, seed: Seed, compute: &Compute) -> Result<f64, EvalError> {
    let network = Arc::new(scaled_without_batch_norms(network)?);
    flow(&Model::new(
        network,
        seed,
        &compute.clone().with_dtype(DType::F64),
    )?)
}

/// The score of a model without batch norms, in which drop-path layers precede all layers with
/// weights. Its parameters become absolute.
pub(super) fn flow(model: &Model) -> Result<f64, EvalError> {
    for (_, parameter) in model.parameters().iter() {
        parameter.var.set(&parameter.var.as_detached_tensor().abs()?)?;
    }
    let image = model.network().image();
    let ones = (2, image.channels, image.height, image.width);
    let ones = Tensor::ones(ones, DType::F64, model.parameters().device())?;
    let scores = model.forward(&ones, &Pass::Scaled { step: STEP })?;
    let sums = scores.main.sum(1)?.to_vec1::<f64>()?;
    Ok(((sums[0] - sums[1]) / (2.0 * STEP)).ln_1p())
}
