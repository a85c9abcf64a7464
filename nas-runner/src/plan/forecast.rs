//! Forecasts the cost of a search on the user's own images on this machine, before it starts.

use anyhow::{Context, Result};
use nas_eval::Compute;
use nas_eval::evaluator::TrainingEvaluator;
use nas_eval::memory;
use nas_space::search::{Fidelity, Trial};
use nas_space::seed::Seed;
use serde::Serialize;
use toml::Table;

use super::minutes::Pace;
use super::resolve::untimed;
use super::{Estimation, RunConfig};
use crate::args::{ReadArgs, SearchArgs};
use crate::data;
use crate::device;
use crate::watch::Watcher;

/// Networks of the space whose memory is estimated.
const ESTIMATED: u64 = 20;

/// What `nas search --data PATH` with no other option would do here, and take.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// The search method.
    pub method: String,
    /// The search space.
    pub space: String,
    /// What networks are trained on: `cpu`.
    pub device: String,
    /// Threads that networks are trained with.
    pub threads: usize,
    /// What architectures are compared by.
    pub metric: String,
    /// Images in a step of the training.
    pub batch_size: usize,
    /// Channels of the first cells.
    pub channels: usize,
    /// Bytes of memory that the program takes at most, with all images, by the largest of 20
    /// networks drawn from the space; none where that is not known.
    pub memory_bytes: Option<u64>,
    /// Bytes of memory that this machine has, where that is known.
    pub installed_bytes: Option<u64>,
    /// Minutes that the search takes.
    pub minutes: f64,
    /// Training images in a second, the mean of three networks of the space; none unless it was
    /// measured.
    pub images_per_second: Option<f64>,
    /// What there is time for; none unless that was measured, and where there is time for nothing.
    pub timing: Option<Timing>,
    /// Why the time is too short, where it is.
    pub refused: Option<String>,
}

/// What there is time for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timing {
    /// Trials that there is about time for.
    pub trials: u64,
    /// Epochs of a trial.
    pub epochs: u32,
    /// Seconds of all trials.
    pub search_seconds: f64,
    /// Epochs of the best architecture's training in full.
    pub final_epochs: u32,
}

impl Forecast {
    /// Of a search on the images at this place, which are read as was typed. With `timed`, three
    /// networks are trained a little, which takes some seconds.
    ///
    /// # Errors
    /// Where the images cannot be read, or not be searched on.
    pub fn new(data: &str, read: &ReadArgs, timed: bool, watcher: &dyn Watcher) -> Result<Self> {
        let mut args = SearchArgs::default();
        args.task.data.data = Some(data.to_owned());
        args.task.data.read = read.clone();
        let (mut config, minutes) = untimed(&args, Table::new(), watcher)?;
        let minutes = minutes.context("a search without a time")?;
        let images = config.images().context("a search without images")?;
        let dataset = data::load(images.source(), watcher)?;
        let threads = rayon::current_num_threads();
        let memory_bytes = memory_bytes(&config, &dataset, threads)?;
        let pace = timed.then(|| Pace::measure(&config, dataset)).transpose()?;
        let fitted = pace.map(|pace| pace.fit(&mut config, minutes, &args.task.budget));
        let (fitted, refused) = match fitted.transpose() {
            Ok(fitted) => (fitted, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let Estimation::Training(plan) = &config.estimation else {
            anyhow::bail!("a search without trainings");
        };
        Ok(Self {
            method: config.method.to_string(),
            space: config.space.build()?.name().to_owned(),
            device: plan.device.clone(),
            threads,
            metric: config.metric().name().to_owned(),
            batch_size: plan.evaluator.train.batch_size,
            channels: plan.evaluator.network.channels,
            memory_bytes,
            installed_bytes: memory::installed(),
            minutes,
            images_per_second: pace.map(|pace| pace.images_per_second.round()),
            timing: fitted.map(|fitted| Timing {
                trials: fitted.trials as u64,
                epochs: plan.epochs,
                search_seconds: fitted.seconds,
                final_epochs: plan.final_epochs,
            }),
            refused,
        })
    }
}

/// The most memory that training takes, of a few networks of the space.
fn memory_bytes(
    config: &RunConfig,
    dataset: &nas_eval::data::Dataset,
    threads: usize,
) -> Result<Option<u64>> {
    let plan = config.training().context("a search without trainings")?;
    let space = config.space.build()?;
    let seed = Seed::new(config.seed).derive("forecast", 0);
    let compute = Compute::on(device::open(&plan.device, plan.tf32)?);
    let evaluator = TrainingEvaluator::new(space.clone(), dataset, plan.evaluator.clone(), seed, &compute)?;
    let mut rng = seed.derive("architectures", 0).rng();
    let mut most = None;
    for number in 0..ESTIMATED {
        let fidelity = Fidelity { epochs: plan.epochs };
        let trial = Trial::new(
            number,
            space.sample(&mut rng),
            fidelity,
            seed.derive("trial", number),
        );
        let estimate = evaluator.memory_estimate(&trial, threads)?;
        most = most.max(estimate.map(|estimate| estimate.total()));
    }
    Ok(most)
}
