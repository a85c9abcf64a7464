//! What is done with a run directory, as typed.

use std::path::PathBuf;

use clap::Args;
use nas_runner::args::{ConsentArgs, WorkerArgs};

const RESUME_EXAMPLES: &str = "\
Examples:
  nas resume runs/evolution-nb201-0
      Continue as the search was started
  nas resume runs/evolution-nb201-0 --trials 100
      Continue, up to 100 trials in all
  nas resume runs/evolution-nb201-0 --workers 4
      Continue with four processes
  nas resume runs/evolution-nb201-0 --data /new/place/photos
      Continue with images that were moved
  nas resume runs/again --store postgres://db/searches --study evolution-nb201-0
      Continue a search whose machine was lost";

#[derive(Debug, Args)]
#[command(after_long_help = RESUME_EXAMPLES)]
pub(crate) struct ResumeArgs {
    /// Run directory
    #[arg(value_name = "DIR")]
    pub(crate) run: PathBuf,
    /// New folder of the data set's files, if they were moved
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// New place of your own images, if they were moved
    ///
    /// They must be the same images.
    #[arg(long, value_name = "PATH")]
    pub(crate) data: Option<String>,
    /// The run's evaluator, typed again
    ///
    /// If the run has an evaluator, this is the consent to run it. It must be the command on record.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) evaluator: Option<String>,
    #[command(flatten)]
    pub(crate) consent: ConsentArgs,
    #[command(flatten)]
    pub(crate) workers: WorkerArgs,
    /// PostgreSQL database of the trials, for `nas worker`s [default: as at the start]
    ///
    /// With --study, DIR may be new: the search of that name is continued from what the database has of it.
    #[arg(long, value_name = "URL", conflicts_with = "workers")]
    pub(crate) store: Option<String>,
    /// Study of that database to continue in a new run directory, by name or number
    #[arg(long, value_name = "STUDY", requires = "store")]
    pub(crate) study: Option<String>,
    /// Most trials, if more than at the start
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) trials: Option<u64>,
    /// Most training epochs, if more than at the start
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) budget_epochs: Option<u64>,
}

#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  nas status runs/evolution-nb201-0\n  nas status --store postgres://db/searches"
)]
pub(crate) struct StatusArgs {
    /// Run directory
    #[arg(value_name = "RUN", required_unless_present = "store")]
    pub(crate) run: Option<PathBuf>,
    /// PostgreSQL database whose studies and workers are shown
    #[arg(long, value_name = "URL", conflicts_with = "run")]
    pub(crate) store: Option<String>,
}

const REPORT_EXAMPLES: &str = "\
Examples:
  nas report runs/evolution-nb201-0
      Write report.html in the run directory
  nas report runs/evolution-nb201-0 --out search.html
  nas report runs/evolution-nb201-0 --open
      Show it in the browser as well";

#[derive(Debug, Args)]
#[command(after_long_help = REPORT_EXAMPLES)]
pub(crate) struct ReportArgs {
    /// Run directory
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// Where to write the page; - is stdout [default: report.html in the run directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Show the page in the browser
    #[arg(long)]
    pub(crate) open: bool,
}

const SERVE_EXAMPLES: &str = "\
Examples:
  nas serve
      Show all searches and comparisons below this folder at http://127.0.0.1:7575/
  nas serve runs --port 0
      Show those below runs, at any free port
  nas serve --json runs
      Print the address for a program";

/// The port of the page where none is typed.
const PORT: u16 = 7575;

#[derive(Debug, Args)]
#[command(after_long_help = SERVE_EXAMPLES)]
pub(crate) struct ServeArgs {
    /// Folder with runs at any depth down to 6
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Port of 127.0.0.1; 0 is any free one
    ///
    /// Only browsers of this machine are answered, and nothing can be changed on the page. To look at it from another
    /// machine, forward the port: ssh -L 7575:127.0.0.1:7575 HOST.
    #[arg(long, value_name = "N", default_value_t = PORT)]
    pub(crate) port: u16,
    /// Show the page in the browser of this machine
    #[arg(long)]
    pub(crate) open: bool,
}
