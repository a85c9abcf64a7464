//! Cells with every operation on every edge, of which a supernet consists.

use super::grammar::{CellGrammar, Output, Wiring};
use super::{CellSpace, Skeleton, Space, SpaceError};
use crate::cell::{Cell, Combine, Node};
use crate::genotype::{DartsGenotype, Genotype, Nb201Genotype};
use crate::network::{
    CellStyle, LayerId, LayerKind, Network, NetworkBuilder, NetworkConfig, PoolKind, Term,
    around_darts_cells, around_nb201_cells,
};
use crate::op::{Operations, Site};

/// The operation that a supernet may weigh although no architecture of the space has it.
const NONE: &str = "none";

/// A cell whose edges carry all operations at once, each with a weight: the table of those has a
/// row for each edge and a column for each operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelaxedCell {
    /// `normal` and `reduction`, or `cell` where one serves as both.
    pub name: String,
    /// Number of inputs: states 0, 1, ….
    pub inputs: usize,
    /// Number of inner nodes.
    pub nodes: usize,
    /// Source and target state of each edge, by target, then by source.
    pub edges: Vec<(usize, usize)>,
    /// The operations, in the order of the table's columns. `none` comes first where architectures
    /// have no such choice.
    pub operations: Vec<String>,
    /// Whether an architecture can have this operation on an edge, by column.
    pub choosable: Vec<bool>,
    /// How many edges into each node an architecture keeps, or all of them.
    pub edges_kept: Option<usize>,
    /// The states that the output concatenates.
    output: Vec<usize>,
}

/// An edge and the operation chosen for it: a row and a column of a [`RelaxedCell`]'s table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChosenEdge {
    /// The edge.
    pub row: usize,
    /// The operation.
    pub column: usize,
}

impl RelaxedCell {
    fn new(name: &str, grammar: &CellGrammar) -> Result<Self, String> {
        let edges_kept = match grammar.wiring {
            Wiring::All => None,
            Wiring::Distinct(count) => Some(count),
            Wiring::Pair => {
                return Err(
                    "a node may read one state twice, so that edges have no operations of their own"
                        .to_owned(),
                );
            }
        };
        if grammar.combines != [Combine::Add] {
            return Err("nodes may concatenate, and a weighted sum cannot".to_owned());
        }
        let (first, states) = (grammar.inputs, grammar.inputs + grammar.nodes);
        let output = match &grammar.output {
            Output::All => (first..states).collect(),
            Output::Last => vec![states - 1],
            Output::States(output) => output.clone(),
            Output::Loose => {
                return Err("which states the output reads depends on the architecture".to_owned());
            }
        };
        let added = !grammar.operations.iter().any(|name| name == NONE);
        let mut operations = grammar.operations.clone();
        let mut choosable = vec![true; operations.len()];
        if added {
            operations.insert(0, NONE.to_owned());
            choosable.insert(0, false);
        }
        Ok(Self {
            name: name.to_owned(),
            inputs: grammar.inputs,
            nodes: grammar.nodes,
            edges: (first..states)
                .flat_map(|to| (0..to).map(move |from| (from, to)))
                .collect(),
            operations,
            choosable,
            edges_kept,
            output,
        })
    }

    /// The rows of the edges into a state.
    pub fn rows_into(&self, state: usize) -> impl Iterator<Item = usize> {
        self.edges
            .iter()
            .enumerate()
            .filter_map(move |(row, &(_, to))| (to == state).then_some(row))
    }

    /// The inner states, in order.
    pub fn states(&self) -> std::ops::Range<usize> {
        self.inputs..self.inputs + self.nodes
    }

    /// The inner states that keep fewer edges than lead into them.
    pub fn choosing_states(&self) -> impl Iterator<Item = usize> {
        self.states().filter(|&state| {
            self.edges_kept
                .is_some_and(|kept| self.rows_into(state).count() > kept)
        })
    }

    /// Number of columns of the table of weights: the operations and, where only some channels go
    /// through them, one more for the others.
    pub fn columns(&self, channels: MixedChannels) -> usize {
        self.operations.len() + usize::from(channels != MixedChannels::All)
    }

