//! Checks of a trial before it starts: its shapes, and the memory of its training.

use nas_eval::evaluator::TrainingEvaluator;
use nas_report::number::mebibytes;
use nas_space::search::{Evaluation, Evaluator, Failure, FailureKind, Metric, Trial};

/// Threads that are reckoned with: how many there are, and how many workers share them, must decide nothing.
const THREADS: usize = 1;

/// An evaluator that refuses what cannot be built, or needs more memory than there is, and leaves the rest to the one behind it.
pub(crate) struct Preflight<'a> {
    pub training: &'a TrainingEvaluator,
    pub evaluator: &'a dyn Evaluator,
    /// Bytes that a trial may take.
    pub limit: Option<u64>,
}

impl Preflight<'_> {
    fn check(&self, trial: &Trial) -> Result<(), Failure> {
        let estimate = self
            .training
            .memory_estimate(trial, THREADS)
            .map_err(|error| Failure::new(FailureKind::Invalid, error.to_string()))?;
        let (Some(estimate), Some(limit)) = (estimate, self.limit) else {
            return Ok(());
        };
        let needed = estimate.total();
        if needed <= limit {
            return Ok(());
        }
        Err(Failure::new(
            FailureKind::OverLimit,
            format!(
                "training it would take about {} of memory, and {} are available; it was not trained. Use \
                 smaller batches, fewer channels or fewer cells",
                mebibytes(needed),
                mebibytes(limit)
            ),
        ))
    }
}

impl Evaluator for Preflight<'_> {
    fn description(&self) -> String {
        self.evaluator.description()
    }

    fn metric(&self) -> Metric {
        self.evaluator.metric()
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        self.check(trial)?;
        self.evaluator.evaluate(trial)
    }
}
