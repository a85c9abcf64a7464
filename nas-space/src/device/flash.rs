//! What the weights of a network take.

use serde::Serialize;

use super::arena::Number;
use crate::network::{LayerId, LayerKind, Network};

/// Bytes of a bias, and of a scale.
const WORD: u64 = 4;

/// Bytes of a network's numbers that do not change, with batch norms folded into the convolutions
/// and linear layers before them.
///
/// A batch norm is folded where nothing else reads what it normalises, through concatenations and
/// layers that do nothing after training, too. Every other one has a scale and a shift of 4 bytes
/// each for each channel. Weights have the size of the numbers. Biases have 4 bytes: 32-bit
/// integers or floating-point numbers. Each output channel of quantized weights has a scale of
/// 4 bytes. The program is not counted, nor are the few scales of feature maps. The auxiliary
/// classifier is left out.
///
/// # Example
/// ```
/// use nas_space::device::{Flash, Number};
/// use nas_space::network::{Conv2d, NetworkBuilder};
/// use nas_space::shape::Shape;
///
/// # fn main() -> Result<(), nas_space::error::SpaceError> {
/// let mut builder = NetworkBuilder::new(Shape::new(3, 8, 8))?;
/// let x = builder.conv_bn_relu(builder.image(), Conv2d::same(4, [3, 3]), true)?;
/// let logits = builder.linear(x, 10)?;
/// let flash = Flash::of(&builder.finish(logits, None), Number::Int8);
/// assert_eq!(flash.weights, 3 * 3 * 3 * 4 + 4 * 8 * 8 * 10);
/// assert_eq!((flash.biases, flash.scales), (4 * (4 + 10), 4 * (4 + 10)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Flash {
    /// Bytes of the weights of convolutions and linear layers.
    pub weights: u64,
    /// Bytes of their biases, also of those that come from a batch norm.
    pub biases: u64,
    /// Bytes of the scales of quantized weights, and of scales and shifts of batch norms that are
    /// not folded.
    pub scales: u64,
}

impl Flash {
    /// What this network takes, with weights of these numbers.
    pub fn of(network: &Network, number: Number) -> Self {
        let behind = network.behind_logits();
        let folding = Folding::of(network, &behind);
        let mut flash = Self::default();
        for (index, layer) in network.layers().iter().enumerate() {
            if !behind[index] {
                continue;
            }
            let channels = layer.shape.channels as u64;
            let words = channels.saturating_mul(WORD);
            let (weights, bias) = match &layer.kind {
                LayerKind::Conv2d(conv) => {
                    let biases = if conv.bias { channels } else { 0 };
                    (network.layer_cost(layer).params - biases, conv.bias)
                }
                LayerKind::Linear { .. } => (network.layer_cost(layer).macs, true),
                LayerKind::BatchNorm { .. } if !folding.folded[index] => {
                    flash.scales = flash.scales.saturating_add(words.saturating_mul(2));
                    continue;
                }
                _ => continue,
            };
            let weights = weights.saturating_mul(number.bytes());
            flash.weights = flash.weights.saturating_add(weights);
            if bias || folding.shifted[index] {
                flash.biases = flash.biases.saturating_add(words);
            }
            if number == Number::Int8 {
                flash.scales = flash.scales.saturating_add(words);
            }
        }
        flash
    }

    /// All of them.
    pub fn bytes(&self) -> u64 {
        self.weights
            .saturating_add(self.biases)
            .saturating_add(self.scales)
    }
}

/// Which batch norms are folded, and into what, by the index of the layer.
struct Folding {
    folded: Vec<bool>,
    shifted: Vec<bool>,
}

impl Folding {
    fn of(network: &Network, behind: &[bool]) -> Self {
        let layers = network.layers();
        let mut readers = vec![0_usize; layers.len()];
        for (layer, _) in layers.iter().zip(behind).filter(|(_, behind)| **behind) {
            for input in &layer.inputs {
                readers[input.index()] += 1;
            }
        }
        let mut folding = Self {
            folded: vec![false; layers.len()],
            shifted: vec![false; layers.len()],
        };
        for (index, layer) in layers.iter().enumerate() {
            if matches!(layer.kind, LayerKind::BatchNorm { .. }) {
                let mut into = Vec::new();
                let folds = layer
                    .inputs
                    .iter()
                    .all(|&input| folding.takes(network, &readers, input, &mut into));
                folding.folded[index] = folds;
                if folds {
                    into.into_iter().for_each(|layer| folding.shifted[layer] = true);
                }
            }
        }
        folding
    }

    /// Whether a scale and a shift behind this layer can be folded into the layers `into`.
    fn takes(&self, network: &Network, readers: &[usize], id: LayerId, into: &mut Vec<usize>) -> bool {
        let layer = network.layer(id);
        if readers[id.index()] != 1 {
            return false;
        }
        match layer.kind {
            LayerKind::Conv2d(_) | LayerKind::Linear { .. } => {
                into.push(id.index());
                true
            }
            LayerKind::BatchNorm { .. } if !self.folded[id.index()] => false,
            LayerKind::BatchNorm { .. }
            | LayerKind::Concat
            | LayerKind::DropPath
            | LayerKind::Dropout { .. } => layer
                .inputs
                .iter()
                .all(|&input| self.takes(network, readers, input, into)),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Conv2d, NetworkBuilder};
    use crate::shape::Shape;

    #[test]
    fn norms_are_folded_through_concatenations_and_stand_alone_behind_sums() {
        let mut b = NetworkBuilder::new(Shape::new(2, 4, 4)).unwrap();
        let reduced = b.factorized_reduce(b.image(), 6, true).unwrap();
        let conv = b.conv(reduced, Conv2d::pointwise(6)).unwrap();
        let normed = b.batch_norm(conv, false).unwrap();
        let dropped = b.push(LayerKind::DropPath, &[normed]).unwrap();
        let sum = b.add(&[reduced, dropped]).unwrap();
        let normed = b.batch_norm(sum, true).unwrap();
        let logits = b.linear(normed, 3).unwrap();
        let auxiliary = b.linear(normed, 9).unwrap();
        let network = b.finish(logits, Some(auxiliary));
        let weights = 2 * 6 + 6 * 6 + 6 * 4 * 3;
        let biases = 4 * (6 + 6 + 3);
        let flash = Flash::of(&network, Number::F32);
        let expected = Flash {
            weights: 4 * weights,
            biases,
            scales: 8 * 6,
        };
        assert_eq!(flash, expected);
        assert_eq!(flash.bytes(), 4 * weights + biases + 48);
        let int8 = Flash::of(&network, Number::Int8);
        assert_eq!((int8.weights, int8.scales), (weights, 48 + biases));
    }

    #[test]
    fn a_norm_of_what_others_read_as_well_is_not_folded() {
        let mut b = NetworkBuilder::new(Shape::new(2, 4, 4)).unwrap();
        let conv = Conv2d {
            bias: true,
            ..Conv2d::pointwise(5)
        };
        let conv = b.conv(b.image(), conv).unwrap();
        let normed = b.batch_norm(conv, true).unwrap();
        let sum = b.add(&[conv, normed]).unwrap();
        let logits = b.linear(sum, 2).unwrap();
        let flash = Flash::of(&b.finish(logits, None), Number::F32);
        assert_eq!(
            (flash.weights, flash.biases, flash.scales),
            (4 * (10 + 160), 28, 40)
        );
    }
}
