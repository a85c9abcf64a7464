//! Comma-separated text of any benchmark, described by a mapping, as
//! `nas table import FILE --mapping map.toml` reads it.
//!
#![doc = include_str!("mapping.md")]

mod architecture;
mod columns;
mod evidence;
mod filter;
mod mapping;
mod reading;

pub use filter::{Filter, Wanted};
pub use mapping::{
    ArchitectureColumns, DatasetColumns, FigureColumn, Form, MAPPING_HELP, Mapping, Pad, Read, Reads, Unit,
};
pub use reading::import;

#[cfg(test)]
mod tests;
