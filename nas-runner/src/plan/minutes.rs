//! Turns a time for a whole search into a budget and epochs for this machine.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use nas_eval::Compute;
use nas_eval::data::{Dataset, HeldOut};
use nas_eval::evaluator::TrainingEvaluator;
use nas_space::search::{Budget, Evaluator, Fidelity, Trial};
use nas_space::seed::Seed;

use super::{Estimation, RunConfig};
use crate::args::BudgetArgs;
use crate::usage::Usage;
use crate::watch::{RunEvent, Watcher};
use crate::{data, device};

/// Share of the time that is for trials; the rest is for the best architecture's training in full.
const FOR_TRIALS: f64 = 0.6;
/// Share of the time that is planned with: some networks are larger than those that are tried.
const PLANNED: f64 = 0.9;
/// Networks that are trained a little, to learn how fast this machine is.
const TRIED: u64 = 3;
/// The number of training images for each of them, if there are enough.
const IMAGES: usize = 320;
/// Trials that are worth more than longer ones.
const FEWEST_TRIALS: f64 = 8.0;

/// How fast a search trains on this machine, and how much an epoch is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Training images in a second, by a few networks of the space.
    pub(super) images_per_second: f64,
    /// Images of an epoch of the training in full.
    images: f64,
    /// Those of them that trials leave out.
    held_out: f64,
}

/// What was set for a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fitted {
    /// Trials that there is about time for.
    pub(super) trials: f64,
    /// Seconds of trials.
    pub(super) seconds: f64,
}

impl Pace {
    /// Of a search that trains trials: a few small trainings are timed.
    ///
    /// # Errors
    /// Where the search trains no trials, the images cannot be read, or a network cannot be
    /// trained.
    pub(super) fn measure(config: &RunConfig, dataset: Dataset) -> Result<Self> {
        let plan = config.training().context("a search without trainings")?;
        let all = dataset.train.len() as f64;
        let given = match &dataset.held_out {
            HeldOut::Given(valid) => Some(valid.len() as f64),
            HeldOut::Drawn | HeldOut::DrawnInGroups(_) => None,
        };
        // A limit is one of images to train on beside those that are given to validate on.
        let images = plan
            .limit
            .map_or(all, |limit| limit as f64 + given.unwrap_or_default());
        Ok(Self {
            images,
            held_out: given.unwrap_or(plan.evaluator.valid_fraction * images),
            images_per_second: images_per_second(config, dataset)?,
        })
    }

    /// Seconds of an epoch of the training in full, and of one of a trial, which leaves some images
    /// out.
    fn epochs(&self) -> (f64, f64) {
        (
            self.images / self.images_per_second,
            (self.images - self.held_out) / self.images_per_second,
        )
    }

    /// Sets epochs and budget of a search so that all of it takes about `minutes`.
    ///
    /// # Errors
    /// [`Usage`] for a time that is too short for the data.
    pub(super) fn fit(&self, config: &mut RunConfig, minutes: f64, typed: &BudgetArgs) -> Result<Fitted> {
        let Estimation::Training(plan) = &mut config.estimation else {
            bail!("a time for a search that trains nothing");
        };
        let available = PLANNED * 60.0 * minutes;
        let (epoch, of_trial) = self.epochs();
        let needed = epoch + 2.0 * of_trial;
        if needed > available {
            let why = format!(
                "--minutes {minutes}: on this machine an epoch on {} images takes about {epoch:.0} s, and \
                 two trials of one epoch with a final training of one epoch take {:.1} minutes; expected \
                 at least that time, or fewer images (--limit N)",
                self.images,
                needed / (60.0 * PLANNED)
            );
            return Err(Usage::new(why).into());
        }
        let epochs = |seconds: f64, epoch: f64, most: u32| ((seconds / epoch) as u32).clamp(1, most);
        if typed.final_epochs.is_none() {
            plan.final_epochs = epochs((1.0 - FOR_TRIALS) * available, epoch, plan.final_epochs);
        }
        // What a training in full does not need is for trials.
        let for_trials = available - f64::from(plan.final_epochs) * epoch;
        if typed.epochs.is_none() {
            plan.epochs = epochs(for_trials / FEWEST_TRIALS, of_trial, plan.epochs);
        }
        let trial = f64::from(plan.epochs) * of_trial;
        // The last trial ends beyond the limit: by half of its time, in the mean.
        let seconds = (for_trials - trial / 2.0).max(1.0).round();
        if config.budget.trials.is_none() {
            config.budget = Budget {
                seconds: Some(seconds),
                ..config.budget
            };
        }
        Ok(Fitted {
            trials: (for_trials / trial).floor(),
            seconds,
        })
    }
}

/// Sets epochs and budget of a search so that it takes about this number of minutes on this
/// machine, and returns a note about them.
///
/// # Errors
/// [`Usage`] for a search that trains no trials, and for a time that is too short for the data.
pub(super) fn fit(
    config: &mut RunConfig,
    minutes: f64,
    typed: &BudgetArgs,
    watcher: &dyn Watcher,
) -> Result<()> {
    let Some(source) = config
        .images()
        .filter(|_| config.training().is_some() && config.proxy().is_none())
        .map(|images| images.source())
    else {
        let why = "--minutes is for searches that train; with a table, a proxy or your own evaluator, expected --trials or --budget-seconds";
        return Err(Usage::new(why).into());
    };
    if !config.method.proposes() {
        let why = format!(
            "--minutes is for methods that propose architectures, and {} trains a supernet; expected --search-epochs",
            config.method
        );
        return Err(Usage::new(why).into());
    }
    let pace = Pace::measure(config, data::load(source, watcher)?)?;
    let fitted = pace.fit(config, minutes, typed)?;
    let plan = config.training().context("a search without trainings")?;
    let note = format!(
        "note: for {minutes} minutes, at about {:.0} training images per second: about {:.0} trials of {} \
         epochs in {} s, then the best for {} epochs",
        pace.images_per_second, fitted.trials, plan.epochs, fitted.seconds, plan.final_epochs
    );
    watcher.watch(RunEvent::Note(&note));
    Ok(())
}

/// How many images this machine trains on in a second, by a few networks of the space.
fn images_per_second(config: &RunConfig, mut dataset: Dataset) -> Result<f64> {
    let plan = config.training().context("a search without trainings")?;
    let space = config.space.build()?;
    let seed = Seed::new(config.seed).derive("minutes", 0);
    let few = dataset.train.len().min(IMAGES.max(4 * dataset.train.classes()));
    // Only the time counts: of a few images, a class may have one, which groups could not divide.
    dataset.held_out = HeldOut::Drawn;
    let dataset = dataset.with_training_images(few, seed)?;
    let compute = Compute::on(device::open(&plan.device, plan.tf32)?);
    let evaluator = TrainingEvaluator::new(
        Arc::clone(&space),
        &dataset,
        plan.evaluator.clone(),
        seed,
        &compute,
    )?;
    let mut rng = seed.derive("architectures", 0).rng();
    let mut seconds = 0.0;
    for number in 0..TRIED {
        let architecture = space.sample(&mut rng);
        let fidelity = Fidelity { epochs: 1 };
        let trial = Trial::new(number, architecture, fidelity, seed.derive("trial", number));
        match evaluator.evaluate(&trial) {
            Ok(evaluation) => seconds += evaluation.cost_seconds,
            Err(failure) => bail!(
                "a network was trained to measure the speed of this machine, and failed: {}",
                failure.message
            ),
        }
    }
    let trained = (1.0 - plan.evaluator.valid_fraction) * few as f64 * TRIED as f64;
    Ok(trained / seconds.max(1e-3))
}
