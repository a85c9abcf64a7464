//! `nas table import`: a published benchmark's file as a table.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use nas_report::number::grouped;
use nas_runner::Usage;
use nas_tables::import::{self, Format, Mapping};
use nas_tables::{SizeMismatch, Table, size_mismatches};

use super::info;
use crate::args::{ImportArgs, ImportFormat};
use crate::output::{Output, note};

/// Reads the file, writes the table and describes it.
pub(crate) fn run(args: &ImportArgs, output: Output) -> Result<()> {
    let file = args.file.as_path();
    let format = match args.format {
        Some(format) => format.into(),
        None => recognised(file, args.mapping.is_some())?,
    };
    let table = match (format, &args.mapping) {
        (Format::Csv, Some(path)) => {
            let text = nas_files::read_text(path, nas_study::MOST_CONFIG)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let mapping: Mapping = toml::from_str(&text).with_context(|| format!("in {}", path.display()))?;
            import::csv::import(file, mapping)?
        }
        (Format::Csv, None) => {
            let why = "--format csv needs a --mapping FILE, which says what the columns mean; nas table import --help describes it";
            return Err(Usage::new(why).into());
        }
        (format, Some(_)) => {
            let why = format!("--mapping is for --format csv only, and this is {format}");
            return Err(Usage::new(why).into());
        }
        (Format::Nb201, None) => import::nb201::import(file)?,
        (Format::NatsJson, None) => import::nats::import(file)?,
        (Format::Nb101Json, None) => import::nb101::import(file)?,
        (Format::MacroJson, None) => import::macro_bench::import(file)?,
    };
    for mismatch in size_mismatches(&table) {
        note(&warning(&table, &mismatch));
    }
    table.save(&args.out)?;
    info::describe(&Arc::new(table), &args.out.display().to_string(), output)
}

/// The format of the file, which is said.
fn recognised(file: &Path, has_mapping: bool) -> Result<Format> {
    let found = match import::recognise(file)? {
        // A mapping can read NAS-Bench-201's file in another way.
        Some(Format::Nb201 | Format::Csv) if has_mapping => Format::Csv,
        Some(found) => found,
        None if has_mapping => Format::Csv,
        None => {
            let why = format!(
                "{}: its format cannot be told from how it begins; add --format csv with a --mapping FILE, or --format nb201, \
                 nats-json, nb101-json or macro-json",
                file.display()
            );
            return Err(Usage::new(why).into());
        }
    };
    note(&format!("{} is read as --format {found}", file.display()));
    Ok(found)
}

/// What to say of published sizes that are not those of the networks.
fn warning(table: &Table, mismatch: &SizeMismatch) -> String {
    let genotype = table.space().genotype(&mismatch.architecture);
    let architecture = genotype.map_or_else(
        |_| mismatch.architecture.to_string(),
        |genotype| genotype.to_string(),
    );
    let likely = if mismatch.fits_naslib {
        "All of them fit if operations are numbered as NASLib does, which most likely also orders edges by their source: add to \
         [architecture] in the mapping\n  options = [\"skip_connect\", \"none\", \"nor_conv_3x3\", \"nor_conv_1x1\", \"avg_pool_3x3\"]\n  \
         decisions = [\"cell.edge_0_1\", \"cell.edge_0_2\", \"cell.edge_0_3\", \"cell.edge_1_2\", \"cell.edge_1_3\", \"cell.edge_2_3\"]"
    } else {
        "Most likely its operations are numbered in another order than is assumed, so that its figures are assigned to other \
         architectures: see options and decisions in nas table import --help"
    };
    format!(
        "WARNING: the file's parameters are not those of its architectures in {} of {} rows compared, on {}. The first is \
         {architecture}: {} in the file, {} counted.\n{likely}",
        grouped(mismatch.differing as u64),
        grouped(mismatch.compared as u64),
        mismatch.dataset,
        grouped(mismatch.published as u64),
        grouped(mismatch.counted),
    )
}

impl From<ImportFormat> for Format {
    fn from(format: ImportFormat) -> Self {
        match format {
            ImportFormat::Csv => Self::Csv,
            ImportFormat::Nb201 => Self::Nb201,
            ImportFormat::NatsJson => Self::NatsJson,
            ImportFormat::Nb101Json => Self::Nb101Json,
            ImportFormat::MacroJson => Self::MacroJson,
        }
    }
}
