//! Cells: small directed acyclic graphs of feature maps.
//!
//! A [`Cell`] is a petgraph graph whose nodes are feature maps ([`State`]) and whose edges carry
//! the names of operations. The states are numbered: first the inputs, then the inner nodes in an
//! order in which each comes after the states it reads. The output concatenates some inner nodes in
//! depth.
//!
//! In serde's formats a cell reads `{"inputs": 2, "nodes": [{"edges": [["sep_conv_3x3", 0],
//! ["skip_connect", 1]]}], "output": [2]}`.

use petgraph::Direction;
use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use serde::{Deserialize, Serialize};

use crate::error::SpaceError;
use crate::op::{Operations, Role};

/// How a node makes one feature map of what its edges bring.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// The sum.
    #[default]
    Add,
    /// Concatenation in depth; where there is more than one part, ReLU, a 1×1 convolution back to
    /// the cell's channels and batch norm follow.
    Concat,
}

/// A node of a cell's graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Input number so-and-so of the cell.
    Input(usize),
    /// A feature map computed in the cell.
    Inner(Combine),
    /// The cell's output: the concatenation in depth of the inner nodes it has edges from.
    Output,
}

/// An inner node as text and code write it down.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// How the edges' feature maps become one.
    #[serde(default, skip_serializing_if = "is_add")]
    pub combine: Combine,
    /// Operation and source state of each incoming edge. Two edges may have the same source.
    pub edges: Vec<(String, usize)>,
}

fn is_add(combine: &Combine) -> bool {
    *combine == Combine::Add
}

impl Node {
    /// A node that adds up what these edges bring.
    pub fn add<S: Into<String>>(edges: impl IntoIterator<Item = (S, usize)>) -> Self {
        Self {
            combine: Combine::Add,
            edges: edges.into_iter().map(|(op, from)| (op.into(), from)).collect(),
        }
    }
}

/// A cell: a directed acyclic graph with operations on its edges.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "CellText", into = "CellText")]
pub struct Cell {
    graph: DiGraph<State, String>,
    /// Graph index of every state: the inputs, then the inner nodes.
    states: Vec<NodeIndex>,
    inputs: usize,
    output: Vec<usize>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CellText {
    inputs: usize,
    nodes: Vec<Node>,
    output: Vec<usize>,
}

/// Most inputs, and most nodes, of a cell: far more than any has, and few enough to be held in
/// memory.
const MAX_STATES: usize = 1_000;
/// The label of the edges into the output, which pass their feature map on unchanged.
const OUTPUT_EDGE: &str = "skip_connect";

impl Cell {
    /// A cell of `inputs` inputs and these inner nodes, whose output concatenates the states
    /// `output`.
    ///
    /// # Errors
    /// [`SpaceError::Cell`] where there is no input, node or output, or more than 1,000 inputs or
    /// nodes, a node has no edge or one from itself or a later state, or the output names an input,
    /// a state that does not exist, or one twice.
    pub fn new(inputs: usize, nodes: Vec<Node>, output: Vec<usize>) -> Result<Self, SpaceError> {
        if inputs == 0 || nodes.is_empty() || output.is_empty() {
            return Err(SpaceError::cell(
                "it needs at least one input, one node and one output state",
            ));
        }
        if inputs > MAX_STATES || nodes.len() > MAX_STATES {
            return Err(SpaceError::cell(format!(
                "it has {inputs} inputs and {} nodes; expected at most {MAX_STATES} of each",
                nodes.len()
            )));
        }
        for (i, node) in nodes.iter().enumerate() {
            let state = inputs + i;
            if node.edges.is_empty() {
                return Err(SpaceError::cell(format!(
                    "state {state} has no incoming edge, so nothing reaches it"
                )));
            }
            if let Some((op, from)) = node.edges.iter().find(|(_, from)| *from >= state) {
                let expected = format!("an earlier state, 0 to {}", state - 1);
                return Err(SpaceError::cell(format!(
                    "edge '{op}' into state {state} comes from state {from}; expected {expected}"
                )));
            }
        }
        let states = inputs + nodes.len();
        for (i, &state) in output.iter().enumerate() {
            if state < inputs || state >= states {
                return Err(SpaceError::cell(format!(
                    "the output reads state {state}; the inner states are {inputs} to {}",
                    states - 1
                )));
            }
            if output[..i].contains(&state) {
                return Err(SpaceError::cell(format!("the output reads state {state} twice")));
            }
        }
        Ok(Self::assemble(inputs, nodes, output))
    }

