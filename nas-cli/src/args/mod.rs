//! The command line as typed: a file for each group of commands, with their options and examples.

mod cluster;
mod compare;
mod data;
mod export;
mod help;
mod network;
mod new;
mod score;
mod search;
mod table;
mod tools;

pub(crate) use cluster::{
    KubernetesArgs, LaunchCommand, LaunchedArgs, ResourceArgs, SlurmArgs, SshArgs, WorkerArgs,
};
pub(crate) use compare::{CompareArgs, Entrant, What};
pub(crate) use data::{CacheArgs, CheckArgs, DataCommand, DataDirArgs};
pub(crate) use export::{ExportArgs, ExportFormat, Integers};
pub(crate) use help::{command, visible};
pub(crate) use network::{MeasuredArgs, PredictArgs, ShowArgs, ShowFormat, TestArgs, TrainArgs};
pub(crate) use new::{Like, NewCommand, NewEvaluatorArgs, NewSpaceArgs};
pub(crate) use score::{ScoreAgainstArgs, ScoreArgs};
pub(crate) use search::{ReportArgs, ResumeArgs, ServeArgs, StatusArgs};
pub(crate) use table::{BuildArgs, ImportArgs, ImportFormat, InfoArgs, TableCommand};
pub(crate) use tools::{CompletionsArgs, DoctorArgs, ListArgs, ManArgs, Topic};

use clap::{Args, Parser, Subcommand};
use nas_runner::args::SearchArgs;

/// Neural architecture search that trains real networks on real data
#[derive(Debug, Parser)]
#[command(name = "nas", version, propagate_version = true, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Where to go on reading.
const AFTER_HELP: &str = "\
Everyday options of a command: nas COMMAND -h
All options, with examples:    nas COMMAND --help";

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Print the result as one JSON object
    ///
    /// Nothing else is written to standard output.
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// Print no progress
    #[arg(
        long,
        short,
        global = true,
        hide_short_help = true,
        help_heading = "Output",
        conflicts_with = "verbose"
    )]
    pub(crate) quiet: bool,
    /// Print a line for each trial and each epoch where stderr is no terminal
    ///
    /// Without this option, there is a line of progress at most every 30 seconds. On a terminal, bars show it.
    #[arg(long, short, global = true, hide_short_help = true, help_heading = "Output")]
    pub(crate) verbose: bool,
    /// Number of threads [default: one per core]
    ///
    /// The number never changes a result.
    #[arg(long, global = true, help_heading = "Hardware", value_name = "N",
        value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) threads: Option<u16>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Search a space, then train the best architecture in full and test it
    Search(Box<SearchArgs>),
    /// Continue a search that was interrupted
    Resume(ResumeArgs),
    /// Show how far a search is, also while it runs
    Status(StatusArgs),
    /// Write a page of HTML about a search, also while it runs
    Report(ReportArgs),
    /// Show a live page of all searches below a folder to the browsers of this machine
    Serve(ServeArgs),
    /// Train one network in full and report its test accuracy
    Train(Box<TrainArgs>),
    /// Measure the test accuracy of a trained network
    Test(TestArgs),
    /// Classify images with a trained network
    Predict(PredictArgs),
    /// Write a trained network as ONNX, PyTorch or Rust code
    Export(ExportArgs),
    /// Show the size of an architecture, or draw it
    Show(ShowArgs),
    /// Score architectures without training them, by zero-cost proxies
    Score(Box<ScoreArgs>),
    /// Compare methods with the same space, evaluator, budget and seeds
    Compare(Box<CompareArgs>),
    /// Check your own images, list data sets, manage cached images
    #[command(subcommand)]
    Data(DataCommand),
    /// Make, import and describe benchmark tables
    #[command(subcommand)]
    Table(TableCommand),
    /// Write a file from which you start a space or an evaluator of your own
    #[command(subcommand)]
    New(NewCommand),
    /// List spaces, methods, data sets, benchmarks and architectures
    List(ListArgs),
    /// Print the JSON Schema of the configuration file, with which editors complete and check it
    #[command(after_long_help = tools::SCHEMA_HELP)]
    Schema,
    /// Show what works on this machine, what is missing, and how to get it
    Doctor(DoctorArgs),
    /// Print the script that completes commands and options in a shell
    Completions(CompletionsArgs),
    /// Write manual pages
    Man(ManArgs),
    /// Evaluate the trials of searches on other machines, which come from a database
    Worker(WorkerArgs),
    /// Write what starts workers on a cluster: for Slurm, Kubernetes or ssh
    #[command(subcommand)]
    Launch(LaunchCommand),
    /// Evaluates trials that come in on stdin: what --workers starts
    #[command(hide = true)]
    Evaluate,
    /// Runs a program and ends what it has started: what --evaluator is started by
    #[command(hide = true)]
    Guard {
        /// The program and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        program: Vec<String>,
    },
}
