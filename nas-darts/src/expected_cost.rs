//! The expected cost of the architecture, as a term of the loss of the architecture parameters.
//!
//! The weights of a supernet's operations are taken as their probabilities:
//! E\[cost\] = fixed + Σ_e Σ_o p_eo c_eo, with c_eo what operation o on edge e costs in the network
//! of an architecture that has it ([`CellSpace::operation_costs`]), at the size of the supernet. It
//! is linear in p, so that its gradient with respect to the weights is c; the relaxation takes that
//! back to α, as it does with the gradient of the loss. The term is
//! λ · (E\[cost\] − fixed) / (E₀\[cost\] − fixed), with E₀ the expected cost where all weights are
//! equal: it is 1 before the search and 0 where no operation costs anything, whatever the figure
//! and the size. It does not depend on the weights of the operations' layers, so that the second
//! order adds nothing to its gradient.
//!
//! Where edges are weighed too (PC-DARTS), p_eo is the weight of the edge times that of the
//! operation, and the edges into a node count as many times as an architecture keeps edges there:
//! with equal edges that is the mean over all choices of edges. The channels that pass by cost
//! nothing.
//!
//! # Deviations
//! FBNet multiplies its loss by a power of the expected latency, ProxylessNAS adds λ times the
//! latency. Here λ times the cost relative to that at equal weights is added, so that one λ suits
//! networks of any size. Costs are counted, not measured.
//!
//! # References
//! - B. Wu et al. FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural
//!   Architecture Search. CVPR 2019, arXiv:1812.03443, section 3.3.
//! - H. Cai, L. Zhu, S. Han. ProxylessNAS: Direct Neural Architecture Search on Target Task and
//!   Hardware. ICLR 2019, arXiv:1812.00332, section 3.3, equation 6.

use nas_space::cost::Cost;
use nas_space::network::NetworkConfig;
use nas_space::spaces::CellSpace;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::error::DartsError;

/// Which cost is added to the loss of the architecture, and how much it counts.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `figure` | required | what is counted | see [`CostFigure`] |
/// | `weight` | 0.01 | λ | ≥ 0 |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CostTerm {
    /// What is counted.
    pub figure: CostFigure,
    /// Weight of the expected cost in the loss: the cost where all operations have equal weights
    /// counts as 1, a network of operations without cost as 0.
    #[serde(default = "weight")]
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub weight: f64,
}

/// A cost that is counted on the layers of networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CostFigure {
    /// Trainable parameters.
    Params,
    /// Multiply-accumulates of one forward pass for one image.
    Macs,
}

fn weight() -> f64 {
    CostTerm::WEIGHT
}

impl CostTerm {
    /// The default weight.
    pub const WEIGHT: f64 = 0.01;

    /// Checks the range.
    pub(crate) fn validate(&self) -> Result<(), DartsError> {
        match self.weight >= 0.0 && self.weight.is_finite() {
            true => Ok(()),
            false => Err(DartsError::config(
                "expected_cost.weight",
                self.weight,
                "a number of at least 0",
            )),
        }
    }
}

impl CostFigure {
    /// Its name: `params` or `macs`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Params => "params",
            Self::Macs => "macs",
        }
    }

    /// Exact up to 2⁵³.
    fn of(self, cost: Cost) -> f64 {
        match self {
            Self::Params => cost.params as f64,
            Self::Macs => cost.macs as f64,
        }
    }
}

/// The expected cost as a function of the weights of a supernet's operations.
#[derive(Debug, Clone)]
pub struct ExpectedCost {
    /// Of what does not depend on the weights.
    fixed: f64,
    /// By which each weight is multiplied: a table a cell, of the shape of the weights.
    tables: Vec<Array2<f64>>,
    /// Of the operations where all weights are equal.
    reference: f64,
}

