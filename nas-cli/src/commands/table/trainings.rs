//! The trainings of a table in worker processes.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use nas_eval::data::Dataset;
use nas_eval::error::EvalError;
use nas_eval::table_build::{Figures, Recipe, TableBuild};
use nas_runner::args::BoundArgs;
use nas_runner::{program, trace};
use nas_space::arch::Architecture;
use nas_space::search::{Evaluation, Failure, FailureKind, Fidelity, Metric, Stop, Trial};
use nas_space::seed::Seed;
use nas_study::processes::protocol::Detailed;
use nas_study::processes::{ProcessConfig, Processes, Served};
use rayon::{ThreadPool, ThreadPoolBuilder};
use serde::{Deserialize, Serialize};

/// What a worker that trains for a table is told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrainingSettings {
    recipe: Recipe,
    data_dir: Option<PathBuf>,
    seeds: u64,
}

/// The images that a recipe trains on.
pub(super) fn images(data: &str, data_dir: Option<&Path>, limit: Option<usize>) -> Result<Dataset> {
    let dataset = Dataset::load(data, data_dir)?;
    Ok(match limit {
        Some(limit) => dataset.with_training_images(limit, Seed::new(0).derive("limit", 0))?,
        None => dataset,
    })
}

/// Trainings for a table, in a worker.
pub(crate) struct Trainings {
    build: TableBuild,
    /// Of one thread, whose time is that of the training.
    pool: ThreadPool,
    stop: Stop,
}

impl Trainings {
    pub(crate) fn new(settings: TrainingSettings, stop: &Stop) -> Result<Self> {
        let TrainingSettings {
            recipe,
            data_dir,
            seeds,
        } = settings;
        let dataset = images(&recipe.data, data_dir.as_deref(), recipe.limit)?;
        Ok(Self {
            build: TableBuild::new(recipe, dataset, seeds)?,
            pool: ThreadPoolBuilder::new().num_threads(1).build()?,
            stop: stop.clone(),
        })
    }

    fn train(&self, trial: &Trial) -> Result<Detailed, Failure> {
        let (architecture, repeat) = (&trial.architecture, trial.seed.value());
        let trained = self
            .pool
            .install(|| self.build.train(architecture, repeat, &self.stop));
        let figures = trained.map_err(|error| {
            let kind = match error {
                EvalError::Interrupted => FailureKind::Interrupted,
                EvalError::NonFinite { .. } => FailureKind::NonFinite,
                // Another architecture may fare better.
                _ => FailureKind::Invalid,
            };
            Failure::new(kind, error.to_string())
        })?;
        let evaluation = Evaluation {
            valid_accuracy: figures.valid.last().copied().unwrap_or(f64::NAN),
            valid_loss: None,
            train_accuracy: None,
            train_loss: None,
            params: Some(figures.params),
            macs: Some(figures.macs),
            figures: BTreeMap::new(),
            epochs: trial.fidelity.epochs,
            cost_seconds: figures.seconds.last().copied().unwrap_or(0.0),
            device: "cpu".to_owned(),
            attempts: Vec::new(),
        };
        // Figures are made of numbers alone, which always serialise.
        Ok((evaluation, serde_json::to_value(figures).ok()))
    }
}

impl Served for Trainings {
    fn description(&self) -> String {
        description(self.build.recipe())
    }

    fn evaluate_detailed(&self, trial: &Trial) -> Result<Detailed, Failure> {
        trace(|| self.train(trial))
    }
}

fn description(recipe: &Recipe) -> String {
    // Recipes are made of strings, numbers and maps with keys of text, which always serialise.
    serde_json::to_string(recipe).unwrap_or_default()
}

/// Starts workers that train for this table.
pub(super) fn start(
    build: &TableBuild,
    (data_dir, seeds): (Option<PathBuf>, u64),
    workers: NonZeroUsize,
    bounds: &BoundArgs,
    stop: &Stop,
) -> Result<Processes> {
    let settings = TrainingSettings {
        recipe: build.recipe().clone(),
        data_dir,
        seeds,
    };
    let config = ProcessConfig {
        program: program::worker()?,
        workers,
        devices: Vec::new(),
        threads: workers,
        settings: program::told("table", &settings)?,
        description: Some(description(build.recipe())),
        metric: Metric::default(),
        trial_timeout_seconds: bounds.trial_timeout,
        trial_memory_bytes: bounds.trial_memory,
    };
    Ok(Processes::start(
        config,
        Arc::clone(build.shared_space()),
        stop.clone(),
    )?)
}

/// A training by one of the workers.
pub(super) fn train(
    processes: &Processes,
    architecture: &Architecture,
    repeat: u64,
    epochs: u32,
) -> Option<Result<Figures, String>> {
    let trial = Trial::new(
        repeat,
        architecture.clone(),
        Fidelity { epochs },
        Seed::new(repeat),
    );
    match processes.evaluate_detailed(&trial) {
        Ok((_, details)) => {
            let figures = serde_json::from_value(details.unwrap_or_default());
            Some(figures.map_err(|error| format!("the worker's figures cannot be read: {error}")))
        }
        Err(failure) if failure.kind == FailureKind::Interrupted => None,
        Err(failure) => Some(Err(failure.message)),
    }
}
