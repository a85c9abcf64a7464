//! The command line of `nas table`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use nas_runner::args::{BoundArgs, DataArgs, SizeArgs};
use nas_runner::parsers::{at_least, positive, share};
use nas_tables::import::MAPPING_HELP;

#[derive(Debug, Subcommand)]
pub(crate) enum TableCommand {
    /// Train every architecture of a small space and make a table of it
    Build(Box<BuildArgs>),
    /// Make a table of a published benchmark's file, or of comma-separated text of your own
    Import(Box<ImportArgs>),
    /// Describe a table
    Info(InfoArgs),
}

#[derive(Debug, Args)]
#[command(after_long_help = MAPPING_HELP)]
pub(crate) struct ImportArgs {
    /// The benchmark's file, plain or gzipped
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What it is [default: found out from the file]
    #[arg(long, value_enum)]
    pub(crate) format: Option<ImportFormat>,
    /// TOML file that says what the columns of a CSV mean; --help says what stands in it
    #[arg(long, value_name = "FILE", required_if_eq("format", "csv"))]
    pub(crate) mapping: Option<PathBuf>,
    /// The table
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// Comma-separated text, whose columns a --mapping names
    Csv,
    /// NAS-Bench-201's accuracies as CSV
    Nb201,
    /// Records of NATS-Bench's (or NAS-Bench-201's) programming interface, as JSON lines
    NatsJson,
    /// Records of NAS-Bench-101's programming interface, as JSON lines
    Nb101Json,
    /// NAS-Bench-Macro's JSON
    MacroJson,
}

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// A table's file, or the name of one that is built in
    #[arg(value_name = "FILE|NAME")]
    pub(crate) table: String,
}

#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// Search space, or a TOML file that describes one, of at most 20,000 architectures
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) space: String,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Training epochs, in increasing order: all are trained for the last number, and what they had reached after the
    /// others is recorded as well [default: 1,3,9]
    #[arg(long, value_name = "N,N,…", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) epochs: Vec<u32>,
    /// Trainings of each architecture, with the seeds 0 to N - 1
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub(crate) seeds: u64,
    #[command(flatten)]
    pub(crate) size: SizeArgs,
    /// Images per step, at least 2
    #[arg(long, value_name = "N", value_parser = at_least(2))]
    pub(crate) batch_size: Option<usize>,
    /// Peak learning rate
    #[arg(long, value_name = "RATE", value_parser = positive)]
    pub(crate) learning_rate: Option<f64>,
    /// Share of the training images kept for validation
    #[arg(long, value_name = "FRACTION", default_value_t = 0.3, value_parser = share)]
    pub(crate) valid_fraction: f64,
    /// Processes that train, each one network at a time on one thread, so that what goes wrong in one takes a training and not
    /// the table; 0 trains in this process [default: one per thread]. Changes no accuracy
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(..=1024))]
    pub(crate) workers: Option<u16>,
    #[command(flatten)]
    pub(crate) bounds: BoundArgs,
    /// The table
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// The table's name [default: that of its file]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Where the trainings that are done are kept; an interrupted making goes on from there [default: FILE.journal]
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
}
