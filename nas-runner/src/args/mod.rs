//! The options of a search, as typed: what they share with a comparison, and what is a search's own.

mod halving;
mod read;
mod task;
mod workers;

pub use halving::{HalvingArgs, HalvingName};
pub use read::ReadArgs;
pub use task::{
    BudgetArgs, DataArgs, DeviceArgs, FileArgs, LimitArgs, MetricChoice, SizeArgs, SubjectArgs, TaskArgs,
    TrainingArgs, benchmarks,
};
pub use workers::{BoundArgs, WorkerArgs};

use clap::Args;

use crate::methods::{Method, MethodArgs};
use crate::parsers::{positive, seed};

/// Whether a file may name the program that is run.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct ConsentArgs {
    /// Run the evaluator's command that the run directory or --config names. Without it, a command that was not typed with
    /// --evaluator is shown and not run
    #[arg(long)]
    pub allow_evaluator: bool,
}

/// What `nas search` can be called with, for its help.
const SEARCH_EXAMPLES: &str = "\
Examples:
  nas search --data fashion-mnist
      DARTS: train a supernet, read an architecture off it, train that in full
  nas search evolution --data digits --trials 40 --workers 2
      Evolution, each network trained in a process of its own
  nas search pnas --benchmark digits --trials 60
      Progressive search, in a table of accuracies: seconds instead of hours
  nas search nsga2 --data digits --max-params 50000
      The front between accuracy and size, of small networks
  nas search random --halving asha --evaluator 'python3 mine.py'
      Random search that trains the better ones longer, judged by a program of yours";

/// The options of `nas search`.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = SEARCH_EXAMPLES)]
pub struct SearchArgs {
    /// Search method [default: darts]
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
    /// Evaluate trials by this command of the shell instead of training them here: it reads trials and answers with evaluations,
    /// one JSON object a line, as nas-study/EVALUATORS.md says. --workers of it run
    #[arg(long, value_name = "COMMAND", conflicts_with_all = ["benchmark", "table", "table_data"])]
    pub evaluator: Option<String>,
    /// Whether a file may name a program.
    #[command(flatten)]
    pub consent: ConsentArgs,
    /// Seed of all randomness
    #[arg(long, value_name = "N", value_parser = seed())]
    pub seed: Option<u64>,
    /// Minutes that all of the search may take, its final training included: epochs and trials are chosen for this machine, and
    /// evolution is the method where none is named [default: 10 for images of your own, where no method and no budget is named]
    #[arg(long, help_heading = "Budget", value_name = "MINUTES", value_parser = positive, conflicts_with_all = ["budget_seconds", "budget_epochs", "halving"])]
    pub minutes: Option<f64>,
    /// Trials proposed before the first one's outcome is known [default: 1]
    #[arg(long, help_heading = "Budget", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: Option<u32>,
}
