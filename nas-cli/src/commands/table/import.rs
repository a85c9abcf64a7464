//! `nas table import`: a published benchmark's file as a table.

use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result};
use nas_eval::tabular::import::{self, Mapping};

use super::info;
use crate::args::{ImportArgs, ImportFormat};
use crate::output::Output;
use crate::usage::Usage;

/// Reads the file, writes the table and describes it.
pub(crate) fn run(args: &ImportArgs, output: Output) -> Result<()> {
    let file = args.file.as_path();
    let table = match (args.format, &args.mapping) {
        (ImportFormat::Csv, Some(path)) => {
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let mapping: Mapping = toml::from_str(&text).with_context(|| format!("in {}", path.display()))?;
            import::csv::import(file, mapping)?
        }
        (ImportFormat::Csv, None) => {
            return Err(
                Usage::new("--format csv needs a --mapping FILE, which says what the columns mean").into(),
            );
        }
        (_, Some(_)) => {
            return Err(Usage::new("--mapping has no meaning but with --format csv").into());
        }
        (ImportFormat::Nb201, None) => import::nb201::import(file)?,
        (ImportFormat::NatsJson, None) => import::nats::import(file)?,
        (ImportFormat::Nb101Json, None) => import::nb101::import(file)?,
        (ImportFormat::MacroJson, None) => import::macro_bench::import(file)?,
    };
    table.save(&args.out)?;
    info::describe(&Arc::new(table), &args.out.display().to_string(), output)
}
