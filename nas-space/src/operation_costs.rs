//! What each operation of a supernet adds to the cost of an architecture that has it.

use ndarray::Array2;

use crate::cost::Cost;
use crate::error::SpaceError;
use crate::network::{CellStyle, LayerKind, Network, NetworkConfig, Term};
use crate::spaces::{CellSpace, MixedChannels, RelaxedCell};

/// The costs of a space's operations, edge by edge, at one size of the networks.
///
/// An architecture that has one operation on each edge of a cell costs `fixed` plus the entries of
/// those operations: exactly what [`Network::cost`] counts on its network, as long as nothing in it
/// is dead. (An architecture that keeps some edges only has `none` on the others. Where a path ends
/// in `none`, its network is built without the operations before it, so that it costs less than
/// this sum.) With probabilities instead of operations, the sum is the expected cost: linear in the
/// probabilities, as FBNet and ProxylessNAS use it in their losses.
///
/// # References
/// - B. Wu et al. FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural
///   Architecture Search. CVPR 2019, arXiv 1812.03443, section 3.3.
/// - H. Cai, L. Zhu, S. Han. ProxylessNAS: Direct Neural Architecture Search on Target Task and
///   Hardware. ICLR 2019, arXiv 1812.00332, section 3.3.
#[derive(Debug, Clone, PartialEq)]
pub struct OperationCosts {
    /// Stem, head, and all else that does not depend on the operations.
    pub fixed: Cost,
    /// A table for each cell of [`CellSpace::relaxed`], in that order, of all places at which the
    /// cell stands: edges × operations.
    pub cells: Vec<Array2<Cost>>,
}

impl CellSpace {
    /// What each operation costs on each edge, in networks of this size.
    ///
    /// The layers are those of the architectures' networks, not of the supernet: batch norms have
    /// scales and shifts, and all channels go through an operation.
    ///
    /// # Errors
    /// As [`CellSpace::supernet`].
    pub fn operation_costs(&self, config: &NetworkConfig) -> Result<OperationCosts, SpaceError> {
        let network = self.mixed_network(config, MixedChannels::All, CellStyle::Discrete)?;
        let cells = self.relaxed()?;
        let table = |cell: &RelaxedCell| {
            Array2::from_elem((cell.edges.len(), cell.operations.len()), Cost::default())
        };
        let mut costs = OperationCosts {
            fixed: Cost::default(),
            cells: cells.iter().map(table).collect(),
        };
        for (layer, owner) in network.layers().iter().zip(owners(&network)) {
            let place = owner
                .and_then(|Term { table, row, column }| costs.cells.get_mut(table)?.get_mut([row, column]));
            *place.unwrap_or(&mut costs.fixed) += network.layer_cost(layer);
        }
        Ok(costs)
    }
}

