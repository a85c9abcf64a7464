//! From motifs over motifs to one cell.

use super::levels::motif_number;
use super::{Motif, NONE};
use crate::cell::{Cell, Combine, Node};
use crate::error::SpaceError;

/// The motifs of a hierarchy without their dead parts.
#[derive(Debug)]
pub(crate) struct LiveLevels<'a> {
    /// From level 2 up; `None` for a motif whose output its input does not reach.
    levels: Vec<Vec<Option<LiveMotif<'a>>>>,
}

/// A motif without dead parts: the nodes that its input reaches and that reach its output, the last
/// one.
#[derive(Debug)]
pub(crate) struct LiveMotif<'a> {
    /// Without the input; in order.
    pub(crate) nodes: Vec<LiveNode<'a>>,
}

/// A node of a motif.
#[derive(Debug)]
pub(crate) struct LiveNode<'a> {
    /// Its number in the motif, where the input is 0.
    pub(crate) number: usize,
    /// What leads into it, and from which node.
    pub(crate) edges: Vec<(usize, Part<'a>)>,
}

/// What is on an edge of a motif.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// A primitive operation.
    Operation(&'a str),
    /// A motif of the level below.
    Motif(usize),
}

impl<'a> LiveLevels<'a> {
    /// Finds what is alive, from the lowest level up.
    pub(super) fn new(levels: &'a [Vec<Motif>]) -> Self {
        let mut all: Vec<Vec<Option<LiveMotif<'_>>>> = Vec::with_capacity(levels.len());
        for motifs in levels {
            let below = all.last();
            let part = |name: &'a str| match below {
                _ if name == NONE => None,
                None => Some(Part::Operation(name)),
                Some(below) => {
                    let number = motif_number(name)?;
                    below.get(number)?.as_ref().map(|_| Part::Motif(number))
                }
            };
            let live = motifs.iter().map(|motif| LiveMotif::new(motif, part)).collect();
            all.push(live);
        }
        Self { levels: all }
    }

    /// Number of levels of motifs.
    pub(crate) fn len(&self) -> usize {
        self.levels.len()
    }

    /// Motif `number` of a level, where the lowest of motifs is 0; `None` where it passes nothing
    /// on.
    pub(crate) fn motif(&self, level: usize, number: usize) -> Option<&LiveMotif<'a>> {
        self.levels.get(level)?.get(number)?.as_ref()
    }

    /// Number of nodes of the flattened cell, or `usize::MAX` where there are more.
    pub(super) fn states(&self) -> usize {
        let mut below: Vec<usize> = Vec::new();
        for motifs in &self.levels {
            let of_part = |part: &Part<'_>| match part {
                Part::Operation(_) => 0,
                Part::Motif(number) => below.get(*number).copied().unwrap_or_default(),
            };
            let of_node = |node: &LiveNode<'_>| {
                let parts = node.edges.iter().map(|(_, part)| of_part(part));
                parts.fold(1, usize::saturating_add)
            };
            below = motifs
                .iter()
                .map(|motif| {
                    let nodes = motif.iter().flat_map(|motif| &motif.nodes);
                    nodes.map(of_node).fold(0, usize::saturating_add)
                })
                .collect();
        }
        below.first().copied().unwrap_or_default()
    }

    /// The cell that the motif of the last level is.
    pub(super) fn flatten(&self) -> Result<Cell, SpaceError> {
        let mut nodes = Vec::new();
        match self.motif(self.levels.len() - 1, 0) {
            Some(motif) => {
                self.expand(self.levels.len() - 1, motif, 0, &mut nodes);
            }
            // Nothing reaches the output: it is zero.
            None => nodes.push(Node::add([(NONE, 0)])),
        }
        let output = nodes.len();
        Cell::new(1, nodes, vec![output])
    }

    /// Writes out a motif that reads state `input`, and returns the state that is its output.
    fn expand(&self, level: usize, motif: &LiveMotif<'_>, input: usize, nodes: &mut Vec<Node>) -> usize {
        // The states of the motif's nodes, with their numbers.
        let mut states = vec![(0, input)];
        let mut last = input;
        for node in &motif.nodes {
            let mut edges = Vec::with_capacity(node.edges.len());
            for &(from, part) in &node.edges {
                let from = states.iter().find(|(number, _)| *number == from);
                let source = from.map_or(input, |&(_, state)| state);
                match part {
                    Part::Operation(name) => edges.push((name.to_owned(), source)),
                    Part::Motif(number) => {
                        if let Some(inner) = self.motif(level - 1, number) {
                            let output = self.expand(level - 1, inner, source, nodes);
                            edges.push(("skip_connect".to_owned(), output));
                        }
                    }
                }
            }
            let combine = Combine::Concat;
            nodes.push(Node { combine, edges });
            // State 0 is the cell's input.
            last = nodes.len();
            states.push((node.number, last));
        }
        last
    }
}

