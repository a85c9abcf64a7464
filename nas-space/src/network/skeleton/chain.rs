//! Plain chains of convolutions with skip connections.

use crate::error::SpaceError;
use crate::genotype::{Chain, ChainLayer};
use crate::network::head::classifier;
use crate::network::stem::stem;
use crate::network::{Conv2d, LayerId, LayerKind, Network, NetworkBuilder, NetworkConfig};

/// A network of convolutional layers, each of which may read any earlier ones (Zoph & Le 2017,
/// arXiv 1611.01578, section 3.3).
///
/// A layer is a convolution, batch norm and ReLU. It reads the concatenation in depth of the layers
/// it names; one that names none reads the image. Layers that no other reads are concatenated
/// before the classifier. Where sizes differ, the smaller maps are padded with zeros. Kernels are
/// padded so that stride 1 keeps the size.
///
/// `config.channels` and `config.cells` are not used: the architecture says both. A stem that halves
/// has `config.channels` and a ReLU, and is what layers read that name no other.
///
/// # Errors
/// [`SpaceError`] where the configuration is out of range or asks for an auxiliary head or
/// drop-path.
pub fn chain(architecture: &Chain, config: &NetworkConfig) -> Result<Network, SpaceError> {
    config.validate()?;
    if config.auxiliary || config.drop_path {
        return Err(SpaceError::config(
            "auxiliary or drop_path",
            true,
            "false: a chain has neither",
        ));
    }
    let mut b = NetworkBuilder::new(config.image)?;
    let image = match config.stem_halvings {
        0 => b.image(),
        halvings => {
            let normed = stem(&mut b, config.channels, halvings)?;
            b.scope("stem", |b| b.relu(normed))?
        }
    };
    let mut outputs: Vec<LayerId> = Vec::new();
    let mut read = vec![false; architecture.layers().len()];
    for (i, layer) in architecture.layers().iter().enumerate() {
        let output = b.scope(format!("layers.{i}"), |b| {
            let input = if layer.inputs.is_empty() {
                image
            } else {
                for &source in &layer.inputs {
                    read[source] = true;
                }
                let sources: Vec<LayerId> = layer.inputs.iter().map(|&source| outputs[source]).collect();
                join(b, &sources)?
            };
            convolution(b, input, layer)
        })?;
        outputs.push(output);
    }
    let loose: Vec<LayerId> = outputs
        .iter()
        .zip(&read)
        .filter(|&(_, &read)| !read)
        .map(|(&output, _)| output)
        .collect();
    let joined = b.scope("join", |b| join(b, &loose))?;
    let logits = classifier(&mut b, joined, config.classes)?;
    Ok(b.finish(logits, None))
}

fn convolution(b: &mut NetworkBuilder, x: LayerId, layer: &ChainLayer) -> Result<LayerId, SpaceError> {
    let conv = Conv2d {
        stride: [layer.stride_height, layer.stride_width],
        ..Conv2d::same(layer.filters, [layer.filter_height, layer.filter_width])
    };
    b.conv_bn_relu(x, conv, true)
}

/// Concatenates in depth, after padding all to the largest height and width.
fn join(b: &mut NetworkBuilder, parts: &[LayerId]) -> Result<LayerId, SpaceError> {
    let height = parts
        .iter()
        .map(|&part| b.shape(part).height)
        .max()
        .unwrap_or_default();
    let width = parts
        .iter()
        .map(|&part| b.shape(part).width)
        .max()
        .unwrap_or_default();
    let mut padded = Vec::with_capacity(parts.len());
    for &part in parts {
        let shape = b.shape(part);
        let fits = (shape.height, shape.width) == (height, width);
        padded.push(if fits {
            part
        } else {
            b.push(LayerKind::Pad { height, width }, &[part])?
        });
    }
    b.concat(&padded)
}
