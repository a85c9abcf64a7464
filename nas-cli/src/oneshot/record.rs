//! What a search has left, read again.

use nas_darts::stop::Stopped;
use serde::Deserialize;

/// `search-i.json` of a run directory, of either method: what both write, and their own epochs `E`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SearchRecord<E> {
    /// Its number.
    pub(crate) search: u64,
    /// Parameters of the supernet.
    pub(crate) params: u64,
    /// What it found; none before it has ended.
    pub(crate) arch: Option<String>,
    /// Skip connections in that.
    pub(crate) skip_connections: Option<usize>,
    /// Why it ended early, if it did.
    #[serde(default)]
    pub(crate) stopped: Option<Stopped>,
    /// Why what it found may mean little.
    #[serde(default)]
    pub(crate) warnings: Vec<String>,
    /// So far, those before an interruption included.
    pub(crate) seconds: f64,
    /// Its epochs.
    pub(crate) history: Vec<E>,
}