impl<'a> LiveMotif<'a> {
    /// Without what `part` says is nothing, and without what that leaves dead.
    fn new(motif: &'a Motif, part: impl Fn(&'a str) -> Option<Part<'a>>) -> Option<Self> {
        let mut fed = vec![true];
        let mut nodes = Vec::new();
        for (i, into) in motif.operations().iter().enumerate() {
            let all = into.iter().enumerate().filter(|&(from, _)| fed[from]);
            let edges: Vec<(usize, Part<'_>)> =
                all.filter_map(|(from, name)| Some((from, part(name)?))).collect();
            fed.push(!edges.is_empty());
            nodes.push(LiveNode { number: i + 1, edges });
        }
        let output = nodes.len();
        if !fed[output] {
            return None;
        }
        let mut used = vec![false; output + 1];
        used[output] = true;
        for node in nodes.iter().rev() {
            if used[node.number] {
                node.edges.iter().for_each(|(from, _)| used[*from] = true);
            }
        }
        nodes.retain(|node| used[node.number] && fed[node.number]);
        Some(Self { nodes })
    }
}

#[cfg(test)]
mod tests {
    use crate::cell::Combine;
    use crate::hierarchy::Hierarchy;

    /// The states of the flattened cell as `op(source) op(source)`.
    fn flat(levels: &[&[&str]]) -> Vec<String> {
        let level = |motifs: &&[&str]| motifs.iter().map(|text| text.parse().unwrap()).collect();
        let hierarchy = Hierarchy::new(levels.iter().map(level).collect()).unwrap();
        let cell = hierarchy.cell();
        assert_eq!((cell.inputs(), cell.output()), (1, &[cell.len()][..]));
        let text = |node: crate::cell::Node| {
            let edges: Vec<String> = node
                .edges
                .iter()
                .map(|(op, from)| format!("{op}({from})"))
                .collect();
            assert!(node.combine == Combine::Concat || edges == ["none(0)"]);
            edges.join(" ")
        };
        cell.nodes().into_iter().map(text).collect()
    }

    #[test]
    fn every_use_of_a_motif_is_written_out() {
        let motif = "|a~0|+|b~0|c~1|";
        assert_eq!(flat(&[&[motif]]), ["a(0)", "b(0) c(1)"]);
        let cell = "|motif0~0|+|motif0~0|motif0~1|";
        let expected = [
            "a(0)",
            "b(0) c(1)",
            "skip_connect(2)",
            "a(0)",
            "b(0) c(4)",
            "a(3)",
            "b(3) c(6)",
            "skip_connect(5) skip_connect(7)",
        ];
        assert_eq!(flat(&[&[motif], &[cell]]), expected);
    }

    #[test]
    fn levels_can_be_stacked() {
        let chain = "|none~0|+|motif0~0|none~1|";
        let expected = ["a(0)", "skip_connect(1)", "skip_connect(2)", "skip_connect(3)"];
        assert_eq!(flat(&[&["|a~0|"], &[chain], &[chain], &["|motif0~0|"]]), expected);
    }

    #[test]
    fn what_is_dead_is_left_out_and_a_dead_motif_is_no_edge() {
        // Node 1 is not reached, node 2 leads nowhere.
        let motif = "|none~0|+|a~0|b~1|+|c~0|d~1|none~2|";
        assert_eq!(flat(&[&[motif]]), ["c(0)"]);
        let dead = "|a~0|+|none~0|none~1|";
        let expected = ["a(0)", "skip_connect(1)"];
        let cell = "|motif1~0|+|motif0~0|motif0~1|";
        assert_eq!(flat(&[&["|a~0|", dead], &[cell]]), expected);
        assert_eq!(flat(&[&["|a~0|", "|none~0|"], &[cell]]), expected);
    }

    #[test]
    fn a_cell_that_nothing_gets_through_is_zero() {
        assert_eq!(flat(&[&["|a~0|+|none~0|none~1|"]]), ["none(0)"]);
        assert_eq!(flat(&[&["|none~0|"], &["|motif0~0|"]]), ["none(0)"]);
    }
}
