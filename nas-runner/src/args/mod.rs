//! The options of a search, as typed: what they share with a comparison, and what is a search's own.

mod halving;
mod read;
mod screening;
mod soft_limits;
mod task;
mod workers;

pub use halving::{HalvingArgs, HalvingName};
pub use read::ReadArgs;
pub use screening::ScreeningArgs;
pub use soft_limits::SoftLimitArgs;
pub use task::{
    BudgetArgs, DataArgs, DeviceArgs, FileArgs, LimitArgs, MetricChoice, SizeArgs, SubjectArgs, TaskArgs,
    TrainingArgs, benchmarks,
};
pub use workers::{BoundArgs, WorkerArgs};

use clap::{Args, ValueEnum};

use crate::methods::{Method, MethodArgs};
use crate::parsers::{positive, seed};

/// Whether a file may name the program that is run.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct ConsentArgs {
    /// Run the evaluator that the run directory or --config names
    ///
    /// Without this option, a command that you did not type yourself with --evaluator is shown and not run.
    #[arg(long, hide_short_help = true)]
    pub allow_evaluator: bool,
}

/// What `nas search` can be called with, for its help.
pub(crate) const SEARCH_EXAMPLES: &str = "\
Examples:
  nas search --data photos/ --minutes 10
      Images of your own: evolution, with as many trials as ten minutes allow
  nas search --data fashion-mnist
      DARTS: train a supernet, derive an architecture from it, train that in full
  nas search evolution --data digits --trials 40 --workers 2 --batch 2
      Evolution, with two trials at a time, each in its own process
  nas search nsga2 --data digits --max-params 50000
      The trade-off between accuracy and size, for small networks
  nas search pnas --benchmark digits --trials 60
      Progressive search in a table of accuracies: seconds instead of hours
  nas search evolution --benchmark nb201 --soft-max macs=50e6 --soft-weight -1 --soft-below 0
      Evolution that gives up accuracy only for multiply-accumulates above a target
  nas search evolution --proxy synflow --data digits --trials 40
      Evolution that trains only the better of several candidates, by a score of untrained networks
  nas search random --evaluator 'python3 mine.py' --workers 2 --batch 2
      Random search, evaluated by your own program
  nas search evolution --data cifar10 --store postgres://db/searches --batch 32
      Evolution whose trials are trained by workers on other machines (nas worker)
  nas search evolution --evaluator proxy:naswot --data digits --trials 500
      Evolution on scores of untrained networks; only the best architecture is trained

The options of one method: nas search METHOD --help";

/// What stands below the everyday options.
const SHORT_HELP: &str =
    "All options: nas search --help, or, for those of one method, nas search METHOD --help";

/// The options of `nas search`.
#[derive(Debug, Clone, Default, Args)]
#[command(after_long_help = SEARCH_EXAMPLES, after_help = SHORT_HELP)]
pub struct SearchArgs {
    /// Search method; `nas list methods` describes them [default: darts]
    ///
    /// With --minutes, and for images of your own without a budget, the default is evolution.
    #[arg(value_name = "METHOD")]
    pub method: Option<Method>,
    /// What a comparison has, too.
    #[command(flatten)]
    pub task: TaskArgs,
    /// What a comparison has not.
    #[command(flatten)]
    pub own: OwnArgs,
    /// Those of the methods, last: each has a heading of its own.
    #[command(flatten)]
    pub methods: MethodArgs,
}

/// What a search has and a comparison has not.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Task")]
pub struct OwnArgs {
    /// Evaluate trials with this command instead of training
    ///
    /// It reads trials from standard input and writes an evaluation of each to standard output, one JSON object a line;
    /// nas-study/EVALUATORS.md describes the protocol. `nas new evaluator FILE` writes a program to start from. --workers
    /// sets how many copies of it run. proxy:NAME is no command: trials are scored by this zero-cost proxy (see `nas score
    /// --help`), and only the best architecture is trained.
    #[arg(long, value_name = "COMMAND|proxy:NAME", conflicts_with_all = ["benchmark", "table", "table_data"])]
    pub evaluator: Option<String>,
    /// Whether a file may name a program.
    #[command(flatten)]
    pub consent: ConsentArgs,
    /// Hand trials to `nas worker`s on other machines, through this PostgreSQL database
    ///
    /// The address is postgres://USER@HOST:PORT/DATABASE; the password comes from ~/.pgpass or PGPASSWORD. --batch says how
    /// many trials are handed out at a time, and never changes with the number of workers. The run directory stays here.
    #[arg(
        long,
        hide_short_help = true,
        help_heading = "Hardware",
        value_name = "URL",
        conflicts_with = "workers"
    )]
    pub store: Option<String>,
    /// Seed of all randomness [default: 0]
    #[arg(long, value_name = "N", value_parser = seed())]
    pub seed: Option<u64>,
    /// Minutes for the whole search; trials and epochs are chosen to fit
    ///
    /// They are chosen for the speed of this machine, and include the final training. If you name no method, evolution
    /// searches. For images of your own, the default is 10 if you name neither a method nor a budget.
    #[arg(long, help_heading = "Budget", display_order = 0, value_name = "MINUTES", value_parser = positive, conflicts_with_all = ["budget_seconds", "budget_epochs", "halving"])]
    pub minutes: Option<f64>,
    /// Number of trials at a time [default: 1]
    ///
    /// The method proposes this many trials before it learns the outcome of the first. Another number is another search.
    #[arg(long, hide_short_help = true, help_heading = "Budget", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: Option<u32>,
    /// Order in which the method learns from outcomes [default: trial]
    ///
    /// With completion, a trial that takes long holds back no other, so workers are never idle; --batch should be their
    /// number or more. The order is recorded, and kept when the search is resumed.
    #[arg(
        long,
        value_enum,
        hide_short_help = true,
        help_heading = "Budget",
        value_name = "ORDER"
    )]
    pub tell: Option<TellName>,
}

/// In which order a method learns from outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TellName {
    /// That of the trials. Workers never change a search, but a long trial holds back later ones
    Trial,
    /// That in which trials are finished. Workers never wait for each other's trials
    Completion,
}
