//! DARTS+PT: selects an architecture by how much the supernet loses without each operation.
//!
//! Decisions are made in rounds, with one decision for each cell in a round. First come the edges,
//! in a separate random order for each cell. For each operation of an edge, the operation is
//! removed (its weight is set to 0) and the supernet is evaluated on the validation half. The
//! operation whose removal gives the worst result is kept as the edge's only one. If a node keeps
//! only some of its edges, the nodes follow. Each edge into a node is removed, one at a time; the
//! edge whose removal gives the best result is dropped, until the node has the right number of
//! edges. Ties are decided by the learned strengths: the strongest operation is kept, the weakest
//! edge dropped.
//!
//! The supernet is evaluated with the statistics of the batch, in batches of the training's size,
//! without running statistics. Between two rounds, the weights are trained for some more epochs at
//! a tenth of the search's first learning rate, by SGD that starts without momentum. With 14 edges
//! and 3 nodes that choose in each of two cells there are 17 rounds, and with 5 epochs between two
//! of them 16 · 5 = 80 epochs.
//!
//! # Deviations
//! The authors' code has one epoch more, 81: it trains on after the last round, too, which nothing
//! reads. For NAS-Bench-201 it trains 4 epochs before the last of 6 rounds and one after it, here 5
//! are before it.
//!
//! α does not change after the last epoch; the authors' code continues to learn α of undecided
//! edges. The supernet is evaluated on unchanged images; theirs are augmented. A kept operation
//! gets the total weight of the edge's operations.
//!
//! # References
//! Ruochen Wang, Minhao Cheng, Xiangning Chen, Xiaocheng Tang, Cho-Jui Hsieh, "Rethinking
//! Architecture Selection in Differentiable NAS", ICLR 2021, arXiv:2108.04392, and the authors'
//! code.

use std::path::Path;

use nas_eval::clock::Stopwatch;
use nas_eval::model::Pass;
use nas_eval::supernet::{Mixture, OneShotSearch, TrainingPass};
use nas_space::spaces::{ChosenEdge, RelaxedCell};
use ndarray::Array2;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::discretize::edge_strength;
use crate::error::DartsError;
use crate::report::{Decided, EdgePerturbation};
use crate::search::alternating::Fixed;
use crate::search::differentiable::Differentiable;
use crate::search::{Event, Search, Selecting};

/// The weights are tuned at the search's first learning rate divided by this.
const TUNING_RATE_DIVISOR: f64 = 10.0;

/// What has been decided so far, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Projection {
    decided: Vec<EdgePerturbation>,
    /// The supernet's accuracy before the first decision.
    accuracy: Option<f64>,
}

/// An architecture, and how it was selected.
pub(crate) struct Selected {
    pub(crate) chosen: Vec<Vec<ChosenEdge>>,
    pub(crate) perturbations: Vec<EdgePerturbation>,
    pub(crate) warnings: Vec<String>,
}

/// Something to decide, in the cell of this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Operation { cell: usize, row: usize },
    Edges { cell: usize, state: usize },
}

