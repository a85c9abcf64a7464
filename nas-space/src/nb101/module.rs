//! A module.

use serde::{Deserialize, Serialize};

use super::{INPUT, MAX_EDGES, MAX_VERTICES, NB101_OPERATIONS, OUTPUT, fingerprint, order};
use crate::error::SpaceError;

/// A matrix of edges.
type Matrix = [[bool; MAX_VERTICES]; MAX_VERTICES];

/// A module of NAS-Bench-101: a graph whose vertices are numbered such that edges lead from lower
/// to higher numbers, each of them on a path from the input, 0, to the output, the last one.
///
/// In serde's formats it reads `{"matrix": [[0, 1, 0], [0, 0, 1], [0, 0, 0]], "ops": ["input",
/// "conv3x3-bn-relu", "output"]}`, as the benchmark's `ModelSpec` does; the names of its interface,
/// `module_adjacency` and `module_operations`, are read too.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "ModuleText", into = "ModuleText")]
pub struct Module {
    edges: Matrix,
    /// Of the inner vertices, indices of [`NB101_OPERATIONS`].
    operations: Vec<usize>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModuleText {
    #[serde(alias = "module_adjacency")]
    matrix: Vec<Vec<u8>>,
    #[serde(alias = "module_operations")]
    ops: Vec<String>,
}

impl Module {
    /// The module of this matrix, in which 1 at row x and column y is an edge from vertex x to
    /// vertex y, and these labels. Vertices that no path from the input to the output goes through
    /// are left out.
    ///
    /// # Errors
    /// [`SpaceError::Module`] where there are not two to seven vertices, the matrix is not square
    /// and upper triangular with zeros and ones, the labels do not begin with `input` and end with
    /// `output`, an operation is not known, no path leads from the input to the output, or more
    /// than nine edges are on such paths.
    pub fn new(matrix: &[Vec<u8>], labels: &[impl AsRef<str>]) -> Result<Self, SpaceError> {
        let size = matrix.len();
        let named = |number: usize| labels.get(number).map_or("", AsRef::as_ref);
        let fits = (2..=MAX_VERTICES).contains(&size) && labels.len() == size;
        if !fits || matrix.iter().any(|row| row.len() != size) {
            return Err(refusal(format!(
                "the matrix has {size} rows and there are {} operations; expected a square matrix of 2 to {MAX_VERTICES} vertices \
                 with an operation each",
                labels.len()
            )));
        }
        let upper = (0..size).all(|from| (0..=from).all(|to| matrix[from][to] == 0));
        if !upper || matrix.iter().flatten().any(|&edge| edge > 1) {
            return Err(refusal(
                "the matrix has something but zeros below or on its diagonal, or numbers above 1".to_owned(),
            ));
        }
        for (place, vertex, expected) in [("first", 0, INPUT), ("last", size - 1, OUTPUT)] {
            if named(vertex) != expected {
                return Err(refusal(format!(
                    "its {place} operation is '{}'; expected '{expected}'",
                    quoted(named(vertex))
                )));
            }
        }
        let mut operations = Vec::with_capacity(size - 2);
        for vertex in 1..size - 1 {
            let known = NB101_OPERATIONS.iter().position(|known| *known == named(vertex));
            operations.push(known.ok_or_else(|| {
                refusal(format!(
                    "there is no operation '{}' for vertex {vertex}; expected {}",
                    quoted(named(vertex)),
                    NB101_OPERATIONS.join(", ")
                ))
            })?);
        }
        let mut edges = Matrix::default();
        for (row, given) in edges.iter_mut().zip(matrix) {
            for (edge, &there) in row.iter_mut().zip(given) {
                *edge = there == 1;
            }
        }
        let module = Self { edges, operations }
            .pruned()
            .ok_or_else(|| refusal("no path leads from its input to its output".to_owned()))?;
        match module.edge_count() {
            0..=MAX_EDGES => Ok(module),
            count => Err(refusal(format!(
                "it has {count} edges on paths from its input to its output; expected at most {MAX_EDGES}"
            ))),
        }
    }

    /// The module of which nothing but these edges of seven vertices and the operations of the five
    /// inner ones is known, if it is one once it is pruned. Edges are in the order of the matrix's
    /// rows.
    fn of_bits(bits: impl IntoIterator<Item = bool>, operations: &[usize]) -> Option<Self> {
        Self::of_any_bits(bits, operations).filter(|module| module.edge_count() <= MAX_EDGES)
    }

