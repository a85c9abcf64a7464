//! What a search tells of each update of its controller.

use serde::{Deserialize, Serialize};

/// One batch of outcomes that a controller learned from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// Trials told until then, those of this batch included.
    pub trials: u64,
    /// Mean reward of the batch, without the entropy's bonus.
    pub reward: f64,
    /// What rewards, with the entropy's bonus, were compared with.
    pub baseline: f64,
    /// Mean entropy of the batch's draws, in nats.
    pub entropy: f64,
    /// Failed trials of the batch.
    pub failed: usize,
    /// Mean validation accuracy of the batch's other trials, in \[0, 1\], if there are any.
    pub accuracy: Option<f64>,
    /// Best validation accuracy so far, in \[0, 1\], if there is any.
    pub best: Option<f64>,
}
