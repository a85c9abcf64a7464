//! What can go wrong with a controller.

use nas_eval::data::DataError;
use nas_eval::error::EvalError;
use nas_space::error::SpaceError;
use nas_space::search::StrategyError;
use thiserror::Error;

/// Errors of controllers and of the searches that they make.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RlError {
    /// The space refuses an architecture.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The controller cannot be built or trained.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// The images cannot be divided or batched.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// The decisions of a space, which this controller cannot make.
    #[error("space '{space}': {reason}")]
    Decisions {
        /// The space.
        space: String,
        /// What does not fit.
        reason: String,
    },
    /// A mask that leaves nothing to choose.
    #[error("the mask allows no option of decision '{decision}' after the choices {chosen:?}")]
    NothingAllowed {
        /// The decision.
        decision: String,
        /// What was chosen before.
        chosen: Vec<usize>,
    },
    /// The controller's scores are not numbers any more.
    #[error("the controller's scores are not finite after {updates} updates; a lower learning rate may help")]
    NonFinite {
        /// Updates made.
        updates: usize,
    },
}

impl RlError {
    /// A configuration value out of range.
    pub(crate) fn config(name: &'static str, got: impl ToString, expected: impl Into<String>) -> Self {
        EvalError::config(name, got, expected).into()
    }
}

impl From<RlError> for StrategyError {
    fn from(error: RlError) -> Self {
        match error {
            RlError::Space(error) => Self::Space(error),
            other => Self::Other(Box::new(other)),
        }
    }
}
