//! The part of differentiable search besides the training of a supernet: architecture parameters,
//! and the architectures selected from them.

use nas_eval::data::{Endless, LastBatch};
use nas_eval::error::EvalError;
use nas_eval::model::Pass;
use nas_eval::supernet::{
    CheckpointForm, Learned, Mixture, OneShot, Supernet, SupernetTraining, Trained, TrainingPass,
};
use nas_eval::train::Scores;
use nas_space::seed::Seed;
use nas_space::spaces::{CellSpace, RelaxedCell, Space};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::alphas::Alphas;
use crate::arch_parameters::ArchParameters;
use crate::config::{BatchNormMode, DartsConfig};
use crate::diagnostics::cell_report;
use crate::discretize::discretize;
use crate::error::DartsError;
use crate::expected_cost::ExpectedCost;
use crate::problem::Relaxed;
use crate::relaxation::{Mixed, Relaxation};
use crate::report::EpochReport;
use crate::search::alternating::Alternating;
use crate::search::curvature::LANCZOS_STEPS;
use crate::search::perturbation::Projection;
use crate::stop::{Course, Stopped};

/// Differentiable search as a method that trains a supernet.
#[derive(Debug)]
pub(crate) struct Differentiable {
    pub(crate) space: CellSpace,
    pub(crate) cells: Vec<RelaxedCell>,
    pub(crate) config: DartsConfig,
    pub(crate) seed: Seed,
    pub(crate) relaxation: Box<dyn Relaxation>,
    pub(crate) architecture: ArchParameters,
    /// What the loss of the architecture adds.
    pub(crate) expected_cost: Option<ExpectedCost>,
    /// The strengths before the first step.
    start: Vec<Array2<f64>>,
    pub(crate) stopped: Option<Stopped>,
    pub(crate) projection: Option<Projection>,
}

/// What it remembers beside tensors.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct State {
    stopped: Option<Stopped>,
    projection: Option<Projection>,
}

impl Differentiable {
    /// Before the first epoch.
    pub(crate) fn new(space: &CellSpace, config: DartsConfig, seed: Seed) -> Result<Self, DartsError> {
        let cells = space.relaxed()?;
        let relaxation = config.relaxation.build(&cells);
        let (weighs_edges, stream) = (relaxation.weighs_edges(), seed.derive("architecture", 0));
        let architecture = ArchParameters::new(&cells, weighs_edges, &config, stream)?;
        let cost = config.expected_cost.map(|term| term.figure);
        let cost = cost.map(|figure| ExpectedCost::new(space, &config.network, figure, weighs_edges));
        Ok(Self {
            space: space.clone(),
            cells,
            seed,
            start: relaxation.strengths(&architecture.alphas()?),
            relaxation,
            architecture,
            expected_cost: cost.transpose()?,
            stopped: None,
            projection: None,
            config,
        })
    }

    /// Trains the weights for an epoch, and the architecture beside them where it `learns`.
    pub(crate) fn train(
        &mut self,
        training: &mut SupernetTraining,
        epoch: u32,
        learns: bool,
    ) -> Result<Trained, DartsError> {
        let valid = if learns {
            let valid = training.valid_batches(self.config.augmentation, LastBatch::KeepJoiningSingle)?;
            // Each epoch goes through the validation half from a start of its own.
            let batches = valid.batches();
            let rounds = training.train_batches()?.batches().div_ceil(batches);
            let start = u64::from(epoch) * (rounds * batches) as u64;
            let done = training.progress().map_or(0, |progress| progress.steps);
            Some(Endless::starting_at(valid, start + done as u64)?)
        } else {
            None
        };
        training.pass(TrainingPass::of_epoch(epoch), &mut Alternating::new(self, valid))
    }

