//! How far an epoch has come that was interrupted.

use serde::{Deserialize, Serialize};

/// An epoch that was interrupted between two steps, or after the last one. With the weights and the
/// optimizer's state, it continues with the same bits as without the interruption.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Steps that are done.
    pub steps: usize,
    /// Their sums.
    pub tallied: Tallied,
    /// Wall-clock seconds that they took.
    pub seconds: f64,
}

impl Progress {
    /// The progress of an epoch to keep after this number of seconds: all of it if the epoch was
    /// interrupted, and nothing if it ended or failed.
    pub(crate) fn kept(progress: Option<Self>, interrupted: bool, seconds: f64) -> Option<Self> {
        let progress = progress.filter(|_| interrupted)?;
        Some(Self { seconds, ..progress })
    }
}

/// Sums over the images of the steps that are done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tallied {
    /// Number of images.
    pub images: usize,
    /// Sum of their losses.
    pub loss: f64,
    /// Number of those that were classified correctly.
    pub hits: f64,
}
