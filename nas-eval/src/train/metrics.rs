//! What training reports, and how it is summed up.

use candle_core::{D, DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use super::progress::{Progress, Tallied};
use crate::error::EvalError;

/// What became of one epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochMetrics {
    /// Number of the epoch, from 0.
    pub epoch: u32,
    /// Mean loss of the epoch's training images as they were when they were trained on: augmented,
    /// with label smoothing and weights of classes, where there are any, without the auxiliary
    /// head. In nats.
    pub train_loss: f64,
    /// Share of those images that were classified correctly, in \[0, 1\].
    pub train_accuracy: f64,
    /// Mean cross-entropy on the validation images after the epoch, in nats; none where there are
    /// none.
    pub valid_loss: Option<f64>,
    /// Accuracy on the validation images after the epoch, in \[0, 1\].
    pub valid_accuracy: Option<f64>,
    /// The mean over the classes of the accuracy on their validation images, in \[0, 1\].
    pub valid_balanced_accuracy: Option<f64>,
    /// The mean over the classes of their F1 on the validation images, in \[0, 1\]: see
    /// [`Confusion::macro_f1`](super::Confusion::macro_f1).
    pub valid_macro_f1: Option<f64>,
    /// Learning rate of the epoch's first step.
    pub learning_rate: f64,
    /// Wall-clock seconds of training and validation.
    pub seconds: f64,
}

/// Loss and accuracy on a set of images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// Mean cross-entropy, in nats.
    pub loss: f64,
    /// Share classified correctly, in \[0, 1\].
    pub accuracy: f64,
    /// Number of images.
    pub images: usize,
}

/// Batches whose figures stay on the device until they are fetched together: waiting for each would
/// stall it.
const FETCH_EVERY: usize = 64;

/// Sums losses and hits over the images of an epoch, in double precision and in the order of the
/// batches.
#[derive(Debug)]
pub(crate) struct Tally {
    epoch: u32,
    pending: Vec<Pending>,
    fetched: usize,
    sums: Tallied,
}

#[derive(Debug)]
struct Pending {
    loss: Tensor,
    checked: Tensor,
    hits: Tensor,
    images: usize,
}

impl Tally {
    /// The tally of this epoch, which begins.
    pub(crate) fn new(epoch: u32) -> Self {
        Self::resumed(epoch, None)
    }

    /// The tally of an epoch that has come so far.
    pub(crate) fn resumed(epoch: u32, progress: Option<&Progress>) -> Self {
        Self {
            epoch,
            pending: Vec::new(),
            fetched: progress.map_or(0, |progress| progress.steps),
            sums: progress.map(|progress| progress.tallied).unwrap_or_default(),
        }
    }

    /// The progress of the epoch after this number of steps, all of which were checked; without
    /// their seconds. None before the first step.
    pub(crate) fn progress(&self, steps: usize) -> Option<Progress> {
        (steps > 0).then_some(Progress {
            steps,
            tallied: self.sums,
            seconds: 0.0,
        })
    }

    /// Counts a batch: `loss` is its mean loss, which is summed; `checked` the loss that must be
    /// finite. It is checked at once on the CPU, now and then elsewhere.
    ///
    /// # Shapes
    /// `logits` is \[N, classes\], `labels` \[N\]; the losses are scalars.
    ///
    /// # Errors
    /// As [`Tally::check`]; a Candle error where the shapes do not fit.
    pub(crate) fn count(
        &mut self,
        logits: &Tensor,
        labels: &Tensor,
        loss: &Tensor,
        checked: &Tensor,
    ) -> Result<(), EvalError> {
        self.add(logits, labels, loss, checked)?;
        if self.is_due() { self.check() } else { Ok(()) }
    }

    fn add(
        &mut self,
        logits: &Tensor,
        labels: &Tensor,
        loss: &Tensor,
        checked: &Tensor,
    ) -> candle_core::Result<()> {
        let predicted = logits.detach().argmax(D::Minus1)?;
        let hits = predicted.eq(labels)?.to_dtype(DType::F32)?.sum_all()?;
        let (loss, checked) = (loss.detach(), checked.detach());
        self.pending.push(Pending {
            loss,
            checked,
            hits,
            images: labels.elem_count(),
        });
        Ok(())
    }

