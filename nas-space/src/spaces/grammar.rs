//! The decisions that make a cell, and the cell they make.

use super::subsets;
use crate::arch::Decision;
use crate::cell::{Cell, Combine, Node};
use crate::error::SpaceError;
use crate::op::{Operations, Role};

/// Which edges a node has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wiring {
    /// One from every earlier state.
    All,
    /// One edge from each of this number of different earlier states (from all, if there are
    /// fewer).
    Distinct(usize),
    /// Two from any earlier states, which may be the same.
    Pair,
}

/// Which states the output concatenates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    /// All inner states.
    All,
    /// The inner states that no node reads.
    Loose,
    /// The last state.
    Last,
    /// These.
    States(Vec<usize>),
}

/// What a cell is made of: an ordered list of decisions, node after node, such that each
/// combination of options is a cell.
#[derive(Debug, Clone)]
pub(super) struct CellGrammar {
    pub(super) inputs: usize,
    pub(super) nodes: usize,
    pub(super) wiring: Wiring,
    pub(super) operations: Vec<String>,
    /// The rules a node can be combined by; no decision is made of a single one.
    pub(super) combines: Vec<Combine>,
    pub(super) output: Output,
    /// Whether a cell of fewer nodes is filled up to all of them by nodes without effect: `none` on
    /// every edge, but a skip connection from the last node to the output.
    pub(super) filled: bool,
}

impl CellGrammar {
    /// The decisions, named below `prefix`.
    pub(super) fn decisions(&self, prefix: &str) -> Vec<Decision> {
        (0..self.nodes)
            .flat_map(|node| self.node_decisions(prefix, node))
            .collect()
    }

    fn node_decisions(&self, prefix: &str, node: usize) -> Vec<Decision> {
        let state = self.inputs + node;
        let at = |what: String| format!("{prefix}.node{node}.{what}");
        let operation = |name: String| Decision::new(name, "operation", self.operations.iter().cloned());
        let mut decisions = Vec::new();
        match self.wiring {
            Wiring::All => {
                decisions.extend((0..state).map(|from| operation(format!("{prefix}.edge_{from}_{state}"))));
            }
            Wiring::Distinct(size) => {
                let size = size.min(state);
                let kind = match size {
                    2 => "input_pair".to_owned(),
                    _ => format!("input_set_{size}"),
                };
                let sets = subsets::all(state, size).into_iter().map(|set| {
                    let members: Vec<String> = set.iter().map(ToString::to_string).collect();
                    format!("({})", members.join(", "))
                });
                decisions.push(Decision::new(at("inputs".to_owned()), kind, sets));
                decisions.extend((0..size).map(|i| operation(at(format!("operation{i}")))));
            }
            Wiring::Pair => {
                let states = (0..state).map(|from| from.to_string());
                let input = |i| Decision::new(at(format!("input{i}")), "input", states.clone());
                decisions.extend([input(0), input(1)]);
                decisions.extend((0..2).map(|i| operation(at(format!("operation{i}")))));
            }
        }
        if self.combines.len() > 1 {
            let names = self.combines.iter().map(|combine| match combine {
                Combine::Add => "add",
                Combine::Concat => "concat",
            });
            decisions.push(Decision::new(at("combine".to_owned()), "combine", names));
        }
        decisions
    }

    /// The sets of states that each decision on a node's inputs is among.
    pub(super) fn input_options(&self, node: usize) -> Vec<Vec<Vec<usize>>> {
        let state = self.inputs + node;
        match self.wiring {
            Wiring::All => Vec::new(),
            Wiring::Distinct(size) => vec![subsets::all(state, size.min(state))],
            Wiring::Pair => vec![subsets::all(state, 1); 2],
        }
    }

    /// Number of decisions of the first `nodes` nodes.
    pub(super) fn choices_at(&self, nodes: usize) -> usize {
        let combine = usize::from(self.combines.len() > 1);
        (0..nodes)
            .map(|node| {
                let state = self.inputs + node;
                let wiring = match self.wiring {
                    Wiring::All => state,
                    Wiring::Distinct(size) => 1 + size.min(state),
                    Wiring::Pair => 4,
                };
                wiring + combine
            })
            .sum()
    }

    /// Whether the two edges of each node are in order: by source, then by operation. Those of
    /// wirings without a choice of order always are.
    pub(super) fn is_ordered(&self, choices: &[usize]) -> bool {
        let own = 4 + usize::from(self.combines.len() > 1);
        self.wiring != Wiring::Pair
            || choices.chunks_exact(own).all(|node| match *node {
                [from0, from1, op0, op1, ..] => (from0, op0) <= (from1, op1),
                _ => true,
            })
    }

    /// The cell of these choices, which are those of all nodes or of the first ones, and in range.
    pub(super) fn cell(&self, choices: &[usize], operations: &Operations) -> Result<Cell, SpaceError> {
        let mut choices = choices;
        let mut nodes = Vec::new();
        while !choices.is_empty() && nodes.len() < self.nodes {
            let state = self.inputs + nodes.len();
            let (own, rest) =
                choices.split_at(self.choices_at(nodes.len() + 1) - self.choices_at(nodes.len()));
            nodes.push(self.node(state, own));
            choices = rest;
        }
        if self.filled {
            self.fill(&mut nodes);
        }
        let output = self.output_of(&nodes, operations);
        Cell::new(self.inputs, nodes, output)
    }

