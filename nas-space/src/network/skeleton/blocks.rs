//! Convolutional blocks in a row.

use crate::error::SpaceError;
use crate::genotype::{Block, Blocks};
use crate::network::head::classifier;
use crate::network::{Conv2d, LayerId, Network, NetworkBuilder, NetworkConfig};

/// A network of convolutional blocks; [`Block`] says what each is.
///
/// Where a stride does not divide a size, half of the padding that is missing is added on each
/// side, rounded up, so that the result is the size over the stride, rounded up.
///
/// `config.channels`, `config.cells` and `config.stem_halvings` are not used: the architecture says
/// all of its layers.
///
/// # Errors
/// [`SpaceError`] where the configuration is out of range or asks for an auxiliary head or
/// drop-path.
pub fn blocks(architecture: &Blocks, config: &NetworkConfig) -> Result<Network, SpaceError> {
    config.validate()?;
    if config.auxiliary || config.drop_path {
        return Err(SpaceError::config(
            "auxiliary or drop_path",
            true,
            "false: a network of blocks has neither",
        ));
    }
    let mut b = NetworkBuilder::new(config.image)?;
    let bias = architecture.bias();
    let mut x = b.image();
    for (i, block) in architecture.blocks().iter().enumerate() {
        x = b.scope(format!("blocks.{i}"), |b| add(b, x, *block, bias))?;
    }
    let logits = classifier(&mut b, x, config.classes)?;
    Ok(b.finish(logits, None))
}

fn add(b: &mut NetworkBuilder, x: LayerId, block: Block, bias: bool) -> Result<LayerId, SpaceError> {
    let pointwise = |channels| Conv2d {
        bias,
        ..Conv2d::pointwise(channels)
    };
    match block {
        Block::Conv {
            kernel,
            stride,
            channels,
        } => {
            let conv = covering(b, x, kernel, stride, channels, 1, bias);
            b.conv_bn_relu(x, conv, true)
        }
        Block::Separable {
            kernel,
            stride,
            channels,
        } => {
            let x = b.scope("depthwise", |b| depthwise(b, x, kernel, stride, bias))?;
            b.scope("pointwise", |b| b.conv_bn_relu(x, pointwise(channels), true))
        }
        Block::Residual { stride, channels } => {
            let first = covering(b, x, [3, 3], [stride; 2], channels, 1, bias);
            let second = Conv2d {
                bias,
                ..Conv2d::same(channels, [3, 3])
            };
            let body = b.scope("first", |b| b.conv_bn_relu(x, first, true))?;
            let body = b.scope("second", |b| {
                let body = b.conv(body, second)?;
                b.batch_norm(body, true)
            })?;
            let shortcut = if b.shape(x) == b.shape(body) {
                x
            } else {
                let conv = Conv2d {
                    bias: true,
                    ..Conv2d::pointwise(channels).with_stride(stride)
                };
                b.scope("shortcut", |b| b.conv(x, conv))?
            };
            let sum = b.add(&[shortcut, body])?;
            b.relu(sum)
        }
        Block::Inverted {
            kernel,
            stride,
            expansion,
            channels,
        } => {
            let within = b.shape(x).channels.saturating_mul(expansion);
            let wide = match expansion {
                1 => x,
                _ => b.scope("expand", |b| b.conv_bn_relu(x, pointwise(within), true))?,
            };
            let wide = b.scope("depthwise", |b| {
                depthwise(b, wide, [kernel; 2], [stride; 2], bias)
            })?;
            let narrow = b.scope("project", |b| {
                let narrow = b.conv(wide, pointwise(channels))?;
                b.batch_norm(narrow, true)
            })?;
            match b.shape(x) == b.shape(narrow) && stride == 1 {
                true => b.add(&[x, narrow]),
                false => Ok(narrow),
            }
        }
    }
}

fn depthwise(
    b: &mut NetworkBuilder,
    x: LayerId,
    kernel: [usize; 2],
    stride: [usize; 2],
    bias: bool,
) -> Result<LayerId, SpaceError> {
    let channels = b.shape(x).channels;
    let conv = covering(b, x, kernel, stride, channels, channels, bias);
    b.conv_bn_relu(x, conv, true)
}

