//! Takes over published benchmarks.
//!
//! | format | file | space |
//! |---|---|---|
//! | [`mod@csv`] | comma-separated text, described by a [`Mapping`] | what the mapping says |
//! | [`nb201`] | the CSV of NAS-Bench-201's accuracies | `nb201` |
//! | [`nats`] | records of NATS-Bench's programming interface, as JSON lines | `nb201`, or channels of five layers |
//! | [`nb101`] | records of NAS-Bench-101's programming interface, as JSON lines | `nb101` |
//! | [`macro_bench`] | NAS-Bench-Macro's JSON | blocks of eight layers |
//!
//! All may be gzipped; [`recognise`] identifies the format. If a file gives a figure twice for an
//! architecture, both values must be equal: the order of lines has no effect.

pub mod csv;
pub mod macro_bench;
pub mod nats;
pub mod nb101;
pub mod nb201;

mod figures;
mod format;
mod lines;

pub use csv::{
    ArchitectureColumns, DatasetColumns, FigureColumn, Filter, Form, MAPPING_HELP, Mapping, Pad, Read, Reads,
    Unit, Wanted,
};
pub use format::{Format, recognise};

use std::path::Path;

use super::TableError;

/// An error of the file that is imported.
fn wrong(path: &Path, reason: impl Into<String>) -> TableError {
    TableError::Import {
        path: path.to_owned(),
        reason: reason.into(),
    }
}

/// What comes of the figures of a file: an error names it.
fn of_file<T>(path: &Path, result: Result<T, TableError>) -> Result<T, TableError> {
    result.map_err(|error| match error {
        TableError::Draft { reason } => wrong(path, reason),
        other => other,
    })
}

/// Most characters of a file that an error quotes.
const MAX_QUOTE: usize = 100;

/// A text of a file for an error: in one line, and not too long.
fn short(text: &str) -> String {
    let mut characters = text.chars();
    let shown = characters.by_ref().take(MAX_QUOTE);
    let mut quote: String = shown.map(|c| if c.is_control() { ' ' } else { c }).collect();
    if characters.next().is_some() {
        quote.push('…');
    }
    quote
}

/// What is wrong with a JSON value that begins on this line of a file, with the column.
fn json_reason(line: usize, error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let reason = text.strip_suffix(&place).unwrap_or(&text);
    // Of a value that spans several lines, the line within it.
    let line = line + error.line().saturating_sub(1);
    match error.column() {
        0 => format!("line {line}: {}", short(reason)),
        column => format!("line {line}, column {column}: {}", short(reason)),
    }
}
