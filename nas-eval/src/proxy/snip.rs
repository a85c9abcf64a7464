//! SNIP: what the loss loses with each weight (Lee et al. 2019, "SNIP: Single-shot Network Pruning
//! based on Connection Sensitivity", arXiv 1810.02340, equation 5, without its normalisation).
//!
//! Σ |w · ∂L/∂w| over the weights of convolutions and linear layers (Abdelfattah et al. 2021,
//! section 3.2).
//!
//! Batch norms by the statistics of the batch; mean cross-entropy; PyTorch's initialisation, where
//! the paper of SNIP has a variance-scaling one.

use super::weights::Weighted;

pub(super) fn score(layers: &[Weighted]) -> f64 {
    layers.iter().map(|layer| layer.sum(|w, g| (w * g).abs())).sum()
}