/// What is left of the supernet: weights, as decisions change them.
#[derive(Clone)]
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
    /// Makes the remaining decisions, and returns the edges of each cell with all decisions.
    pub(crate) fn perturb(
        &mut self,
        tuning_epochs: u32,
        checkpoint: Option<&Path>,
        observer: &mut impl FnMut(&Event<'_>),
    ) -> Result<Selected, DartsError> {
        let method = &self.oneshot.method;
        let cells = method.cells.clone();
        let rounds = method.rounds();
        let of: usize = rounds.iter().map(Vec::len).sum();
        let alphas = method.architecture.alphas()?;
        let base = method.relaxation.expected(&alphas);
        let strengths = method.relaxation.strengths(&alphas);
        let judge = self.judge();
        let mut projection = match self.oneshot.method.projection.take() {
            Some(projection) => projection,
            None => {
                self.oneshot.training.renew_optimizer()?;
                Projection {
                    accuracy: Some(self.accuracy(&judge, base.weights.clone())?),
                    ..Projection::default()
                }
            }
        };
        let first = rounds_done(&rounds, &projection, of)?;
        let mut remaining = Remaining {
            cells: &cells,
            weights: base.weights.clone(),
        };
        for edge in &projection.decided {
            remaining.apply(edge);
        }
        for (index, round) in rounds.iter().enumerate().skip(first) {
            let watch = Stopwatch::start();
            for &question in round {
                let edge = decide(&remaining, &strengths, question, |weights| {
                    self.accuracy(&judge, weights)
                })?;
                remaining.apply(&edge);
                projection.decided.push(edge);
            }
            if index + 1 < rounds.len() {
                self.tune(&remaining, (tuning_epochs, index as u32), observer)?;
            }
            self.oneshot.seconds += watch.seconds();
            self.oneshot.method.projection = Some(projection.clone());
            if let Some(directory) = checkpoint {
                self.oneshot.save(directory)?;
            }
            let done = projection.decided.len();
            for (number, edge) in projection.decided.iter().enumerate().skip(done - round.len()) {
                observer(&Event::Own(Selecting::Perturbed {
                    done: number + 1,
                    of,
                    edge,
                }));
            }
        }
        self.oneshot.method.projection = Some(projection.clone());
        Ok(Selected {
            chosen: chosen(&cells, &projection.decided),
            warnings: self.doubts(&projection),
            perturbations: projection.decided,
        })
    }

    /// Trains the weights of the remaining supernet after round number `round`.
    fn tune(
        &mut self,
        remaining: &Remaining<'_>,
        (epochs, round): (u32, u32),
        observer: &mut impl FnMut(&Event<'_>),
    ) -> Result<(), DartsError> {
        let mut fixed = Fixed(Mixture::new(remaining.weights.clone()));
        let OneShotSearch { training, method, .. } = &mut self.oneshot;
        let config = &method.config;
        for epoch in 0..epochs {
            let pass = TrainingPass {
                epoch: config.epochs - 1,
                // Streams of the search's epochs come first.
                stream: config.epochs + round * epochs + epoch,
                learning_rate: Some(config.learning_rate / TUNING_RATE_DIVISOR),
            };
            let trained = training.pass(pass, &mut fixed);
            // An interrupted search is resumed from the round before: the checkpoint is of that.
            training.forget_progress();
            let learning_rate = trained?.learning_rate;
            observer(&Event::Own(Selecting::Tuned { learning_rate }));
        }
        Ok(())
    }

    /// The images that the supernet is judged on, in a random order: a batch of one class has
    /// statistics of its own.
    pub(crate) fn judge(&self) -> Vec<u32> {
        let mut images = self.oneshot.training.data().valid().to_vec();
        images.shuffle(
            &mut self
                .oneshot
                .training
                .seed()
                .derive("perturbation images", 0)
                .rng(),
        );
        images
    }

    /// The supernet's accuracy on these images with these weights of the operations, by the
    /// statistics of the batch.
    pub(crate) fn accuracy(&self, images: &[u32], weights: Vec<Array2<f64>>) -> Result<f64, DartsError> {
        let OneShotSearch { training, method, .. } = &self.oneshot;
        let scores = training.evaluate_on(
            images,
            method.config.batch_size,
            &Mixture::new(weights),
            &Pass::BatchStatistics,
            method.config.epochs - 1,
        )?;
        Ok(scores.accuracy)
    }

    /// Warnings about the decisions of perturbation.
    fn doubts(&self, projection: &Projection) -> Vec<String> {
        let mut doubts = Vec::new();
        let data = self.oneshot.training.data();
        let (labels, valid) = (data.images().labels(), data.valid());
        let of_class = |class: usize| {
            let same = valid
                .iter()
                .filter(|&&image| labels[image as usize] as usize == class);
            same.count() as f64 / valid.len().max(1) as f64
        };
        // What the answer that is most often right without looking gets.
        let chance = (0..self.oneshot.method.config.network.classes)
            .map(of_class)
            .fold(0.0, f64::max);
        if let Some(accuracy) = projection
            .accuracy
            .filter(|&accuracy| is_chance(accuracy, chance, valid.len()))
        {
            doubts.push(format!(
                "before perturbation the supernet's validation accuracy was {:.2} %, no better than chance \
                 ({:.2} %), so its losses without single operations mean little; train it for more epochs \
                 or on more images",
                100.0 * accuracy,
                100.0 * chance
            ));
        }
        let (ties, decisions) = (
            projection.decided.iter().filter(|edge| edge.tied).count(),
            projection.decided.len(),
        );
        if ties > 0 {
            doubts.push(format!(
                "{ties} of {decisions} decisions by perturbation were ties, which the strengths (alpha) \
                 decided; train the supernet for more epochs or evaluate it on more images for fewer ties"
            ));
        }
        doubts
    }
}

impl Differentiable {
    /// What to decide, round by round: of each cell the operations of its edges in a random order,
    /// then the edges of its nodes.
    fn rounds(&self) -> Vec<Vec<Question>> {
        let mut rounds: Vec<Vec<Question>> = Vec::new();
        for (index, cell) in self.cells.iter().enumerate() {
            let mut operations: Vec<Question> = (0..cell.edges.len())
                .map(|row| Question::Operation { cell: index, row })
                .collect();
            let mut nodes: Vec<Question> = cell
                .choosing_states()
                .map(|state| Question::Edges { cell: index, state })
                .collect();
            let seed = self.seed.derive("perturbation", index as u64);
            operations.shuffle(&mut seed.derive("operations", 0).rng());
            nodes.shuffle(&mut seed.derive("nodes", 0).rng());
            operations.extend(nodes);
            for (round, question) in operations.into_iter().enumerate() {
                match rounds.get_mut(round) {
                    Some(round) => round.push(question),
                    None => rounds.push(vec![question]),
                }
            }
        }
        rounds
    }
}

/// Whether an accuracy on this number of images is less than two standard errors above chance.
fn is_chance(accuracy: f64, chance: f64, images: usize) -> bool {
    let error = (chance * (1.0 - chance) / images.max(1) as f64).sqrt();
    accuracy <= chance + 2.0 * error
}

/// How many rounds are decided.
fn rounds_done(rounds: &[Vec<Question>], projection: &Projection, of: usize) -> Result<usize, DartsError> {
    let decided = projection.decided.len();
    if decided == of {
        return Ok(rounds.len());
    }
    let mut sum = 0;
    for (index, round) in rounds.iter().enumerate() {
        if sum == decided && (sum == 0 || projection.accuracy.is_some()) {
            return Ok(index);
        }
        sum += round.len();
    }
    Err(DartsError::config(
        "perturbations",
        format!("{decided} of {of} decisions in a different order, made by an earlier version"),
        "none, or those of complete rounds; start the search again",
    ))
}

/// Answers a question by the supernet's `accuracy`, and where that leaves a choice by the
/// strengths.
fn decide(
    remaining: &Remaining<'_>,
    strengths: &[Array2<f64>],
    question: Question,
    accuracy: impl Fn(Vec<Array2<f64>>) -> Result<f64, DartsError>,
) -> Result<EdgePerturbation, DartsError> {
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
            let strength = |position: usize| strengths[cell][[row, columns[position]]];
            let (kept, tied) = least(&accuracy_without, |position| -strength(position));
            Ok(EdgePerturbation {
                cell: relaxed.name.clone(),
                decision: Decided::Operation {
                    row,
                    column: columns[kept],
                },
                accuracy_without,
                tied,
            })
        }
        Question::Edges { cell, state } => {
            let relaxed = &remaining.cells[cell];
            let mut rows: Vec<usize> = relaxed.rows_into(state).collect();
            let kept = relaxed.edges_kept.unwrap_or(rows.len());
            let (mut left, mut accuracy_without, mut tied) = (remaining.clone(), Vec::new(), false);
            while rows.len() > kept {
                let without = rows
                    .iter()
                    .map(|&row| accuracy(left.without(cell, row, None)))
                    .collect::<Result<Vec<f64>, _>>()?;
                let lost: Vec<f64> = without.iter().map(|accuracy| -accuracy).collect();
                // Of equals in strength too, the edge from the latest state is dropped: it comes
                // first in reverse.
                let reversed: Vec<f64> = lost.into_iter().rev().collect();
                let last = rows.len() - 1;
                let (dropped, equal) = least(&reversed, |position| {
                    edge_strength(relaxed, &strengths[cell], rows[last - position])
                });
                tied |= equal;
                let row = rows.remove(last - dropped);
                left.weights[cell].row_mut(row).fill(0.0);
                if accuracy_without.is_empty() {
                    accuracy_without = without;
                }
            }
            Ok(EdgePerturbation {
                cell: relaxed.name.clone(),
                decision: Decided::Edges { state, rows },
                accuracy_without,
                tied,
            })
        }
    }
}

