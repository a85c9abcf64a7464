//! The batches of an epoch, prepared ahead of the one that is trained on.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Builder, JoinHandle};

use candle_core::Device;
use nas_space::seed::Seed;
use rand::seq::SliceRandom;

use super::augment::Augmentation;
use super::batch::{Batch, Maker, Prepared};
use super::error::DataError;
use super::images::Images;
use super::normalize::Normalization;

/// How many finished batches may wait for the trainer.
const AHEAD: usize = 2;

/// In which order an epoch visits the images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As the indices were given, in every epoch.
    AsGiven,
    /// In a random order of each epoch's own.
    Shuffled,
}

/// What happens to the images that do not fill a last batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastBatch {
    /// They make a smaller batch. An evaluation must not do otherwise.
    Keep,
    /// They make a smaller batch, except that a single image joins the batch before it, which then
    /// holds one more than the batch size: batch normalisation over one image fails where a feature
    /// map is 1×1. If there is no batch before it, it stays alone.
    KeepJoiningSingle,
    /// They are left out of this epoch.
    Drop,
}

/// How images are put into batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchPlan {
    /// Images in a batch, at least 1.
    pub batch_size: usize,
    /// In which order they are visited.
    pub order: Order,
    /// How they are varied.
    pub augmentation: Augmentation,
    /// What happens to the incomplete last batch.
    pub last: LastBatch,
    /// The stream from which order and augmentation are drawn.
    pub seed: Seed,
}

impl BatchPlan {
    /// Shuffled and augmented; every image once an epoch, never alone in a batch if it can be
    /// helped.
    pub fn training(batch_size: usize, augmentation: Augmentation, seed: Seed) -> Self {
        Self {
            batch_size,
            order: Order::Shuffled,
            augmentation,
            last: LastBatch::KeepJoiningSingle,
            seed,
        }
    }

    /// Every image once, as it is, in the order given.
    pub fn evaluation(batch_size: usize) -> Self {
        Self {
            batch_size,
            order: Order::AsGiven,
            augmentation: Augmentation::NONE,
            last: LastBatch::Keep,
            seed: Seed::new(0),
        }
    }

    /// How many batches `images` images make.
    fn batches(&self, images: usize) -> usize {
        let (full, rest) = (images / self.batch_size, images % self.batch_size);
        match (self.last, rest) {
            (_, 0) | (LastBatch::Drop, _) => full,
            (LastBatch::KeepJoiningSingle, 1) => full.max(1),
            _ => full + 1,
        }
    }

    /// Which of `images` positions batch number `batch` of `batches` holds.
    fn range(&self, batch: usize, batches: usize, images: usize) -> Range<usize> {
        let start = batch * self.batch_size;
        if batch + 1 == batches && self.last != LastBatch::Drop {
            start..images
        } else {
            start..start + self.batch_size
        }
    }
}

/// Makes the batches of one epoch after the other from some images of a set.
///
/// Batch `k` of epoch `e` depends on the plan, `e` and `k` alone. See the [module](super) for an
/// example.
#[derive(Debug, Clone)]
pub struct Batcher {
    maker: Maker,
    indices: Arc<Vec<u32>>,
    plan: BatchPlan,
    batches: usize,
}

