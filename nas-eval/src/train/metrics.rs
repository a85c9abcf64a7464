//! What training reports, and how it is summed up.

use candle_core::{D, DType, Device, Result, Tensor};
use serde::{Deserialize, Serialize};

use super::progress::{Progress, Tallied};

/// What became of one epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochMetrics {
    /// Number of the epoch, from 0.
    pub epoch: u32,
    /// Mean loss of the epoch's training images as they were when they were trained on: augmented, with label
    /// smoothing, without the auxiliary head. In nats.
    pub train_loss: f64,
    /// Share of those images that were classified correctly, in \[0, 1\].
    pub train_accuracy: f64,
    /// Mean cross-entropy on the validation images after the epoch, in nats; none where there are none.
    pub valid_loss: Option<f64>,
    /// Accuracy on the validation images after the epoch, in \[0, 1\].
    pub valid_accuracy: Option<f64>,
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

/// Batches whose figures stay on the device until they are fetched together: waiting for each would stall it.
const FETCH_EVERY: usize = 64;

/// Sums losses and hits over the images of an epoch, in double precision and in the order of the batches.
#[derive(Debug, Default)]
pub struct Tally {
    pending: Vec<Pending>,
    fetched: usize,
    images: usize,
    loss: f64,
    hits: f64,
}

#[derive(Debug)]
struct Pending {
    loss: Tensor,
    checked: Tensor,
    hits: Tensor,
    images: usize,
}

/// A loss that is not finite, and the batch it was found in, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NotFinite {
    /// The loss.
    pub loss: f64,
    /// The batch, from 0.
    pub batch: usize,
}

impl Tally {
    /// The tally of an epoch that goes on; of one that begins, where there is no progress.
    pub fn resumed(progress: Option<&Progress>) -> Self {
        progress.map_or_else(Self::default, |progress| Self {
            pending: Vec::new(),
            fetched: progress.steps,
            images: progress.tallied.images,
            loss: progress.tallied.loss,
            hits: progress.tallied.hits,
        })
    }

    /// The sums over what was fetched.
    pub fn tallied(&self) -> Tallied {
        Tallied {
            images: self.images,
            loss: self.loss,
            hits: self.hits,
        }
    }

    /// Counts a batch: `loss` is its mean loss, which is summed; `checked` the loss that must be finite.
    ///
    /// # Shapes
    /// `logits` is \[N, classes\], `labels` \[N\]; the losses are scalars.
    ///
    /// # Errors
    /// A Candle error where the shapes do not fit, or from the device.
    pub fn add(&mut self, logits: &Tensor, labels: &Tensor, loss: &Tensor, checked: &Tensor) -> Result<()> {
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

    /// Whether it is time to [`fetch`](Tally::fetch): at once on the CPU, now and then elsewhere.
    pub fn is_due(&self) -> bool {
        let on_cpu = self.pending.last().is_some_and(|p| p.loss.device().is_cpu());
        on_cpu || self.pending.len() >= FETCH_EVERY
    }

    /// Adds up what is pending. Stops at the first loss that is not finite and returns it.
    ///
    /// # Errors
    /// A Candle error from the device.
    pub fn fetch(&mut self) -> Result<Option<NotFinite>> {
        let [losses, checked, hits] = [
            fetch_all(self.pending.iter().map(|p| &p.loss))?,
            fetch_all(self.pending.iter().map(|p| &p.checked))?,
            fetch_all(self.pending.iter().map(|p| &p.hits))?,
        ];
        for (i, pending) in self.pending.drain(..).enumerate() {
            if !checked[i].is_finite() {
                return Ok(Some(NotFinite {
                    loss: checked[i],
                    batch: self.fetched,
                }));
            }
            self.fetched += 1;
            self.images += pending.images;
            self.loss += losses[i] * pending.images as f64;
            self.hits += hits[i];
        }
        Ok(None)
    }

    /// Means over the images that were fetched; NaN where there were none.
    pub fn scores(&self) -> Scores {
        let images = self.images as f64;
        Scores {
            loss: self.loss / images,
            accuracy: self.hits / images,
            images: self.images,
        }
    }
}

/// The values of scalar tensors, in one transfer.
fn fetch_all<'a>(scalars: impl Iterator<Item = &'a Tensor>) -> Result<Vec<f64>> {
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
        let mut tally = Tally::default();
        for [loss, logits, labels] in [
            batch(1.0, &[[1.0, 0.0], [0.0, 1.0], [3.0, 1.0]], &[0, 0, 0]),
            batch(2.0, &[[0.0, 1.0]], &[1]),
        ] {
            tally.add(&logits, &labels, &loss, &loss).unwrap();
        }
        assert_eq!(tally.fetch().unwrap(), None);
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
        let mut tally = Tally::default();
        for loss in [1.0, f32::INFINITY, f32::NAN] {
            let [loss, logits, labels] = batch(loss, &[[1.0, 0.0]], &[0]);
            tally
                .add(&logits, &labels, &Tensor::new(0f32, &Device::Cpu).unwrap(), &loss)
                .unwrap();
        }
        assert!(tally.is_due());
        assert_eq!(
            tally.fetch().unwrap(),
            Some(NotFinite {
                loss: f64::INFINITY,
                batch: 1
            })
        );
    }
}
