//! PC-DARTS: only some of the channels pass through the operations, and edges have weights too.
//!
//! Operation o on edge e weighs β_e · softmax(α_e)_o, with β the softmax over the edges into the
//! same node; the channels that bypass the operations have the weight β_e. The supernet decides
//! which channels these are ([`MixedChannels::OneIn`](nas_space::spaces::MixedChannels::OneIn)).
//!
//! # Deviations
//! None.
//!
//! # References
//! Yuhui Xu, Lingxi Xie, Xiaopeng Zhang, Xin Chen, Guo-Jun Qi, Qi Tian, Hongkai Xiong, "PC-DARTS:
//! Partial Channel Connections for Memory-Efficient Architecture Search", ICLR 2020,
//! arXiv:1907.05737, sections 3.2 and 3.3.

use nas_space::spaces::RelaxedCell;
use ndarray::{Array1, Array2};
use rand_chacha::ChaCha8Rng;

use super::softmax::{back, in_place, rows, rows_back};
use super::{Mixed, Relaxation};
use crate::alphas::Alphas;

/// Weighs operations by a softmax and edges by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialChannels {
    /// The rows of the edges into each node, cell by cell.
    nodes: Vec<Vec<Vec<usize>>>,
}

impl PartialChannels {
    /// For a supernet of these cells.
    pub fn new(cells: &[RelaxedCell]) -> Self {
        let of_cell = |cell: &RelaxedCell| {
            cell.states()
                .map(|state| cell.rows_into(state).collect())
                .collect()
        };
        Self {
            nodes: cells.iter().map(of_cell).collect(),
        }
    }

    /// The weights of the edges of each cell.
    fn edge_weights(&self, alphas: &Alphas) -> Vec<Array1<f64>> {
        let cells = self.nodes.iter().zip(&alphas.edges);
        cells
            .map(|(nodes, beta)| {
                let mut weights = beta.clone();
                for rows in nodes {
                    let mut own: Array1<f64> = rows.iter().map(|&row| beta[row]).collect();
                    in_place(own.view_mut());
                    for (&row, &weight) in rows.iter().zip(&own) {
                        weights[row] = weight;
                    }
                }
                weights
            })
            .collect()
    }
}

impl Relaxation for PartialChannels {
    fn name(&self) -> &'static str {
        "pc-darts"
    }

    fn weighs_edges(&self) -> bool {
        true
    }

    fn mix(&self, alphas: &Alphas, _share: f64, _rng: &mut ChaCha8Rng) -> Mixed {
        let edges = self.edge_weights(alphas);
        let strengths = self.strengths(alphas);
        let tables = strengths.iter().zip(&edges).map(|(operations, edges)| {
            let (rows, columns) = operations.dim();
            Array2::from_shape_fn((rows, columns + 1), |(row, column)| {
                operations.get([row, column]).copied().unwrap_or(edges[row])
            })
        });
        Mixed::certain(tables.collect())
    }

    fn pull_back(&self, alphas: &Alphas, _mixed: &Mixed, gradient: &[Array2<f64>]) -> Alphas {
        let edge_weights = self.edge_weights(alphas);
        let (mut operations, mut edges) = (Vec::new(), Vec::new());
        for (cell, gradient) in gradient.iter().enumerate() {
            let (p, beta) = (rows(&alphas.operations[cell]), &edge_weights[cell]);
            let (count, columns) = p.dim();
            let for_p = Array2::from_shape_fn((count, columns), |(row, column)| {
                gradient[[row, column]] * beta[row]
            });
            operations.push(rows_back(&p, &for_p));
            // An edge weighs its operations and what passes them by.
            let for_beta: Array1<f64> = (0..count)
                .map(|row| {
                    let mixed: f64 = (0..columns).map(|o| gradient[[row, o]] * p[[row, o]]).sum();
                    mixed + gradient[[row, columns]]
                })
                .collect();
            let mut result = Array1::zeros(count);
            for rows in &self.nodes[cell] {
                let pick =
                    |values: &Array1<f64>| -> Array1<f64> { rows.iter().map(|&row| values[row]).collect() };
                let own = back(&pick(beta).view(), &pick(&for_beta).view());
                for (&row, value) in rows.iter().zip(own) {
                    result[row] = value;
                }
            }
            edges.push(result);
        }
        Alphas { operations, edges }
    }

    fn strengths(&self, alphas: &Alphas) -> Vec<Array2<f64>> {
        let edges = self.edge_weights(alphas);
        let cells = alphas.operations.iter().zip(edges);
        cells
            .map(|(table, edges)| {
                let mut strengths = rows(table);
                for (mut row, edge) in strengths.rows_mut().into_iter().zip(edges) {
                    row *= edge;
                }
                strengths
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relaxation::gradient_check::{alphas, assert_gradients_are_differences};
    use nas_space::seed::Seed;
    use nas_space::spaces::{MixedChannels, darts, nb201};

    #[test]
    fn the_weights_into_a_node_sum_to_one_and_so_do_those_of_what_passes_by() {
        let cells = darts().relaxed().unwrap();
        let relaxation = PartialChannels::new(&cells);
        let mixed = relaxation.mix(&alphas(&cells, true), 0.0, &mut Seed::new(0).rng());
        for (cell, weights) in cells.iter().zip(&mixed.weights) {
            assert_eq!(weights.ncols(), cell.columns(MixedChannels::OneIn(4)));
            for state in cell.states() {
                let rows: Vec<usize> = cell.rows_into(state).collect();
                let through: f64 = rows
                    .iter()
                    .map(|&row| (0..8).map(|o| weights[[row, o]]).sum::<f64>())
                    .sum();
                let past: f64 = rows.iter().map(|&row| weights[[row, 8]]).sum();
                assert!(
                    (through - 1.0).abs() < 1e-12 && (past - 1.0).abs() < 1e-12,
                    "{state}"
                );
            }
        }
    }

    #[test]
    fn gradients_are_the_finite_differences() {
        for space in [darts(), nb201()] {
            let cells = space.relaxed().unwrap();
            assert_gradients_are_differences(&PartialChannels::new(&cells), &cells);
        }
    }
}