    /// Whether the output of the cell with these edges depends on an input of it: not every way
    /// from one to the other meets `none`.
    pub fn passes_on(&self, chosen: &[ChosenEdge]) -> bool {
        let mut fed = vec![true; self.inputs];
        for state in self.states() {
            let reads = |edge: &&ChosenEdge| self.edges.get(edge.row).is_some_and(|&(_, to)| to == state);
            let something = |edge: &ChosenEdge| {
                let from = self.edges[edge.row].0;
                fed[from] && self.operations.get(edge.column).is_some_and(|name| name != NONE)
            };
            fed.push(chosen.iter().filter(reads).any(something));
        }
        self.output.iter().any(|&state| fed[state])
    }

    fn cell(&self, chosen: &[ChosenEdge]) -> Result<Cell, SpaceError> {
        let mut nodes = Vec::with_capacity(self.nodes);
        for state in self.states() {
            let mut edges = Vec::new();
            for choice in chosen {
                let (Some(&(from, to)), Some(operation)) =
                    (self.edges.get(choice.row), self.operations.get(choice.column))
                else {
                    let reason = format!(
                        "the {} has no row {} or column {}",
                        self.name, choice.row, choice.column
                    );
                    return Err(SpaceError::cell(reason));
                };
                if to == state {
                    edges.push((operation.clone(), from));
                }
            }
            edges.sort_by_key(|(_, from)| *from);
            nodes.push(Node::add(edges));
        }
        Cell::new(self.inputs, nodes, self.output.clone())
    }

    /// Adds the layers of the cell: every operation on every edge.
    fn lower(
        &self,
        b: &mut NetworkBuilder,
        operations: &Operations,
        table: usize,
        inputs: &[LayerId],
        site: &Site,
        channels: MixedChannels,
    ) -> Result<LayerId, SpaceError> {
        let mut states = inputs.to_vec();
        for state in self.states() {
            let node = b.scope(format!("node{state}"), |b| {
                let (mut mixed, mut passed) = (Mixed::default(), Mixed::default());
                for row in self.rows_into(state) {
                    let from = self.edges[row].0;
                    let stride = if from < self.inputs { site.stride } else { 1 };
                    let here = Site {
                        stride,
                        channels: channels.mixed(site.channels)?,
                        ..*site
                    };
                    b.scope(format!("edge{from}"), |b| {
                        let x = channels.split(
                            b,
                            states[from],
                            &here,
                            (row, table, self.operations.len()),
                            &mut passed,
                        )?;
                        for (column, name) in self.operations.iter().enumerate() {
                            // `none` too: its zeros cost nothing, and its weight has a gradient
                            // where it is exactly 0.
                            let operation = operations.get(name)?;
                            let y = b.scope(name.clone(), |b| operation.build(b, x, &here))?;
                            mixed.push(y, Term { table, row, column });
                        }
                        Ok::<_, SpaceError>(())
                    })?;
                }
                let sum = mixed.finish(b, inputs[0], site.stride)?;
                match channels {
                    MixedChannels::All => Ok(sum),
                    MixedChannels::OneIn(parts) => {
                        let rest = passed.finish(b, inputs[0], site.stride)?;
                        let both = b.concat(&[sum, rest])?;
                        b.push(LayerKind::Shuffle { groups: parts }, &[both])
                    }
                }
            })?;
            states.push(node);
        }
        let output: Vec<LayerId> = self.output.iter().map(|&state| states[state]).collect();
        b.concat(&output)
    }
}

/// How many of a feature map's channels go through the operations of a supernet's edge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MixedChannels {
    /// All of them, as in DARTS.
    #[default]
    All,
    /// The first 1/K; the others pass by, halved by 2×2 max-pooling where the edge halves, and
    /// their weight is in the table's last column. The channels of a node are then shuffled in K
    /// groups (PC-DARTS: Xu et al. 2020, arXiv 1907.05737, section 3.2, and the authors' code).
    OneIn(usize),
}

impl MixedChannels {
    fn mixed(self, channels: usize) -> Result<usize, SpaceError> {
        match self {
            Self::All => Ok(channels),
            Self::OneIn(parts) if parts < 2 => {
                Err(SpaceError::config("partial channels", parts, "2 or more"))
            }
            Self::OneIn(parts) if channels.is_multiple_of(parts) && channels / parts >= 2 => {
                Ok(channels / parts)
            }
            Self::OneIn(parts) => Err(SpaceError::config(
                "channels",
                channels,
                format!(
                    "a multiple of the {parts} parts that its channels are cut into, at least {}",
                    2 * parts
                ),
            )),
        }
    }

