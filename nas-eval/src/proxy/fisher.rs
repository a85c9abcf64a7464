//! Fisher: what the loss loses with each channel (Theis et al. 2018, "Faster gaze prediction with
//! dense networks and Fisher pruning", arXiv 1801.05787; Turner et al. 2020, "BlockSwap", arXiv
//! 1906.04113, equation 3).
//!
//! With z the output of a convolution or linear layer, before its batch norm, each channel c has
//! Δ_c = 1/(2N) · Σ_n (Σ_pixels z · ∂L/∂z)². The score is Σ over layers of Σ_c Δ_c · (weights of
//! the channel): Abdelfattah et al. 2021 give each weight the value of its channel, and sum over
//! weights.
//!
//! Batch norms by the statistics of the batch; mean cross-entropy; PyTorch's initialisation.
//!
//! The published program also counts convolutions that read a state which is always zero. They have
//! biases there, so z is the bias. The batch norm behind them sees no variance and multiplies their
//! gradient by 1/√ε, so such a layer decides the score. Here it is not part of the network.

use nas_space::network::{LayerKind, Network};

use crate::engine::Observer;

/// Sums up Δ_c · weights over the layers of a pass.
#[derive(Debug)]
pub(super) struct Fisher {
    /// How many weights each channel of a layer has; 0 for layers that do not count.
    weights_per_channel: Vec<usize>,
    sum: f64,
}

impl Fisher {
    pub(super) fn new(network: &Network) -> Self {
        let behind = network.layers().iter().zip(network.behind_logits());
        let weights_per_channel = behind.map(|(layer, behind)| {
            let input = layer.inputs.first().map(|&id| network.layer(id).shape);
            match (&layer.kind, input) {
                (LayerKind::Conv2d(conv), Some(input)) if behind => {
                    input.channels / conv.groups * conv.kernel[0] * conv.kernel[1]
                }
                (LayerKind::Linear { .. }, Some(input)) if behind => input.numel(),
                _ => 0,
            }
        });
        Self {
            weights_per_channel: weights_per_channel.collect(),
            sum: 0.0,
        }
    }

    pub(super) fn score(&self) -> f64 {
        self.sum
    }
}

impl Observer for Fisher {
    fn wants_products(&self) -> bool {
        true
    }

    fn products(&mut self, layer: usize, channels: usize, products: &[f64]) {
        let images = products.len() / channels.max(1);
        let squares: f64 = products.iter().map(|product| product * product).sum();
        let of_channels = squares / (2.0 * images as f64);
        self.sum += of_channels * self.weights_per_channel[layer] as f64;
    }
}
