//! From a cell to its layers.

use super::{Conv2d, LayerId, LayerKind, NetworkBuilder};
use crate::cell::{Cell, Combine};
use crate::error::SpaceError;
use crate::op::{Operations, Role, Site};

/// Adds the layers of `cell`, reading `inputs`, and returns its output: as many times
/// `site.channels` channels as the cell has output states.
///
/// `site.stride` applies to the edges that come from the cell's inputs; all others have stride 1.
/// Dead parts are left out. With `drop_path`, every operation that is not the identity is followed
/// by a drop-path layer.
///
/// # Errors
/// [`SpaceError::UnknownName`] for an operation that is not in `operations`, [`SpaceError::Shape`]
/// where one cannot take its input.
pub fn lower_cell(
    builder: &mut NetworkBuilder,
    operations: &Operations,
    cell: &Cell,
    inputs: &[LayerId],
    site: &Site,
    drop_path: bool,
) -> Result<LayerId, SpaceError> {
    if inputs.len() != cell.inputs() {
        let reason = format!(
            "the skeleton gives it {} inputs, it takes {}",
            inputs.len(),
            cell.inputs()
        );
        return Err(SpaceError::cell(reason));
    }
    cell.check_operations(operations)?;
    let cell = cell.pruned(operations);
    let mut states = inputs.to_vec();
    for (i, node) in cell.nodes().into_iter().enumerate() {
        let state = cell.inputs() + i;
        let combined = builder.scope(format!("node{state}"), |b| {
            let mut parts = Vec::with_capacity(node.edges.len());
            for (position, (name, from)) in node.edges.iter().enumerate() {
                let operation = operations.get(name)?;
                let stride = if *from < cell.inputs() { site.stride } else { 1 };
                let here = Site { stride, ..*site };
                let part = b.scope(format!("{position}.{name}"), |b| {
                    let out = operation.build(b, states[*from], &here)?;
                    let droppable = drop_path && !(operation.role() == Role::Identity && stride == 1);
                    if droppable {
                        b.push(LayerKind::DropPath, &[out])
                    } else {
                        Ok(out)
                    }
                })?;
                parts.push(part);
            }
            combine(b, &parts, node.combine, inputs[0], site)
        })?;
        states.push(combined);
    }
    let outputs: Vec<LayerId> = cell.output().iter().map(|&state| states[state]).collect();
    builder.concat(&outputs)
}

/// One feature map from several; zeros shaped by the cell's first input where there is none.
fn combine(
    b: &mut NetworkBuilder,
    parts: &[LayerId],
    combine: Combine,
    input: LayerId,
    site: &Site,
) -> Result<LayerId, SpaceError> {
    match (parts, combine) {
        ([], _) => b.push(LayerKind::Zero { stride: site.stride }, &[input]),
        (_, Combine::Concat) if parts.len() > 1 => {
            let joined = b.concat(parts)?;
            b.scope("project", |b| {
                b.relu_conv_bn(joined, Conv2d::pointwise(site.channels), site.affine)
            })
        }
        _ => b.add(parts),
    }
}
