//! What can go wrong in a single-path search.

use nas_eval::error::EvalError;
use nas_evo::EvoError;
use nas_space::error::SpaceError;
use nas_space::search::StrategyError;
use thiserror::Error;

/// Errors of single-path searches.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SposError {
    /// The space has no supernet, or refuses an architecture.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The supernet cannot be built or trained, or a stop was requested.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// Candidates cannot be drawn.
    #[error(transparent)]
    Evo(#[from] EvoError),
    /// The search among candidates cannot go on.
    #[error(transparent)]
    Strategy(#[from] StrategyError),
}

impl SposError {
    /// A configuration value out of range.
    pub(crate) fn config(name: &'static str, got: impl ToString, expected: impl Into<String>) -> Self {
        EvalError::config(name, got, expected).into()
    }
}
