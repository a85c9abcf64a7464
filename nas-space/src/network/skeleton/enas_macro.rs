//! Whole networks of ENAS' macro space, one at a time or all at once.

use crate::error::SpaceError;
use crate::genotype::{MacroGenotype, MacroOperation};
use crate::network::head::classifier;
use crate::network::stem::stem;
use crate::network::{
    Conv2d, LayerId, LayerKind, Network, NetworkBuilder, NetworkConfig, Pool2d, PoolKind, Term,
};

/// A network of ENAS' macro space (Pham et al. 2018, arXiv 1802.03268, section 2.3), as the
/// authors' code has it while it searches (`general_child.py`).
///
/// The stem is a 3×3 convolution to C channels and batch norm. A layer computes its operation on
/// the output of the one before and adds the states that it names; from the second layer on, batch
/// norm follows. Of L layers, after number ⌊L/3⌋ and number 2⌊L/3⌋ all states so far are halved,
/// each by a factorized reduction of its own. There is one number of channels throughout:
/// `config.channels`. `config.cells` is not used.
///
/// Before a convolution come a 1×1 convolution, batch norm and ReLU, and after it batch norm and
/// ReLU; before pooling come the first three.
///
/// # Errors
/// [`SpaceError`] where the configuration is out of range or asks for an auxiliary head or
/// drop-path, or has one channel.
pub fn enas_macro(genotype: &MacroGenotype, config: &NetworkConfig) -> Result<Network, SpaceError> {
    around(genotype.layers().len(), config, |b, number, states| {
        let layer = &genotype.layers()[number];
        let mut parts = vec![operation(b, states[number], layer.operation, config.channels)?];
        parts.extend(layer.skips.iter().map(|&state| states[state]));
        b.add(&parts)
    })
}

/// The network that contains all networks with this number of layers. Each layer is a
/// [`LayerKind::WeightedSum`] of the one table there is: a row for each layer; a column for each of
/// [`MacroOperation::ALL`], then for each state.
pub(crate) fn enas_macro_supernet(layers: usize, config: &NetworkConfig) -> Result<Network, SpaceError> {
    around(layers, config, |b, number, states| {
        let (mut inputs, mut terms) = (Vec::new(), Vec::new());
        for which in MacroOperation::ALL {
            inputs.push(operation(b, states[number], which, config.channels)?);
        }
        inputs.extend(&states[..number]);
        terms.extend((0..inputs.len()).map(|column| Term {
            table: 0,
            row: number,
            column,
        }));
        b.push(LayerKind::WeightedSum { terms }, &inputs)
    })
}

/// Stem, layers of any make and classifier: `layer` adds number so-and-so, given all states, the
/// last of which it computes on.
fn around(
    layers: usize,
    config: &NetworkConfig,
    mut layer: impl FnMut(&mut NetworkBuilder, usize, &[LayerId]) -> Result<LayerId, SpaceError>,
) -> Result<Network, SpaceError> {
    config.validate()?;
    if config.auxiliary || config.drop_path {
        let expected = "false: a network of the macro space has neither";
        return Err(SpaceError::config("auxiliary or drop_path", true, expected));
    }
    let mut b = NetworkBuilder::new(config.image)?;
    let stem = stem(&mut b, config.channels, config.stem_halvings)?;
    let distance = layers / 3;
    let mut states = vec![stem];
    for number in 0..layers {
        let output = b.scope(format!("layers.{number}"), |b| {
            let sum = layer(b, number, &states)?;
            if number == 0 {
                Ok(sum)
            } else {
                b.batch_norm(sum, true)
            }
        })?;
        states.push(output);
        if distance > 0 && [distance, 2 * distance].contains(&(number + 1)) {
            b.scope(format!("reduce.{number}"), |b| {
                for (place, state) in states.iter_mut().enumerate() {
                    *state = b.scope(format!("state{place}"), |b| halved(b, *state, config.channels))?;
                }
                Ok::<_, SpaceError>(())
            })?;
        }
    }
    let last = states.last().copied().unwrap_or(stem);
    let logits = classifier(&mut b, last, config.classes)?;
    Ok(b.finish(logits, None))
}

fn operation(
    b: &mut NetworkBuilder,
    x: LayerId,
    operation: MacroOperation,
    channels: usize,
) -> Result<LayerId, SpaceError> {
    b.scope(operation.name(), |b| {
        let before = b.conv(x, Conv2d::pointwise(channels))?;
        let before = b.batch_norm(before, true)?;
        let before = b.relu(before)?;
        let pool = |kind| Pool2d {
            kind,
            kernel: [3, 3],
            stride: [1, 1],
            padding: [1, 1],
        };
        let (kernel, separable) = match operation {
            MacroOperation::Conv3x3 => (3, false),
            MacroOperation::Separable3x3 => (3, true),
            MacroOperation::Conv5x5 => (5, false),
            MacroOperation::Separable5x5 => (5, true),
            MacroOperation::AveragePool3x3 => return b.pool(before, pool(PoolKind::Average)),
            MacroOperation::MaxPool3x3 => return b.pool(before, pool(PoolKind::Max)),
        };
        let conv = if separable {
            let depthwise = LayerKind::Conv2d(Conv2d::depthwise(channels, kernel, 1));
            let deep = b.push_named("depthwise", depthwise, &[before])?;
            b.push_named(
                "pointwise",
                LayerKind::Conv2d(Conv2d::pointwise(channels)),
                &[deep],
            )?
        } else {
            let dense = LayerKind::Conv2d(Conv2d::same(channels, [kernel, kernel]));
            b.push_named("dense", dense, &[before])?
        };
        let normed = b.batch_norm(conv, true)?;
        b.relu(normed)
    })
}

/// Halves height and width by a factorized reduction without a ReLU.
fn halved(b: &mut NetworkBuilder, x: LayerId, channels: usize) -> Result<LayerId, SpaceError> {
    let both = b.interleaved(x, channels)?;
    b.batch_norm(both, true)
}