    fn node(&self, state: usize, choices: &[usize]) -> Node {
        let edge = |choice: usize, from: usize| (self.operations[choice].clone(), from);
        let edges = match self.wiring {
            Wiring::All => (0..state).map(|from| edge(choices[from], from)).collect(),
            Wiring::Distinct(size) => {
                let sets = subsets::all(state, size.min(state));
                let sources = sets[choices[0]].iter();
                sources
                    .zip(&choices[1..])
                    .map(|(&from, &op)| edge(op, from))
                    .collect()
            }
            Wiring::Pair => vec![edge(choices[2], choices[0]), edge(choices[3], choices[1])],
        };
        let combine = match (self.combines.as_slice(), choices.last()) {
            (&[single], _) => single,
            (several, Some(&choice)) => several[choice],
            (_, None) => Combine::Add,
        };
        Node { combine, edges }
    }

    fn fill(&self, nodes: &mut Vec<Node>) {
        let last = self.inputs + nodes.len() - 1;
        while nodes.len() < self.nodes {
            let state = self.inputs + nodes.len();
            let is_output = nodes.len() + 1 == self.nodes;
            nodes.push(Node::add((0..state).map(|from| {
                let passes = is_output && from == last;
                (if passes { "skip_connect" } else { "none" }, from)
            })));
        }
    }

    /// The output states of a cell of these nodes.
    fn output_of(&self, nodes: &[Node], operations: &Operations) -> Vec<usize> {
        let inner = self.inputs..self.inputs + nodes.len();
        match &self.output {
            Output::All => inner.collect(),
            Output::Last => inner.rev().take(1).collect(),
            Output::States(states) => states.clone(),
            Output::Loose => {
                let reads = |state: usize| {
                    let mut edges = nodes.iter().flat_map(|node| &node.edges);
                    edges.any(|(op, from)| *from == state && operations.role(op) != Role::Nothing)
                };
                inner.filter(|&state| !reads(state)).collect()
            }
        }
    }

    /// The choices that make this cell, or what does not fit.
    pub(super) fn choices(&self, cell: &Cell, operations: &Operations) -> Result<Vec<usize>, String> {
        if cell.inputs() != self.inputs {
            return Err(format!(
                "it has {} inputs, expected {}",
                cell.inputs(),
                self.inputs
            ));
        }
        if cell.len() > self.nodes {
            return Err(format!("it has {} nodes, expected {}", cell.len(), self.nodes));
        }
        let nodes = cell.nodes();
        let mut choices = Vec::new();
        for (i, node) in nodes.iter().enumerate() {
            let state = self.inputs + i;
            self.node_choices(state, node, &mut choices)
                .map_err(|reason| format!("state {state} {reason}"))?;
        }
        let expected = self.output_of(&nodes, operations);
        if cell.output() != expected {
            return Err(format!(
                "its output concatenates the states {:?}, expected {expected:?}",
                cell.output()
            ));
        }
        Ok(choices)
    }

    fn node_choices(&self, state: usize, node: &Node, choices: &mut Vec<usize>) -> Result<(), String> {
        let edges = match self.wiring {
            Wiring::All => state,
            Wiring::Distinct(size) => size.min(state),
            Wiring::Pair => 2,
        };
        if node.edges.len() != edges {
            return Err(format!("has {} edges, expected {edges}", node.edges.len()));
        }
        let mut by_source: Vec<&(String, usize)> = node.edges.iter().collect();
        if self.wiring == Wiring::Pair {
            choices.extend(by_source.iter().map(|(_, from)| *from));
        } else {
            by_source.sort_by_key(|(_, from)| *from);
            if let Some(twice) = by_source.windows(2).find(|pair| pair[0].1 == pair[1].1) {
                return Err(format!(
                    "has two edges from state {}, expected different ones",
                    twice[0].1
                ));
            }
        }
        if let Wiring::Distinct(_) = self.wiring {
            let sources: Vec<usize> = by_source.iter().map(|(_, from)| *from).collect();
            let set = subsets::all(state, edges)
                .iter()
                .position(|set| *set == sources)
                .ok_or_else(|| format!("reads the states {sources:?}, expected some below {state}"))?;
            choices.push(set);
        }
        for (op, from) in by_source {
            let operation = self
                .operations
                .iter()
                .position(|name| name == op)
                .ok_or_else(|| {
                    let known = self.operations.join(", ");
                    format!("has operation '{op}' on its edge from state {from}, expected one of {known}")
                })?;
            choices.push(operation);
        }
        let combine = self.combines.iter().position(|combine| *combine == node.combine);
        match combine {
            None => Err("concatenates, expected it to add".to_owned()),
            Some(_) if self.combines.len() == 1 => Ok(()),
            Some(combine) => {
                choices.push(combine);
                Ok(())
            }
        }
    }
}