    /// The channels that go through the operations. The others, if any, are added to `passed`.
    fn split(
        self,
        b: &mut NetworkBuilder,
        x: LayerId,
        site: &Site,
        (row, table, column): (usize, usize, usize),
        passed: &mut Mixed,
    ) -> Result<LayerId, SpaceError> {
        if self == Self::All {
            return Ok(x);
        }
        let all = b.shape(x).channels;
        let count = all - site.channels;
        let mut rest = b.push(
            LayerKind::Channels {
                start: site.channels,
                count,
            },
            &[x],
        )?;
        if site.stride == 2 {
            rest = b.halving_pool(rest, PoolKind::Max)?;
        }
        passed.push(rest, Term { table, row, column });
        b.push(
            LayerKind::Channels {
                start: 0,
                count: site.channels,
            },
            &[x],
        )
    }
}

/// A weighted sum in the making.
#[derive(Default)]
struct Mixed {
    inputs: Vec<LayerId>,
    terms: Vec<Term>,
}

impl Mixed {
    fn push(&mut self, input: LayerId, term: Term) {
        self.inputs.push(input);
        self.terms.push(term);
    }

    /// The sum; zeros shaped by the cell's first input where there is nothing to add.
    fn finish(self, b: &mut NetworkBuilder, input: LayerId, stride: usize) -> Result<LayerId, SpaceError> {
        if self.inputs.is_empty() {
            b.push(LayerKind::Zero { stride }, &[input])
        } else {
            b.push(LayerKind::WeightedSum { terms: self.terms }, &self.inputs)
        }
    }
}

impl CellSpace {
    /// The space's cells with every operation on every edge: a normal and a reduction cell, or the
    /// one that serves as both. Where architectures cannot have `none` on an edge, it is added as
    /// an operation that cannot be chosen.
    ///
    /// # Errors
    /// [`SpaceError::Config`] for a space whose nodes or output are not made of edges with one
    /// operation each.
    pub fn relaxed(&self) -> Result<Vec<RelaxedCell>, SpaceError> {
        let names: &[&str] = if self.has_reduction() {
            &["normal", "reduction"]
        } else {
            &["cell"]
        };
        names
            .iter()
            .map(|name| {
                RelaxedCell::new(name, self.grammar()).map_err(|reason| {
                    let expected = format!(
                        "one whose edges have one operation each, such as darts or nb201: here {reason}"
                    );
                    SpaceError::config("space", self.name(), &expected)
                })
            })
            .collect()
    }

    /// The network that contains every architecture of the space: each node is a
    /// [`LayerKind::WeightedSum`], whose tables are those of [`CellSpace::relaxed`], in that order.
    /// It has no drop-path.
    ///
    /// # Errors
    /// As [`CellSpace::relaxed`]; [`SpaceError::Config`] for a configuration out of range or with
    /// drop-path; [`SpaceError::Shape`] where an operation cannot take its input.
    pub fn supernet(&self, config: &NetworkConfig, channels: MixedChannels) -> Result<Network, SpaceError> {
        if config.drop_path {
            return Err(SpaceError::config(
                "drop_path",
                true,
                "false: a supernet has none",
            ));
        }
        self.mixed_network(config, channels, CellStyle::Mixed)
    }

    /// The same with the batch norms of this style.
    pub(crate) fn mixed_network(
        &self,
        config: &NetworkConfig,
        channels: MixedChannels,
        style: CellStyle,
    ) -> Result<Network, SpaceError> {
        let cells = self.relaxed()?;
        let last = cells.len() - 1;
        let operations = self.operations();
        match self.skeleton() {
            Skeleton::Darts => around_darts_cells(config, style, |b, inputs, site, reduces| {
                let table = if reduces { last } else { 0 };
                cells[table].lower(b, operations, table, inputs, site, channels)
            }),
            Skeleton::Nb201 => around_nb201_cells(config, style, |b, input, site| {
                cells[0].lower(b, operations, 0, &[input], site, channels)
            }),
        }
    }