/// For each layer the term of weighted sums without which nothing reads it; none where it is read
/// by several terms, or whatever the weights are.
fn owners(network: &Network) -> Vec<Option<Term>> {
    /// Who reads a layer.
    #[derive(Clone, Copy, PartialEq)]
    enum Readers {
        Nobody,
        Only(Term),
        Several,
    }
    let layers = network.layers();
    let mut readers = vec![Readers::Nobody; layers.len()];
    let outputs = [Some(network.logits()), network.auxiliary()];
    for output in outputs.into_iter().flatten() {
        readers[output.index()] = Readers::Several;
    }
    // Each layer stands after its inputs: its own readers are known when its inputs hear of it.
    for (index, layer) in layers.iter().enumerate().rev() {
        for (position, input) in layer.inputs.iter().enumerate() {
            let reader = match &layer.kind {
                LayerKind::WeightedSum { terms } => Readers::Only(terms[position]),
                _ => readers[index],
            };
            let known = &mut readers[input.index()];
            *known = match *known {
                Readers::Nobody => reader,
                same if same == reader => same,
                _ => Readers::Several,
            };
        }
    }
    let owner = |readers| match readers {
        Readers::Only(term) => Some(term),
        Readers::Nobody | Readers::Several => None,
    };
    readers.into_iter().map(owner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Architecture;
    use crate::op::Operations;
    use crate::spaces::{ChosenEdge, CustomConfig, Space, darts, nb201};

    fn config(channels: usize, cells: usize) -> NetworkConfig {
        NetworkConfig {
            channels,
            cells,
            ..NetworkConfig::default()
        }
    }

    /// The sum over these edges.
    fn sum(costs: &OperationCosts, chosen: &[Vec<ChosenEdge>]) -> Cost {
        let mut total = costs.fixed;
        for (table, chosen) in costs.cells.iter().zip(chosen) {
            for edge in chosen {
                total += table[[edge.row, edge.column]];
            }
        }
        total
    }

    /// All architectures of NAS-Bench-201 in which nothing is dead: those without `none`, and some
    /// with it.
    #[test]
    fn the_sum_of_the_operations_is_the_cost_of_the_network_in_nb201() {
        let (space, size) = (nb201(), config(16, 5));
        let costs = space.operation_costs(&size).unwrap();
        let check = |choices: [usize; 6]| {
            let edges = choices.into_iter().enumerate();
            let chosen = edges.map(|(row, column)| ChosenEdge { row, column }).collect();
            let network = space.network(&Architecture::new(choices), &size).unwrap();
            assert_eq!(sum(&costs, &[chosen]), network.cost(), "{choices:?}");
        };
        for number in 0..4_usize.pow(6) {
            let choice = |edge: u32| 1 + number / 4_usize.pow(edge) % 4;
            // A sixth of them, at all places of the cube.
            if number % 6 == 1 {
                check([0, 1, 2, 3, 4, 5].map(choice));
            }
        }
        check([3, 0, 2, 0, 0, 3]);
        check([3, 3, 0, 3, 3, 3]);
        // The first edge leads nowhere: its convolution is counted, and is not built.
        let dead = Architecture::new([3, 3, 0, 3, 0, 3]);
        let edges = dead.choices().iter().enumerate();
        let chosen = edges.map(|(row, &column)| ChosenEdge { row, column }).collect();
        let built = space.network(&dead, &size).unwrap().cost();
        assert_eq!(
            sum(&costs, &[chosen]).params - built.params,
            costs.cells[0][[0, 3]].params
        );
    }

    /// Two edges into each node, `none` on the others, which costs nothing.
    #[test]
    fn the_sum_of_the_operations_is_the_cost_of_the_network_in_darts() {
        let (space, size) = (darts(), config(8, 7));
        let costs = space.operation_costs(&size).unwrap();
        assert!(
            costs
                .cells
                .iter()
                .all(|table| table.column(0).iter().all(|&cost| cost == Cost::default()))
        );
        let pairs = [0, 1, 2, 4, 5, 8, 9, 13];
        for first in 0..7 {
            let cell = |start: usize| -> Vec<ChosenEdge> {
                let edges = pairs.into_iter().enumerate();
                edges
                    .map(|(i, row)| ChosenEdge {
                        row,
                        column: 1 + (start + 3 * i) % 7,
                    })
                    .collect()
            };
            let chosen = [cell(first), cell(first + 2)];
            let genotype = space.chosen(&chosen).unwrap();
            let architecture = space.architecture(&genotype).unwrap();
            let network = space.network(&architecture, &size).unwrap();
            assert_eq!(sum(&costs, &chosen), network.cost(), "{genotype}");
        }
    }

    /// With one operation an edge every layer of a cell depends on it alone, and on no other.
    #[test]
    fn a_space_of_one_operation_has_its_cells_in_the_tables() {
        let text = "name = 'mine'\nskeleton = 'darts'\noperations = ['nor_conv_3x3']\nnodes = 2\ninputs = 2\n\
                    reduction = 'shared'";
        let space = CustomConfig::from_toml(text)
            .unwrap()
            .build(Operations::standard())
            .unwrap();
        let costs = space.operation_costs(&config(4, 1)).unwrap();
        // The one cell reduces: each edge has a 3×3 convolution and a batch norm of 8 channels.
        for cost in costs.cells[0].column(1) {
            assert_eq!(cost.params, 9 * 8 * 8 + 2 * 8);
            assert_eq!(cost.macs, 9 * 8 * 8 * 16 * 16);
        }
    }
}
