//! What can go wrong in a progressive search.

use nas_eval::error::EvalError;
use nas_space::error::SpaceError;
use nas_space::search::StrategyError;
use thiserror::Error;

/// Errors of progressive searches.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PnasError {
    /// The space has no levels to go through.
    #[error(
        "space '{space}' does not grow level by level; expected one that does, such as pnas, nb201 or chain"
    )]
    DoesNotGrow {
        /// The space.
        space: String,
    },
    /// A configuration value that is out of range.
    #[error("{name} is {got}; expected {expected}")]
    Config {
        /// The field.
        name: &'static str,
        /// The value given.
        got: String,
        /// What is legal.
        expected: String,
    },
    /// A surrogate was asked to learn from nothing, or to predict before it has learned.
    #[error("surrogate {surrogate} has no samples to learn from; expected at least one before it predicts")]
    Unfitted {
        /// The surrogate.
        surrogate: &'static str,
    },
    /// A surrogate predicts something that is no number.
    #[error("surrogate {surrogate} predicts {got} for architecture {architecture}; expected a finite number")]
    NonFinite {
        /// The surrogate.
        surrogate: &'static str,
        /// What it predicts.
        got: f64,
        /// For what.
        architecture: String,
    },
    /// The surrogate gave another number of values than there are architectures.
    #[error("surrogate {surrogate} gave {got} values for {expected} architectures")]
    Count {
        /// The surrogate.
        surrogate: &'static str,
        /// How many values.
        got: usize,
        /// How many architectures.
        expected: usize,
    },
    /// A forest cannot be grown or asked.
    #[error("the forest: {0}")]
    Forest(String),
    /// The space refused an architecture.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A network cannot be built or trained.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl PnasError {
    /// A configuration value out of range.
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over numbers")]
    pub(crate) fn config(name: &'static str, got: impl ToString, expected: impl Into<String>) -> Self {
        Self::Config {
            name,
            got: got.to_string(),
            expected: expected.into(),
        }
    }
}

impl From<PnasError> for StrategyError {
    fn from(error: PnasError) -> Self {
        match error {
            PnasError::Space(error) => Self::Space(error),
            other => Self::Other(Box::new(other)),
        }
    }
}
