//! Files of published benchmarks.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use nas_tables::import::{Mapping, csv, macro_bench, nats as nats_file, nb101 as nb101_file, nb201};
use nas_tables::{Table, TableError};

use super::MIB;
use super::images::put;
use super::tables::check;
use crate::envelope::Envelope;
use crate::target::{Due, Target, Use};

/// Memory for a table: a figure may be two bytes long and stand alone among those that are missing, of which a table may have
/// many times as many.
const TABLE: Due = Due {
    base: 32 * MIB,
    per_byte: 2048,
};
/// What stands between the mapping and the text in an input for [`mapped_csv`].
const BETWEEN: &[u8] = b"\n---\n";

fn importer(
    name: &'static str,
    words: &'static [&'static str],
    import: fn(&Path) -> Result<Table, TableError>,
) -> Target {
    Target {
        envelope: Envelope::Gzip,
        read: TABLE,
        using: TABLE,
        ..Target::new(name, words, move |input, scratch| {
            let path = scratch.join("published");
            put(&path, input)?;
            let table = import(&path).map_err(|error| error.to_string())?;
            Ok(Box::new(move || check(&Arc::new(table))) as Use<'_>)
        })
    }
}

/// NAS-Bench-201's accuracies.
pub(super) fn nb201_csv() -> Result<Target> {
    let words = &[
        "ops6",
        ",",
        "\n",
        "\r\n",
        "000000",
        "444444",
        "c10_valid12",
        "c10_test12",
        "c10_test200",
        "params_c10_M",
        "100",
        "nan",
    ];
    Ok(importer("nb201-csv", words, nb201::import))
}

/// Records of NATS-Bench.
pub(super) fn nats() -> Result<Target> {
    let words = &[
        "arch_str",
        "dataset",
        "hp",
        "seed",
        "valid-accuracy",
        "test-accuracy",
        "train-all-time",
        "valid-per-time",
        "params",
        "flops",
        "cifar10-valid",
        "cifar10",
        "cifar100",
        "ImageNet16-120",
        "8:8:8:8:8",
        "null",
        "\n",
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    ];
    Ok(importer("nats", words, nats_file::import))
}

/// Records of NAS-Bench-101.
pub(super) fn nb101() -> Result<Target> {
    let words = &[
        "module_adjacency",
        "module_operations",
        "trainable_parameters",
        "final_validation_accuracy",
        "final_test_accuracy",
        "final_training_time",
        "[[0,1],[0,0]]",
        "\"input\"",
        "\"output\"",
        "\"conv3x3-bn-relu\"",
        "\"108\"",
        "\n",
    ];
    Ok(importer("nb101", words, nb101_file::import))
}

/// NAS-Bench-Macro.
pub(super) fn macro_bench() -> Result<Target> {
    let words = &[
        "test_acc",
        "mean_acc",
        "std",
        "params",
        "flops",
        "\"00000000\"",
        "\"22222222\"",
    ];
    Ok(importer("macro", words, macro_bench::import))
}

/// Comma-separated text with its mapping, which stands before it.
pub(super) fn mapped_csv() -> Result<Target> {
    let words = &[
        "name",
        "origin",
        "space",
        "architecture",
        "datasets",
        "columns",
        "column",
        "form",
        "numbers",
        "digits",
        "genotype",
        "figure",
        "epochs",
        "seed",
        "repeats",
        "unit",
        "one",
        "percent",
        "millions",
        "valid",
        "test",
        "seconds",
        "params",
        "macs",
        "network",
        "valid_is_test",
        "search_epochs",
        "report_epochs",
        "kind",
        "product",
        "decisions",
        "options",
        ",",
        "\n",
        "/",
        "arch",
        "[[datasets]]",
        "[[columns]]",
        "where",
        "missing",
        "delimiter",
        "reads",
        "options",
        "separator",
        "pad",
        "left",
        "right",
        "decisions",
        "nb201_index",
        "extra",
        "symbol",
        "direction",
        "lower",
        "higher",
        "metric",
        "scale",
        "plain",
        "share",
        "test_is_valid",
    ];
    Ok(Target {
        read: TABLE,
        using: TABLE,
        ..Target::new("csv", words, |input, scratch| {
            let place = input.windows(BETWEEN.len()).position(|window| window == BETWEEN);
            let (mapping, text) = input.split_at(place.unwrap_or(input.len()));
            let mapping = std::str::from_utf8(mapping).map_err(|_| "not a text".to_owned())?;
            let mapping: Mapping = toml::from_str(mapping).map_err(|error| error.message().to_owned())?;
            let path = scratch.join("published.csv");
            put(&path, text.get(BETWEEN.len()..).unwrap_or_default())?;
            let table = csv::import(&path, mapping).map_err(|error| error.to_string())?;
            Ok(Box::new(move || check(&Arc::new(table))) as Use<'_>)
        })
    })
}
