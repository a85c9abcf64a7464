//! Errors of building, training, saving and loading networks.

use std::path::{Path, PathBuf};

use nas_space::error::SpaceError;
use thiserror::Error;

use crate::data::DataError;

/// Errors of building, training, saving and loading networks.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The architecture or its size cannot be built.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The data cannot be read, split or batched.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// A layer that the trainer does not know.
    #[error("layer '{layer}' is a '{kind}', which this trainer cannot compute")]
    UnsupportedLayer {
        /// Path of the layer.
        layer: String,
        /// Its kind.
        kind: &'static str,
    },
    /// A network that is no longer trained gives no numbers.
    #[error(
        "the network's loss on these images is {loss}: its weights are not finite or give scores that are not; train it again, with \
         a lower learning rate or gradient clipping"
    )]
    NonFiniteScores {
        /// The loss.
        loss: f64,
    },
    /// The loss or an accuracy is not a number.
    #[error(
        "the loss is {loss} in epoch {epoch}, step {step}; a lower learning rate or gradient clipping may help"
    )]
    NonFinite {
        /// The loss.
        loss: f64,
        /// Epoch, from 0.
        epoch: u32,
        /// Step within the epoch, from 0.
        step: usize,
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
    /// A model whose trainable values are not as many as its network counts: a defect of this
    /// program.
    #[error("the model has {got} trainable values, its network counts {expected}")]
    ParameterCount {
        /// What the network counts.
        expected: u64,
        /// What the model has.
        got: u64,
    },
    /// Another data set than the network was trained on.
    #[error("the network was trained on '{expected}', got '{got}'; test it on the data it was trained on")]
    Dataset {
        /// The data set it was trained on.
        expected: String,
        /// The data set given.
        got: String,
    },
    /// A stop was requested meanwhile.
    #[error("interrupted: a stop was requested")]
    Interrupted,
    /// A file that could not be read or written.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason. It is part of the message and thus no `source`: a chain of errors
        /// would print it twice.
        reason: std::io::Error,
    },
    /// An invalid file.
    #[error("{}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was expected and found.
        reason: String,
    },
    /// A tensor that is missing, superfluous, or not what the network needs.
    #[error("{place}: tensor '{tensor}' is {got}, expected {expected}")]
    TensorMismatch {
        /// Where it was looked for: a file, a snapshot.
        place: String,
        /// Its name.
        tensor: String,
        /// What the network needs.
        expected: String,
        /// What was found.
        got: String,
    },
}

impl EvalError {
    /// A file that could not be read or written.
    pub(crate) fn io(path: &Path, reason: std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            reason,
        }
    }

    /// An invalid file.
    pub(crate) fn format(path: &Path, reason: impl Into<String>) -> Self {
        Self::Format {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }

    /// A configuration value out of range.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hand over numbers and literals"
    )]
    pub fn config(name: &'static str, got: impl ToString, expected: impl Into<String>) -> Self {
        Self::Config {
            name,
            got: got.to_string(),
            expected: expected.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::io;

    use nas_files::FileError;

    use super::*;

    /// The messages of an error and of all its sources, as programs that print chains show them.
    fn chain(error: &dyn Error) -> String {
        let first = error.to_string();
        std::iter::successors(error.source(), |error| (*error).source())
            .fold(first, |text, source| format!("{text}: {source}"))
    }

    #[test]
    fn a_chain_gives_each_reason_once() {
        let reason = || io::Error::other("the disk is full");
        let path = Path::new("a.json");
        let tensor = candle_core::Error::Msg("the device is gone".to_owned());
        for (error, text) in [
            (EvalError::io(path, reason()), "a.json: the disk is full"),
            (
                DataError::from(FileError::Io {
                    path: path.to_owned(),
                    reason: reason(),
                })
                .into(),
                "a.json: cannot be read: the disk is full",
            ),
            (
                DataError::from(tensor).into(),
                "a batch could not be moved to its device: the device is gone",
            ),
        ] {
            assert_eq!(chain(&error), text);
        }
        let damaged = FileError::Gzip {
            path: path.to_owned(),
            reason: reason(),
        };
        assert_eq!(chain(&damaged).matches("the disk is full").count(), 1);
    }
}
