//! Benchmark tables: architectures whose accuracies are known, so that strategies can be compared without training.
//!
//! A [`Table`] holds the figures of the architectures of a space: on several data sets, after several numbers of epochs, of
//! several repeats. [`TabularEvaluator`] answers from one. Tables are [made by training](crate::table_build), [imported](import) from
//! published benchmarks, or [built in](built_in).

mod built_in;
mod bytes;
mod error;
mod evaluator;
mod fidelities;
mod header;
mod known;
mod nb101;
mod nb201;
mod preamble;
mod published;
mod sizes;
mod table;
mod writer;

pub mod import;

// Until every user names the module itself.
pub use crate::table_build as build;
pub use built_in::{BUILT_IN, BuiltIn, built_in};
pub use error::TableError;
pub use evaluator::TabularEvaluator;
pub use header::{Column, DatasetHeader, Encoding, Extra, Figure, Header, Rows};
pub use known::KnownSpace;
pub use nb201::{Nb201Dataset, Nb201Table, SEARCH_EPOCHS, TEST_EPOCHS};
pub use preamble::{MAGIC, VERSION};
pub use published::{SizeMismatch, size_mismatches};
pub use sizes::TabularSizes;
pub use table::Table;
pub use writer::{ColumnData, Draft, RowKeys};
