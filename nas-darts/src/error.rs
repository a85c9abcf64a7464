//! What can go wrong in a differentiable search.

use nas_eval::data::DataError;
use nas_eval::error::EvalError;
use nas_space::error::SpaceError;
use thiserror::Error;

/// Errors of differentiable searches.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DartsError {
    /// The space has no supernet, or not of this size.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The supernet cannot be built, trained, saved or loaded.
    #[error(transparent)]
    Eval(EvalError),
    /// The images cannot be batched.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
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
    /// The architecture parameters or their gradient are not numbers any more.
    #[error(
        "the architecture's gradient is not finite in epoch {epoch}, step {step}; a lower learning rate of the weights \
         or of alpha may help"
    )]
    NonFinite {
        /// Epoch, from 0.
        epoch: u32,
        /// Step within the epoch, from 0.
        step: usize,
    },
    /// A stop was requested meanwhile.
    #[error("interrupted: a stop was requested")]
    Interrupted,
}

impl From<EvalError> for DartsError {
    fn from(error: EvalError) -> Self {
        match error {
            EvalError::Interrupted => Self::Interrupted,
            error => Self::Eval(error),
        }
    }
}

impl DartsError {
    /// A configuration value out of range.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hand over numbers and literals"
    )]
    pub(crate) fn config(name: &'static str, got: impl ToString, expected: impl Into<String>) -> Self {
        Self::Config {
            name,
            got: got.to_string(),
            expected: expected.into(),
        }
    }
}
