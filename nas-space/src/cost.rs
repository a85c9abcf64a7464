//! What a network costs, counted from its layers.

use serde::{Deserialize, Serialize};

use crate::network::{Layer, LayerKind, Network};

/// Parameters and multiply-accumulates; `u64::MAX` stands for that many or more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Trainable numbers: weights and biases of convolutions and linear layers, scales and shifts
    /// of batch norms.
    pub params: u64,
    /// Multiply-accumulates of one forward pass for one image: convolutions and linear layers only,
    /// as the literature counts them.
    pub macs: u64,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.params = self.params.saturating_add(other.params);
        self.macs = self.macs.saturating_add(other.macs);
    }
}

impl Network {
    /// Cost of the whole network, the auxiliary head included if it has one.
    pub fn cost(&self) -> Cost {
        let mut total = Cost::default();
        for layer in self.layers() {
            total += self.layer_cost(layer);
        }
        total
    }

    /// Cost of one of its layers.
    pub fn layer_cost(&self, layer: &Layer) -> Cost {
        let input = layer.inputs.first().map(|&id| self.layer(id).shape);
        let pixels = product([layer.shape.height, layer.shape.width]);
        match (&layer.kind, input) {
            (LayerKind::Conv2d(conv), Some(input)) => {
                let [rows, columns] = conv.kernel;
                let weights = product([conv.channels, input.channels / conv.groups, rows, columns]);
                let bias = if conv.bias { conv.channels as u64 } else { 0 };
                Cost {
                    params: weights.saturating_add(bias),
                    macs: weights.saturating_mul(pixels),
                }
            }
            (LayerKind::Linear { features }, Some(input)) => {
                let weights = product([input.channels, input.height, input.width, *features]);
                Cost {
                    params: weights.saturating_add(*features as u64),
                    macs: weights,
                }
            }
            (LayerKind::BatchNorm { affine: true }, _) => Cost {
                params: product([2, layer.shape.channels]),
                macs: 0,
            },
            _ => Cost::default(),
        }
    }
}

/// The product, or `u64::MAX` where it is larger. No factor is 0, so the order does not matter.
fn product<const N: usize>(factors: [usize; N]) -> u64 {
    factors
        .into_iter()
        .fold(1, |product, factor| product.saturating_mul(factor as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::SpaceError;
    use crate::network::{Conv2d, NetworkBuilder};
    use crate::shape::Shape;

    /// A convolution with bias and batch norm, then a linear layer.
    fn cost(image: Shape, conv: Conv2d, features: usize) -> Result<Cost, SpaceError> {
        let mut b = NetworkBuilder::new(image)?;
        let x = b.conv(b.image(), Conv2d { bias: true, ..conv })?;
        let x = b.batch_norm(x, true)?;
        let logits = b.linear(x, features)?;
        Ok(b.finish(logits, None).cost())
    }

    #[test]
    fn weights_and_products_are_counted() {
        let got = cost(Shape::new(3, 8, 8), Conv2d::same(4, [3, 5]), 10).unwrap();
        let (conv, linear) = (4 * 3 * 3 * 5, 4 * 8 * 8 * 10);
        let params = conv + 4 + 2 * 4 + linear + 10;
        let macs = conv * 8 * 8 + linear;
        assert_eq!(got, Cost { params, macs });
    }

    #[test]
    fn a_cost_too_large_to_count_stops_at_the_largest_number() {
        let huge = usize::MAX / 4;
        let all = Cost {
            params: u64::MAX,
            macs: u64::MAX,
        };
        assert_eq!(
            cost(Shape::new(huge, huge, huge), Conv2d::same(huge, [3, 3]), huge),
            Ok(all)
        );
        assert_eq!(
            cost(
                Shape::new(usize::MAX, 1, 1),
                Conv2d::pointwise(usize::MAX),
                usize::MAX
            ),
            Ok(all)
        );
    }
}
