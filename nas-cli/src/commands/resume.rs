//! `nas resume`: goes on where a run stopped.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use nas_runner::plan::RunConfig;
use nas_runner::{Session, Typed, Usage, data, data_dir, shell};
use nas_study::{RunDir, StudyError};

use crate::args::ResumeArgs;
use crate::elsewhere::Elsewhere;
use crate::output::Output;
use crate::progress::Bars;
use crate::{consent, signals};

/// Reads the run's configuration and runs what is left of it.
///
/// A process that is killed in here, or fails, leaves a run that can be resumed: the configuration is replaced only
/// once all of the new one is known to be good, and before the store, which every call brings up to it.
pub(crate) fn run(args: &ResumeArgs, output: Output) -> Result<()> {
    let stop = signals::stop()?;
    let run = match (&args.store, &args.study) {
        (Some(store), Some(study)) => recreated(&args.run, store, study)?,
        _ => RunDir::open(&args.run)?,
    };
    let recorded: RunConfig = run.read_config()?;
    consent::check(&recorded, args.evaluator.as_deref(), args.consent.allow_evaluator)?;
    let mut config = recorded.clone();
    if let Some(folder) = config.data_dir_mut() {
        *folder = data_dir::choose(args.data_dir.as_deref(), folder.as_deref())?;
    }
    if let Some(path) = &args.data {
        let path = data::normalized(path).typed("--data")?;
        match config.own_data_mut() {
            Some(data) => *data = path,
            None => {
                let why = "--data: this run has no images of your own; its data set has a name (--data-dir says where its files are)";
                return Err(Usage::new(why).into());
            }
        }
    }
    config.budget.trials = args.trials.or(config.budget.trials);
    config.budget.epochs = args.budget_epochs.or(config.budget.epochs);
    config.keep_latencies_in(run.path())?;
    let session = Session::prepare_watched(config, &stop, Arc::new(Bars::default()))?;
    let workers = session.workers(args.workers.count())?;
    // Workers that are typed are those of this machine.
    let elsewhere = match args.workers.count() {
        Some(_) => None,
        None => Elsewhere::of_run(&run, args.store.as_deref())?,
    };
    let elsewhere = match (elsewhere, &args.store) {
        (None, Some(typed)) => Some(Elsewhere::new(typed, &session)?),
        (recorded, _) => recorded,
    };
    let config = session.config();
    let mut store = run.store()?;
    let study = store.records().study()?;
    let grows = study.is_some_and(|study| study.config.budget != config.budget);
    if grows {
        match store.extended_config(config.budget) {
            Err(error @ StudyError::BudgetShrinks { limit, .. }) => {
                return match limit {
                    "trials" if args.trials.is_some() => Err(error).typed("--trials"),
                    "epochs" if args.budget_epochs.is_some() => Err(error).typed("--budget-epochs"),
                    _ => Err(error.into()),
                };
            }
            other => drop(other?),
        }
    }
    if *config != recorded {
        run.write_config(config)?;
    }
    if grows {
        store.extend_budget(config.budget)?;
    }
    signals::set_resume_hint(shell::resume(&args.run, Some(session.config())));
    let result = match elsewhere {
        None => session.run(&run, store, workers)?,
        Some(elsewhere) => elsewhere.run(&session, &run, store, &stop)?,
    };
    output.result(&result, || result.to_string())
}

/// A new run directory of a search whose own is lost. What it had of results is still in the database.
fn recreated(path: &Path, store: &str, study: &str) -> Result<RunDir> {
    let (elsewhere, config) = Elsewhere::find(store, study)?;
    if !config.tell.is_trial() {
        let why = format!(
            "--study: '{study}' learns in the order of completion, which is recorded in its run directory alone; it can only be \
             resumed there or in a copy of it: nas resume COPY --store {store}"
        );
        return Err(Usage::new(why).into());
    }
    let (run, _) = RunDir::create(path, &config)?;
    elsewhere.record(&run)?;
    Ok(run)
}