/// A convolution whose output has the size over the stride, rounded up.
fn covering(
    b: &NetworkBuilder,
    x: LayerId,
    kernel: [usize; 2],
    stride: [usize; 2],
    channels: usize,
    groups: usize,
    bias: bool,
) -> Conv2d {
    let shape = b.shape(x);
    let padding = |axis: usize, size: usize| {
        let windows = size.div_ceil(stride[axis]);
        let span = (windows - 1) * stride[axis] + kernel[axis];
        span.saturating_sub(size).div_ceil(2)
    };
    Conv2d {
        stride,
        padding: [padding(0, shape.height), padding(1, shape.width)],
        groups,
        bias,
        ..Conv2d::same(channels, kernel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Shape;

    #[test]
    fn sizes_are_divided_by_the_stride_and_rounded_up() {
        for (height, width) in [(1, 1), (2, 3), (5, 4), (10, 49), (11, 16)] {
            for kernel in 1..8 {
                for stride in 1..5 {
                    if kernel % 2 == 0 && stride == 1 {
                        continue;
                    }
                    let block = Block::Separable {
                        kernel: [kernel, kernel],
                        stride: [stride, stride],
                        channels: 4,
                    };
                    let config = NetworkConfig {
                        image: Shape::new(2, height, width),
                        ..NetworkConfig::default()
                    };
                    let network = blocks(&Blocks::new(vec![block]).unwrap(), &config).unwrap();
                    let pooled = network.layer(network.layer(network.logits()).inputs[0]);
                    let last = network.layer(pooled.inputs[0]);
                    let expected = Shape::new(4, height.div_ceil(stride), width.div_ceil(stride));
                    assert_eq!(last.shape, expected, "{height}x{width}, {kernel}, {stride}");
                }
            }
        }
    }

    #[test]
    fn inverted_residuals_add_their_input_where_the_shape_stays() {
        let inverted = |stride, expansion, channels| Block::Inverted {
            kernel: 3,
            stride,
            expansion,
            channels,
        };
        let all = [
            inverted(1, 1, 8),
            inverted(1, 3, 8),
            inverted(2, 3, 8),
            inverted(1, 6, 4),
        ];
        let architecture = Blocks::new(all.into()).unwrap();
        let network = blocks(&architecture, &NetworkConfig::default()).unwrap();
        let labels = |block: usize| -> Vec<&str> {
            let scope = format!("blocks.{block}.");
            let layers = network
                .layers()
                .iter()
                .filter(|layer| layer.name.starts_with(&scope));
            layers.map(|layer| layer.kind.label()).collect()
        };
        let without = ["conv", "bn", "relu", "conv", "bn"];
        assert_eq!(labels(0), without);
        let with = ["conv", "bn", "relu"].iter().chain(&without).copied();
        let with: Vec<&str> = with.collect();
        assert_eq!(labels(1), [with.as_slice(), &["add"]].concat());
        assert_eq!(labels(2), with);
        assert_eq!(labels(3), with);
        let params = |block: usize| -> u64 {
            let scope = format!("blocks.{block}.");
            let layers = network
                .layers()
                .iter()
                .filter(|layer| layer.name.starts_with(&scope));
            layers.map(|layer| network.layer_cost(layer).params).sum()
        };
        assert_eq!(params(1), (8 * 24 + 48) + (9 * 24 + 48) + (24 * 8 + 16));
    }

    #[test]
    fn what_blocks_do_not_have_is_refused() {
        let architecture = Blocks::new(vec![Block::Residual {
            stride: 1,
            channels: 4,
        }])
        .unwrap();
        let config = NetworkConfig {
            auxiliary: true,
            ..NetworkConfig::default()
        };
        let error = blocks(&architecture, &config).unwrap_err().to_string();
        assert!(error.contains("a network of blocks has neither"), "{error}");
    }
}
