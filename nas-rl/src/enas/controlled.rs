//! The part of ENAS besides the training of a supernet: a controller that samples subnetworks and
//! learns from their accuracies.

use candle_core::{D, DType, Tensor};
use nas_eval::data::{Augmentation, Endless, LastBatch};
use nas_eval::error::EvalError;
use nas_eval::model::Pass;
use nas_eval::supernet::{
    CheckpointForm, Learned, Mixture, OneShot, SharedSpace, Step, Steps, SupernetTraining, TrainingPass,
};
use nas_eval::train::Scores;
use nas_space::arch::Architecture;
use nas_space::seed::Seed;
use serde::{Deserialize, Serialize};

use super::{EnasConfig, EpochReport};
use crate::baseline::Baseline;
use crate::controller::Drawn;
use crate::error::RlError;
use crate::learner::Learner;

/// ENAS as a method that trains a supernet: the controller draws an architecture for each training
/// batch.
#[derive(Debug)]
pub(super) struct Controlled {
    pub(super) shared: SharedSpace,
    pub(super) config: EnasConfig,
    pub(super) seed: Seed,
    pub(super) learner: Learner,
    /// How far the controller has come in the epoch that is under way.
    pub(super) phase: Phase,
}

/// Sums over the updates of the controller that are done in an epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Phase {
    pub(super) updates: u64,
    pub(super) reward: f64,
    pub(super) entropy: f64,
    /// As the last one left it.
    pub(super) baseline: f64,
}

/// What it remembers beside tensors.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    baseline: Baseline,
    updates: usize,
    phase: Phase,
}

impl Controlled {
    /// Updates of the controller, each from a batch of architectures on a validation batch each;
    /// those that are left in this epoch.
    fn train_controller(&mut self, training: &SupernetTraining, epoch: u32) -> Result<(), RlError> {
        let (updates, count) = (
            u64::from(self.config.controller_updates),
            self.config.rl.batch as u64,
        );
        let mut next = (u64::from(epoch) * updates + self.phase.updates) * count;
        let last = if training.data().valid().len() >= self.config.batch_size {
            // Whole batches, where there are any: a small one would be a worse reward.
            LastBatch::Drop
        } else {
            LastBatch::KeepJoiningSingle
        };
        let batches = training.valid_batches(Augmentation::NONE, last)?;
        let mut batches = Endless::starting_at(batches, next)?;
        for _ in self.phase.updates..updates {
            training.check_stop()?;
            let (mut draws, mut rewards) = (Vec::new(), Vec::new());
            for _ in 0..count {
                let valid = training.next_examples(&mut batches)?;
                let drawn = self.draw("controller", 0, next)?;
                next += 1;
                let mixture = self.shared.mixture(&drawn.architecture)?;
                let pass = Pass::BatchStatistics;
                let logits = training.supernet().forward(&valid.images, &pass, &mixture)?;
                rewards.push(self.config.rl.reward.of(accuracy(&logits.main, &valid.labels)?));
                draws.push(drawn);
            }
            let baseline = self.learner.reward(&draws.iter().collect::<Vec<_>>(), &rewards)?;
            self.phase = Phase {
                updates: self.phase.updates + 1,
                reward: self.phase.reward + rewards.iter().sum::<f64>(),
                entropy: self.phase.entropy + draws.iter().map(|drawn| drawn.entropy).sum::<f64>(),
                baseline,
            };
        }
        Ok(())
    }

    /// The controller's draw number `number` of an epoch, for this purpose.
    pub(super) fn draw(&self, purpose: &str, epoch: u32, number: u64) -> Result<Drawn, RlError> {
        let seed = self.seed.derive("draw", 0).derive(purpose, epoch.into());
        self.learner
            .controller
            .sample(&mut seed.derive("number", number).rng())
    }

    /// Loss and accuracy of an architecture with the shared weights, on all validation images.
    pub(super) fn evaluate(
        &self,
        training: &SupernetTraining,
        architecture: &Architecture,
        epoch: u32,
    ) -> Result<Scores, RlError> {
        let valid = training.data().valid();
        Ok(self.shared.evaluate(training, architecture, valid, epoch)?)
    }
}

impl Steps for Controlled {
    type Error = RlError;

    fn mixture(&mut self, _: &SupernetTraining, step: &Step<'_>) -> Result<Mixture, RlError> {
        let drawn = self.draw("weights", step.pass.epoch, step.number as u64)?;
        Ok(self.shared.mixture(&drawn.architecture)?)
    }
}

impl OneShot for Controlled {
    type Config = EnasConfig;
    type Report = EpochReport;
    type State = State;
    type Error = RlError;

    const CHECKPOINT: CheckpointForm = CheckpointForm {
        format: "nas-enas-search",
        version: 1,
        file: "enas.safetensors",
    };

    fn config(&self) -> &EnasConfig {
        &self.config
    }

    fn space(&self) -> String {
        self.shared.identity()
    }

    /// A phase of the weights, then one of the controller.
    fn epoch(&mut self, training: &mut SupernetTraining, epoch: u32) -> Result<EpochReport, RlError> {
        if training.progress().is_none() {
            self.phase = Phase::default();
        }
        let trained = training.pass(TrainingPass::of_epoch(epoch), self)?;
        self.train_controller(training, epoch)?;
        let draws = (u64::from(self.config.controller_updates) * self.config.rl.batch as u64) as f64;
        Ok(EpochReport {
            epoch,
            train_loss: trained.scores.loss,
            train_accuracy: trained.scores.accuracy,
            learning_rate: trained.learning_rate,
            reward: self.phase.reward / draws,
            baseline: self.phase.baseline,
            entropy: self.phase.entropy / draws,
            seconds: 0.0,
        })
    }

    fn timed(report: EpochReport, seconds: f64) -> EpochReport {
        EpochReport { seconds, ..report }
    }

    fn is_interruption(error: &RlError) -> bool {
        matches!(error, RlError::Eval(EvalError::Interrupted))
    }

    fn learned(&mut self) -> Option<Learned<'_>> {
        Some(Learned {
            name: "controller",
            parameters: self.learner.controller.parameters(),
            optimizer: self.learner.optimizer.as_mut(),
        })
    }

    fn state(&self) -> State {
        State {
            baseline: self.learner.baseline.clone(),
            updates: self.learner.updates,
            phase: self.phase,
        }
    }

    fn restore(&mut self, state: State) {
        self.learner.baseline = state.baseline;
        self.learner.updates = state.updates;
        self.phase = state.phase;
    }
}

/// Share of the labels that the scores, \[N, classes\], are largest at.
fn accuracy(scores: &Tensor, labels: &Tensor) -> Result<f64, RlError> {
    let hits = scores.argmax(D::Minus1)?.eq(labels)?.to_dtype(DType::F64)?;
    Ok(hits.sum_all()?.to_scalar::<f64>()? / labels.elem_count() as f64)
}