    /// The module of these [choices](Module::choices), in any order of its vertices and with others
    /// without effect; none where they are not 26 in their ranges, no path leads from the input to
    /// the output, or more than nine edges are on such paths.
    pub fn from_choices(choices: &[usize]) -> Option<Self> {
        let (edges, operations) = halves(choices)?;
        Self::of_bits(edges.iter().map(|&edge| edge == 1), operations)
    }

    /// The module that any choices stand for in the space [`nb101`](crate::spaces::nb101), which
    /// says how; none where they are not 26 in their ranges.
    pub fn from_any_choices(choices: &[usize]) -> Option<Self> {
        let (edges, operations) = halves(choices)?;
        Some(Self::of_any(edges.iter().map(|&edge| edge == 1), operations))
    }

    /// The same, with however many edges.
    fn of_any_bits(bits: impl IntoIterator<Item = bool>, operations: &[usize]) -> Option<Self> {
        let mut edges = Matrix::default();
        for ((from, to), there) in pairs(MAX_VERTICES).zip(bits) {
            edges[from][to] = there;
        }
        let operations = operations.to_vec();
        Self { edges, operations }.pruned()
    }

    /// The module that any such edges and operations stand for. Where no path leads from the input
    /// to the output, it is the edge between them; where more than nine edges are on such paths,
    /// the last one that is not the only way is taken out, again and again, until they are at most
    /// nine.
    fn of_any(bits: impl IntoIterator<Item = bool>, operations: &[usize]) -> Self {
        let Some(mut module) = Self::of_any_bits(bits, operations) else {
            return Self::direct();
        };
        while module.edge_count() > MAX_EDGES {
            let vertices = module.vertices();
            let mut edges: Vec<(usize, usize)> = pairs(vertices)
                .filter(|&(from, to)| module.edges[from][to])
                .collect();
            edges.reverse();
            let smaller = edges.into_iter().find_map(|(from, to)| {
                let mut without = module.clone();
                without.edges[from][to] = false;
                without.pruned()
            });
            // A path has at most six edges, so there is one to take out.
            module = smaller.unwrap_or_else(Self::direct);
        }
        module
    }

    /// The module of one edge.
    fn direct() -> Self {
        let mut edges = Matrix::default();
        edges[0][1] = true;
        Self {
            edges,
            operations: Vec::new(),
        }
    }

    /// The module without the vertices that no path from the input to the output goes through; none
    /// where there is no path.
    fn pruned(&self) -> Option<Self> {
        let vertices = self.vertices();
        let last = vertices - 1;
        let mut from_input = [false; MAX_VERTICES];
        from_input[0] = true;
        for to in 1..vertices {
            from_input[to] = (0..to).any(|from| from_input[from] && self.edges[from][to]);
        }
        let mut to_output = [false; MAX_VERTICES];
        to_output[last] = true;
        for from in (0..last).rev() {
            to_output[from] = (from + 1..vertices).any(|to| self.edges[from][to] && to_output[to]);
        }
        if !from_input[last] {
            return None;
        }
        let kept: Vec<usize> = (0..vertices).filter(|&v| from_input[v] && to_output[v]).collect();
        let inner = kept[1..kept.len() - 1].iter();
        Some(Self {
            operations: inner.map(|&vertex| self.operations[vertex - 1]).collect(),
            edges: self.placed(&kept),
        })
    }

    /// The edges among these vertices, numbered in this order.
    fn placed(&self, kept: &[usize]) -> Matrix {
        let mut edges = Matrix::default();
        for (row, &from) in edges.iter_mut().zip(kept) {
            for (edge, &to) in row.iter_mut().zip(kept) {
                *edge = self.edges[from][to];
            }
        }
        edges
    }

    /// Number of vertices, input and output among them: 2 to 7.
    pub fn vertices(&self) -> usize {
        self.operations.len() + 2
    }

    /// Number of edges: 1 to 9.
    pub fn edge_count(&self) -> usize {
        self.edges.iter().flatten().filter(|&&there| there).count()
    }

    /// Whether there is an edge from one vertex to another; not for vertices that are not there.
    pub fn has_edge(&self, from: usize, to: usize) -> bool {
        self.edges
            .get(from)
            .and_then(|row| row.get(to))
            .copied()
            .unwrap_or(false)
    }

    /// The label of a vertex: `input`, `output` or the name of an operation.
    pub fn label(&self, vertex: usize) -> &'static str {
        match vertex.checked_sub(1) {
            None => INPUT,
            Some(inner) => self
                .operations
                .get(inner)
                .map_or(OUTPUT, |&operation| NB101_OPERATIONS[operation]),
        }
    }

