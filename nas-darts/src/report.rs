//! The reports of a search, for each epoch and at the end.

use nas_space::genotype::Genotype;
use nas_space::spaces::ChosenEdge;
use serde::{Deserialize, Serialize};

/// One epoch of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochReport {
    /// From 0.
    pub epoch: u32,
    /// Mean cross-entropy of the supernet on the training batches.
    pub train_loss: f64,
    /// Accuracy of the supernet on the training batches, in \[0, 1\].
    pub train_accuracy: f64,
    /// Mean cross-entropy of the supernet on the validation half, which its architecture is fitted
    /// to.
    pub valid_loss: f64,
    /// Accuracy of the supernet on the validation half, in \[0, 1\].
    pub valid_accuracy: f64,
    /// Learning rate of the weights in the epoch's first step.
    pub learning_rate: f64,
    /// The architecture that the strengths give after this epoch, as text.
    pub genotype: String,
    /// Its cells.
    pub cells: Vec<CellReport>,
    /// Dominant (largest) eigenvalue of ∇²_α L_val on one validation batch, where it was measured.
    pub eigenvalue: Option<f64>,
    /// Expected cost of the network at the strengths after this epoch, where the search adds it to
    /// its loss: parameters or multiply-accumulates at the size of the supernet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_cost: Option<f64>,
    /// Wall-clock seconds of the epoch, evaluation included.
    pub seconds: f64,
}

/// A cell after an epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellReport {
    /// `normal`, `reduction` or `cell`.
    pub name: String,
    /// Source and target state of each edge.
    pub edges: Vec<(usize, usize)>,
    /// The operations.
    pub operations: Vec<String>,
    /// Strength of each operation on each edge, in \[0, 1\]: what the relaxation weighs it by,
    /// without chance.
    pub strengths: Vec<Vec<f64>>,
    /// The edges that the architecture keeps, with their operations.
    pub chosen: Vec<(usize, usize)>,
    /// Skip connections among those.
    pub skip_connections: usize,
    /// Mean over edges of the entropy of the strengths (made to sum to 1), in nats.
    pub mean_entropy: f64,
    /// Mean over edges of the largest strength less the second largest.
    pub mean_gap: f64,
}

impl CellReport {
    /// The chosen edges and operations.
    pub fn chosen_edges(&self) -> Vec<ChosenEdge> {
        let edges = self.chosen.iter();
        edges.map(|&(row, column)| ChosenEdge { row, column }).collect()
    }
}

/// The result of a search.
#[derive(Debug, Clone)]
pub struct SearchReport {
    /// The architecture.
    pub genotype: Genotype,
    /// The epochs, in order.
    pub history: Vec<EpochReport>,
    /// Why the search ended before its last epoch, if it did.
    pub stopped: Option<Stopped>,
    /// What perturbation-based selection tried, edge by edge, where that was asked for.
    pub perturbations: Vec<EdgePerturbation>,
    /// Warnings about the architecture, as sentences; empty if there are none.
    pub warnings: Vec<String>,
    /// Seconds in all, those before a resumption included.
    pub seconds: f64,
}

/// An edge, or the edges into a node, decided by perturbation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgePerturbation {
    /// Which cell, by its name.
    pub cell: String,
    /// What was decided.
    pub decision: Decided,
    /// The supernet's validation accuracy without each candidate, in \[0, 1\], in the order of the
    /// candidates: the columns that can be chosen for an operation, the rows into the node for its
    /// edges, before the first of them is dropped.
    pub accuracy_without: Vec<f64>,
    /// Whether the accuracies left a choice, which the strengths decided.
    pub tied: bool,
}

/// What a perturbation decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decided {
    /// The operation of an edge: row and column.
    Operation {
        /// The edge.
        row: usize,
        /// The operation.
        column: usize,
    },
    /// The edges that are kept into a state.
    Edges {
        /// The state.
        state: usize,
        /// The rows kept.
        rows: Vec<usize>,
    },
}

/// Why and with what a search ended early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stopped {
    /// The epoch after which it ended.
    pub epoch: u32,
    /// The epoch whose architecture is taken.
    pub architecture_of: u32,
    /// Why.
    pub reason: String,
}
