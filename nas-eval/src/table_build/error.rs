//! What can be wrong with the making of a table.

use std::path::PathBuf;

use nas_space::error::SpaceError;
use nas_tables::TableError;
use thiserror::Error;

use super::MAX_ARCHITECTURES;
use crate::data::DataError;
use crate::error::EvalError;

/// Why a table cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The space has too many architectures to train them all.
    #[error(
        "space '{space}' has {size} architectures; expected at most {}: all of them are trained. Describe a smaller one in a \
         TOML file",
        grouped(MAX_ARCHITECTURES)
    )]
    TooLarge {
        /// The space.
        space: String,
        /// How many there are.
        size: String,
    },
    /// The file with the trainings that are done is of other trainings.
    #[error(
        "{}: it contains trainings with other settings: {recorded}. Repeat the original command, or choose another file",
        path.display()
    )]
    OtherRecipe {
        /// The file.
        path: PathBuf,
        /// Its first line.
        recorded: String,
    },
    /// A line of that file is damaged.
    #[error("{}: line {line} is not a training: {reason}. The file was changed; restore it, or start another", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// What does not fit.
        reason: String,
    },
    /// Another process is making the same table.
    #[error("{}: another process is building this table; wait for it, or choose another file", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// A number out of its range.
    #[error("{name} is {got}; expected {expected}")]
    Config {
        /// Which.
        name: &'static str,
        /// The value given.
        got: String,
        /// What is legal.
        expected: String,
    },
    /// Trainings that are not done yet.
    #[error("{done} of {needed} trainings are done; a table needs all of them")]
    Incomplete {
        /// How many are done.
        done: usize,
        /// How many there are.
        needed: usize,
    },
    /// A stop was requested before all was done.
    #[error("interrupted: a stop was requested after {done} of {needed} trainings")]
    Interrupted {
        /// How many are done.
        done: usize,
        /// How many there are.
        needed: usize,
    },
    /// The threads cannot be started.
    #[error("the workers cannot be started: {0}")]
    Threads(String),
    /// The system refused. Its reason is part of the message and thus no `source`.
    #[error("{}: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// The figures make no table.
    #[error(transparent)]
    Table(Box<TableError>),
    /// The space or an architecture of it.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The settings of the trainings.
    #[error(transparent)]
    Training(#[from] EvalError),
}

/// A number with commas between its thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
