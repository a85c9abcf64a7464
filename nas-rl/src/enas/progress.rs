//! How far an epoch has come that was interrupted.

use nas_eval::train;
use serde::{Deserialize, Serialize};

/// An epoch that was interrupted while the weights or the controller learned.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Progress {
    /// The weights' phase; its seconds are those of both.
    pub(super) weights: train::Progress,
    /// The controller's.
    pub(super) controller: ControllerProgress,
}

/// Sums over the updates that are done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ControllerProgress {
    pub(super) updates: u64,
    pub(super) reward: f64,
    pub(super) entropy: f64,
    /// As the last one left it.
    pub(super) baseline: f64,
}