    /// Builds the graph of what has been checked.
    fn assemble(inputs: usize, nodes: Vec<Node>, output: Vec<usize>) -> Self {
        let mut graph = DiGraph::new();
        let mut states: Vec<NodeIndex> = (0..inputs).map(|i| graph.add_node(State::Input(i))).collect();
        for node in nodes {
            let index = graph.add_node(State::Inner(node.combine));
            for (operation, from) in node.edges {
                graph.add_edge(states[from], index, operation);
            }
            states.push(index);
        }
        let sink = graph.add_node(State::Output);
        for &state in &output {
            graph.add_edge(states[state], sink, OUTPUT_EDGE.to_owned());
        }
        Self {
            graph,
            states,
            inputs,
            output,
        }
    }

    /// A cell from any graph: states are renumbered in topological order, ties by index in `graph`.
    ///
    /// # Errors
    /// [`SpaceError::Cell`] where the graph has a cycle, not exactly one output, inputs not
    /// numbered 0, 1, … or with incoming edges, or is unsound in one of the ways [`Cell::new`]
    /// names.
    pub fn from_graph(graph: &DiGraph<State, String>) -> Result<Self, SpaceError> {
        let order = toposort(graph, None).map_err(|cycle| {
            SpaceError::cell(format!(
                "there is a cycle through node {}",
                cycle.node_id().index()
            ))
        })?;
        let mut inputs: Vec<(usize, NodeIndex)> = Vec::new();
        let mut inner = Vec::new();
        let mut sinks = Vec::new();
        for index in order {
            match graph[index] {
                State::Input(i) => inputs.push((i, index)),
                State::Inner(combine) => inner.push((combine, index)),
                State::Output => sinks.push(index),
            }
        }
        inputs.sort_unstable();
        if inputs.iter().enumerate().any(|(expected, (i, _))| *i != expected) {
            return Err(SpaceError::cell("the inputs are not numbered 0, 1, … each once"));
        }
        let &[sink] = sinks.as_slice() else {
            return Err(SpaceError::cell(format!(
                "it has {} outputs; expected exactly one",
                sinks.len()
            )));
        };
        let mut number = vec![None; graph.node_count()];
        let numbered = inputs
            .iter()
            .map(|(_, index)| index)
            .chain(inner.iter().map(|(_, index)| index));
        for (state, index) in numbered.enumerate() {
            number[index.index()] = Some(state);
        }
        let sources = |target: NodeIndex| -> Result<Vec<(String, usize)>, SpaceError> {
            let mut edges: Vec<_> = graph.edges_directed(target, Direction::Incoming).collect();
            edges.sort_by_key(|edge| edge.id());
            let from_state = |from: NodeIndex| {
                number[from.index()].ok_or_else(|| SpaceError::cell("the output has an outgoing edge"))
            };
            edges
                .iter()
                .map(|edge| Ok((edge.weight().clone(), from_state(edge.source())?)))
                .collect()
        };
        for &(i, index) in &inputs {
            if !sources(index)?.is_empty() {
                return Err(SpaceError::cell(format!("input {i} has an incoming edge")));
            }
        }
        let nodes: Result<Vec<Node>, SpaceError> = inner
            .iter()
            .map(|&(combine, index)| {
                Ok(Node {
                    combine,
                    edges: sources(index)?,
                })
            })
            .collect();
        let output = sources(sink)?.into_iter().map(|(_, state)| state).collect();
        Self::new(inputs.len(), nodes?, output)
    }

