//! What a search by ENAS tells of each epoch and in the end.

use nas_eval::supernet;
use nas_space::arch::Architecture;
use nas_space::genotype::Genotype;
use serde::{Deserialize, Serialize};

/// Something that happened in a search.
pub type Event<'a> = supernet::Event<'a, EpochReport, Ranked<'a>>;

/// A candidate was judged.
#[derive(Debug)]
pub struct Ranked<'a> {
    /// Candidates judged.
    pub done: usize,
    /// Candidates in all.
    pub of: usize,
    /// The newest one.
    pub candidate: &'a Candidate,
}

/// One epoch: a phase of the weights, then one of the controller.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochReport {
    /// From 0.
    pub epoch: u32,
    /// Mean cross-entropy of the drawn architectures on the training batches.
    pub train_loss: f64,
    /// Their accuracy on the training batches, in \[0, 1\].
    pub train_accuracy: f64,
    /// Learning rate of the weights in the epoch's first step.
    pub learning_rate: f64,
    /// Mean reward of the controller's draws.
    pub reward: f64,
    /// What the rewards of the last update were compared with.
    pub baseline: f64,
    /// Mean entropy of the controller's draws, in nats.
    pub entropy: f64,
    /// Wall-clock seconds of the epoch.
    pub seconds: f64,
}

/// An architecture drawn at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The architecture.
    pub architecture: Architecture,
    /// Accuracy of the shared weights on all validation images, in \[0, 1\].
    pub valid_accuracy: f64,
}

/// The result of a search.
#[derive(Debug, Clone)]
pub struct EnasReport {
    /// The best candidate.
    pub architecture: Architecture,
    /// The same, readable.
    pub genotype: Genotype,
    /// All candidates, each once, the best first; of equals, the first drawn.
    pub candidates: Vec<Candidate>,
    /// The epochs, in order.
    pub history: Vec<EpochReport>,
    /// Seconds of all epochs, those before a resumption included.
    pub seconds: f64,
}
