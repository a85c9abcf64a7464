//! Benchmark tables: architectures with known accuracies, so that strategies can be compared
//! without training.
//!
//! ```
//! use std::sync::Arc;
//! use nas_tables::{TabularEvaluator, built_in};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let table = Arc::new(built_in("digits")?);
//! let genotype = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|nor_conv_3x3~0|none~1|skip_connect~2|".parse()?;
//! let architecture = table.space().architecture(&genotype)?;
//! let report = TabularEvaluator::new(table, "digits")?.test_report(&architecture)?;
//! println!("test accuracy {:.1} %", 100.0 * report.test_accuracy);
//! # assert!((0.5..1.0).contains(&report.test_accuracy));
//! # Ok(())
//! # }
//! ```
//!
//! A [`Table`] holds the figures of the architectures of a space: on several data sets, after
//! several numbers of epochs, of several repeats. [`TabularEvaluator`] is a
//! [`nas_space::search::Evaluator`] that looks them up. Tables are [built in](built_in()),
//! [imported](import) from published benchmarks, made of [figures of your own](Draft), or by
//! training, which `nas-eval` does. If a table does not cover its space, strategies get the [part
//! that it covers](Table::known_space).
//!
//! The crate knows no tensors.

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

pub use built_in::{BUILT_IN, BuiltIn, built_in};
pub use error::TableError;
pub use evaluator::TabularEvaluator;
pub use header::{Column, DatasetHeader, Encoding, Extra, Figure, Header, Rows};
pub use nb201::{Nb201Dataset, Nb201Table, SEARCH_EPOCHS, TEST_EPOCHS};
pub use preamble::{MAGIC, VERSION};
pub use published::{SizeMismatch, size_mismatches};
pub use sizes::TabularSizes;
pub use table::Table;
pub use writer::{ColumnData, Draft, RowKeys};
