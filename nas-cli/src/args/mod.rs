//! The command line as typed.

mod compare;
mod evolution;
mod halving;
mod progressive;
mod rl;
mod supernet;
mod table;
mod workers;

pub(crate) use compare::{CompareArgs, Entrant, What};
pub(crate) use evolution::EvolutionArgs;
pub(crate) use halving::{HalvingArgs, HalvingName};
pub(crate) use progressive::{ExplorationName, LevelDataName, ProgressiveArgs, SurrogateName};
pub(crate) use rl::{AlgorithmName, PresetName, RlArgs};
pub(crate) use supernet::{RelaxationName, SelectionName, StopName, SupernetArgs};
pub(crate) use table::{BuildArgs, ImportArgs, ImportFormat, InfoArgs, TableCommand};
pub(crate) use workers::{BoundArgs, WorkerArgs};

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, RangedU64ValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use nas_eval::data::DATASETS;
use nas_space::shape::Shape;

use crate::method::Method;
use crate::plan::benchmarks;

/// Neural architecture search that trains real networks on real data.
#[derive(Debug, Parser)]
#[command(name = "nas", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Print one JSON object on stdout at the end, and nothing else there
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Threads to compute with [default: one per core]. Never changes a result
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Search a space, then train the best architecture in full and test it
    Search(Box<SearchArgs>),
    /// Go on where a search stopped
    Resume(ResumeArgs),
    /// Train one network in full and report its test accuracy
    Train(TrainArgs),
    /// Measure a saved network on the test split
    Test(TestArgs),
    /// Parameters, multiply-accumulates and a picture of an architecture
    Show(ShowArgs),
    /// Benchmark methods against each other: the same space, evaluator, budget and seeds for all
    Compare(Box<CompareArgs>),
    /// Benchmark tables: make one by training, take over a published one, describe one
    #[command(subcommand)]
    Table(TableCommand),
    /// How a search stands, also while it runs
    Status(StatusArgs),
    /// One page of HTML on a run: what it found and how, in pictures and numbers
    Report(ReportArgs),
    /// What there is: spaces, methods, data sets, named architectures
    List,
    /// What this machine can do, and what is missing
    Doctor(DoctorArgs),
    /// Evaluates trials that come in on stdin: what --workers starts
    #[command(hide = true)]
    Worker,
    /// Runs a program and ends what it has started: what --evaluator is started by
    #[command(hide = true)]
    Guard {
        /// The program and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        program: Vec<String>,
    },
}

/// Whether a file may name the program that is run.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct ConsentArgs {
    /// Run the evaluator's command that the run directory or --config names. Without it, a command that was not typed with
    /// --evaluator is shown and not run
    #[arg(long)]
    pub(crate) allow_evaluator: bool,
}

/// Where the images come from.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DataArgs {
    /// Data set [default: digits, which is built in]
    #[arg(long, value_name = "NAME", value_parser = data_names())]
    pub(crate) data: Option<String>,
    /// Folder with the data set's official files [default: $NAS_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Use only so many training images, drawn evenly from the classes
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub(crate) limit: Option<usize>,
}

/// How large the network is.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SizeArgs {
    /// Channels of the first cells
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub(crate) channels: Option<usize>,
    /// Cells in all (DARTS skeleton) or per stage (skeletons of NAS-Bench-101 and 201)
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub(crate) cells: Option<usize>,
}

/// How large a network may be.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct LimitArgs {
    /// Most parameters of a network; what has more is never trained
    #[arg(long, value_name = "N", value_parser = count())]
    pub(crate) max_params: Option<u64>,
    /// Most multiply-accumulates of a network for one image; what has more is never trained
    #[arg(long, value_name = "N", value_parser = count())]
    pub(crate) max_macs: Option<u64>,
    /// Most that another figure may be, such as a table's latency; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = named)]
    pub(crate) max: Vec<(String, f64)>,
    /// Least that another figure may be
    #[arg(long, value_name = "NAME=VALUE", value_parser = named)]
    pub(crate) min: Vec<(String, f64)>,
}

