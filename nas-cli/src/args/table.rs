//! The command line of `nas table`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use nas_runner::args::{BoundArgs, DataArgs, SizeArgs};
use nas_runner::parsers::{at_least, positive, share};
use nas_tables::import::MAPPING_HELP;

const EXAMPLES: &str = "\
Examples:
  nas table info digits
      The built-in table
  nas table build --space small.toml --data digits --epochs 1,3 --out small.nastab
      Train every architecture of a small space
  nas table import nb201_acc.csv.gz --out nb201.nastab
      A published benchmark
  nas search evolution --table nb201.nastab --trials 200
      Search in a table
  nas compare --table nb201.nastab
      Compare methods on it";

#[derive(Debug, Subcommand)]
#[command(after_long_help = EXAMPLES)]
pub(crate) enum TableCommand {
    /// Train every architecture of a small space and write the table
    Build(Box<BuildArgs>),
    /// Make a table from a published benchmark or from your own CSV
    Import(Box<ImportArgs>),
    /// Describe a table
    Info(InfoArgs),
}

const IMPORT_EXAMPLES: &str = "\
Examples:
  nas table import nb201_acc.csv.gz --out nb201.nastab
      The format is recognised from the file
  nas table import results.csv --mapping mapping.toml --out results.nastab
      Your own CSV, whose columns a mapping explains
  nas table import records.jsonl.gz --format nats-json --out nats.nastab";

#[derive(Debug, Args)]
#[command(after_long_help = format!("{MAPPING_HELP}\n{IMPORT_EXAMPLES}"))]
pub(crate) struct ImportArgs {
    /// File of the benchmark, plain or gzipped
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Format of the file [default: recognised from the file]
    #[arg(long, value_enum)]
    pub(crate) format: Option<ImportFormat>,
    /// TOML file that explains the columns of a CSV; --help describes it
    #[arg(long, value_name = "FILE", required_if_eq("format", "csv"))]
    pub(crate) mapping: Option<PathBuf>,
    /// Table to write
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// Comma-separated text, explained by a --mapping
    Csv,
    /// NAS-Bench-201's accuracies as CSV
    Nb201,
    /// Records from the Python package of NATS-Bench or NAS-Bench-201, as JSON lines
    NatsJson,
    /// Records from the Python package of NAS-Bench-101, as JSON lines
    Nb101Json,
    /// NAS-Bench-Macro's JSON
    MacroJson,
}

#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  nas table info digits\n  nas table info small.nastab --json")]
pub(crate) struct InfoArgs {
    /// File of a table, or the name of a built-in one
    #[arg(value_name = "FILE|NAME")]
    pub(crate) table: String,
}

const BUILD_EXAMPLES: &str = "\
Examples:
  nas table build --space small.toml --data digits --out small.nastab
      Three trainings of each architecture, recorded after 1, 3 and 9 epochs
  nas table build --space small.toml --epochs 2 --seeds 1 --limit 500 --out quick.nastab
      One short training of each
  nas table build --space small.toml --data fashion-mnist --workers 8 --out fashion.nastab
      Eight trainings at a time";

#[derive(Debug, Args)]
#[command(after_long_help = BUILD_EXAMPLES)]
pub(crate) struct BuildArgs {
    /// Search space: a name, or a TOML file; at most 20,000 architectures
    #[arg(long, value_name = "NAME|FILE", help_heading = "Task")]
    pub(crate) space: String,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Epochs after which accuracies are recorded, in increasing order [default: 1,3,9]
    ///
    /// Each network is trained for the last number.
    #[arg(long, value_name = "N,N,…", help_heading = "Training", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) epochs: Vec<u32>,
    /// Trainings of each architecture, with the seeds 0 to N - 1
    #[arg(long, help_heading = "Training", value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub(crate) seeds: u64,
    #[command(flatten)]
    pub(crate) size: SizeArgs,
    /// Images per training step, at least 2
    #[arg(long, hide_short_help = true, help_heading = "Training", value_name = "N", value_parser = at_least(2))]
    pub(crate) batch_size: Option<usize>,
    /// Peak learning rate
    #[arg(long, hide_short_help = true, help_heading = "Training", value_name = "RATE", value_parser = positive)]
    pub(crate) learning_rate: Option<f64>,
    /// Share of the training images kept for validation
    #[arg(long, help_heading = "Training", value_name = "SHARE", default_value_t = 0.3, value_parser = share)]
    pub(crate) valid_fraction: f64,
    /// Number of processes that train [default: one per thread]
    ///
    /// Each trains one network at a time on one thread. If one crashes, only its training is affected. 0 trains in this process. The number never changes an accuracy.
    #[arg(long, help_heading = "Hardware", value_name = "N", value_parser = clap::value_parser!(u16).range(..=1024))]
    pub(crate) workers: Option<u16>,
    #[command(flatten)]
    pub(crate) bounds: BoundArgs,
    /// Table to write
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub(crate) out: PathBuf,
    /// Name of the table [default: that of its file]
    #[arg(long, help_heading = "Output", value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// File of finished trainings [default: FILE.journal]
    ///
    /// An interrupted build continues from it.
    #[arg(long, hide_short_help = true, help_heading = "Output", value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
}
