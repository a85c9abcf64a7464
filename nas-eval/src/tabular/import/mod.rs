//! Takes over published benchmarks.
//!
//! | format | file | space |
//! |---|---|---|
//! | [`csv`] | comma-separated text, described by a [`Mapping`] | what the mapping says |
//! | [`nb201`] | the CSV of NAS-Bench-201's accuracies | `nb201` |
//! | [`nats`] | records of NATS-Bench's programming interface, as JSON lines | `nb201`, or channels of five layers |
//! | [`nb101`] | records of NAS-Bench-101's programming interface, as JSON lines | matrix and operations |
//! | [`macro_bench`] | NAS-Bench-Macro's JSON | blocks of eight layers |
//!
//! All may be gzipped.

pub mod csv;
pub mod macro_bench;
pub mod nats;
pub mod nb101;
pub mod nb201;

mod figures;
mod lines;

pub use csv::{ArchitectureColumns, DatasetColumns, FigureColumn, Form, Mapping, Unit};

use std::path::Path;

use super::TableError;

/// An error of the file that is imported.
fn wrong(path: &Path, reason: impl Into<String>) -> TableError {
    TableError::Import {
        path: path.to_owned(),
        reason: reason.into(),
    }
}