/// How networks are trained.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct TrainingArgs {
    /// Images per step, at least 2: a batch norm cannot train on 1
    #[arg(long, value_name = "N", value_parser = at_least(2))]
    pub(crate) batch_size: Option<usize>,
    /// Peak learning rate
    #[arg(long, value_name = "RATE", value_parser = positive)]
    pub(crate) learning_rate: Option<f64>,
    /// cpu, cuda, cuda:1 or metal; of a search with workers also several, as in cuda:0,cuda:1 [default: cpu]
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<String>,
    /// On CUDA, let matrix products of f32 run in TF32: much faster from Ampere on, with 10 bits of mantissa in place of 23.
    /// Other results than in f32, which is the default; --tf32=false takes back what a file says
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub(crate) tf32: Option<bool>,
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SearchArgs {
    /// Search method [default: darts]
    #[arg(value_name = "METHOD")]
    pub(crate) method: Option<Method>,
    /// Search space, or a TOML file that describes one; `nas list` has the names [default: darts for darts, else
    /// nb201]
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) space: Option<String>,
    /// Blocks of a cell, in the spaces pnas and nasnet [default: 5]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub(crate) blocks: Option<usize>,
    /// Layers of a network, in the spaces chain and enas-macro [default: 6, 12]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub(crate) layers: Option<usize>,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Look accuracies up in a benchmark table instead of training: digits is built in, nb201 needs --table. A supernet
    /// still trains, on --data
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(benchmarks()))]
    pub(crate) benchmark: Option<String>,
    /// Look accuracies up in this file: one made by `nas table`, or NAS-Bench-201's accuracies as CSV
    #[arg(long, value_name = "FILE")]
    pub(crate) table: Option<PathBuf>,
    /// Which of the table's data sets to search on [default: its first]
    #[arg(long, value_name = "NAME")]
    pub(crate) table_data: Option<String>,
    /// Evaluate trials by this command of the shell instead of training them here: it reads trials and answers with evaluations,
    /// one JSON object a line, as nas-study/EVALUATORS.md says. --workers of it run
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["benchmark", "table", "table_data"])]
    pub(crate) evaluator: Option<String>,
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
    /// Most trials; of darts, each is a search of its own [default: 1 for darts, else 20, or 100 in a table]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) trials: Option<u64>,
    /// Most seconds, summed over the trials and the supernets trained for them
    #[arg(long, value_name = "S", value_parser = positive)]
    pub(crate) budget_seconds: Option<f64>,
    /// Most training epochs, summed over the trials; of one that goes on, those it adds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) budget_epochs: Option<u64>,
    /// Training epochs of a trial; with --halving, the most one gets; in a table, one of the numbers it has
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) epochs: Option<u32>,
    /// Training epochs of the best architecture after the search
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) final_epochs: Option<u32>,
    /// Seed of all randomness
    #[arg(long, value_name = "N", value_parser = seed())]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) size: SizeArgs,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
    #[command(flatten)]
    pub(crate) training: TrainingArgs,
    #[command(flatten)]
    pub(crate) workers: WorkerArgs,
    #[command(flatten)]
    pub(crate) bounds: BoundArgs,
    /// Trials proposed before the first one's outcome is known [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) batch: Option<u32>,
    /// Run directory [default: runs/METHOD-SPACE-SEED, numbered]
    #[arg(long, value_name = "DIR")]
    pub(crate) run: Option<PathBuf>,
    /// TOML file with the same settings, as a run directory holds it; options typed here win
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    // Last: what follows would stand under their headings.
    #[command(flatten)]
    pub(crate) halving: HalvingArgs,
    #[command(flatten)]
    pub(crate) evolution: EvolutionArgs,
    #[command(flatten)]
    pub(crate) progressive: ProgressiveArgs,
    #[command(flatten)]
    pub(crate) supernet: SupernetArgs,
    #[command(flatten)]
    pub(crate) rl: RlArgs,
}

