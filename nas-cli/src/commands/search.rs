//! `nas search`: a new run.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use nas_runner::args::SearchArgs;
use nas_runner::{Session, Usage, plan, shell};
use nas_study::RunDir;

use crate::elsewhere::Elsewhere;
use crate::output::{Output, note};
use crate::progress::Bars;
use crate::{consent, signals};

/// Makes the run directory and runs the search in it.
pub(crate) fn run(args: &SearchArgs, output: Output) -> Result<()> {
    let stop = signals::stop()?;
    let bars = Arc::new(Bars::default());
    let config = plan::resolve(args, bars.as_ref())?;
    consent::check(
        &config,
        args.own.evaluator.as_deref(),
        args.own.consent.allow_evaluator,
    )?;
    let session = Session::prepare_watched(config, &stop, bars)?;
    let workers = session.workers(args.task.workers.count())?;
    let path = args
        .task
        .files
        .run
        .clone()
        .unwrap_or_else(|| free_directory(&session));
    if path.to_str().is_none() {
        let why = format!("{}: the name of a run directory must be UTF-8", path.display());
        return Err(Usage::new(why).into());
    }
    let typed = args.own.store.as_deref();
    let elsewhere = typed.map(|typed| Elsewhere::new(typed, &session)).transpose()?;
    let (run, store) = RunDir::create(&path, session.config())?;
    let resume = shell::resume(&path, Some(session.config()));
    signals::set_resume_hint(resume.clone());
    if output == Output::Text {
        note(&format!(
            "run directory: {} (continue after an interruption with: {resume})",
            path.display()
        ));
    }
    let result = match elsewhere {
        None => session.run(&run, store, workers)?,
        Some(elsewhere) => elsewhere.run(&session, &run, store, &stop)?,
    };
    output.result(&result, || result.to_string())
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
