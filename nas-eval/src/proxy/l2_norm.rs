//! The norm of the weights.
//!
//! Σ over layers of ‖w‖₂, for the weights w of a convolution or linear layer (Abdelfattah et al.
//! 2021, in the authors' program). It depends on the initialisation, which is PyTorch's, and on
//! nothing else: neither data nor batch norms.

use super::weights;
use crate::error::EvalError;
use crate::model::Model;

pub(super) fn score(model: &Model) -> Result<f64, EvalError> {
    let norm = |weights: &Vec<f64>| weights.iter().map(|w| w * w).sum::<f64>().sqrt();
    Ok(weights::weights(model)?.iter().map(norm).sum())
}