impl SearchArgs {
    /// Whether a benchmark table is asked for.
    pub(crate) fn is_tabular(&self) -> bool {
        self.benchmark.is_some() || self.table.is_some() || self.table_data.is_some()
    }
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The run directory
    #[arg(value_name = "DIR")]
    pub(crate) run: PathBuf,
    /// Where the data set's files are now, if they moved
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The command that evaluates trials, typed once more where the run has one: it is compared with the one on record
    #[arg(long, value_name = "COMMAND")]
    pub(crate) evaluator: Option<String>,
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
    #[command(flatten)]
    pub(crate) workers: WorkerArgs,
    /// A larger number of trials than the run was started with
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) trials: Option<u64>,
    /// A larger number of epochs than the run was started with
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) budget_epochs: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// A name (DARTS_V2), a NAS-Bench-201 string, a genotype file, or a run directory: its best, with its data set and
    /// size where none are typed
    #[arg(value_name = "ARCH")]
    pub(crate) arch: String,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    #[command(flatten)]
    pub(crate) size: SizeArgs,
    #[command(flatten)]
    pub(crate) training: TrainingArgs,
    /// Training epochs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) epochs: Option<u32>,
    /// Seed of all randomness
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = seed())]
    pub(crate) seed: u64,
    /// Share of the training images kept for validation; 0 trains on all of them
    #[arg(long, value_name = "FRACTION", default_value_t = 0.1, value_parser = share)]
    pub(crate) valid_fraction: f64,
    /// Drop-path probability, which rises linearly with the epochs from 0 towards this
    #[arg(long, value_name = "P", default_value_t = 0.0, value_parser = share)]
    pub(crate) drop_path: f64,
    /// Side of the square that cutout removes
    #[arg(long, value_name = "PIXELS", value_parser = at_least(1))]
    pub(crate) cutout: Option<usize>,
    /// Train with the auxiliary classifier (DARTS skeleton)
    #[arg(long)]
    pub(crate) auxiliary: bool,
    /// Keep checkpoints here; an interrupted training goes on from the last one
    #[arg(long, value_name = "DIR")]
    pub(crate) checkpoints: Option<PathBuf>,
    /// Save the trained network
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// A network saved by `nas train --out`, or a run directory: the one it trained in full
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Folder with the data set's official files [default: the run's, else $NAS_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// cpu, cuda, cuda:1 or metal
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    pub(crate) device: String,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// A name (DARTS_V2), a NAS-Bench-201 string, a genotype file, or a run directory: its best, in its size where none
    /// is typed
    #[arg(value_name = "ARCH")]
    pub(crate) arch: String,
    #[command(flatten)]
    pub(crate) size: SizeArgs,
    /// Number of classes [default: 10]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub(crate) classes: Option<usize>,
    /// Shape of the images [default: 3x32x32]
    #[arg(long, value_name = "CxHxW")]
    pub(crate) image: Option<Shape>,
    /// Count the auxiliary classifier in (DARTS skeleton)
    #[arg(long)]
    pub(crate) auxiliary: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t = ShowFormat::Text)]
    pub(crate) format: ShowFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowFormat {
    /// For people
    Text,
    /// One JSON object
    Json,
    /// Graphviz
    Dot,
    /// A picture
    Svg,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The run directory
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The run directory; the search may still be running
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// Where to write the page, - for stdout [default: report.html in the run directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Folder to look for data sets in [default: $NAS_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// A whole number from `least` on.
fn at_least(least: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..)
}

/// A whole number from `least` to `most`.
fn between(least: u64, most: u64) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..=most)
}

/// A seed, below 2⁶³ so that TOML can hold it.
fn seed() -> RangedU64ValueParser<u64> {
    RangedU64ValueParser::new().range(..=i64::MAX as u64)
}

/// A number of things from 1, below 2⁶³ so that TOML can hold it.
fn count() -> RangedU64ValueParser<u64> {
    RangedU64ValueParser::new().range(1..=i64::MAX as u64)
}

/// The name of a figure and a number.
fn named(text: &str) -> Result<(String, f64), String> {
    const EXPECTED: &str = "NAME=VALUE, the name of a figure and a number";
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("expected {EXPECTED}"))?;
    let value = number(value, EXPECTED, |_| true)?;
    match name {
        "" => Err(format!("expected {EXPECTED}")),
        "params" | "macs" => Err(format!(
            "expected another figure; for {name} there is --max-{name}"
        )),
        name => Ok((name.to_owned(), value)),
    }
}

/// A number above 0.
fn positive(text: &str) -> Result<f64, String> {
    number(text, "a number above 0", |value| value > 0.0)
}

/// A number from 0 to below 1.
fn share(text: &str) -> Result<f64, String> {
    number(text, "a number from 0 to below 1", |value| {
        (0.0..1.0).contains(&value)
    })
}

fn number(text: &str, expected: &str, legal: impl Fn(f64) -> bool) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && legal(value) => Ok(value),
        _ => Err(format!("expected {expected}")),
    }
}

fn data_names() -> PossibleValuesParser {
    PossibleValuesParser::new(DATASETS.map(|info| info.name))
}
