//! What can be wrong with a table.

use std::path::PathBuf;

use nas_files::FileError;
use thiserror::Error;

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

    /// An invalid line.
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

    /// An architecture without a row.
    #[error("the table '{table}' has no architecture {choices}; it has {rows} rows, of space {space}")]
    Unknown {
        /// The table's name.
        table: String,
        /// The choices.
        choices: String,
        /// Number of rows.
        rows: usize,
        /// Name of the space.
        space: String,
    },

    /// A figure that a row lacks.
    #[error(
        "the table '{table}' has no {figure} of architecture {choices} after {epochs} epoch{}: its training failed",
        if *.epochs == 1 { "" } else { "s" }
    )]
    Lacking {
        /// The table's name.
        table: String,
        /// What is lacking.
        figure: String,
        /// The choices.
        choices: String,
        /// The epochs.
        epochs: u32,
    },

    /// A number of epochs after which the table has no validation accuracies.
    #[error(
        "the table '{table}' has no validation figures after {epochs} on {dataset}; it has them after {known}"
    )]
    Epochs {
        /// The table's name.
        table: String,
        /// The epochs asked for, as in `1 epoch`.
        epochs: String,
        /// The data set.
        dataset: String,
        /// The numbers there are, as in `1, 2, 4 epochs`.
        known: String,
    },

    /// No epochs at all.
    #[error("the trials have no numbers of epochs; expected at least one")]
    NoEpochs,

    /// A file that does not begin as a table does.
    #[error(
        "{}: it is not a benchmark table. Expected a file made by 'nas table', or NAS-Bench-201's \
         accuracies as CSV", path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },

    /// A table of another version of the format.
    #[error(
        "{}: it is a table of format {got}; this program reads formats 1 to {}. Use a newer program, or make the table again",
        path.display(), super::VERSION
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        got: u32,
    },

    /// A table that is not all there.
    #[error("{}: it is truncated: {}it has {got}. Copy it again", path.display(), expected_bytes(*.expected))]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The length it should have, where that can be told.
        expected: Option<u64>,
        /// The length it has.
        got: u64,
    },

    /// A table that was changed after it was made.
    #[error("{}: it was changed or damaged: its checksum or its length does not match its content. Copy it again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },

    /// A table that is whole and does not make sense.
    #[error("{}: this program cannot use the table: {reason}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },

    /// Figures that make no table.
    #[error("no table can be made of these figures: {reason}")]
    Draft {
        /// What does not fit.
        reason: String,
    },

    /// An invalid file to import from.
    #[error("{}: {reason}", path.display())]
    Import {
        /// The file.
        path: PathBuf,
        /// The place, the problem and the expected content.
        reason: String,
    },

    /// A table that cannot be written.
    #[error("{reason}")]
    Write {
        /// The file, and what the system said.
        reason: String,
    },

    /// A name that no built-in table has.
    #[error("there is no built-in benchmark named '{name}'; known: {known}")]
    BuiltIn {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },

    /// A cell has no line.
    #[error(
        "{}: expected all {expected} cells, got {got}; the first missing cell is {cell}. The file is \
         truncated or contains only a part of the table", path.display()
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

/// `expected N bytes, `.
fn expected_bytes(expected: Option<u64>) -> String {
    expected.map_or_else(String::new, |bytes| format!("expected {bytes} bytes, "))
}
