//! The canonical form of a cell.

use std::fmt;

use super::order::{Dag, DagNode};
use crate::cell::{Cell, Combine, Node};
use crate::op::{Operations, Role};

/// At which strides a cell is used, which decides whether an identity edge from an input passes it
/// on unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellStride {
    /// At stride 1 alone: a normal cell beside a reduction cell, a NAS-Bench-201 cell. Identities
    /// from inputs are identities.
    One,
    /// At stride 2 as well, or only: a reduction cell, or a normal cell that stands for one.
    /// Identities from inputs reduce.
    Two,
}

/// A cell in canonical form: equal for cells that are the same after the steps that the
/// [module](super) describes, and for no others.
///
/// Unlike in a [`Cell`], a node may have no edges (it is zero, but the output wants it), and the
/// output may name an input or one state several times, where copies have been merged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CanonicalCell {
    inputs: usize,
    nodes: Vec<Node>,
    output: Vec<usize>,
}

impl CanonicalCell {
    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The inner nodes in canonical order; the first one is state [`CanonicalCell::inputs`]. The
    /// edges of each are sorted by source, then by operation.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The states that the output concatenates, in increasing order, each as often as it is there.
    pub fn output(&self) -> &[usize] {
        &self.output
    }

    /// Appends bytes that name the form and that no other form begins with.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        let number = |bytes: &mut Vec<u8>, n: usize| bytes.extend((n as u64).to_le_bytes());
        number(bytes, self.inputs);
        number(bytes, self.nodes.len());
        for node in &self.nodes {
            bytes.push(match node.combine {
                Combine::Add => 0,
                Combine::Concat => 1,
            });
            number(bytes, node.edges.len());
            for (op, from) in &node.edges {
                number(bytes, *from);
                number(bytes, op.len());
                bytes.extend(op.as_bytes());
            }
        }
        number(bytes, self.output.len());
        for &state in &self.output {
            number(bytes, state);
        }
    }

    /// Whether a node is nothing but an identity of an input.
    pub(super) fn has_copy_of_input(&self, operations: &Operations) -> bool {
        self.nodes.iter().any(|node| match node.edges.as_slice() {
            [(op, from)] => *from < self.inputs && operations.role(op) == Role::Identity,
            _ => false,
        })
    }
}

impl fmt::Display for CanonicalCell {
    /// One line to read and compare, such as `2 = sep_conv_3x3(0) + skip_connect(1); out = [2]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, node) in self.nodes.iter().enumerate() {
            let parts: Vec<String> = node
                .edges
                .iter()
                .map(|(op, from)| format!("{op}({from})"))
                .collect();
            let sum = match (parts.as_slice(), node.combine) {
                ([], _) => "zero".to_owned(),
                (_, Combine::Add) => parts.join(" + "),
                (_, Combine::Concat) => format!("concat({})", parts.join(", ")),
            };
            write!(f, "{} = {sum}; ", self.inputs + i)?;
        }
        write!(f, "out = {:?}", self.output)
    }
}

/// The canonical form of a cell that is used at these strides.
///
/// # Complexity
/// A few microseconds for the cells of the published spaces. Refinement alone settles nearly all of
/// them; ties that are symmetries cost one more pass each.
pub fn canonical_form(cell: &Cell, operations: &Operations, stride: CellStride) -> CanonicalCell {
    let cell = cell.pruned(operations);
    let merged = merge_copies(cell.inputs(), cell.nodes(), cell.output(), operations, stride);
    reorder(merged)
}

/// Sends every reader of a copy to the original, and forgets combine rules where there is nothing
/// to combine.
fn merge_copies(
    inputs: usize,
    nodes: Vec<Node>,
    output: &[usize],
    operations: &Operations,
    stride: CellStride,
) -> CanonicalCell {
    let mut original: Vec<usize> = (0..inputs).collect();
    let mut kept = Vec::with_capacity(nodes.len());
    for mut node in nodes {
        for (_, from) in &mut node.edges {
            *from = original[*from];
        }
        let source = match node.edges.as_slice() {
            [(op, from)] if operations.role(op) == Role::Identity => Some(*from),
            _ => None,
        };
        match source.filter(|&from| from >= inputs || stride == CellStride::One) {
            Some(from) => original.push(from),
            None => {
                if node.edges.len() < 2 {
                    node.combine = Combine::Add;
                }
                original.push(inputs + kept.len());
                kept.push(node);
            }
        }
    }
    CanonicalCell {
        inputs,
        nodes: kept,
        output: output.iter().map(|&state| original[state]).collect(),
    }
}

