//! The parsers.

mod genotypes;
mod images;
mod imports;
mod own;
mod processes;
mod spaces;
mod studies;
mod tables;
mod training;

use anyhow::Result;

use crate::target::{Due, Target};

/// Makes a target.
type Make = fn() -> Result<Target>;

/// All targets by name.
pub const ALL: &[(&str, Make)] = &[
    ("genotype", genotypes::genotype),
    ("motif", genotypes::motif),
    ("shape", genotypes::shape),
    ("space", spaces::space),
    ("idx", images::idx),
    ("cifar", images::cifar),
    ("image", own::image),
    ("npz", own::npz),
    ("image-list", own::list),
    #[cfg(feature = "parquet")]
    ("parquet", own::parquet),
    ("table", tables::table),
    ("nb201-csv", imports::nb201_csv),
    ("csv", imports::mapped_csv),
    ("nats", imports::nats),
    ("nb101", imports::nb101),
    ("macro", imports::macro_bench),
    ("table-journal", tables::journal),
    ("tensors", training::tensors),
    ("trained", training::trained),
    ("position", training::position),
    ("study-config", studies::config),
    ("best", studies::best),
    ("runs", studies::runs),
    ("store", studies::store),
    ("protocol", processes::protocol),
];

const MIB: usize = 1 << 20;

/// Memory for a text of TOML: its tree takes some hundred bytes for each of those that stand for nothing but themselves.
const TOML: Due = Due {
    base: 4 * MIB,
    per_byte: 256,
};
