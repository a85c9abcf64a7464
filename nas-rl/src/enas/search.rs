//! The search.

use std::path::Path;
use std::sync::Arc;

use candle_core::{D, DType, Device, Tensor};
use nas_eval::clock::Stopwatch;
use nas_eval::data::{Augmentation, BatchPlan, Batcher, Dataset, Endless, LastBatch};
use nas_eval::model::Pass;
use nas_eval::nn::{Moment, Optimizer, OptimizerConfig};
use nas_eval::ops::cross_entropy;
use nas_eval::supernet::{Supernet, Wanted};
use nas_eval::train::{Scores, Tally, TrainingData};
use nas_space::arch::Architecture;
use nas_space::network::Network;
use nas_space::search::Stop;
use nas_space::seed::Seed;
use nas_space::spaces::Space;

use super::checkpoint::Identity;
use super::progress::{ControllerProgress, Progress};
use super::shared::Shared;
use super::{Audit, Audited, Candidate, EnasConfig, EnasReport, EpochReport, Event};
use crate::controller::{Controller, Drawn};
use crate::error::RlError;
use crate::learner::Learner;

/// A search by ENAS of one space on one data set; see the [module](super) for how.
///
/// Every random stream is derived from the seed, the epoch and the step, so that a search that was saved after any epoch, or
/// when it was interrupted, goes on bit for bit as if it had never stopped.
#[derive(Debug)]
pub struct Enas {
    shared: Shared,
    config: EnasConfig,
    seed: Seed,
    pub(super) supernet: Supernet,
    data: TrainingData,
    data_fingerprint: String,
    pub(super) weights: Box<dyn Optimizer>,
    pub(super) learner: Learner,
    pub(super) history: Vec<EpochReport>,
    /// Where the next epoch was interrupted.
    pub(super) progress: Option<Progress>,
    stop: Stop,
    pub(super) seconds: f64,
}

impl Enas {
    /// A search before its first epoch. The images of `dataset` that are trained on are divided; its test images are not
    /// looked at.
    ///
    /// # Errors
    /// [`RlError::Config`] for a value out of range, [`RlError::Space`] for a space without a supernet, or one that cannot
    /// take these images at this size; [`RlError::Data`] for too few images.
    pub fn new(
        space: &dyn Space,
        dataset: &Dataset,
        config: EnasConfig,
        seed: Seed,
        device: &Device,
        dtype: DType,
    ) -> Result<Self, RlError> {
        config.validate()?;
        let (shape, classes) = (dataset.train.shape(), dataset.train.classes());
        if config.network.image != shape || config.network.classes != classes {
            let got = format!(
                "for images of {} in {} classes",
                config.network.image, config.network.classes
            );
            let expected = format!("the data's: images of {shape} in {classes} classes");
            return Err(RlError::config("network", got, expected));
        }
        let shared = Shared::new(space)?;
        let network = shared.network(&config)?;
        let supernet = Supernet::new(Arc::new(network), seed.derive("supernet", 0), device, dtype)?;
        let data = TrainingData::hold_out(dataset, config.valid_fraction, seed.derive("split", 0))?;
        let controller = config.rl.controller.clone();
        let controller = Controller::new(space, controller, seed.derive("controller", 0))?;
        Ok(Self {
            learner: Learner::new(controller, &config.rl)?,
            weights: OptimizerConfig::Sgd(config.weights).build()?,
            shared,
            seed,
            supernet,
            data,
            data_fingerprint: dataset.train.fingerprint(),
            history: Vec::new(),
            progress: None,
            stop: Stop::new(),
            seconds: 0.0,
            config,
        })
    }

    /// The same search, which is given up between two steps, as [`RlError::Interrupted`], once a stop is requested.
    /// [`Enas::run`] then leaves a checkpoint, from which it goes on.
    #[must_use]
    pub fn stopping_at(mut self, stop: Stop) -> Self {
        self.supernet = self.supernet.stopping_at(stop.clone());
        self.stop = stop;
        self
    }

    /// The network of the supernet that a search of this space with this configuration would train.
    ///
    /// # Errors
    /// [`RlError::Space`] for a space without a supernet, or one that cannot be of this size.
    pub fn network(space: &dyn Space, config: &EnasConfig) -> Result<Network, RlError> {
        Shared::new(space)?.network(config)
    }

    /// The supernet.
    pub fn supernet(&self) -> &Supernet {
        &self.supernet
    }