    /// The graph: [`State`]s as nodes, names of operations on the edges.
    pub fn graph(&self) -> &DiGraph<State, String> {
        &self.graph
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Number of inner nodes.
    pub fn len(&self) -> usize {
        self.states.len() - self.inputs
    }

    /// Whether there is no inner node. There always is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The states whose concatenation is the output, in that order.
    pub fn output(&self) -> &[usize] {
        &self.output
    }

    /// The inner nodes, in the order of their numbers: the first one is state [`Cell::inputs`].
    pub fn nodes(&self) -> Vec<Node> {
        (self.inputs..self.states.len())
            .map(|state| self.node(state))
            .collect()
    }

    fn node(&self, state: usize) -> Node {
        let index = self.states[state];
        let combine = match self.graph[index] {
            State::Inner(combine) => combine,
            State::Input(_) | State::Output => Combine::Add,
        };
        let mut edges: Vec<_> = self.graph.edges_directed(index, Direction::Incoming).collect();
        edges.sort_by_key(|edge| edge.id());
        let edges = edges
            .iter()
            .map(|edge| {
                let from = self
                    .states
                    .iter()
                    .position(|&s| s == edge.source())
                    .unwrap_or_default();
                (edge.weight().clone(), from)
            })
            .collect();
        Node { combine, edges }
    }

    /// The cell without its dead parts: edges that pass nothing on, and nodes that no input reaches
    /// or that do not reach the output. What computes the same stays; states are renumbered.
    ///
    /// A state of the output that nothing reaches stays, without edges: it is zero.
    #[must_use]
    pub fn pruned(&self, operations: &Operations) -> Self {
        let mut nodes = self.nodes();
        let mut fed = vec![true; self.inputs];
        for node in &mut nodes {
            node.edges
                .retain(|(op, from)| operations.role(op) != Role::Nothing && fed[*from]);
            fed.push(!node.edges.is_empty());
        }
        let mut used = vec![false; self.states.len()];
        for &state in &self.output {
            used[state] = true;
        }
        for state in (self.inputs..self.states.len()).rev() {
            if used[state] {
                for (_, from) in &nodes[state - self.inputs].edges {
                    used[*from] = true;
                }
            }
        }
        let mut renumbered: Vec<usize> = (0..self.inputs).collect();
        let mut kept = Vec::new();
        for (i, mut node) in nodes.into_iter().enumerate() {
            renumbered.push(self.inputs + kept.len());
            if used[self.inputs + i] {
                for (_, from) in &mut node.edges {
                    *from = renumbered[*from];
                }
                kept.push(node);
            }
        }
        let output = self.output.iter().map(|&state| renumbered[state]).collect();
        Self::assemble(self.inputs, kept, output)
    }

    /// Checks that all operations are known.
    ///
    /// # Errors
    /// [`SpaceError::UnknownName`] for the first that is not.
    pub fn check_operations(&self, operations: &Operations) -> Result<(), SpaceError> {
        for node in self.nodes() {
            for (op, _) in &node.edges {
                operations.get(op)?;
            }
        }
        Ok(())
    }
}

impl PartialEq for Cell {
    /// Equal as written down, edge by edge; isomorphic cells may differ.
    fn eq(&self, other: &Self) -> bool {
        self.inputs == other.inputs && self.output == other.output && self.nodes() == other.nodes()
    }
}

impl Eq for Cell {}

impl TryFrom<CellText> for Cell {
    type Error = SpaceError;

    fn try_from(text: CellText) -> Result<Self, SpaceError> {
        Self::new(text.inputs, text.nodes, text.output)
    }
}

impl From<Cell> for CellText {
    fn from(cell: Cell) -> Self {
        Self {
            inputs: cell.inputs,
            nodes: cell.nodes(),
            output: cell.output,
        }
    }
}