    /// Whether there is an edge for each pair of seven vertices in the order of the matrix's rows,
    /// where the output is the last of the seven, then the operation of each of five inner ones: 0
    /// for those that are not there.
    pub fn choices(&self) -> Vec<usize> {
        let last = self.vertices() - 1;
        let place = |vertex: usize| match vertex {
            _ if vertex == MAX_VERTICES - 1 => Some(last),
            _ => Some(vertex).filter(|&v| v < last),
        };
        let mut choices: Vec<usize> = pairs(MAX_VERTICES)
            .map(|(from, to)| {
                let there = place(from).zip(place(to));
                usize::from(there.is_some_and(|(from, to)| self.edges[from][to]))
            })
            .collect();
        choices.extend((0..MAX_VERTICES - 2).map(|v| self.operations.get(v).copied().unwrap_or(0)));
        choices
    }

    /// The same module with its inner vertices in canonical order: the one of which
    /// [`Module::choices`] come first. It is equal for two modules exactly where they are
    /// isomorphic.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let last = self.vertices() - 1;
        let mut best: Option<(Vec<usize>, Self)> = None;
        order::each(self, &mut |order| {
            let mut placed = vec![0];
            placed.extend(order);
            placed.push(last);
            let module = Self {
                edges: self.placed(&placed),
                operations: order.iter().map(|&vertex| self.operations[vertex - 1]).collect(),
            };
            let form = module.choices();
            if best.as_ref().is_none_or(|(best, _)| form < *best) {
                best = Some((form, module));
            }
        });
        best.map_or_else(|| self.clone(), |(_, module)| module)
    }

    /// The name of the module in the benchmark: 32 hexadecimal digits, the same for all orders of
    /// its vertices.
    pub fn hash(&self) -> String {
        fingerprint::of(self)
    }

    /// Channels of every vertex of a module, given its output channels; the input keeps the
    /// channels that it has.
    ///
    /// The output's are divided among the vertices that it concatenates, the first of them taking
    /// one more each where that leaves a rest. Any other inner vertex has as many as the widest
    /// that it leads to.
    pub fn widths(&self, channels: usize) -> Vec<usize> {
        let last = self.vertices() - 1;
        let mut widths = vec![0; self.vertices()];
        widths[0] = channels;
        widths[last] = channels;
        let parts: Vec<usize> = (1..last).filter(|&vertex| self.edges[vertex][last]).collect();
        for (number, &vertex) in parts.iter().enumerate() {
            widths[vertex] = channels / parts.len() + usize::from(number < channels % parts.len());
        }
        for vertex in (1..last).rev().filter(|&vertex| !self.edges[vertex][last]) {
            let targets = (vertex + 1..last).filter(|&to| self.edges[vertex][to]);
            widths[vertex] = targets.map(|to| widths[to]).max().unwrap_or(0);
        }
        widths
    }
}

/// Choices of edges and of operations, if they are as many as there are decisions and in their
/// ranges.
fn halves(choices: &[usize]) -> Option<(&[usize], &[usize])> {
    let (edges, operations) = choices.split_at_checked(MAX_VERTICES * (MAX_VERTICES - 1) / 2)?;
    let legal = operations.len() == MAX_VERTICES - 2
        && edges.iter().all(|&edge| edge <= 1)
        && operations
            .iter()
            .all(|&operation| operation < NB101_OPERATIONS.len());
    legal.then_some((edges, operations))
}

/// Pairs of vertices in the order of the matrix's rows.
fn pairs(vertices: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..vertices).flat_map(move |from| (from + 1..vertices).map(move |to| (from, to)))
}

fn refusal(reason: String) -> SpaceError {
    SpaceError::Module { reason }
}

/// What of a name an error quotes.
fn quoted(name: &str) -> String {
    let short: String = name.chars().take(40).collect();
    if short.len() < name.len() {
        format!("{short}…")
    } else {
        short
    }
}

impl TryFrom<ModuleText> for Module {
    type Error = SpaceError;

    fn try_from(text: ModuleText) -> Result<Self, SpaceError> {
        Self::new(&text.matrix, &text.ops)
    }
}

impl From<Module> for ModuleText {
    fn from(module: Module) -> Self {
        let vertices = module.vertices();
        Self {
            matrix: (0..vertices)
                .map(|from| (0..vertices).map(|to| u8::from(module.edges[from][to])).collect())
                .collect(),
            ops: (0..vertices)
                .map(|vertex| module.label(vertex).to_owned())
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests;
