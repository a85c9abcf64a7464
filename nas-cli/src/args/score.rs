//! The command line of `nas score`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use nas_eval::proxy::ProxyKind;
use nas_runner::args::{DeviceArgs, ReadArgs, SizeArgs};
use nas_runner::parsers::{at_least, seed};

const SCORE_EXAMPLES: &str = "\
Examples:
  nas score DARTS_V2 NB201_RESNET --proxy naswot,synflow
      Two architectures, with one batch of the built-in digits
  nas score genotype.json --proxy all --data cifar10 --proxy-seeds 3 --json
      All proxies, averaged over three initialisations, as JSON
  nas score --space nb201 --sample 1000 --proxy synflow,naswot --data cifar10 --out scores.csv
      A sample of a space, as a table; the same command continues it after an interruption
  nas score --space small.toml --every --proxy grad_norm --out scores.csv
      Every architecture of a small space
  nas score --scores scores.csv --against nb201 --page proxies.html
      How well the scores of a file rank architectures by accuracy
  nas score --against runs/nb201 --proxy all --page proxies.html
      The same of the trials of a search";

/// The proxies in words.
pub(crate) fn long_help() -> String {
    let lines = ProxyKind::ALL.map(|kind| format!("  {:<11} {}\n", kind.name(), kind.doc()));
    format!(
        "Proxies (scores of untrained networks; higher is better, without a unit, no accuracies):\n{}\n{SCORE_EXAMPLES}",
        lines.concat()
    )
}

#[derive(Debug, Args)]
#[command(after_long_help = long_help(), group = ArgGroup::new("which").multiple(false))]
pub(crate) struct ScoreArgs {
    /// Architectures: names, texts, files, or run directories
    ///
    /// `nas list architectures` shows the names. A text is that of NAS-Bench-201, a genotype, or another written form. Of a
    /// run directory, it is the best architecture.
    #[arg(value_name = "ARCH", group = "which")]
    pub(crate) archs: Vec<String>,
    /// Names of proxies, or all [default: naswot]
    ///
    /// With --scores, names of its columns; by default all of them.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) proxy: Vec<String>,
    /// Initialisations that scores are averaged over
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) proxy_seeds: u32,
    /// Number of training images that networks are scored with
    #[arg(long, value_name = "N", default_value = "64", value_parser = at_least(2))]
    pub(crate) batch_size: usize,
    /// Seed of images, initialisations and the sample
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = seed())]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) space: ScoreSpaceArgs,
    #[command(flatten)]
    pub(crate) data: ScoreDataArgs,
    #[command(flatten)]
    pub(crate) size: SizeArgs,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) against: ScoreAgainstArgs,
    /// Write the scores to a CSV, as they are found: arch, then a column for each proxy
    ///
    /// If the file has the first rows of the same command, it is continued.
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
    /// Write a page of HTML: rank correlations with accuracies, and charts
    #[arg(long, value_name = "FILE", requires = "against", help_heading = "Output")]
    pub(crate) page: Option<PathBuf>,
}

/// The accuracies that scores are compared with.
#[derive(Debug, Args)]
#[command(next_help_heading = "Accuracies")]
pub(crate) struct ScoreAgainstArgs {
    /// Compare scores with accuracies: of a benchmark, a table, or a run
    ///
    /// A benchmark is nb201 or digits, a table a file that `nas table` has written. Of a run directory, these are the
    /// validation accuracies of its trials; if no architectures are given, its trials are scored.
    #[arg(long, value_name = "NAME|FILE|RUN")]
    pub(crate) against: Option<String>,
    /// Data set of the table [default: its first]
    #[arg(long, value_name = "NAME", requires = "against")]
    pub(crate) table_data: Option<String>,
    /// Take architectures and scores from a CSV of --out instead of computing them
    #[arg(
        long,
        value_name = "FILE",
        requires = "against",
        group = "which",
        conflicts_with_all = [
            "space", "out", "data", "data_dir", "proxy_seeds", "batch_size", "seed", "device", "channels", "cells",
        ]
    )]
    pub(crate) scores: Option<PathBuf>,
}

/// Which architectures, where they are not typed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Space")]
pub(crate) struct ScoreSpaceArgs {
    /// Search space that architectures are of: a name, or a TOML file
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) space: Option<String>,
    /// Score N different architectures, drawn from --space
    #[arg(long, value_name = "N", requires = "space", group = "which", value_parser = at_least(1))]
    pub(crate) sample: Option<usize>,
    /// Score every architecture of --space, at most 1,000,000
    #[arg(long, requires = "space", group = "which")]
    pub(crate) every: bool,
}

/// The images that networks are scored with.
#[derive(Debug, Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct ScoreDataArgs {
    /// Data set from `nas list data`, or path to your images [default: digits]
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) data: Option<String>,
    /// Folder with the files of data sets [default: $NAS_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}
