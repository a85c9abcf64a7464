//! `nas search`: a new run.

use std::path::PathBuf;

use anyhow::Result;
use nas_study::RunDir;

use crate::args::SearchArgs;
use crate::output::{Output, note};
use crate::plan;
use crate::session::Session;
use crate::signals;

/// Makes the run directory and runs the search in it.
pub(crate) fn run(args: &SearchArgs, output: Output) -> Result<()> {
    let stop = signals::stop()?;
    let session = Session::prepare(plan::resolve(args)?, &stop)?;
    let workers = session.workers(args.workers.count())?;
    let path = args.run.clone().unwrap_or_else(|| free_directory(&session));
    let (run, store) = RunDir::create(&path, session.config())?;
    signals::goes_on_by(format!("nas resume {}", path.display()));
    if output == Output::Text {
        note(&format!(
            "run directory: {} (go on after an interruption with: nas resume {0})",
            path.display()
        ));
    }
    session.run(&run, store, workers, output)
}

/// The first of `runs/METHOD-SPACE-SEED`, `runs/METHOD-SPACE-SEED-2`, … that does not exist.
fn free_directory(session: &Session) -> PathBuf {
    let config = session.config();
    let base = format!(
        "runs/{}-{}-{}",
        config.method,
        session.space().name(),
        config.seed
    );
    let numbered = (2_u64..).map(|n| PathBuf::from(format!("{base}-{n}")));
    let mut candidates = std::iter::once(PathBuf::from(&base)).chain(numbered);
    candidates
        .find(|path| !path.exists())
        .unwrap_or_else(|| PathBuf::from(base))
}
