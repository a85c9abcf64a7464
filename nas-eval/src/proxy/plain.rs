//! The plain first-order change of the loss.
//!
//! Σ w · ∂L/∂w over the weights of convolutions and linear layers (Abdelfattah et al. 2021, in the
//! authors' program; Mozer & Smolensky 1989 prune by it). Weights before a batch norm contribute
//! almost nothing, since the loss does not depend on their scale: it is essentially that of the
//! classifier.
//!
//! Batch norms by the statistics of the batch; mean cross-entropy; PyTorch's initialisation.

use super::weights::Weighted;

pub(super) fn score(layers: &[Weighted]) -> f64 {
    layers.iter().map(|layer| layer.sum(|w, g| w * g)).sum()
}
