//! The steps of an epoch; an interruption is possible between any two of them.

use candle_core::Tensor;
use nas_space::search::Stop;

use super::{Progress, Scores, Tally, TrainConfig};
use crate::clock::Stopwatch;
use crate::data::{Batch, Batcher};
use crate::error::EvalError;
use crate::model::Logits;
use crate::ops::weighted_cross_entropy;

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

/// The loss of the class scores, and that with the auxiliary head's share. `class_weights` are
/// \[classes\], of the logits' type.
pub(crate) fn losses(
    logits: &Logits,
    labels: &Tensor,
    config: &TrainConfig,
    class_weights: Option<&Tensor>,
) -> candle_core::Result<(Tensor, Tensor)> {
    let loss = |logits| weighted_cross_entropy(logits, labels, config.label_smoothing, class_weights);
    let main = loss(&logits.main)?;
    let total = match &logits.auxiliary {
        Some(logits) => {
            let auxiliary = loss(logits)?;
            (&main + (auxiliary * config.auxiliary_weight)?)?
        }
        None => main.clone(),
    };
    Ok((main, total))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::ops::cross_entropy;

    fn scalar(tensor: &Tensor) -> f64 {
        tensor.to_scalar().unwrap()
    }

    #[test]
    fn class_weights_are_those_of_both_heads_and_none_are_the_plain_loss() {
        let cpu = &Device::Cpu;
        let main = Tensor::new(&[[2.0, -1.0], [0.5, 0.0], [1.0, 3.0]], cpu).unwrap();
        let auxiliary = Tensor::new(&[[0.0, 1.0], [0.0, -2.0], [1.0, 1.5]], cpu).unwrap();
        let labels = Tensor::new(&[0_u32, 0, 1], cpu).unwrap();
        let weights = Tensor::new(&[0.75, 1.5], cpu).unwrap();
        let logits = Logits {
            main: main.clone(),
            auxiliary: Some(auxiliary.clone()),
        };
        let config = TrainConfig {
            label_smoothing: 0.1,
            auxiliary_weight: 0.4,
            ..TrainConfig::darts()
        };
        let of_head = |head: &Tensor| weighted_cross_entropy(head, &labels, 0.1, Some(&weights)).unwrap();
        let (alone, total) = losses(&logits, &labels, &config, Some(&weights)).unwrap();
        assert_eq!(scalar(&alone), scalar(&of_head(&main)));
        let expected = scalar(&of_head(&main)) + 0.4 * scalar(&of_head(&auxiliary));
        assert!((scalar(&total) - expected).abs() < 1e-15);
        let (plain, _) = losses(&logits, &labels, &config, None).unwrap();
        assert_eq!(
            scalar(&plain).to_bits(),
            scalar(&cross_entropy(&main, &labels, 0.1).unwrap()).to_bits()
        );
        assert!((scalar(&plain) - scalar(&alone)).abs() > 1e-3);
    }
}
