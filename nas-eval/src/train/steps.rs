//! The steps of an epoch, which can be interrupted between any two of them.

use candle_core::Tensor;
use nas_space::search::Stop;

use super::{Progress, Scores, Tally};
use crate::clock::Stopwatch;
use crate::data::{Batch, Batcher};
use crate::error::EvalError;
use crate::model::Logits;
use crate::ops::cross_entropy;

/// The steps of an epoch: one for each batch.
#[derive(Debug)]
pub(crate) struct EpochSteps<'a> {
    pub(crate) batcher: &'a Batcher,
    /// Which epoch of the batcher's.
    pub(crate) stream: u64,
    /// The epoch that is named where a loss is not finite.
    pub(crate) epoch: u32,
    pub(crate) stop: &'a Stop,
}

impl EpochSteps<'_> {
    /// Makes the steps that are left after `progress`, and gives the scores of all. `step` is given
    /// the number of the step and its batch, and adds their results to the tally. Where a stop is
    /// requested, it fails with [`EvalError::Interrupted`]. Afterwards, `progress` says how far the
    /// epoch has come.
    pub(crate) fn run<E: From<EvalError>>(
        &self,
        progress: &mut Option<Progress>,
        mut step: impl FnMut(usize, &Batch, &mut Tally) -> Result<(), E>,
    ) -> Result<Scores, E> {
        let first = progress.map_or(0, |progress| progress.steps);
        let mut tally = Tally::resumed(self.epoch, progress.as_ref());
        let batches = self.batcher.epoch(self.stream, first).map_err(EvalError::from)?;
        for (number, batch) in (first..).zip(batches) {
            if self.stop.is_requested() {
                tally.check()?;
                *progress = tally.progress(number);
                return Err(EvalError::Interrupted.into());
            }
            step(number, &batch.map_err(EvalError::from)?, &mut tally)?;
        }
        tally.check()?;
        *progress = tally.progress(self.batcher.batches());
        Ok(tally.scores())
    }
}

/// Measures the seconds of an epoch, those before it was interrupted included.
#[derive(Debug)]
pub(crate) struct EpochClock {
    watch: Stopwatch,
    before: f64,
}

impl EpochClock {
    /// Starts now, for an epoch that has come so far.
    pub(crate) fn start(progress: Option<&Progress>) -> Self {
        Self {
            watch: Stopwatch::start(),
            before: progress.map_or(0.0, |progress| progress.seconds),
        }
    }

    /// Seconds of the epoch.
    pub(crate) fn seconds(&self) -> f64 {
        self.before + self.watch.seconds()
    }
}

/// The loss of the class scores, and that with the auxiliary head's share.
pub(crate) fn losses(
    logits: &Logits,
    labels: &Tensor,
    label_smoothing: f64,
    auxiliary_weight: f64,
) -> candle_core::Result<(Tensor, Tensor)> {
    let main = cross_entropy(&logits.main, labels, label_smoothing)?;
    let total = match &logits.auxiliary {
        Some(logits) => {
            let auxiliary = cross_entropy(logits, labels, label_smoothing)?;
            (&main + (auxiliary * auxiliary_weight)?)?
        }
        None => main.clone(),
    };
    Ok((main, total))
}