impl ExpectedCost {
    /// For the networks of `space` of this size. `columns` is the number of columns of each table
    /// of weights; with `weighs_edges`, the weights of all edges into a node sum to 1.
    ///
    /// # Errors
    /// [`DartsError::Space`] for a space without a supernet; [`DartsError::Eval`] for one whose
    /// operations cost nothing.
    pub fn new(
        space: &CellSpace,
        network: &NetworkConfig,
        figure: CostFigure,
        weighs_edges: bool,
    ) -> Result<Self, DartsError> {
        let costs = space.operation_costs(network)?;
        let cells = space.relaxed()?;
        let (mut tables, mut reference) = (Vec::new(), 0.0);
        for (cell, counted) in cells.iter().zip(&costs.cells) {
            let (rows, columns) = counted.dim();
            // With weights of the edges there is a column more, of the channels that pass by.
            let mut table = Array2::zeros((rows, columns + usize::from(weighs_edges)));
            for state in cell.states() {
                let edges: Vec<usize> = cell.rows_into(state).collect();
                let kept = cell.edges_kept.unwrap_or(edges.len()).min(edges.len()) as f64;
                let (times, equal) = match weighs_edges {
                    true => (kept, 1.0 / (edges.len() * columns) as f64),
                    false => (1.0, 1.0 / columns as f64),
                };
                for row in edges {
                    for column in 0..columns {
                        let cost = times * figure.of(counted[[row, column]]);
                        table[[row, column]] = cost;
                        reference += equal * cost;
                    }
                }
            }
            tables.push(table);
        }
        if reference == 0.0 {
            let expected = format!("a space with operations that have {}", figure.name());
            return Err(DartsError::config("expected_cost", space_name(space), expected));
        }
        Ok(Self {
            fixed: figure.of(costs.fixed),
            tables,
            reference,
        })
    }

    /// The expected cost at these weights, all that is fixed included: the cost of a network, in
    /// parameters or multiply-accumulates.
    ///
    /// # Shapes
    /// A table a cell: edges × operations, perhaps with a column more.
    pub fn of(&self, weights: &[Array2<f64>]) -> f64 {
        let tables = self.tables.iter().zip(weights);
        let sum = |(costs, weights): (&Array2<f64>, &Array2<f64>)| -> f64 {
            let entries = weights.indexed_iter();
            entries
                .map(|(place, weight)| weight * costs.get(place).copied().unwrap_or(0.0))
                .sum()
        };
        self.fixed + tables.map(sum).sum::<f64>()
    }

    /// The term of the loss at these weights, λ = 1.
    pub fn relative(&self, weights: &[Array2<f64>]) -> f64 {
        (self.of(weights) - self.fixed) / self.reference
    }

    /// The gradient of `weight` times [`ExpectedCost::relative`] with respect to the weights, which
    /// is the same everywhere.
    pub fn slope(&self, weight: f64) -> Vec<Array2<f64>> {
        let factor = weight / self.reference;
        self.tables.iter().map(|table| table * factor).collect()
    }
}

fn space_name(space: &CellSpace) -> &str {
    nas_space::spaces::Space::name(space)
}

#[cfg(test)]
mod tests {
    use nas_space::seed::Seed;
    use nas_space::sizes::Counted;
    use nas_space::spaces::{ChosenEdge, Space, darts, nb201};

    use super::*;
    use crate::alphas::Alphas;
    use crate::config::RelaxationConfig;
    use crate::relaxation::Mixed;

    fn network(cells: usize) -> NetworkConfig {
        NetworkConfig {
            channels: 8,
            cells,
            ..NetworkConfig::default()
        }
    }

    fn relaxations() -> [RelaxationConfig; 4] {
        [
            RelaxationConfig::Darts {},
            RelaxationConfig::PcDarts { parts: 4 },
            RelaxationConfig::Gdas {
                first_temperature: 4.0,
                last_temperature: 1.0,
            },
            RelaxationConfig::Drnas { kl_weight: 0.0 },
        ]
    }

    /// Central differences of the term itself, of every α and β, with the noise of GDAS held fixed
    /// and its gradient taken straight through, and DrNAS at its mean.
    #[test]
    fn gradients_are_the_finite_differences() {
        for (space, cells) in [(nb201(), 1), (darts(), 4)] {
            for config in relaxations() {
                let relaxed = space.relaxed().unwrap();
                let relaxation = config.build(&relaxed);
                let edges = relaxation.weighs_edges();
                let cost = ExpectedCost::new(&space, &network(cells), CostFigure::Macs, edges).unwrap();
                let alphas = Alphas::random(&relaxed, edges, 0.8, Seed::new(3)).unwrap();
                let mix = |alphas: &Alphas| match config {
                    RelaxationConfig::Drnas { .. } => relaxation.expected(alphas),
                    _ => relaxation.mix(alphas, 0.5, &mut Seed::new(9).rng()),
                };
                let probabilities = |mixed: Mixed| match mixed.probabilities.is_empty() {
                    true => mixed.weights,
                    false => mixed.probabilities,
                };
                let value = |alphas: &Alphas| 2.5 * cost.relative(&probabilities(mix(alphas)));
                let got = relaxation.pull_back(&alphas, &mix(&alphas), &cost.slope(2.5));
                let h = 1e-5;
                let mut largest = 0.0_f64;
                for (place, got) in got.iter().enumerate() {
                    let moved = |by: f64| {
                        let mut moved = alphas.clone();
                        if let Some(entry) = moved.iter_mut().nth(place) {
                            *entry += by;
                        }
                        value(&moved)
                    };
                    let measured = (moved(h) - moved(-h)) / (2.0 * h);
                    assert!(
                        (measured - got).abs() < 1e-6,
                        "{config:?} {place}: {got} {measured}"
                    );
                    largest = largest.max(got.abs());
                }
                assert!(largest > 1e-3, "{config:?}");
            }
        }
    }

