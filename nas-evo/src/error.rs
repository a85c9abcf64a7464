//! What a strategy of this crate refuses.

use thiserror::Error;

/// Why a strategy of this crate cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EvoError {
    /// A decision of the space has nothing to choose from, so the space has no architecture at all.
    #[error("decision '{decision}' of space '{space}' has no options; every decision needs at least one")]
    EmptyDecision {
        /// The space.
        space: String,
        /// The decision.
        decision: String,
    },
}
