//! The trainings themselves.

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::channel;

use nas_space::arch::Architecture;
use nas_space::search::Stop;
use nas_space::seed::Seed;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::journal::{Figures, Journal, Training};
use super::{BuildError, BuildProgress, TableBuild};
use crate::clock::ThreadStopwatch;
use crate::compute::Compute;
use crate::error::EvalError;
use crate::final_training::{FinalTraining, Validation};
use crate::train::JudgedBy;
use crate::train::TrainingData;

/// The images kept for validation are drawn from this seed, for all trainings.
const SPLIT: Seed = Seed::new(0);

/// Trains what is missing. Each worker has a thread pool of one thread, on which it trains one
/// network after the other: small networks gain nothing from more, and its clock is that of the
/// training alone.
pub(super) fn run(
    build: &TableBuild,
    journal: &mut Journal,
    workers: NonZeroUsize,
    stop: &Stop,
    train: impl Fn(&ThreadPool, &Architecture, u64) -> Option<Result<Figures, String>> + Sync,
    mut observer: impl FnMut(BuildProgress),
) -> Result<(), BuildError> {
    let missing = build.missing(journal);
    let needed = build.needed();
    let mut done = needed - missing.len();
    let queue = Mutex::new(missing.into_iter());
    let (results, finished) = channel();
    std::thread::scope(|scope| {
        for worker in 1..=workers.get() {
            let pool = ThreadPoolBuilder::new()
                .num_threads(1)
                .thread_name(move |_| format!("nas-table-{worker}"))
                .build()
                .map_err(|error| BuildError::Threads(error.to_string()))?;
            let (queue, results, train) = (&queue, results.clone(), &train);
            scope.spawn(move || {
                loop {
                    if stop.is_requested() {
                        return;
                    }
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((form, seed)) = next else { return };
                    let architecture = &build.forms.representatives[form];
                    let Some(result) = train(&pool, architecture, seed) else {
                        return;
                    };
                    let training = Training {
                        architecture: architecture.clone(),
                        seed,
                        result,
                    };
                    // Nobody listens where the journal cannot be written.
                    if results.send(training).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        for training in &finished {
            let figures = training.result.as_ref().ok();
            let last = figures.and_then(|figures| figures.valid.last().copied());
            journal.add(training)?;
            done += 1;
            observer(BuildProgress { done, needed, last });
        }
        if done < needed {
            return Err(BuildError::Interrupted { done, needed });
        }
        Ok(())
    })
}

/// The division of the training images.
pub(super) fn held_out(build: &TableBuild) -> Result<TrainingData, EvalError> {
    validation(build).divide(&build.dataset)
}

fn validation(build: &TableBuild) -> Validation {
    Validation::HoldOut {
        fraction: build.recipe.valid_fraction,
        study: SPLIT,
    }
}

pub(super) fn train(
    build: &TableBuild,
    architecture: &Architecture,
    seed: u64,
    stop: &Stop,
) -> Result<Figures, EvalError> {
    let recipe = &build.recipe;
    let watch = ThreadStopwatch::start();
    let seconds = RefCell::new(Vec::new());
    let report = FinalTraining {
        genotype: &build.space.genotype(architecture)?,
        operations: build.space.operations(),
        dataset: &build.dataset,
        network: recipe.network,
        train: recipe.train.clone(),
        judged_by: JudgedBy::Accuracy,
        validation: validation(build),
        seed: Seed::new(seed),
        compute: &Compute::cpu(),
        checkpoint: None,
        stop: stop.clone(),
    }
    .run(|_| seconds.borrow_mut().push(watch.seconds()))?;
    let valid = report.history.iter().filter_map(|metrics| metrics.valid_accuracy);
    Ok(Figures {
        valid: valid.collect(),
        seconds: seconds.into_inner(),
        test: report.test.test_accuracy,
        params: report.cost.params,
        macs: report.cost.macs,
    })
}