impl Batcher {
    /// Batches of the images with these indices, on this device. On CUDA the device is given all
    /// images, once for all batchers of the same [`Images`], and makes the batches itself, unless
    /// the augmentation has a [`Policy`](super::Policy).
    ///
    /// # Errors
    /// If the batch size is 0, there are no indices or one is out of range, the constants are for
    /// another number of channels, the augmentation does not suit the images' shape, the only batch
    /// would be dropped, or the device refuses.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers share the constants as they share the images"
    )]
    pub fn new(
        images: Arc<Images>,
        normalization: Arc<Normalization>,
        indices: Vec<u32>,
        plan: BatchPlan,
        device: &Device,
    ) -> Result<Self, DataError> {
        if plan.batch_size == 0 {
            return Err(DataError::BatchSize);
        }
        images.check_indices(&indices)?;
        normalization.check_channels(images.shape().channels)?;
        plan.augmentation.check(images.shape())?;
        let batches = plan.batches(indices.len());
        if batches == 0 {
            return Err(DataError::NoBatch {
                images: indices.len(),
                batch_size: plan.batch_size,
            });
        }
        Ok(Self {
            maker: Maker::new(images, &normalization, plan.augmentation, device)?,
            indices: Arc::new(indices),
            plan,
            batches,
        })
    }

    /// Number of batches in an epoch, at least 1.
    pub fn batches(&self) -> usize {
        self.batches
    }

    /// Number of images in an epoch.
    pub fn images_per_epoch(&self) -> usize {
        self.plan
            .range(self.batches - 1, self.batches, self.indices.len())
            .end
    }

    /// The plan it was made with.
    pub fn plan(&self) -> &BatchPlan {
        &self.plan
    }

    /// The batches of epoch `epoch` from number `from_batch` on, which are the same as if those
    /// before had been made.
    ///
    /// They are prepared by a thread of their own, up to two ahead of the one in use; dropping the
    /// iterator ends it. The thread does not use rayon: an epoch may be consumed on a rayon thread
    /// without waiting for another.
    ///
    /// # Errors
    /// If `from_batch` is more than the number of batches, or no thread can be started. Just that
    /// number gives an empty iterator.
    pub fn epoch(&self, epoch: u64, from_batch: usize) -> Result<Epoch, DataError> {
        let left = self
            .batches
            .checked_sub(from_batch)
            .ok_or(DataError::BatchOutOfRange {
                from_batch,
                batches: self.batches,
            })?;
        let (sender, receiver) = sync_channel(AHEAD);
        let this = self.clone();
        let prepare = move || {
            let order = this.order(epoch);
            let epoch_seed = this.plan.seed.derive("augment", epoch);
            for batch in from_batch..this.batches {
                let chosen = &order[this.plan.range(batch, this.batches, order.len())];
                let prepared = this.maker.prepare(epoch_seed, chosen);
                // The other end is gone: the epoch was dropped before its end.
                if sender.send(prepared).is_err() {
                    return;
                }
            }
        };
        let thread = Builder::new()
            .name("nas-batches".to_owned())
            .spawn(prepare)
            .map_err(|error| DataError::Preparation {
                reason: error.to_string(),
            })?;
        Ok(Epoch {
            left,
            receiver: Some(receiver),
            thread: Some(thread),
        })
    }

    /// The indices in the order in which this epoch visits them.
    fn order(&self, epoch: u64) -> Vec<u32> {
        let mut order = self.indices.to_vec();
        if self.plan.order == Order::Shuffled {
            order.shuffle(&mut self.plan.seed.derive("shuffle", epoch).rng());
        }
        order
    }
}

/// The batches of one epoch, in order. After an error there are no more.
#[derive(Debug)]
pub struct Epoch {
    left: usize,
    /// Taken when the epoch ends, which tells the thread to stop.
    receiver: Option<Receiver<Prepared>>,
    thread: Option<JoinHandle<()>>,
}