    pub(crate) fn relaxed<'a>(
        &'a self,
        supernet: &'a Supernet,
        alphas: &'a Alphas,
        mixed: &'a Mixed,
    ) -> Relaxed<'a> {
        Relaxed {
            supernet,
            relaxation: self.relaxation.as_ref(),
            alphas,
            mixed,
        }
    }

    /// The weights of a pass in this epoch; `purpose` and `draw` name the stream that chance comes
    /// from.
    pub(crate) fn mix(&self, alphas: &Alphas, epoch: u32, purpose: &str, draw: u64) -> Mixed {
        let last = self.config.epochs.saturating_sub(1).max(1);
        let share = (f64::from(epoch) / f64::from(last)).min(1.0);
        let seed = self.seed.derive("mix", 0).derive(purpose, draw);
        self.relaxation.mix(alphas, share, &mut seed.rng())
    }

    /// Loss and accuracy of the supernet on the validation half, with these weights of the
    /// operations.
    fn evaluate(&self, training: &SupernetTraining, mixed: Mixed, epoch: u32) -> Result<Scores, DartsError> {
        let pass = match self.config.batch_norm {
            BatchNormMode::Running => Pass::Eval,
            BatchNormMode::Batch => Pass::BatchStatistics,
        };
        Ok(training.evaluate(&Mixture::new(mixed.weights), &pass, epoch)?)
    }
}

impl OneShot for Differentiable {
    type Config = DartsConfig;
    type Report = EpochReport;
    type State = State;
    type Error = DartsError;

    const CHECKPOINT: CheckpointForm = CheckpointForm {
        format: "nas-darts-search",
        version: 1,
        file: "search.safetensors",
    };

    fn config(&self) -> &DartsConfig {
        &self.config
    }

    fn space(&self) -> String {
        format!("{} {:?}", self.space.name(), self.cells)
    }

    /// Trains one epoch, evaluates the supernet, and reads off what the architecture would be.
    fn epoch(&mut self, training: &mut SupernetTraining, epoch: u32) -> Result<EpochReport, DartsError> {
        let learns = epoch >= self.config.frozen_epochs;
        let trained = self.train(training, epoch, learns)?;
        let alphas = self.architecture.alphas()?;
        let valid = self.evaluate(training, self.relaxation.expected(&alphas), epoch)?;
        let strengths = self.relaxation.strengths(&alphas);
        let chosen = discretize(&self.cells, &strengths);
        let every = self.config.hessian_every;
        let eigenvalue = if every > 0 && (epoch + 1).is_multiple_of(every) {
            Some(self.dominant_eigenvalue(training, &alphas, epoch, LANCZOS_STEPS)?)
        } else {
            None
        };
        let cells = self.cells.iter().zip(&strengths).zip(&chosen);
        let cells = cells.map(|((cell, strengths), chosen)| cell_report(cell, strengths, chosen));
        Ok(EpochReport {
            epoch,
            train_loss: trained.scores.loss,
            train_accuracy: trained.scores.accuracy,
            valid_loss: valid.loss,
            valid_accuracy: valid.accuracy,
            learning_rate: trained.learning_rate,
            genotype: self.space.chosen(&chosen)?.to_string(),
            cells: cells.collect(),
            eigenvalue,
            expected_cost: self.expected_cost.as_ref().map(|cost| cost.of(&strengths)),
            seconds: 0.0,
        })
    }

    fn timed(report: EpochReport, seconds: f64) -> EpochReport {
        EpochReport { seconds, ..report }
    }

    fn is_interruption(error: &DartsError) -> bool {
        matches!(error, DartsError::Eval(EvalError::Interrupted))
    }

    fn after_epoch(&mut self, history: &[EpochReport]) {
        let course = Course {
            epochs: self.config.epochs,
            frozen_epochs: self.config.frozen_epochs,
            start: &self.start,
        };
        self.stopped = self.config.stop.check(history, &course);
    }

    fn has_ended(&self) -> bool {
        self.stopped.is_some()
    }

    fn learned(&mut self) -> Option<Learned<'_>> {
        Some(self.architecture.learned())
    }

    fn state(&self) -> State {
        State {
            stopped: self.stopped.clone(),
            projection: self.projection.clone(),
        }
    }

    fn restore(&mut self, state: State) {
        self.stopped = state.stopped;
        self.projection = state.projection;
    }
}