/// Renumbers the states in canonical order and sorts edges and output.
fn reorder(cell: CanonicalCell) -> CanonicalCell {
    let CanonicalCell {
        inputs,
        mut nodes,
        mut output,
    } = cell;
    let mut names: Vec<&str> = nodes
        .iter()
        .flat_map(|node| node.edges.iter().map(|(op, _)| op.as_str()))
        .collect();
    names.sort_unstable();
    names.dedup();
    let label = |op: &str| names.binary_search(&op).unwrap_or_default() as u32;
    let dag_nodes = nodes.iter().enumerate().map(|(i, node)| {
        let times = output.iter().filter(|&&state| state == inputs + i).count() as u32;
        DagNode {
            colour: 2 * times + u32::from(node.combine == Combine::Concat),
            edges: node.edges.iter().map(|(op, from)| (label(op), *from)).collect(),
        }
    });
    let dag = Dag {
        inputs,
        nodes: dag_nodes.collect(),
    };
    let order = dag.canonical_order();
    let mut number: Vec<usize> = (0..inputs + nodes.len()).collect();
    for (position, &node) in order.iter().enumerate() {
        number[inputs + node] = inputs + position;
    }
    let mut sorted = Vec::with_capacity(nodes.len());
    for &i in &order {
        let mut edges = std::mem::take(&mut nodes[i].edges);
        for (_, from) in &mut edges {
            *from = number[*from];
        }
        edges.sort_unstable_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
        sorted.push(Node {
            combine: nodes[i].combine,
            edges,
        });
    }
    for state in &mut output {
        *state = number[*state];
    }
    output.sort_unstable();
    CanonicalCell {
        inputs,
        nodes: sorted,
        output,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(cell: &Cell, stride: CellStride) -> String {
        canonical_form(cell, &Operations::standard(), stride).to_string()
    }

    #[test]
    fn dead_parts_do_not_count() {
        let lean = Cell::new(1, vec![Node::add([("sep_conv_3x3", 0)])], vec![1]).unwrap();
        let nodes = vec![
            Node::add([("none", 0)]),
            Node::add([("sep_conv_3x3", 0), ("sep_conv_5x5", 1), ("none", 0)]),
            Node::add([("max_pool_3x3", 0)]),
        ];
        let laden = Cell::new(1, nodes, vec![2]).unwrap();
        assert_eq!(form(&lean, CellStride::Two), form(&laden, CellStride::Two));
    }

    #[test]
    fn a_copy_of_an_inner_state_is_that_state() {
        let nodes = vec![
            Node::add([("sep_conv_3x3", 0)]),
            Node::add([("skip_connect", 1)]),
            Node::add([("skip_connect", 2)]),
            Node::add([("max_pool_3x3", 3), ("skip_connect", 0)]),
        ];
        let cell = Cell::new(1, nodes, vec![4]).unwrap();
        let expected = "1 = sep_conv_3x3(0); 2 = skip_connect(0) + max_pool_3x3(1); out = [2]";
        for stride in [CellStride::One, CellStride::Two] {
            assert_eq!(form(&cell, stride), expected);
        }
    }

    #[test]
    fn a_copy_of_an_input_is_the_input_at_stride_one_only() {
        let nodes = vec![Node::add([("skip_connect", 0)]), Node::add([("max_pool_3x3", 1)])];
        let cell = Cell::new(1, nodes, vec![1, 2]).unwrap();
        assert_eq!(form(&cell, CellStride::One), "1 = max_pool_3x3(0); out = [0, 1]");
        let kept = "1 = skip_connect(0); 2 = max_pool_3x3(1); out = [1, 2]";
        assert_eq!(form(&cell, CellStride::Two), kept);
    }

    #[test]
    fn a_state_and_its_copy_are_in_the_output_twice() {
        let conv = || Node::add([("sep_conv_3x3", 0)]);
        let copied = Cell::new(1, vec![conv(), Node::add([("skip_connect", 1)])], vec![2, 1]).unwrap();
        assert_eq!(
            form(&copied, CellStride::Two),
            "1 = sep_conv_3x3(0); out = [1, 1]"
        );
        let separate = Cell::new(1, vec![conv(), conv()], vec![1, 2]).unwrap();
        let single = Cell::new(1, vec![conv()], vec![1]).unwrap();
        assert_ne!(form(&copied, CellStride::Two), form(&separate, CellStride::Two));
        assert_ne!(form(&copied, CellStride::Two), form(&single, CellStride::Two));
    }

    #[test]
    fn zero_states_that_the_output_wants_are_counted() {
        let conv = || Node::add([("sep_conv_3x3", 0)]);
        let zero = || Node::add([("none", 0)]);
        let one = Cell::new(1, vec![zero(), conv()], vec![1, 2]).unwrap();
        let two = Cell::new(1, vec![conv(), zero(), zero()], vec![1, 2, 3]).unwrap();
        assert_eq!(
            form(&one, CellStride::One),
            "1 = zero; 2 = sep_conv_3x3(0); out = [1, 2]"
        );
        assert_ne!(form(&one, CellStride::One), form(&two, CellStride::One));
    }

    #[test]
    fn the_combine_rule_counts_where_there_is_something_to_combine() {
        let node = |combine, edges: &[(&str, usize)]| Node {
            combine,
            ..Node::add(edges.iter().copied())
        };
        let form_of = |node: Node| form(&Cell::new(1, vec![node], vec![1]).unwrap(), CellStride::One);
        let two: &[_] = &[("sep_conv_3x3", 0), ("sep_conv_5x5", 0)];
        assert_ne!(
            form_of(node(Combine::Add, two)),
            form_of(node(Combine::Concat, two))
        );
        let one = &two[..1];
        assert_eq!(
            form_of(node(Combine::Add, one)),
            form_of(node(Combine::Concat, one))
        );
    }
}
