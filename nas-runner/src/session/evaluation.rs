//! Where the trials of a search are evaluated: in this process, or in workers.

use std::fs;
use std::io::ErrorKind;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use nas_eval::evaluator::TrainingEvaluator;
use nas_eval::memory;
use nas_eval::train::Trainer;
use nas_space::search::{Evaluation, Evaluator, Failure, Metric, Stop, Trial};
use nas_study::RunDir;
use nas_study::processes::{ProcessConfig, ProcessError, Processes};
use nas_tables::TabularEvaluator;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Session, Source};
use crate::device;
use crate::plan::{CommandPlan, Estimation, RunConfig};
use crate::preflight::Preflight;
use crate::program;
use crate::scoring::ProxyEvaluator;
use crate::traced::Traced;
use crate::usage::Usage;

/// The settings that a worker of this program receives besides its device and its threads.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialSettings {
    /// The search.
    config: RunConfig,
    /// Where trainings leave their state.
    checkpoints: PathBuf,
}

/// Who evaluates the trials of a search.
#[derive(Clone, Copy)]
pub enum Crew<'a> {
    /// This process.
    Here,
    /// As many processes of this machine.
    Processes(NonZeroUsize),
    /// Other machines.
    Elsewhere {
        /// An evaluator that hands trials out. As many threads use it as a batch has trials.
        evaluator: &'a dyn Evaluator,
        /// Called once no trial is left, before the final training.
        ended: &'a dyn Fn(),
    },
}

/// That many processes, or this one for 0.
impl From<usize> for Crew<'_> {
    fn from(workers: usize) -> Self {
        NonZeroUsize::new(workers).map_or(Self::Here, Self::Processes)
    }
}

impl Crew<'_> {
    /// How many trials are evaluated at a time, with batches of this size.
    pub(super) fn at_a_time(self, batch: u32) -> NonZeroUsize {
        let batch = NonZeroUsize::new(batch as usize).unwrap_or(NonZeroUsize::MIN);
        match self {
            Self::Here => NonZeroUsize::MIN,
            Self::Processes(workers) => workers.min(batch),
            Self::Elsewhere { .. } => batch,
        }
    }
}

/// What one slot of a worker on another machine has.
#[derive(Debug, Clone, Copy)]
pub struct Slot<'a> {
    /// Folder in which trainings leave their state; if machines share it, each continues what another began.
    pub checkpoints: &'a Path,
    /// Device that it computes on.
    pub device: Option<&'a str>,
    /// Threads that it computes on.
    pub threads: NonZeroUsize,
    /// By which its trial is given up.
    pub stop: &'a Stop,
}

/// The evaluator of a worker.
pub enum Worker {
    /// Trains.
    Training(Box<TrainingEvaluator>),
    /// Looks up.
    Table(Box<TabularEvaluator>),
    /// Scores.
    Proxy(Box<ProxyEvaluator>),
}

impl Worker {
    /// The evaluator that these settings describe, on this device.
    pub fn new(settings: TrialSettings, device: Option<&str>, stop: &Stop) -> Result<Self> {
        let mut config = settings.config;
        if let (Estimation::Training(plan), Some(device)) = (&mut config.estimation, device) {
            device.clone_into(&mut plan.device);
        }
        let session = Session::prepare(config, stop)?;
        Ok(match (session.training(settings.checkpoints)?, session.source) {
            (Some(training), _) => Self::Training(Box::new(training)),
            (None, Source::Table(table)) => Self::Table(Box::new(table)),
            (
                None,
                Source::Training {
                    scorer: Some(scorer), ..
                },
            ) => Self::Proxy(scorer),
            (None, _) => bail!("nothing is configured to evaluate trials"),
        })
    }

    fn inner(&self) -> &dyn Evaluator {
        match self {
            Self::Training(evaluator) => evaluator.as_ref(),
            Self::Table(evaluator) => evaluator.as_ref(),
            Self::Proxy(evaluator) => evaluator.as_ref(),
        }
    }
}

impl Evaluator for Worker {
    fn description(&self) -> String {
        self.inner().description()
    }

    fn metric(&self) -> Metric {
        self.inner().metric()
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        Traced(self.inner()).evaluate(trial)
    }
}

impl Session {
    /// How many worker processes there are to be: as many as typed, or else one where evaluating may fail badly.
    pub fn workers(&self, typed: Option<usize>) -> Result<usize> {
        let bounded = self.config.trial.is_some();
        let (own, trains) = match &self.source {
            Source::Command(_) => (true, false),
            Source::Training { scorer: Some(_), .. } => (false, false),
            Source::Training { .. } => (false, self.config.method.proposes()),
            Source::Table(_) => (false, false),
        };
        match typed {
            Some(0) if own => {
                Err(Usage::new("--workers 0: your own evaluator runs in workers; expected at least 1").into())
            }
            Some(0) if bounded => Err(Usage::new(
                "--workers 0: limits on a trial's time and memory require worker processes; expected at least 1",
            )
            .into()),
            Some(workers) => Ok(workers),
            None => Ok(usize::from(trains || own || bounded)),
        }
    }

