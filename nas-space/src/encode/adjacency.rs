//! Adjacency and operations of a cell.

use ndarray::Array1;

use super::place;
use crate::cell::{Cell, Combine};
use crate::error::SpaceError;
use crate::op::{Operations, Role};

/// Edges and operations of a cell, padded to `max_nodes` inner nodes.
///
/// # Shapes
/// ([`adjacency_len`]`(cell.inputs(), vocabulary.len(), max_nodes)`), as follows, for V operations
/// in the vocabulary:
///
/// 1. For each inner place t = 0 … `max_nodes` − 1, for each state s that comes before it (inputs
///    first), 1 + V values: the number of edges from s to t, then how many of them carry each
///    operation. Of parallel edges each counts, so a value may be above 1; without them the values
///    are an adjacency bit and a one-hot operation.
/// 2. For each inner place, three values: 1 if there is a node, 1 if it concatenates (0: adds), 1
///    if the output reads it.
///
/// Edges that pass nothing on are not there.
///
/// # Errors
/// [`SpaceError::Config`] where the cell has more than `max_nodes` nodes,
/// [`SpaceError::UnknownName`] for an operation that is not in the vocabulary.
pub fn adjacency(
    cell: &Cell,
    operations: &Operations,
    vocabulary: &[&str],
    max_nodes: usize,
) -> Result<Array1<f32>, SpaceError> {
    if cell.len() > max_nodes {
        let expected = format!("at most {max_nodes}, the number of nodes encoded");
        return Err(SpaceError::config(
            "number of nodes of the cell",
            cell.len(),
            expected,
        ));
    }
    let inputs = cell.inputs();
    let block = 1 + vocabulary.len();
    let mut features = Array1::zeros(adjacency_len(inputs, vocabulary.len(), max_nodes));
    let nodes_start = features.len() - 3 * max_nodes;
    let mut target_start = 0;
    for (t, node) in cell.nodes().iter().enumerate() {
        for (op, from) in &node.edges {
            if operations.role(op) != Role::Nothing {
                let edge = target_start + from * block;
                features[edge] += 1.0;
                features[edge + 1 + place(vocabulary, op)?] += 1.0;
            }
        }
        target_start += (inputs + t) * block;
        let here = nodes_start + 3 * t;
        features[here] = 1.0;
        features[here + 1] = f32::from(u8::from(node.combine == Combine::Concat));
        features[here + 2] = f32::from(u8::from(cell.output().contains(&(inputs + t))));
    }
    Ok(features)
}

/// Number of features that [`adjacency`] gives for cells of `inputs` inputs, a vocabulary of
/// `operations` and `max_nodes` inner nodes.
pub fn adjacency_len(inputs: usize, operations: usize, max_nodes: usize) -> usize {
    let pairs: usize = (0..max_nodes).map(|t| inputs + t).sum();
    pairs * (1 + operations) + 3 * max_nodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Node;

    const VOCABULARY: [&str; 2] = ["sep_conv_3x3", "max_pool_3x3"];

    fn encode(cell: &Cell, max_nodes: usize) -> Result<Vec<f32>, SpaceError> {
        adjacency(cell, &Operations::standard(), &VOCABULARY, max_nodes).map(|features| features.to_vec())
    }

    #[test]
    fn layout_is_targets_then_sources_then_operations_then_nodes() {
        let nodes = vec![
            Node::add([("sep_conv_3x3", 0)]),
            Node {
                combine: Combine::Concat,
                ..Node::add([("max_pool_3x3", 1), ("max_pool_3x3", 0), ("none", 0)])
            },
        ];
        let cell = Cell::new(1, nodes, vec![2]).unwrap();
        #[rustfmt::skip]
        let expected = [
            1.0, 1.0, 0.0, // 0 → 1
            1.0, 0.0, 1.0, 1.0, 0.0, 1.0, // 0 → 2, 1 → 2
            0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, // no node 3
            1.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0,
        ];
        assert_eq!(encode(&cell, 3).unwrap(), expected);
        assert_eq!(adjacency_len(1, 2, 3), expected.len());
    }

    #[test]
    fn parallel_edges_are_counted() {
        let node = Node::add([("sep_conv_3x3", 0), ("max_pool_3x3", 0), ("sep_conv_3x3", 0)]);
        let cell = Cell::new(1, vec![node], vec![1]).unwrap();
        assert_eq!(encode(&cell, 1).unwrap(), [3.0, 2.0, 1.0, 1.0, 0.0, 1.0]);
    }

    #[test]
    fn too_many_nodes_and_unlisted_operations_are_refused() {
        let cell = |op: &str| Cell::new(1, vec![Node::add([(op, 0)]); 2], vec![1, 2]).unwrap();
        assert!(matches!(
            encode(&cell("sep_conv_3x3"), 1),
            Err(SpaceError::Config { .. })
        ));
        assert!(matches!(
            encode(&cell("sep_conv_5x5"), 2),
            Err(SpaceError::UnknownName { .. })
        ));
    }
}
