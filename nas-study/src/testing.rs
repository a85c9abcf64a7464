//! A strategy and an evaluator for tests.

use nas_space::arch::Architecture;
use nas_space::search::{
    Ask, Budget, Evaluation, Evaluator, Failure, Fidelity, Outcome, Proposal, Strategy, StrategyError, Trial,
    TrialId,
};
use nas_space::seed::Seed;
use nas_space::testing::TinySpace;

use crate::{
    Observer, Parts, PreparedStudy, RunOptions, Store, StudyConfig, StudyError, Summary, TrialRecord,
};

/// Changes one choice of the best architecture that it was told, so its proposals depend on the
/// outcomes, and records its calls.
#[derive(Debug)]
pub(crate) struct Climber {
    pub(crate) seed: Seed,
    pub(crate) options: Vec<usize>,
    /// Waits with this number of outstanding trials.
    pub(crate) window: u64,
    /// Finishes after this number of trials.
    pub(crate) limit: u64,
    /// Epochs of every third proposal.
    pub(crate) fidelity: Option<Fidelity>,
    /// Takes outcomes in any order.
    pub(crate) any_order: bool,
    pub(crate) calls: Vec<String>,
    pub(crate) asked: TrialId,
    pub(crate) told: TrialId,
    pub(crate) best: Option<(f64, Architecture)>,
}

pub(crate) const OPTIONS: [usize; 3] = [6, 5, 4];

impl Climber {
    pub(crate) fn new(seed: Seed) -> Self {
        Self {
            seed,
            options: OPTIONS.to_vec(),
            window: u64::MAX,
            limit: u64::MAX,
            fidelity: None,
            any_order: false,
            calls: Vec::new(),
            asked: 0,
            told: 0,
            best: None,
        }
    }

    fn propose(&self) -> Architecture {
        let stream = self.seed.derive("climb", self.asked);
        let draw = |i: usize, below: usize| stream.derive("draw", i as u64).value() as usize % below;
        match &self.best {
            Some((_, best)) => {
                let position = draw(0, self.options.len());
                best.with_choice(position, draw(1, self.options[position]))
            }
            None => {
                let choices: Vec<usize> = (0..self.options.len())
                    .map(|i| draw(i, self.options[i]))
                    .collect();
                Architecture::new(choices)
            }
        }
    }
}

impl Strategy for Climber {
    fn name(&self) -> &str {
        "climber"
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        if self.asked == self.limit {
            self.calls.push("finished".to_owned());
            return Ok(Ask::Finished);
        }
        if self.asked - self.told == self.window {
            self.calls.push("wait".to_owned());
            return Ok(Ask::Wait);
        }
        self.calls.push(format!("ask {}", self.asked));
        let architecture = self.propose();
        let fidelity = self.fidelity.filter(|_| self.asked.is_multiple_of(3));
        self.asked += 1;
        Ok(Ask::Evaluate(Proposal {
            fidelity,
            ..Proposal::new(architecture)
        }))
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        let (expected, got) = (self.told, outcome.trial.id);
        if !self.any_order && expected != got {
            return Err(StrategyError::Unexpected { expected, got });
        }
        self.calls.push(format!("tell {got}"));
        self.told += 1;
        if let Some(accuracy) = outcome.valid_accuracy()
            && self.best.as_ref().is_none_or(|(best, _)| accuracy > *best)
        {
            self.best = Some((accuracy, outcome.trial.architecture.clone()));
        }
        Ok(())
    }

    fn any_order(&self) -> bool {
        self.any_order
    }
}

/// An evaluation of this accuracy that costs a quarter of a second.
pub(crate) fn evaluation(valid_accuracy: f64) -> Evaluation {
    Evaluation {
        valid_loss: Some(1.0 / 3.0),
        params: Some(12),
        cost_seconds: 0.25,
        ..Evaluation::new(valid_accuracy, 1)
    }
}

/// Larger choices are better, with noise from the trial's seed, so that a wrong seed shows. Takes a
/// time that has nothing to do with the order of the trials.
pub(crate) fn synthetic(trial: &Trial) -> Result<Evaluation, Failure> {
    let rounds = trial.seed.value() % 400;
    let noise = (0..rounds)
        .fold(trial.seed, |seed, i| seed.derive("work", i))
        .value() as f64
        / u64::MAX as f64;
    let sum: usize = trial.architecture.choices().iter().sum();
    Ok(Evaluation {
        cost_seconds: 0.1 * (1 + sum) as f64,
        epochs: trial.fidelity.epochs,
        ..evaluation((sum as f64 + noise) / 20.0)
    })
}

/// A function as an evaluator.
pub(crate) struct Evaluate<F>(pub(crate) F);

impl<F: Fn(&Trial) -> Result<Evaluation, Failure> + Send + Sync> Evaluator for Evaluate<F> {
    fn description(&self) -> String {
        "synthetic".to_owned()
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        (self.0)(trial)
    }
}

pub(crate) fn config(budget: Budget, batch: u32) -> StudyConfig {
    StudyConfig {
        budget,
        batch,
        ..StudyConfig::new("climber", "tiny", "synthetic", Seed::new(42))
    }
}

pub(crate) fn options(workers: usize) -> RunOptions {
    RunOptions {
        workers: workers.try_into().unwrap(),
        ..RunOptions::default()
    }
}

/// Creates or resumes a study of the climber, whatever the store holds, and runs it.
pub(crate) fn run(
    store: &mut Store,
    config: &StudyConfig,
    evaluator: &dyn Evaluator,
    options: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<Summary, StudyError> {
    run_strategy(
        store,
        config,
        &mut Climber::new(config.seed),
        evaluator,
        options,
        observer,
    )
}

pub(crate) fn run_strategy(
    store: &mut Store,
    config: &StudyConfig,
    strategy: &mut dyn Strategy,
    evaluator: &dyn Evaluator,
    options: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<Summary, StudyError> {
    let space = TinySpace::new(&OPTIONS);
    let parts = Parts {
        space: &space,
        strategy,
        evaluator,
    };
    PreparedStudy::resume(store, config.clone(), parts)?.run(options, observer)
}

/// The records without what depends on the clock.
pub(crate) fn timeless(store: &Store) -> Vec<TrialRecord> {
    let mut records = store.records().trials().unwrap();
    for record in &mut records {
        record.asked_unix_seconds = 0.0;
        record.ask_seconds = 0.0;
        record.tell_seconds = record.tell_seconds.map(|_| 0.0);
        if let Some(conclusion) = &mut record.conclusion {
            conclusion.finished_unix_seconds = 0.0;
            if conclusion.result.is_err() {
                conclusion.cost_seconds = 0.0;
            }
        }
    }
    records
}