    /// The evaluator of trials in this process.
    pub(super) fn here(&self, run: &RunDir) -> Result<Box<dyn Evaluator + '_>> {
        Ok(match self.training(checkpoints(run))? {
            Some(training) => Box::new(Traced(training)),
            None => Box::new(Traced(self.evaluator()?)),
        })
    }

    /// Workers: processes of this program, or of the user's.
    pub(super) fn processes(&self, run: &RunDir, workers: NonZeroUsize) -> Result<Processes> {
        let devices = match &self.config.estimation {
            Estimation::Training(plan) => device::listed(&plan.device).collect(),
            Estimation::Command(plan) => plan.devices(),
            Estimation::Table(_) => Vec::new(),
        };
        let threads = NonZeroUsize::new(rayon::current_num_threads()).unwrap_or(NonZeroUsize::MIN);
        self.start_processes(&checkpoints(run), workers, devices, threads, &self.stop)
    }

    /// What evaluates the trials of this search, in one line, whoever is asked: a command is started to
    /// say it.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn trial_description(&self, run: &RunDir) -> Result<String> {
        match &self.source {
            Source::Command(_) => Ok(self.processes(run, NonZeroUsize::MIN)?.description()),
            _ => Ok(self.evaluator()?.description()),
        }
    }

    /// What evaluates the trials of one slot of a worker on another machine: a process of this machine.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn slot(&self, slot: Slot<'_>) -> Result<Processes> {
        let devices = slot.device.into_iter().collect();
        self.start_processes(
            slot.checkpoints,
            NonZeroUsize::MIN,
            devices,
            slot.threads,
            slot.stop,
        )
    }

    fn start_processes(
        &self,
        checkpoints: &Path,
        workers: NonZeroUsize,
        devices: Vec<&str>,
        threads: NonZeroUsize,
        stop: &Stop,
    ) -> Result<Processes> {
        let (program, settings, description) = match &self.source {
            Source::Command(plan) => (
                program::guarded(shell(&plan.command))?,
                self.command_settings(plan),
                None,
            ),
            _ => {
                let settings = TrialSettings {
                    config: self.config.clone(),
                    checkpoints: std::path::absolute(checkpoints)?,
                };
                let description = self.evaluator()?.description();
                (
                    program::worker()?,
                    program::told("search", &settings)?,
                    Some(description),
                )
            }
        };
        let bounds = self.config.trial.unwrap_or_default();
        let config = ProcessConfig {
            program,
            workers,
            devices: devices.into_iter().map(str::to_owned).collect(),
            threads,
            settings,
            description,
            metric: self.config.metric(),
            trial_timeout_seconds: bounds.timeout_seconds,
            trial_memory_bytes: bounds.memory_bytes,
        };
        match Processes::start(config, Arc::clone(&self.space), stop.clone()) {
            Err(ProcessError::Interrupted) => Err(super::Stopped.into()),
            started => Ok(started?),
        }
    }

    /// What looks at trials that are trained before they are.
    pub(super) fn preflight<'a>(
        &'a self,
        evaluator: &'a dyn Evaluator,
        crew: Crew<'_>,
    ) -> Option<Preflight<'a>> {
        let Source::Training {
            evaluator: training,
            scorer: None,
            ..
        } = &self.source
        else {
            return None;
        };
        Some(Preflight {
            training,
            evaluator,
            // All of it, however many workers share it: how many there are must decide nothing. That of other machines is not
            // known here.
            limit: match (self.config.trial.and_then(|trial| trial.memory_bytes), crew) {
                (Some(limit), _) => Some(limit),
                (None, Crew::Elsewhere { .. }) => None,
                (None, _) => memory::installed(),
            },
        })
    }

    /// The settings that the user's evaluator receives.
    fn command_settings(&self, plan: &CommandPlan) -> Value {
        json!({
            "space": self.space.name(),
            "data": plan.data,
            "data_dir": plan.data_dir,
            "network": plan.network,
        })
    }

    /// The evaluator of trials that are trained, which leaves the state of trainings in this folder: of all where trials
    /// continue one another, else of those that were interrupted.
    fn training(&self, folder: PathBuf) -> Result<Option<TrainingEvaluator>> {
        let Source::Training {
            evaluator,
            scorer: None,
            ..
        } = &self.source
        else {
            return Ok(None);
        };
        let evaluator = evaluator.as_ref().clone();
        Ok(Some(match self.config.halving()? {
            Some(_) => evaluator.with_checkpoints(folder),
            None => evaluator.resuming_from(folder),
        }))
    }
}

/// A command as the shell takes it. Where the shell can, it becomes the program, so that there is no other process between.
fn shell(command: &str) -> Vec<String> {
    let words = if cfg!(windows) {
        ["cmd", "/C"]
    } else {
        ["sh", "-c"]
    };
    words
        .map(str::to_owned)
        .into_iter()
        .chain([command.to_owned()])
        .collect()
}

/// Removes the checkpoints of trials after the last trial that could continue them. If a larger
/// budget adds such trials later, they train from the start and give the same result.
pub(super) fn remove_checkpoints(run: &RunDir) -> Result<()> {
    let folder = checkpoints(run);
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.with_context(|| format!("cannot read {}", folder.display()))?,
    };
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            Trainer::remove_checkpoint(&entry.path())?;
        }
    }
    // What is not empty holds what this program has not made.
    let _ = fs::remove_dir(&folder);
    Ok(())
}

/// Where trainings of trials leave their state.
fn checkpoints(run: &RunDir) -> PathBuf {
    run.checkpoints_path().join("trials")
}
