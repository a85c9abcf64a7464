//! What a single-path search tells of each epoch and in the end.

use nas_eval::supernet;
use nas_space::arch::Architecture;
use nas_space::genotype::Genotype;
use serde::{Deserialize, Serialize};

/// Something that happened in a search.
pub type Event<'a> = supernet::Event<'a, EpochReport, Judged<'a>>;

/// A candidate was judged.
#[derive(Debug)]
pub struct Judged<'a> {
    /// Candidates judged.
    pub done: usize,
    /// The most that are judged.
    pub of: usize,
    /// The newest one.
    pub candidate: &'a Candidate,
}

/// One epoch of the training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochReport {
    /// From 0.
    pub epoch: u32,
    /// Mean cross-entropy of the sampled paths on the training batches.
    pub train_loss: f64,
    /// Their accuracy on the training batches, in \[0, 1\].
    pub train_accuracy: f64,
    /// Learning rate in the epoch's first step.
    pub learning_rate: f64,
    /// Images trained on, forward and backward, each counted once for each path.
    pub image_passes: u64,
    /// Wall-clock seconds of the epoch.
    pub seconds: f64,
}

/// An architecture that was judged with the shared weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The architecture.
    pub architecture: Architecture,
    /// Accuracy of the shared weights on the validation images that judge, in \[0, 1\].
    pub valid_accuracy: f64,
}

/// The result of a search.
#[derive(Debug, Clone)]
pub struct SposReport {
    /// The best candidate; of equals, the first judged.
    pub architecture: Architecture,
    /// The same, readable.
    pub genotype: Genotype,
    /// All candidates, each once, in the order in which they were judged.
    pub candidates: Vec<Candidate>,
    /// The epochs, in order.
    pub history: Vec<EpochReport>,
    /// Seconds of the training and of the search, those before a resumption included.
    pub seconds: f64,
}
