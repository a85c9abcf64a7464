//! The skeleton of NAS-Bench-201.

use super::{CellStyle, Pooling};
use crate::cell::Cell;
use crate::error::SpaceError;
use crate::network::head::classifier;
use crate::network::stem::stem;
use crate::network::{
    Conv2d, LayerId, LayerKind, Network, NetworkBuilder, NetworkConfig, PoolKind, lower_cell,
};
use crate::op::{Operations, Site};

/// A network of three stages of `config.cells` one-input cells each (Dong & Yang 2020, arXiv
/// 2001.00326, section 2.1).
///
/// The stem is a 3×3 convolution to C channels and batch norm; between the stages a basic residual
/// block halves height and width and doubles the channels; batch norm and ReLU come before the
/// global average pooling.
///
/// # Errors
/// [`SpaceError`] where the configuration is out of range or asks for an auxiliary head, or an
/// operation is not known.
pub fn nb201(operations: &Operations, cell: &Cell, config: &NetworkConfig) -> Result<Network, SpaceError> {
    if cell.output().len() != 1 {
        let reason = format!(
            "a NAS-Bench-201 cell has one output state, this one has {}",
            cell.output().len()
        );
        return Err(SpaceError::cell(reason));
    }
    around_nb201_cells(config, CellStyle::Discrete, |b, input, site| {
        lower_cell(b, operations, cell, &[input], site, config.drop_path)
    })
}

/// The same skeleton around cells of any make: `cell` adds one, given its input and where it
/// stands, and returns its output.
pub(crate) fn around_nb201_cells(
    config: &NetworkConfig,
    style: CellStyle,
    mut cell: impl FnMut(&mut NetworkBuilder, LayerId, &Site) -> Result<LayerId, SpaceError>,
) -> Result<Network, SpaceError> {
    config.validate()?;
    if config.auxiliary {
        return Err(SpaceError::config(
            "auxiliary",
            true,
            "false: the NAS-Bench-201 skeleton has no auxiliary head",
        ));
    }
    let mut b = NetworkBuilder::new(config.image)?;
    let mut x = stem(&mut b, config.channels, config.stem_halvings)?;
    let mut channels = config.channels;
    for stage in 0..3 {
        if stage > 0 {
            channels *= 2;
            x = b.scope(format!("reduce.{stage}"), |b| residual_reduction(b, x, channels))?;
        }
        for i in 0..config.cells {
            x = b.scope(format!("stage{stage}.{i}"), |b| {
                cell(b, x, &style.site(channels, 1, Pooling::Bare))
            })?;
        }
    }
    let x = b.scope("last", |b| {
        let normed = b.batch_norm(x, true)?;
        b.relu(normed)
    })?;
    let logits = classifier(&mut b, x, config.classes)?;
    Ok(b.finish(logits, None))
}

/// Two ReLU–conv–BN of 3×3, the first of stride 2, beside 2×2 average pooling and a 1×1
/// convolution.
fn residual_reduction(b: &mut NetworkBuilder, x: LayerId, channels: usize) -> Result<LayerId, SpaceError> {
    let body = b.scope("body", |b| {
        let first = b.relu_conv_bn(x, Conv2d::same(channels, [3, 3]).with_stride(2), true)?;
        b.relu_conv_bn(first, Conv2d::same(channels, [3, 3]), true)
    })?;
    let shortcut = b.scope("shortcut", |b| {
        let pooled = b.halving_pool(x, PoolKind::Average)?;
        b.conv(pooled, Conv2d::pointwise(channels))
    })?;
    b.push(LayerKind::Add, &[body, shortcut])
}
