//! DARTS+PT: an architecture read off a supernet by what it loses without each operation.
//!
//! The edges are visited in a random order. On each, every operation is taken away in turn (its weight set to 0), the
//! supernet is evaluated on the validation half, and the operation without which it is worst is kept as the edge's only
//! one. Then, where a node keeps some of its edges, each edge into it is taken away in turn, and those without which it
//! is worst are kept. After each decision the weights are trained on for some epochs.
//!
//! # Deviations
//! α stays as it is from the last epoch on, the weights are tuned at the search's last learning rate, and an operation
//! that is kept takes over the weight of the edge's operations taken together.
//!
//! # References
//! Ruochen Wang, Minhao Cheng, Xiangning Chen, Xiaocheng Tang, Cho-Jui Hsieh, "Rethinking Architecture Selection in
//! Differentiable NAS", ICLR 2021, arXiv:2108.04392.

use std::path::Path;

use nas_eval::clock::Stopwatch;
use nas_space::spaces::{ChosenEdge, RelaxedCell};
use ndarray::Array2;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::error::DartsError;
use crate::relaxation::Mixed;
use crate::report::{Decided, EdgePerturbation};
use crate::search::{Event, Search};

/// What has been decided so far, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Projection {
    decided: Vec<EdgePerturbation>,
}

/// Something to decide, in the cell of this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Operation { cell: usize, row: usize },
    Edges { cell: usize, state: usize },
}

/// What is left of the supernet: weights, as decisions change them.
struct Remaining<'a> {
    cells: &'a [RelaxedCell],
    weights: Vec<Array2<f64>>,
}

impl Remaining<'_> {
    fn cell_named(&self, name: &str) -> Option<usize> {
        self.cells.iter().position(|cell| cell.name == name)
    }

    fn apply(&mut self, edge: &EdgePerturbation) {
        let Some(index) = self.cell_named(&edge.cell) else {
            return;
        };
        let (cell, table) = (&self.cells[index], &mut self.weights[index]);
        let operations = cell.operations.len();
        match &edge.decision {
            Decided::Operation { row, column } => {
                let all: f64 = (0..operations).map(|other| table[[*row, other]]).sum();
                for other in 0..operations {
                    table[[*row, other]] = if other == *column { all } else { 0.0 };
                }
            }
            Decided::Edges { state, rows } => {
                for row in cell.rows_into(*state).filter(|row| !rows.contains(row)) {
                    table.row_mut(row).fill(0.0);
                }
            }
        }
    }

    /// The weights without one operation of an edge, or without the edge.
    fn without(&self, cell: usize, row: usize, column: Option<usize>) -> Vec<Array2<f64>> {
        let mut weights = self.weights.clone();
        match column {
            Some(column) => weights[cell][[row, column]] = 0.0,
            None => weights[cell].row_mut(row).fill(0.0),
        }
        weights
    }
}

impl Search {
    /// Decides what is left to decide, and gives the edges of each cell with all decisions.
    pub(crate) fn perturb(
        &mut self,
        tuning_epochs: u32,
        checkpoint: Option<&Path>,
        observer: &mut impl FnMut(&Event<'_>),
    ) -> Result<(Vec<Vec<ChosenEdge>>, Vec<EdgePerturbation>), DartsError> {
        let cells = self.cells.clone();
        let questions = self.questions();
        let base = self.relaxation.expected(&self.architecture.alphas()?);
        let mut projection = self.projection.take().unwrap_or_default();
        if projection.decided.len() > questions.len() {
            return Err(DartsError::config(
                "perturbations",
                projection.decided.len(),
                format!("at most {}", questions.len()),
            ));
        }
        let mut remaining = Remaining {
            cells: &cells,
            weights: base.weights.clone(),
        };
        for edge in &projection.decided {
            remaining.apply(edge);
        }
        for (index, &question) in questions.iter().enumerate().skip(projection.decided.len()) {
            let watch = Stopwatch::start();
            let edge = self.decide(&remaining, question)?;
            remaining.apply(&edge);
            projection.decided.push(edge);
            let fixed = Mixed {
                weights: remaining.weights.clone(),
                ..base.clone()
            };
            for epoch in 0..tuning_epochs {
                // Streams of the search's epochs come first.
                let stream = self.config.epochs + index as u32 * tuning_epochs + epoch;
                let trained = self.train_epoch(self.config.epochs - 1, stream, false, Some(&fixed));
                // Interrupted, it goes on from the decision before: the checkpoint is of that.
                self.progress = None;
                trained?;
            }
            self.seconds += watch.seconds();
            self.projection = Some(projection.clone());
            if let Some(directory) = checkpoint {
                self.save(directory)?;
            }
            if let Some(edge) = projection.decided.last() {
                observer(&Event::Perturbed {
                    done: index + 1,
                    of: questions.len(),
                    edge,
                });
            }
        }
        self.projection = Some(projection.clone());
        let chosen = chosen(&cells, &projection.decided);
        Ok((chosen, projection.decided))
    }

    /// All questions: the operations of all edges in a random order, then the edges of all nodes.
    fn questions(&self) -> Vec<Question> {
        let (mut operations, mut nodes) = (Vec::new(), Vec::new());
        for (index, cell) in self.cells.iter().enumerate() {
            operations.extend((0..cell.edges.len()).map(|row| Question::Operation { cell: index, row }));
            let choosing = cell.states().filter(|&state| {
                cell.edges_kept
                    .is_some_and(|kept| cell.rows_into(state).count() > kept)
            });
            nodes.extend(choosing.map(|state| Question::Edges { cell: index, state }));
        }
        let seed = self.seed.derive("perturbation", 0);
        operations.shuffle(&mut seed.derive("operations", 0).rng());
        nodes.shuffle(&mut seed.derive("nodes", 0).rng());
        operations.extend(nodes);
        operations
    }

    fn decide(&self, remaining: &Remaining<'_>, question: Question) -> Result<EdgePerturbation, DartsError> {
        let accuracy = |weights| {
            let mixed = Mixed {
                weights,
                probabilities: Vec::new(),
                temperature: 1.0,
            };
            Ok::<f64, DartsError>(self.evaluate(&mixed, self.config.epochs - 1)?.accuracy)
        };
        match question {
            Question::Operation { cell, row } => {
                let relaxed = &remaining.cells[cell];
                let columns: Vec<usize> = (0..relaxed.operations.len())
                    .filter(|&column| relaxed.choosable[column])
                    .collect();
                let accuracy_without = columns
                    .iter()
                    .map(|&column| accuracy(remaining.without(cell, row, Some(column))))
                    .collect::<Result<Vec<f64>, _>>()?;
                let worst = by_loss(&accuracy_without)[0];
                Ok(EdgePerturbation {
                    cell: relaxed.name.clone(),
                    decision: Decided::Operation {
                        row,
                        column: columns[worst],
                    },
                    accuracy_without,
                })
            }
            Question::Edges { cell, state } => {
                let relaxed = &remaining.cells[cell];
                let rows: Vec<usize> = relaxed.rows_into(state).collect();
                let accuracy_without = rows
                    .iter()
                    .map(|&row| accuracy(remaining.without(cell, row, None)))
                    .collect::<Result<Vec<f64>, _>>()?;
                let kept = relaxed.edges_kept.unwrap_or(rows.len());
                let mut rows: Vec<usize> = by_loss(&accuracy_without)
                    .into_iter()
                    .take(kept)
                    .map(|position| rows[position])
                    .collect();
                rows.sort_unstable();
                Ok(EdgePerturbation {
                    cell: relaxed.name.clone(),
                    decision: Decided::Edges { state, rows },
                    accuracy_without,
                })
            }
        }
    }
}

/// Positions by rising accuracy: those without which most is lost come first, of equal ones the lower first.
fn by_loss(accuracy_without: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..accuracy_without.len()).collect();
    order.sort_by(|&a, &b| accuracy_without[a].total_cmp(&accuracy_without[b]));
    order
}