    fn is_due(&self) -> bool {
        let on_cpu = self.pending.last().is_some_and(|p| p.loss.device().is_cpu());
        on_cpu || self.pending.len() >= FETCH_EVERY
    }

    /// Fetches and adds up what is pending.
    ///
    /// # Errors
    /// [`EvalError::NonFinite`] at the first loss that is not finite; [`EvalError::Tensor`] from
    /// the device.
    pub(crate) fn check(&mut self) -> Result<(), EvalError> {
        let [losses, checked, hits] = [
            fetch_all(self.pending.iter().map(|p| &p.loss))?,
            fetch_all(self.pending.iter().map(|p| &p.checked))?,
            fetch_all(self.pending.iter().map(|p| &p.hits))?,
        ];
        for (i, pending) in self.pending.drain(..).enumerate() {
            if !checked[i].is_finite() {
                return Err(EvalError::NonFinite {
                    loss: checked[i],
                    epoch: self.epoch,
                    step: self.fetched,
                });
            }
            self.fetched += 1;
            self.sums.images += pending.images;
            self.sums.loss += losses[i] * pending.images as f64;
            self.sums.hits += hits[i];
        }
        Ok(())
    }

    /// Means over the images that were fetched; NaN where there were none.
    pub(crate) fn scores(&self) -> Scores {
        let images = self.sums.images as f64;
        Scores {
            loss: self.sums.loss / images,
            accuracy: self.sums.hits / images,
            images: self.sums.images,
        }
    }
}

/// The values of scalar tensors, in one transfer.
fn fetch_all<'a>(scalars: impl Iterator<Item = &'a Tensor>) -> candle_core::Result<Vec<f64>> {
    let scalars: Vec<&Tensor> = scalars.collect();
    if scalars.is_empty() {
        return Ok(Vec::new());
    }
    Tensor::stack(&scalars, 0)?
        .to_device(&Device::Cpu)?
        .to_dtype(DType::F64)?
        .to_vec1()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(loss: f32, logits: &[[f32; 2]], labels: &[u32]) -> [Tensor; 3] {
        let cpu = &Device::Cpu;
        [
            Tensor::new(loss, cpu).unwrap(),
            Tensor::from_slice(logits.as_flattened(), (logits.len(), 2), cpu).unwrap(),
            Tensor::new(labels, cpu).unwrap(),
        ]
    }

    #[test]
    fn means_are_over_images_not_batches() {
        let mut tally = Tally::new(3);
        for [loss, logits, labels] in [
            batch(1.0, &[[1.0, 0.0], [0.0, 1.0], [3.0, 1.0]], &[0, 0, 0]),
            batch(2.0, &[[0.0, 1.0]], &[1]),
        ] {
            tally.add(&logits, &labels, &loss, &loss).unwrap();
        }
        tally.check().unwrap();
        assert_eq!(
            tally.scores(),
            Scores {
                loss: 5.0 / 4.0,
                accuracy: 3.0 / 4.0,
                images: 4
            }
        );
    }

    #[test]
    fn the_first_loss_that_is_not_finite_is_found_with_its_batch() {
        let mut tally = Tally::new(3);
        for loss in [1.0, f32::INFINITY, f32::NAN] {
            let [loss, logits, labels] = batch(loss, &[[1.0, 0.0]], &[0]);
            tally
                .add(&logits, &labels, &Tensor::new(0f32, &Device::Cpu).unwrap(), &loss)
                .unwrap();
        }
        assert!(tally.is_due());
        let EvalError::NonFinite { loss, epoch, step } = tally.check().unwrap_err() else {
            panic!("another error");
        };
        assert_eq!((loss, epoch, step), (f64::INFINITY, 3, 1));
    }
}