    /// Of architectures in which nothing is dead.
    #[test]
    fn at_one_operation_an_edge_it_is_the_cost_of_the_network() {
        let space = nb201();
        let size = network(2);
        let counted = Counted::new(std::sync::Arc::new(space.clone()), size).unwrap();
        for choices in [
            [3, 2, 3, 1, 4, 2],
            [1; 6],
            [4, 3, 2, 1, 2, 3],
            [3; 6],
            [2, 0, 3, 0, 0, 3],
        ] {
            let mut weights = Array2::zeros((6, 5));
            for (row, column) in choices.into_iter().enumerate() {
                weights[[row, column]] = 1.0;
            }
            let architecture = nas_space::Architecture::new(choices);
            let network = counted.cost(&architecture).unwrap();
            let of = |figure| {
                let cost = ExpectedCost::new(&space, &size, figure, false).unwrap();
                cost.of(std::slice::from_ref(&weights))
            };
            assert_eq!(of(CostFigure::Params), network.params as f64, "{choices:?}");
            assert_eq!(of(CostFigure::Macs), network.macs as f64, "{choices:?}");
        }
        // Two edges into each node of DARTS' cells, and `none` on the others.
        let (space, size) = (darts(), network(5));
        let counted = Counted::new(std::sync::Arc::new(space.clone()), size).unwrap();
        let cell = |first: usize| -> Vec<ChosenEdge> {
            let rows = [0, 1, 2, 4, 5, 8, 9, 13].into_iter().enumerate();
            rows.map(|(i, row)| ChosenEdge {
                row,
                column: 1 + (first + i) % 7,
            })
            .collect()
        };
        for first in [0, 3, 4] {
            let chosen = [cell(first), cell(first + 2)];
            let weights = chosen.each_ref().map(|edges| {
                let mut table = Array2::zeros((14, 8));
                table.column_mut(0).fill(1.0);
                for edge in edges {
                    table[[edge.row, 0]] = 0.0;
                    table[[edge.row, edge.column]] = 1.0;
                }
                table
            });
            let genotype = space.chosen(&chosen).unwrap();
            let network = counted.cost(&space.architecture(&genotype).unwrap()).unwrap();
            let cost = ExpectedCost::new(&space, &size, CostFigure::Params, false).unwrap();
            assert_eq!(cost.of(&weights), network.params as f64, "{genotype}");
        }
    }

    #[test]
    fn equal_weights_count_as_1_and_operations_without_cost_as_0() {
        for config in relaxations() {
            let (space, relaxed) = (darts(), darts().relaxed().unwrap());
            let relaxation = config.build(&relaxed);
            let edges = relaxation.weighs_edges();
            let cost = ExpectedCost::new(&space, &network(4), CostFigure::Params, edges).unwrap();
            let mut alphas = Alphas::zeros(&relaxed, edges);
            let equal = cost.relative(&relaxation.strengths(&alphas));
            assert!((equal - 1.0).abs() < 1e-12, "{config:?}: {equal}");
            for table in &mut alphas.operations {
                table.fill(-1e3);
                table.column_mut(0).fill(1e3);
            }
            let none = cost.relative(&relaxation.strengths(&alphas));
            assert!(none.abs() < 1e-12, "{config:?}: {none}");
        }
    }

    #[test]
    fn a_space_whose_operations_cost_nothing_is_refused() {
        let text = "name = 'free'\nskeleton = 'nb201'\noperations = ['none', 'skip_connect']\nnodes = 2";
        let space = nas_space::spaces::CustomConfig::from_toml(text)
            .unwrap()
            .build(nas_space::op::Operations::standard())
            .unwrap();
        let error = ExpectedCost::new(&space, &network(1), CostFigure::Params, false).unwrap_err();
        assert!(error.to_string().contains("expected_cost is free"), "{error}");
    }
}
