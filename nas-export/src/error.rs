//! What can go wrong.

use nas_eval::EvalError;
use thiserror::Error;

/// Why a network cannot be exported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A layer that this format cannot express.
    #[error(
        "layer '{layer}' is a '{kind}', which {format} cannot express; export a network that was trained, not a supernet"
    )]
    Layer {
        /// Its name.
        layer: String,
        /// What it is.
        kind: &'static str,
        /// The format.
        format: &'static str,
    },
    /// What is exported does not fit together.
    #[error("{what} is {got}; expected {expected}")]
    Mismatch {
        /// What does not fit.
        what: &'static str,
        /// What it is.
        got: String,
        /// What it should be.
        expected: String,
    },
    /// The runtime that checks an export cannot run it.
    #[error("the exported network cannot be run: {reason}")]
    Runtime {
        /// What the runtime says.
        reason: String,
    },
    /// The model.
    #[error(transparent)]
    Model(#[from] EvalError),
}

impl From<candle_core::Error> for ExportError {
    fn from(error: candle_core::Error) -> Self {
        Self::Model(error.into())
    }
}