impl Iterator for Epoch {
    type Item = Result<Batch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let batch = match self.receiver.as_ref().and_then(|receiver| receiver.recv().ok()) {
            Some(prepared) => prepared.into_batch(),
            None => Err(DataError::Preparation {
                reason: "it panicked".to_owned(),
            }),
        };
        if batch.is_err() {
            self.left = 0;
        }
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Epoch {}

impl Drop for Epoch {
    fn drop(&mut self) {
        self.receiver = None;
        if let Some(thread) = self.thread.take() {
            // If it panicked, a batch was missing and that was reported.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use nas_space::shape::Shape;

    use super::*;
    use crate::data::Policy;

    /// `n` different images of 1×4×4.
    fn batcher(n: usize, plan: BatchPlan) -> Result<Batcher, DataError> {
        let pixels = (0..n * 16).map(|i| (i * 7 % 256) as u8).collect();
        let labels = (0..n).map(|i| (i % 3) as u32).collect();
        let images = Arc::new(Images::new(Shape::new(1, 4, 4), 3, pixels, labels)?);
        let indices = images.indices();
        let normalization = Arc::new(Normalization::measure(&images, &indices)?);
        Batcher::new(images, normalization, indices, plan, &Device::Cpu)
    }

    fn training(batch_size: usize) -> BatchPlan {
        let augmentation = Augmentation {
            crop_padding: 1,
            horizontal_flip: true,
            cutout: Some(2),
            ..Augmentation::NONE
        };
        BatchPlan::training(batch_size, augmentation, Seed::new(42))
    }

    type Plain = (Vec<u32>, Vec<u32>, Vec<f32>);

    fn collect(epoch: Epoch) -> Vec<Plain> {
        epoch
            .map(|batch| {
                let batch = batch.unwrap();
                let values = batch.images.flatten_all().unwrap().to_vec1().unwrap();
                (batch.indices, batch.labels.to_vec1().unwrap(), values)
            })
            .collect()
    }

    fn sizes(batcher: &Batcher) -> Vec<usize> {
        let sizes: Vec<usize> = collect(batcher.epoch(0, 0).unwrap())
            .iter()
            .map(|batch| batch.0.len())
            .collect();
        assert_eq!(sizes.len(), batcher.batches());
        assert_eq!(sizes.iter().sum::<usize>(), batcher.images_per_epoch());
        sizes
    }

    #[test]
    fn every_image_comes_exactly_once_an_epoch_and_labels_stay_with_it() {
        let batcher = batcher(23, training(5)).unwrap();
        for epoch in 0..3 {
            let mut seen = Vec::new();
            for (indices, labels, _) in collect(batcher.epoch(epoch, 0).unwrap()) {
                assert!(
                    indices
                        .iter()
                        .zip(labels)
                        .all(|(index, label)| index % 3 == label)
                );
                seen.extend(indices);
            }
            seen.sort_unstable();
            assert_eq!(seen, (0..23).collect::<Vec<_>>());
        }
    }

    #[test]
    fn epochs_differ_and_an_epoch_repeats_itself() {
        let batcher = batcher(23, training(5)).unwrap();
        let first = collect(batcher.epoch(0, 0).unwrap());
        assert_eq!(first, collect(batcher.epoch(0, 0).unwrap()));
        assert_ne!(first, collect(batcher.epoch(1, 0).unwrap()));
    }

    #[test]
    fn an_evaluation_visits_every_image_in_the_order_given() {
        let batcher = batcher(11, BatchPlan::evaluation(5)).unwrap();
        assert_eq!(sizes(&batcher), [5, 5, 1]);
        let seen: Vec<u32> = collect(batcher.epoch(3, 0).unwrap())
            .into_iter()
            .flat_map(|batch| batch.0)
            .collect();
        assert_eq!(seen, (0..11).collect::<Vec<_>>());
    }

    #[test]
    fn the_last_batch_is_kept_joined_or_dropped_as_planned() {
        let with = |n, batch_size, last| {
            sizes(
                &batcher(
                    n,
                    BatchPlan {
                        last,
                        ..training(batch_size)
                    },
                )
                .unwrap(),
            )
        };
        assert_eq!(with(11, 5, LastBatch::Keep), [5, 5, 1]);
        assert_eq!(with(11, 5, LastBatch::KeepJoiningSingle), [5, 6]);
        assert_eq!(with(11, 5, LastBatch::Drop), [5, 5]);
        assert_eq!(with(12, 5, LastBatch::KeepJoiningSingle), [5, 5, 2]);
        assert_eq!(with(10, 5, LastBatch::Drop), [5, 5]);
        assert_eq!(with(1, 5, LastBatch::KeepJoiningSingle), [1]);
        assert_eq!(with(3, 1, LastBatch::KeepJoiningSingle), [1, 1, 1]);
        assert_eq!(with(3, usize::MAX, LastBatch::Keep), [3]);
    }

    #[test]
    fn starting_at_batch_k_gives_the_tail_of_the_epoch() {
        let batcher = batcher(23, training(5)).unwrap();
        let whole = collect(batcher.epoch(4, 0).unwrap());
        for from in 0..=batcher.batches() {
            assert_eq!(collect(batcher.epoch(4, from).unwrap()), whole[from..]);
        }
        assert!(matches!(
            batcher.epoch(4, 6),
            Err(DataError::BatchOutOfRange {
                from_batch: 6,
                batches: 5
            })
        ));
    }

    #[test]
    fn what_becomes_of_an_image_does_not_depend_on_the_batch_size() {
        let by_image = |batch_size| {
            let batcher = batcher(23, training(batch_size)).unwrap();
            let mut images: Vec<(u32, Vec<f32>)> = Vec::new();
            for (indices, _, values) in collect(batcher.epoch(2, 0).unwrap()) {
                images.extend(indices.into_iter().zip(values.chunks(16).map(<[f32]>::to_vec)));
            }
            images
        };
        assert_eq!(by_image(4), by_image(23));
    }

    #[test]
    fn a_policy_gives_an_image_the_same_pixels_in_any_batch_and_others_in_other_epochs() {
        let by_image = |batch_size, epoch| {
            let mut plan = training(batch_size);
            plan.augmentation.policy = Some(Policy::TrivialWide);
            let mut images: Vec<(u32, Vec<f32>)> = Vec::new();
            for (indices, _, values) in collect(batcher(23, plan).unwrap().epoch(epoch, 0).unwrap()) {
                images.extend(indices.into_iter().zip(values.chunks(16).map(<[f32]>::to_vec)));
            }
            images.sort_by_key(|(index, _)| *index);
            images
        };
        assert_eq!(by_image(4, 2), by_image(7, 2));
        assert_ne!(by_image(4, 2), by_image(4, 3));
    }

    #[test]
    fn batches_are_the_same_on_one_two_and_three_rayon_threads_and_nothing_waits_forever() {
        let expected = collect(batcher(50, training(8)).unwrap().epoch(1, 0).unwrap());
        for threads in 1..=3 {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let batches = pool.install(|| collect(batcher(50, training(8)).unwrap().epoch(1, 0).unwrap()));
            assert_eq!(batches, expected);
        }
    }

    #[test]
    fn an_epoch_that_is_dropped_early_takes_its_thread_along() {
        let batcher = batcher(100, training(2)).unwrap();
        let mut epoch = batcher.epoch(0, 0).unwrap();
        epoch.next().unwrap().unwrap();
        assert_eq!(epoch.len(), 49);
        assert_eq!(Arc::strong_count(&batcher.indices), 2);
        drop(epoch);
        // The thread held a share of the images.
        assert_eq!(Arc::strong_count(&batcher.indices), 1);
    }

    #[test]
    fn what_makes_no_batch_is_refused() {
        assert!(matches!(batcher(3, training(0)), Err(DataError::BatchSize)));
        let drop_only = BatchPlan {
            last: LastBatch::Drop,
            ..training(5)
        };
        assert!(matches!(
            batcher(3, drop_only),
            Err(DataError::NoBatch {
                images: 3,
                batch_size: 5
            })
        ));
        let augmentation = Augmentation {
            crop_padding: 4,
            ..Augmentation::NONE
        };
        let blank = BatchPlan {
            augmentation,
            ..training(2)
        };
        assert!(matches!(batcher(3, blank), Err(DataError::Augmentation { .. })));
        let images = Arc::new(Images::new(Shape::new(1, 1, 1), 1, vec![0], vec![0]).unwrap());
        let normalization = Arc::new(Normalization::new(vec![0.0], vec![1.0]).unwrap());
        for indices in [vec![], vec![1]] {
            let (images, normalization) = (Arc::clone(&images), Arc::clone(&normalization));
            let plan = BatchPlan::evaluation(2);
            assert!(Batcher::new(images, normalization, indices, plan, &Device::Cpu).is_err());
        }
    }

    /// A change of these numbers changes every study that was ever recorded.
    #[test]
    fn value_stability() {
        let batcher = batcher(8, training(4)).unwrap();
        let order: Vec<u32> = collect(batcher.epoch(0, 0).unwrap())
            .into_iter()
            .flat_map(|batch| batch.0)
            .collect();
        assert_eq!(order, [6, 2, 1, 7, 4, 3, 0, 5]);
    }
}
