//! What can be wrong with a table.

use std::path::PathBuf;

use thiserror::Error;

use crate::data::FileError;

/// Why a table could not be read, or has no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TableError {
    /// The file cannot be read at all.
    #[error(transparent)]
    File(#[from] FileError),

    /// The header does not name a column that is needed, or names it twice.
    #[error("{}: line 1: expected column '{column}' once, got it {count} times; is it the table of accuracies?", path.display())]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
        /// How often the header names it.
        count: usize,
    },

    /// A line is not what it should be.
    #[error("{}: line {line}: {what}: expected {expected}, got '{got}'", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// Which part of it is wrong, such as the column.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },

    /// A cell has two lines.
    #[error("{}: line {line}: cell {cell} is already on line {first}", path.display())]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// Number of the second line, from 1.
        line: usize,
        /// The six operations.
        cell: String,
        /// Number of the first line.
        first: usize,
    },

    /// Choices that are not those of a cell.
    #[error("'{choices}' are not the choices of a cell; expected those of an architecture of space nb201")]
    Choices {
        /// The choices.
        choices: String,
    },

    /// A cell has no line.
    #[error(
        "{}: expected all {expected} cells, got {got}; the first that is missing is {cell}. The file is truncated or \
         only a part of the table", path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// Number of cells in a complete table.
        expected: usize,
        /// Number of cells in this one.
        got: usize,
        /// The six operations of the first missing cell.
        cell: String,
    },

    /// An edge's operation is none of the five.
    #[error("edge {edge} has operation {code}; expected 0 to 4")]
    Operation {
        /// Number of the edge, from 0.
        edge: usize,
        /// The operation asked for.
        code: u8,
    },

    /// The table has no data set of this name.
    #[error("the table has no data set '{name}'; it has: {known}")]
    Dataset {
        /// The name asked for.
        name: String,
        /// The names there are, separated by commas.
        known: String,
    },
}