/// The position of the least value, and whether several share it. Of those the least `second`
/// counts, then the first.
fn least(values: &[f64], second: impl Fn(usize) -> f64) -> (usize, bool) {
    let order = |&a: &usize, &b: &usize| {
        let by_value = values[a].total_cmp(&values[b]);
        by_value.then_with(|| second(a).total_cmp(&second(b)))
    };
    let position = (0..values.len()).min_by(order).unwrap_or_default();
    let equal = values
        .iter()
        .filter(|&&value| values.get(position) == Some(&value));
    (position, equal.count() > 1)
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
            tied: false,
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
            tied: false,
        }
    }

    #[test]
    fn of_equals_the_second_value_and_then_the_first_position_counts() {
        let values = [0.5, 0.25, 0.75, 0.25, 0.25];
        assert_eq!(least(&values, |position| -(position as f64)), (4, true));
        assert_eq!(least(&values, |_| 0.0), (1, true));
        assert_eq!(least(&[0.5, 0.25, 0.75], |_| f64::NAN), (1, false));
    }

    /// Strengths of the cell of NAS-Bench-201 that prefer this column on each edge.
    fn preferring(column: usize) -> Vec<Array2<f64>> {
        let mut table = Array2::from_elem((6, 5), 0.19);
        table.column_mut(column).fill(0.24);
        vec![table]
    }

    #[test]
    fn where_the_supernet_cannot_tell_the_strongest_operation_is_kept_and_the_tie_is_noted() {
        let cells = nas_space::spaces::nb201().relaxed().unwrap();
        let remaining = Remaining {
            cells: &cells,
            weights: preferring(2),
        };
        let question = Question::Operation { cell: 0, row: 4 };
        for column in 0..5 {
            let edge = decide(&remaining, &preferring(column), question, |_| Ok(0.1)).unwrap();
            assert_eq!(edge.decision, Decided::Operation { row: 4, column });
            assert!(edge.tied);
        }
        // Worst without the 1x1 convolution, whatever the strengths; a tie above that one is none.
        let accuracy = |weights: Vec<Array2<f64>>| Ok(if weights[0][[4, 2]] == 0.0 { 0.3 } else { 0.6 });
        let edge = decide(&remaining, &preferring(1), question, accuracy).unwrap();
        assert_eq!(edge.decision, Decided::Operation { row: 4, column: 2 });
        assert_eq!((edge.tied, edge.accuracy_without[2]), (false, 0.3));
    }

    #[test]
    fn edges_are_dropped_one_at_a_time_by_what_is_left_without_them() {
        let cells = darts().relaxed().unwrap();
        let remaining = Remaining {
            cells: &cells,
            weights: vec![Array2::from_elem((14, 8), 0.125); 2],
        };
        let strengths = remaining.weights.clone();
        // State 4 reads the rows 5 to 8. Row 6 is worth nothing while row 7 is there, and much
        // without it.
        let question = Question::Edges { cell: 1, state: 4 };
        let accuracy = |weights: Vec<Array2<f64>>| {
            let has = |row: usize| f64::from(u8::from(weights[1][[row, 4]] > 0.0));
            let stands_in = if has(7) == 0.0 { 0.5 * has(6) } else { 0.0 };
            Ok(0.1 + 0.3 * has(5) + 0.01 * has(7) + 0.02 * has(8) + stands_in)
        };
        let edge = decide(&remaining, &strengths, question, accuracy).unwrap();
        // Without 7 it is better, since 6 stands in; then 8 is worth least.
        assert_eq!(
            edge.decision,
            Decided::Edges {
                state: 4,
                rows: vec![5, 6]
            }
        );
        assert!(!edge.tied);
        assert_eq!(edge.accuracy_without.len(), 4);
        // All are equal: the weakest edges are dropped, and of equal ones the latest.
        let edge = decide(&remaining, &strengths, question, |_| Ok(0.5)).unwrap();
        assert_eq!(
            edge.decision,
            Decided::Edges {
                state: 4,
                rows: vec![5, 6]
            }
        );
        assert!(edge.tied);
        let mut stronger = strengths.clone();
        stronger[1][[8, 4]] = 0.5;
        let edge = decide(&remaining, &stronger, question, |_| Ok(0.5)).unwrap();
        assert_eq!(
            edge.decision,
            Decided::Edges {
                state: 4,
                rows: vec![5, 8]
            }
        );
    }

    #[test]
    fn an_accuracy_within_two_standard_errors_is_chance() {
        // One standard error of 0.1 on 400 images is 0.015.
        assert!(is_chance(0.05, 0.1, 400) && is_chance(0.1299, 0.1, 400));
        assert!(!is_chance(0.1301, 0.1, 400));
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
