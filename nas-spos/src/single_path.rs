//! Single-path training as a method that trains a supernet.

use nas_eval::error::EvalError;
use nas_eval::supernet::{
    CheckpointForm, Mixture, OneShot, SharedSpace, Step, Steps, SupernetTraining, TrainingPass,
};
use nas_space::arch::Architecture;
use nas_space::seed::Seed;
use serde::{Deserialize, Serialize};

use crate::config::{PathSampling, SposConfig};
use crate::error::SposError;
use crate::paths::{fair, uniform};
use crate::report::{Candidate, EpochReport};

/// Single-path training, and what has been judged since.
#[derive(Debug)]
pub(crate) struct SinglePath {
    pub(crate) shared: SharedSpace,
    pub(crate) config: SposConfig,
    pub(crate) seed: Seed,
    /// Candidates in the order in which they were judged.
    pub(crate) judged: Vec<Candidate>,
}

/// What it remembers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct State {
    judged: Vec<Candidate>,
}

impl SinglePath {
    /// The paths of a step, at least one.
    pub(crate) fn paths(&self, epoch: u32, step: usize) -> Vec<Architecture> {
        let epoch = self.seed.derive("paths", epoch.into());
        let mut rng = epoch.derive("step", step as u64).rng();
        let space = self.shared.space();
        match self.config.sampling {
            PathSampling::Uniform => vec![uniform(space, &mut rng)],
            PathSampling::Fair => fair(space, &mut rng),
        }
    }

    fn mixtures(
        &self,
        step: &Step<'_>,
    ) -> Result<impl Iterator<Item = Result<Mixture, SposError>>, SposError> {
        let paths = self.paths(step.pass.epoch, step.number);
        Ok(paths.into_iter().map(|path| Ok(self.shared.mixture(&path)?)))
    }
}

impl Steps for SinglePath {
    type Error = SposError;

    fn mixture(&mut self, _: &SupernetTraining, step: &Step<'_>) -> Result<Mixture, SposError> {
        let first = self.mixtures(step)?.next();
        first.unwrap_or_else(|| Err(SposError::config("space", "empty", "at least one decision")))
    }

    fn more(&mut self, _: &SupernetTraining, step: &Step<'_>) -> Result<Vec<Mixture>, SposError> {
        self.mixtures(step)?.skip(1).collect()
    }
}

impl OneShot for SinglePath {
    type Config = SposConfig;
    type Report = EpochReport;
    type State = State;
    type Error = SposError;

    const CHECKPOINT: CheckpointForm = CheckpointForm {
        format: "nas-spos-search",
        version: 1,
        file: "spos.safetensors",
    };

    fn config(&self) -> &SposConfig {
        &self.config
    }

    fn space(&self) -> String {
        self.shared.identity()
    }

    fn epoch(&mut self, training: &mut SupernetTraining, epoch: u32) -> Result<EpochReport, SposError> {
        let trained = training.pass(TrainingPass::of_epoch(epoch), self)?;
        let paths = self.paths(epoch, 0).len() as u64;
        Ok(EpochReport {
            epoch,
            train_loss: trained.scores.loss,
            train_accuracy: trained.scores.accuracy,
            learning_rate: trained.learning_rate,
            image_passes: paths * training.data().train().len() as u64,
            seconds: 0.0,
        })
    }

    fn timed(report: EpochReport, seconds: f64) -> EpochReport {
        EpochReport { seconds, ..report }
    }

    fn is_interruption(error: &SposError) -> bool {
        matches!(error, SposError::Eval(EvalError::Interrupted))
    }

    fn state(&self) -> State {
        State {
            judged: self.judged.clone(),
        }
    }

    fn restore(&mut self, state: State) {
        self.judged = state.judged;
    }
}