    /// The architecture that has these edges, given for each cell of [`CellSpace::relaxed`].
    ///
    /// # Errors
    /// [`SpaceError::Cell`] where a row, a column or a node's edges are missing;
    /// [`SpaceError::NotInSpace`] where it is no architecture of this space.
    pub fn chosen(&self, cells: &[Vec<ChosenEdge>]) -> Result<Genotype, SpaceError> {
        let relaxed = self.relaxed()?;
        if cells.len() != relaxed.len() {
            let reason = format!(
                "edges are given for {} cells, expected {}",
                cells.len(),
                relaxed.len()
            );
            return Err(SpaceError::cell(reason));
        }
        let mut built = relaxed
            .iter()
            .zip(cells)
            .map(|(cell, chosen)| cell.cell(chosen))
            .collect::<Result<Vec<Cell>, _>>()?;
        let last = if built.len() > 1 { built.pop() } else { None };
        let Some(first) = built.pop() else {
            return Err(SpaceError::cell("the space has no cell"));
        };
        let genotype = match self.skeleton() {
            Skeleton::Darts => Genotype::Darts(DartsGenotype {
                normal: first,
                reduction: last,
            }),
            Skeleton::Nb201 => Genotype::Nb201(Nb201Genotype { cell: first }),
        };
        self.architecture(&genotype)?;
        Ok(genotype)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spaces::{CustomConfig, darts, nb201, pnas};

    fn config(channels: usize, cells: usize) -> NetworkConfig {
        NetworkConfig {
            channels,
            cells,
            ..NetworkConfig::default()
        }
    }

    /// 1.930618 MB of parameters is what the authors' program prints (quark0/darts, issue 12).
    #[test]
    fn the_supernet_of_darts_has_the_published_size() {
        let network = darts().supernet(&config(16, 8), MixedChannels::All).unwrap();
        let cost = network.cost();
        assert_eq!(cost.params, 1_930_618);
        assert_eq!(cost.macs, 300_255_744);
        let convolutions = network
            .layers()
            .iter()
            .filter(|layer| matches!(layer.kind, LayerKind::Conv2d(_)));
        assert_eq!(convolutions.count(), 1_395);
    }

    /// Stem 464; three stages of five cells with 6 · (9 + 1) · C² each for C = 16, 32, 64; blocks
    /// between them with 13,824 + 128 + 512 and 55,296 + 256 + 2,048; batch norm 128 and
    /// classifier 650. The cells' batch norms have no parameters, and there is none after pooling.
    #[test]
    fn the_supernet_of_nb201_has_the_size_of_its_parts_and_bare_pooling() {
        let network = nb201().supernet(&config(16, 5), MixedChannels::All).unwrap();
        let cells: u64 = [16, 32, 64].iter().map(|c| 5 * 60 * c * c).sum();
        assert_eq!(network.cost().params, 464 + cells + 14_464 + 57_600 + 128 + 650);
        assert_eq!(network.cost().params, 1_686_106);
        let pooled_and_normed = |network: &Network| -> (usize, usize) {
            let layers = network.layers();
            let normed = layers.iter().filter(|layer| {
                let pooled = |id: &LayerId| matches!(network.layer(*id).kind, LayerKind::Pool2d(_));
                matches!(layer.kind, LayerKind::BatchNorm { .. }) && layer.inputs.iter().any(pooled)
            });
            let pools = layers
                .iter()
                .filter(|layer| matches!(layer.kind, LayerKind::Pool2d(_)));
            (pools.count(), normed.count())
        };
        // Six edges in 15 cells, and the shortcuts of two blocks.
        assert_eq!(pooled_and_normed(&network), (6 * 15 + 2, 0));
        let darts = darts().supernet(&config(16, 8), MixedChannels::All).unwrap();
        // Two poolings on 14 edges in 8 cells, each with its batch norm.
        assert_eq!(pooled_and_normed(&darts), (2 * 14 * 8, 2 * 14 * 8));
    }

    #[test]
    fn the_edges_are_those_of_the_papers() {
        let cells = darts().relaxed().unwrap();
        let names: Vec<&str> = cells.iter().map(|cell| cell.name.as_str()).collect();
        assert_eq!(names, ["normal", "reduction"]);
        assert_eq!(cells[0].edges.len(), 14);
        assert_eq!(cells[0].operations.len(), 8);
        assert_eq!(cells[0].operations[0], NONE);
        assert_eq!(cells[0].choosable.iter().filter(|&&c| !c).count(), 1);
        assert_eq!(cells[0].rows_into(3).collect::<Vec<_>>(), [2, 3, 4]);
        let nb201 = nb201().relaxed().unwrap();
        assert_eq!(nb201[0].edges, super::super::NB201_EDGES);
        assert_eq!(nb201[0].operations, super::super::NB201_OPERATIONS);
        assert!(nb201[0].choosable.iter().all(|&c| c));
    }

    #[test]
    fn what_is_chosen_is_an_architecture_of_the_space() {
        let space = nb201();
        let chosen: Vec<ChosenEdge> = [4, 2, 1, 2, 1, 1]
            .into_iter()
            .enumerate()
            .map(|(row, column)| ChosenEdge { row, column })
            .collect();
        let genotype = space.chosen(&[chosen]).unwrap();
        assert_eq!(
            space.architecture(&genotype).unwrap().choices(),
            [4, 2, 1, 2, 1, 1]
        );

        let space = darts();
        // Two edges into each node; column 0 is `none`, which no architecture has.
        let pairs = [0, 1, 2, 4, 5, 8, 9, 13];
        let cell = |column| pairs.map(|row| ChosenEdge { row, column }).to_vec();
        let genotype = space.chosen(&[cell(4), cell(1)]).unwrap();
        let text = genotype.to_string();
        assert!(
            text.contains("sep_conv_3x3") && text.contains("max_pool_3x3"),
            "{text}"
        );
        let refused = space.chosen(&[cell(0), cell(1)]).unwrap_err().to_string();
        assert!(refused.contains("none"), "{refused}");
        assert!(space.chosen(&[cell(4)]).is_err());
        assert!(space.chosen(&[cell(4), cell(99)]).is_err());
    }

    #[test]
    fn a_cell_passes_something_on_where_one_way_is_free_of_none() {
        let cell = &nb201().relaxed().unwrap()[0];
        let passes_on = |columns: [usize; 6]| {
            let edges = columns.into_iter().enumerate();
            let edges: Vec<ChosenEdge> = edges.map(|(row, column)| ChosenEdge { row, column }).collect();
            cell.passes_on(&edges)
        };
        assert!(!passes_on([0; 6]));
        // Rows: 0→1, 0→2, 1→2, 0→3, 1→3, 2→3; column 0 is `none`.
        assert!(!passes_on([3, 3, 3, 0, 0, 0]), "nothing reaches the output");
        assert!(!passes_on([0, 0, 3, 0, 3, 3]), "nothing leaves the input");
        assert!(passes_on([3, 0, 0, 0, 1, 0]));
        assert!(passes_on([0, 0, 0, 1, 0, 0]));
    }

    #[test]
    fn partial_channels_narrow_the_operations_and_keep_the_width() {
        let (all, quarter) = (MixedChannels::All, MixedChannels::OneIn(4));
        let whole = darts().supernet(&config(16, 8), all).unwrap();
        let narrow = darts().supernet(&config(16, 8), quarter).unwrap();
        let last = |network: &Network| network.layer(network.layer(network.logits()).inputs[0]).shape;
        assert_eq!(last(&whole), last(&narrow));
        assert!(narrow.cost().params < whole.cost().params / 3);
        let cell = &darts().relaxed().unwrap()[0];
        assert_eq!((cell.columns(all), cell.columns(quarter)), (8, 9));
        for (channels, parts) in [(16, 1), (16, 0), (18, 4), (4, 4)] {
            let refused = darts().supernet(&config(channels, 8), MixedChannels::OneIn(parts));
            assert!(
                matches!(refused, Err(SpaceError::Config { .. })),
                "{channels} in {parts}"
            );
        }
    }

    #[test]
    fn spaces_without_an_operation_for_each_edge_are_refused() {
        let space = pnas(&Default::default()).unwrap();
        let error = space.relaxed().unwrap_err().to_string();
        assert!(
            error.contains("pnas") && error.contains("read one state twice"),
            "{error}"
        );
        let loose = CustomConfig::from_toml(
            "name = 'loose'\nskeleton = 'darts'\noperations = ['skip_connect']\nnodes = 2\noutput = 'loose'",
        );
        let loose = loose.unwrap().build(Operations::standard()).unwrap();
        assert!(loose.relaxed().is_err());
    }

    #[test]
    fn a_space_of_ones_own_has_a_supernet() {
        let text = "name = 'mine'\nskeleton = 'darts'\noperations = ['skip_connect', 'nor_conv_3x3']\nnodes = 2\n\
                    inputs = 2\nreduction = 'shared'";
        let space = CustomConfig::from_toml(text)
            .unwrap()
            .build(Operations::standard())
            .unwrap();
        let cells = space.relaxed().unwrap();
        assert_eq!((cells.len(), cells[0].edges.len()), (1, 5));
        let network = space.supernet(&config(8, 3), MixedChannels::All).unwrap();
        let mixed = network
            .layers()
            .iter()
            .filter(|l| matches!(l.kind, LayerKind::WeightedSum { .. }));
        assert_eq!(mixed.count(), 6);
    }
}
