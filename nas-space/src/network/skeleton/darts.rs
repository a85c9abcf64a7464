//! The skeleton of DARTS, which NASNet, AmoebaNet and PNASNet cells are evaluated in as well.

use super::{CellStyle, Pooling};
use crate::cell::Cell;
use crate::error::SpaceError;
use crate::network::head::{auxiliary_head, classifier};
use crate::network::stem::two_states;
use crate::network::{Conv2d, LayerId, Network, NetworkBuilder, NetworkConfig, lower_cell};
use crate::op::{Operations, Site};

/// A network of `config.cells` two-input cells (Liu et al. 2019, arXiv 1806.09055, appendix A, and
/// the authors' code).
///
/// The stem is a 3×3 convolution to 3·C channels and batch norm; one that halves is that of DARTS'
/// network for ImageNet, to C channels. Cells number ⌊L/3⌋ and ⌊2L/3⌋
/// reduce: they halve height and width and double the channels. Each cell reads the outputs of the
/// two before it, each brought to the cell's channels by ReLU, a 1×1 convolution and batch norm, or
/// by a factorized reduction where the older one is twice as large. The auxiliary head follows cell
/// ⌊2L/3⌋.
///
/// # Errors
/// [`SpaceError`] where the configuration is out of range or an operation is not known.
pub fn darts(
    operations: &Operations,
    normal: &Cell,
    reduction: &Cell,
    config: &NetworkConfig,
) -> Result<Network, SpaceError> {
    around_darts_cells(config, CellStyle::Discrete, |b, inputs, site, reduces| {
        let cell = if reduces { reduction } else { normal };
        lower_cell(b, operations, cell, inputs, site, config.drop_path)
    })
}

/// The same skeleton around cells of any make: `cell` adds one, given its two inputs, where it
/// stands and whether it reduces, and returns its output.
pub(crate) fn around_darts_cells(
    config: &NetworkConfig,
    style: CellStyle,
    mut cell: impl FnMut(&mut NetworkBuilder, &[LayerId; 2], &Site, bool) -> Result<LayerId, SpaceError>,
) -> Result<Network, SpaceError> {
    config.validate()?;
    let mut b = NetworkBuilder::new(config.image)?;
    let ([mut older, mut newer], mut after_reduction) =
        two_states(&mut b, config.channels, config.stem_halvings)?;
    let reductions = [config.cells / 3, 2 * config.cells / 3];
    let mut channels = config.channels;
    let mut auxiliary = None;
    for i in 0..config.cells {
        let reduces = reductions.contains(&i);
        if reduces {
            channels *= 2;
        }
        let output = b.scope(format!("cells.{i}"), |b| {
            let inputs = [
                b.scope("pre0", |b| preprocess(b, older, channels, after_reduction, style))?,
                b.scope("pre1", |b| preprocess(b, newer, channels, false, style))?,
            ];
            let stride = if reduces { 2 } else { 1 };
            cell(
                b,
                &inputs,
                &style.site(channels, stride, Pooling::Normalized),
                reduces,
            )
        })?;
        if config.auxiliary && i == reductions[1] {
            auxiliary = Some(auxiliary_head(&mut b, output, config.classes)?);
        }
        (older, newer) = (newer, output);
        after_reduction = reduces;
    }
    let logits = classifier(&mut b, newer, config.classes)?;
    Ok(b.finish(logits, auxiliary))
}

fn preprocess(
    b: &mut NetworkBuilder,
    x: LayerId,
    channels: usize,
    reduce: bool,
    style: CellStyle,
) -> Result<LayerId, SpaceError> {
    let affine = style.site(channels, 1, Pooling::Normalized).affine;
    if reduce {
        b.factorized_reduce(x, channels, affine)
    } else {
        b.relu_conv_bn(x, Conv2d::pointwise(channels), affine)
    }
}
