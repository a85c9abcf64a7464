//! The skeleton of NAS-Bench-101.

use crate::error::SpaceError;
use crate::nb101::Module;
use crate::network::head::classifier;
use crate::network::stem::stem;
use crate::network::{Conv2d, LayerId, LayerKind, Network, NetworkBuilder, NetworkConfig, PoolKind};
use crate::op::{Operations, Site};

/// A network of three stacks of `config.cells` modules each (Ying et al. 2019, arXiv 1902.09635,
/// section 2.2, and the authors' code); in the benchmark, of 128 channels and three modules.
///
/// The stem is a 3×3 convolution to C channels, batch norm and ReLU; between the stacks 2×2 max
/// pooling halves height and width and the channels are doubled. In a module, a vertex adds up what
/// its edges bring: from another inner vertex the first of its channels, as many as the vertex has,
/// and from the input a 1×1 convolution to them, batch norm and ReLU. The output concatenates the
/// inner vertices that lead to it and adds such a convolution of the input, if there is an edge
/// from it; see [`Module::widths`] for how channels are divided. There is no auxiliary head and no
/// drop-path.
///
/// # Errors
/// [`SpaceError::Config`] where the configuration is out of range, asks for an auxiliary head or
/// drop-path, or has fewer channels than vertices share.
pub fn nb101(
    operations: &Operations,
    module: &Module,
    config: &NetworkConfig,
) -> Result<Network, SpaceError> {
    config.validate()?;
    for (name, asked) in [("auxiliary", config.auxiliary), ("drop_path", config.drop_path)] {
        if asked {
            return Err(SpaceError::config(
                name,
                true,
                "false: the NAS-Bench-101 skeleton has none",
            ));
        }
    }
    if module.widths(config.channels).contains(&0) {
        return Err(SpaceError::config(
            "channels",
            config.channels,
            "at least 4: as many as the most vertices that share them in a module",
        ));
    }
    let mut b = NetworkBuilder::new(config.image)?;
    let normed = stem(&mut b, config.channels, config.stem_halvings)?;
    let mut x = b.scope("stem", |b| b.relu(normed))?;
    let mut channels = config.channels;
    for stack in 0..3 {
        if stack > 0 {
            channels *= 2;
            x = b.scope(format!("reduce.{stack}"), |b| b.halving_pool(x, PoolKind::Max))?;
        }
        for i in 0..config.cells {
            x = b.scope(format!("stack{stack}.{i}"), |b| {
                lower(b, operations, module, x, channels)
            })?;
        }
    }
    let logits = classifier(&mut b, x, config.classes)?;
    Ok(b.finish(logits, None))
}

/// A module with this number of output channels.
fn lower(
    b: &mut NetworkBuilder,
    operations: &Operations,
    module: &Module,
    input: LayerId,
    channels: usize,
) -> Result<LayerId, SpaceError> {
    let last = module.vertices() - 1;
    let widths = module.widths(channels);
    let mut outputs = vec![input];
    for (vertex, &width) in widths.iter().enumerate().take(last).skip(1) {
        let output = b.scope(format!("vertex{vertex}"), |b| {
            let mut terms = Vec::new();
            for from in (1..vertex).filter(|&from| module.has_edge(from, vertex)) {
                terms.push(truncated(b, outputs[from], width)?);
            }
            if module.has_edge(0, vertex) {
                terms.push(projected(b, input, width)?);
            }
            let sum = b.add(&terms)?;
            let site = Site {
                channels: width,
                stride: 1,
                affine: true,
                normalized_pooling: false,
            };
            let name = module.label(vertex);
            b.scope(name, |b| operations.get(name)?.build(b, sum, &site))
        })?;
        outputs.push(output);
    }
    b.scope("output", |b| {
        let mut parts = (1..last).filter(|&from| module.has_edge(from, last)).peekable();
        let joined = match parts.peek() {
            None => None,
            Some(_) => Some(b.concat(&parts.map(|from| outputs[from]).collect::<Vec<_>>())?),
        };
        let direct = if module.has_edge(0, last) {
            Some(projected(b, input, channels)?)
        } else {
            None
        };
        b.add(&joined.into_iter().chain(direct).collect::<Vec<_>>())
    })
}

/// A 1×1 convolution, batch norm and ReLU.
fn projected(b: &mut NetworkBuilder, x: LayerId, channels: usize) -> Result<LayerId, SpaceError> {
    b.scope("projection", |b| {
        b.conv_bn_relu(x, Conv2d::pointwise(channels), true)
    })
}

/// The first channels.
fn truncated(b: &mut NetworkBuilder, x: LayerId, count: usize) -> Result<LayerId, SpaceError> {
    if b.shape(x).channels == count {
        return Ok(x);
    }
    b.push(LayerKind::Channels { start: 0, count }, &[x])
}
