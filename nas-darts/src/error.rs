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
    Eval(#[from] EvalError),
    /// The images cannot be batched.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
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
}

impl DartsError {
    /// A configuration value out of range.
    pub(crate) fn config(name: &'static str, got: impl ToString, expected: impl Into<String>) -> Self {
        EvalError::config(name, got, expected).into()
    }
}
