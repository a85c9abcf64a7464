//! The norm of the gradient.
//!
//! Σ over layers of ‖∂L/∂w‖₂, for the weights w of a convolution or linear layer (Abdelfattah et
//! al. 2021, section 3.2). It is the sum of the layers' norms, as the authors' program has it, and
//! not the norm of all gradients.
//!
//! Batch norms by the statistics of the batch; mean cross-entropy; PyTorch's initialisation.

use super::weights::Weighted;

pub(super) fn score(layers: &[Weighted]) -> f64 {
    layers.iter().map(|layer| layer.sum(|_, g| g * g).sqrt()).sum()
}