    /// The controller as it is.
    pub fn controller(&self) -> &Controller {
        &self.learner.controller
    }

    /// The epochs that are done, in order.
    pub fn history(&self) -> &[EpochReport] {
        &self.history
    }

    /// Runs what is left of the search. With a directory, it goes on from the checkpoint that is there, if any, and leaves one
    /// after each epoch.
    ///
    /// # Errors
    /// [`RlError::Interrupted`] where a stop was requested;
    /// [`RlError::NonFinite`] or [`NonFinite`](nas_eval::error::EvalError::NonFinite) where scores or a loss are not numbers; [`RlError::Checkpoint`] for a
    /// checkpoint of another search; whatever the device or the file system says.
    pub fn run(
        &mut self,
        checkpoint: Option<&Path>,
        mut observer: impl FnMut(&Event<'_>),
    ) -> Result<EnasReport, RlError> {
        if let Some(directory) = checkpoint.filter(|directory| Self::has_checkpoint(directory)) {
            self.load(directory)?;
            observer(&Event::Resumed {
                history: &self.history,
            });
        }
        while self.epochs_done() < self.config.epochs {
            self.epoch(checkpoint)?;
            if let Some(directory) = checkpoint {
                self.save(directory)?;
            }
            if let Some(report) = self.history.last() {
                observer(&Event::Epoch {
                    report,
                    history: &self.history,
                });
            }
        }
        let candidates = self.rank(&mut observer)?;
        let architecture = match candidates.first() {
            Some(best) => best.architecture.clone(),
            None => return Err(RlError::config("candidates", 0, "at least 1")),
        };
        Ok(EnasReport {
            genotype: self.shared.space().genotype(&architecture)?,
            architecture,
            candidates,
            history: self.history.clone(),
            seconds: self.seconds,
        })
    }

    /// Judges architectures drawn uniformly from the space by the shared weights and by `alone`, which gives the accuracy in
    /// \[0, 1\] of one that was trained by itself, or None for one that could not be, which is left out.
    ///
    /// # Errors
    /// Those of `alone`, and [`NonFinite`](nas_eval::error::EvalError::NonFinite) where the shared weights are not numbers.
    pub fn audit<E: From<RlError>>(
        &self,
        architectures: usize,
        mut alone: impl FnMut(&Architecture) -> Result<Option<f64>, E>,
    ) -> Result<Audit, E> {
        let mut rng = self.seed.derive("audit", 0).rng();
        let mut sample = Vec::with_capacity(architectures);
        for _ in 0..architectures {
            let architecture = self.shared.space().sample(&mut rng);
            if let Some(alone) = alone(&architecture)? {
                sample.push(Audited {
                    shared: self.evaluate(&architecture)?.accuracy,
                    alone,
                    architecture,
                });
            }
        }
        Ok(Audit::new(sample))
    }

    /// Loss and accuracy of an architecture with the shared weights, on all validation images.
    ///
    /// # Errors
    /// [`RlError::Space`] for an architecture that is not of the space; [`NonFinite`](nas_eval::error::EvalError::NonFinite) where the loss is not a number.
    pub fn evaluate(&self, architecture: &Architecture) -> Result<Scores, RlError> {
        Ok(self.supernet.evaluate(
            self.data.images(),
            self.data.normalization(),
            self.data.valid(),
            self.config.evaluation_batch_size,
            self.epochs_done(),
            &Pass::BatchStatistics,
            &self.shared.mixture(architecture)?,
        )?)
    }

    /// Number of epochs that are done.
    fn epochs_done(&self) -> u32 {
        // There is one entry for each of at most `u32` epochs.
        self.history.len() as u32
    }

    /// An epoch, or what is left of it. Where it is interrupted, its progress is saved.
    fn epoch(&mut self, checkpoint: Option<&Path>) -> Result<(), RlError> {
        let watch = Stopwatch::start();
        let before = self.progress.map_or(0.0, |progress| progress.weights.seconds);
        let result = self.rest_of_epoch();
        let seconds = before + watch.seconds();
        match (&result, &mut self.progress) {
            (Ok(()), _) => {
                self.progress = None;
                if let Some(report) = self.history.last_mut() {
                    report.seconds = seconds;
                }
                self.seconds += seconds;
            }
            (Err(RlError::Interrupted), Some(progress)) => {
                progress.weights.seconds = seconds;
                if let Some(directory) = checkpoint {
                    self.save(directory)?;
                }
            }
            _ => self.progress = None,
        }
        result
    }

    fn rest_of_epoch(&mut self) -> Result<(), RlError> {
        let epoch = self.epochs_done();
        let (train, learning_rate) = self.train_weights(epoch)?;
        let learned = self.train_controller(epoch)?;
        self.history.push(EpochReport {
            epoch,
            train_loss: train.loss,
            train_accuracy: train.accuracy,
            learning_rate,
            reward: learned.reward,
            baseline: learned.baseline,
            entropy: learned.entropy,
            seconds: 0.0,
        });
        Ok(())
    }

    /// A pass over the training images, with an architecture for each batch.
    fn train_weights(&mut self, epoch: u32) -> Result<(Scores, f64), RlError> {
        let plan = BatchPlan::training(
            self.config.batch_size,
            self.config.augmentation,
            self.seed.derive("train batches", 0),
        );
        let batcher = self.batcher(self.data.train(), plan)?;
        let rate_at = |step| {
            let moment = Moment {
                epochs: self.config.epochs,
                steps_per_epoch: batcher.batches(),
                epoch,
                step,
            };
            self.config.schedule.rate(self.config.learning_rate, moment)
        };
        let rates: Vec<f64> = (0..batcher.batches()).map(rate_at).collect();
        let dtype = self.supernet.parameters().dtype();
        let begun = self.progress.map(|progress| progress.weights);
        let first = begun.map_or(0, |progress| progress.steps);
        let mut tally = Tally::resumed(epoch, begun.as_ref());
        for (step, batch) in (first..).zip(batcher.epoch(epoch.into(), first)?) {
            if self.stop.is_requested() {
                tally.check()?;
                self.note_progress(step, &tally);
                return Err(RlError::Interrupted);
            }
            let batch = batch?;
            let drawn = self.draw("weights", epoch, step as u64)?;
            let mixture = self.shared.mixture(&drawn.architecture)?;
            let images = batch.images.to_dtype(dtype)?;
            let loss = |logits: &nas_eval::model::Logits| {
                let main = cross_entropy(&logits.main, &batch.labels, 0.0)?;
                match &logits.auxiliary {
                    Some(auxiliary) => {
                        let auxiliary = cross_entropy(auxiliary, &batch.labels, 0.0)?;
                        main + (auxiliary * self.config.auxiliary_weight)?
                    }
                    None => Ok(main),
                }
            };
            let pass = Pass::Train {
                seed: self
                    .seed
                    .derive("dropout", epoch.into())
                    .derive("step", step as u64),
                drop_path: 0.0,
            };
            let mut done = self
                .supernet
                .differentiate(&images, &pass, &mixture, Wanted::Weights, loss)?;
            tally.count(&done.logits.main, &batch.labels, &done.loss, &done.loss)?;
            if self.config.clip_norm > 0.0 {
                done.gradients.clip_norm(self.config.clip_norm)?;
            }
            self.weights
                .step(self.supernet.parameters(), &done.gradients, rates[step])?;
        }
        tally.check()?;
        self.note_progress(rates.len(), &tally);
        Ok((tally.scores(), rates[0]))
    }

    /// Notes how far the weights have come; what the controller has learned after them stays noted.
    fn note_progress(&mut self, steps: usize, tally: &Tally) {
        let controller = self
            .progress
            .map(|progress| progress.controller)
            .unwrap_or_default();
        self.progress = tally
            .progress(steps)
            .map(|weights| Progress { weights, controller });
    }

    /// Updates of the controller, each from a batch of architectures on a validation batch each.
    fn train_controller(&mut self, epoch: u32) -> Result<Learned, RlError> {
        let (updates, count) = (
            u64::from(self.config.controller_updates),
            self.config.rl.batch as u64,
        );
        let ControllerProgress {
            updates: done,
            reward: mut reward_sum,
            entropy: mut entropy_sum,
            mut baseline,
        } = self
            .progress
            .map(|progress| progress.controller)
            .unwrap_or_default();
        let mut next = (u64::from(epoch) * updates + done) * count;
        let mut batches = Endless::starting_at(self.validation_batches()?, next)?;
        let dtype = self.supernet.parameters().dtype();
        for update in done..updates {
            if let Some(progress) = &mut self.progress {
                progress.controller = ControllerProgress {
                    updates: update,
                    reward: reward_sum,
                    entropy: entropy_sum,
                    baseline,
                };
            }
            if self.stop.is_requested() {
                return Err(RlError::Interrupted);
            }
            let (mut draws, mut rewards) = (Vec::new(), Vec::new());
            for _ in 0..count {
                let batch = batches.next_batch()?;
                let drawn = self.draw("controller", 0, next)?;
                next += 1;
                let mixture = self.shared.mixture(&drawn.architecture)?;
                let images = batch.images.to_dtype(dtype)?;
                let logits = self.supernet.forward(&images, &Pass::BatchStatistics, &mixture)?;
                rewards.push(self.config.rl.reward.of(accuracy(&logits.main, &batch.labels)?));
                draws.push(drawn);
            }
            reward_sum += rewards.iter().sum::<f64>();
            entropy_sum += draws.iter().map(|drawn| drawn.entropy).sum::<f64>();
            baseline = self.learner.reward(&draws.iter().collect::<Vec<_>>(), &rewards)?;
        }
        let draws = (updates * count) as f64;
        Ok(Learned {
            reward: reward_sum / draws,
            baseline,
            entropy: entropy_sum / draws,
        })
    }

    /// Candidates, each once, the best first.
    fn rank(&self, observer: &mut impl FnMut(&Event<'_>)) -> Result<Vec<Candidate>, RlError> {
        let mut drawn: Vec<Architecture> = Vec::new();
        for number in 0..self.config.candidates {
            let architecture = self.draw("candidate", 0, number as u64)?.architecture;
            if !drawn.contains(&architecture) {
                drawn.push(architecture);
            }
        }
        let of = drawn.len();
        let mut candidates = Vec::with_capacity(of);
        for architecture in drawn {
            let valid_accuracy = self.evaluate(&architecture)?.accuracy;
            let candidate = Candidate {
                architecture,
                valid_accuracy,
            };
            observer(&Event::Ranked {
                done: candidates.len() + 1,
                of,
                candidate: &candidate,
            });
            candidates.push(candidate);
        }
        // Stable: of equals, the first drawn stays first.
        candidates.sort_by(|a, b| b.valid_accuracy.total_cmp(&a.valid_accuracy));
        Ok(candidates)
    }

    /// The controller's draw number `number` of an epoch, for this purpose.
    fn draw(&self, purpose: &str, epoch: u32, number: u64) -> Result<Drawn, RlError> {
        let seed = self.seed.derive("draw", 0).derive(purpose, epoch.into());
        self.learner
            .controller
            .sample(&mut seed.derive("number", number).rng())
    }

    /// Whole batches, where there are any: a small one would be a worse reward.
    fn validation_batches(&self) -> Result<Batcher, RlError> {
        let seed = self.seed.derive("valid batches", 0);
        let plan = BatchPlan::training(self.config.batch_size, Augmentation::NONE, seed);
        let last = if self.data.valid().len() >= self.config.batch_size {
            LastBatch::Drop
        } else {
            plan.last
        };
        self.batcher(self.data.valid(), BatchPlan { last, ..plan })
    }

    fn batcher(&self, indices: &[u32], plan: BatchPlan) -> Result<Batcher, RlError> {
        Ok(Batcher::new(
            Arc::clone(self.data.images()),
            Arc::clone(self.data.normalization()),
            indices.to_vec(),
            plan,
            self.supernet.parameters().device(),
        )?)
    }

    pub(super) fn identity(&self) -> Identity {
        Identity {
            // A configuration is made of numbers, strings and maps alone, which always serialise.
            config: serde_json::to_string(&self.config).unwrap_or_default(),
            space: self.shared.identity(),
            data: self.data_fingerprint.clone(),
            seed: self.seed.value(),
            dtype: self.supernet.parameters().dtype().as_str().to_owned(),
        }
    }

    pub(super) fn new_optimizers(&self) -> Result<[Box<dyn Optimizer>; 2], RlError> {
        Ok([
            OptimizerConfig::Sgd(self.config.weights).build()?,
            OptimizerConfig::Adam(self.config.rl.adam).build()?,
        ])
    }
}

/// A phase of the controller.
struct Learned {
    reward: f64,
    baseline: f64,
    entropy: f64,
}

/// Share of the labels that the scores, \[N, classes\], are largest at.
fn accuracy(scores: &Tensor, labels: &Tensor) -> Result<f64, RlError> {
    let hits = scores.argmax(D::Minus1)?.eq(labels)?.to_dtype(DType::F64)?;
    Ok(hits.sum_all()?.to_scalar::<f64>()? / labels.elem_count() as f64)
}

#[cfg(test)]
mod tests;