/// The edges that these decisions leave, cell by cell.
fn chosen(cells: &[RelaxedCell], decided: &[EdgePerturbation]) -> Vec<Vec<ChosenEdge>> {
    cells
        .iter()
        .map(|cell| {
            let own = || decided.iter().filter(|edge| edge.cell == cell.name);
            let dropped = |row: usize| {
                own().any(|edge| match &edge.decision {
                    Decided::Edges { state, rows } => cell.edges[row].1 == *state && !rows.contains(&row),
                    Decided::Operation { .. } => false,
                })
            };
            let mut edges: Vec<ChosenEdge> = own()
                .filter_map(|edge| match edge.decision {
                    Decided::Operation { row, column } if !dropped(row) => Some(ChosenEdge { row, column }),
                    _ => None,
                })
                .collect();
            edges.sort_by_key(|edge| edge.row);
            edges
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use nas_space::spaces::darts;

    use super::*;

    fn operation(row: usize, column: usize) -> EdgePerturbation {
        EdgePerturbation {
            cell: "normal".to_owned(),
            decision: Decided::Operation { row, column },
            accuracy_without: vec![0.5, 0.25],
        }
    }

    fn edges(state: usize, rows: &[usize]) -> EdgePerturbation {
        EdgePerturbation {
            cell: "normal".to_owned(),
            decision: Decided::Edges {
                state,
                rows: rows.to_vec(),
            },
            accuracy_without: vec![],
        }
    }

    #[test]
    fn what_is_lost_most_without_comes_first_and_of_equals_the_lower() {
        assert_eq!(by_loss(&[0.5, 0.25, 0.75, 0.25]), [1, 3, 0, 2]);
    }

    #[test]
    fn a_decision_leaves_one_operation_with_all_the_weight_and_only_the_kept_edges() {
        let cells = darts().relaxed().unwrap();
        let mut remaining = Remaining {
            cells: &cells,
            weights: vec![Array2::from_elem((14, 8), 0.125); 2],
        };
        remaining.apply(&operation(3, 4));
        remaining.apply(&edges(3, &[2, 4]));
        let table = &remaining.weights[0];
        assert_eq!(table.row(4).sum(), 1.0);
        assert_eq!(table.row(3).sum(), 0.0);
        assert_eq!(remaining.weights[1].sum(), 14.0);
        remaining.apply(&operation(4, 7));
        assert_eq!(remaining.weights[0][[4, 7]], 1.0);
        assert_eq!(remaining.weights[0][[4, 0]], 0.0);
        let without = remaining.without(1, 5, Some(2));
        assert_eq!((without[1][[5, 2]], without[1].sum()), (0.0, 13.875));
        assert_eq!(remaining.without(1, 5, None)[1].sum(), 13.0);
    }

    #[test]
    fn the_edges_chosen_are_those_kept() {
        let cells = &darts().relaxed().unwrap()[..1];
        let decided = [
            operation(4, 1),
            operation(2, 3),
            operation(3, 5),
            edges(3, &[2, 4]),
        ];
        let edge = |row, column| ChosenEdge { row, column };
        assert_eq!(chosen(cells, &decided), [[edge(2, 3), edge(4, 1)]]);
    }
}
