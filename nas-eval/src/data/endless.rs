//! Batches without an end.

use super::batch::Batch;
use super::batcher::{Batcher, Epoch};
use super::error::DataError;

/// The batches of one epoch of a [`Batcher`] after those of another. Each epoch has an order of its
/// own.
#[derive(Debug)]
pub struct Endless {
    batcher: Batcher,
    epoch: u64,
    left: Epoch,
}

impl Endless {
    /// The batches from number `position` on, counted from the first batch of epoch 0. They are the
    /// same as if those before had been made.
    ///
    /// # Errors
    /// As [`Batcher::epoch`].
    pub fn starting_at(batcher: Batcher, position: u64) -> Result<Self, DataError> {
        let batches = batcher.batches() as u64;
        let epoch = position / batches;
        let left = batcher.epoch(epoch, (position % batches) as usize)?;
        Ok(Self { batcher, epoch, left })
    }

    /// The next one.
    ///
    /// # Errors
    /// Where it cannot be made, or no thread can be started for the next epoch.
    pub fn next_batch(&mut self) -> Result<Batch, DataError> {
        // An epoch has a batch at least.
        loop {
            if let Some(batch) = self.left.next() {
                return batch;
            }
            self.epoch += 1;
            self.left = self.batcher.epoch(self.epoch, 0)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::Device;
    use nas_space::seed::Seed;
    use nas_space::shape::Shape;

    use super::*;
    use crate::data::{Augmentation, BatchPlan, Images, Normalization};

    #[test]
    fn epochs_follow_each_other_from_any_position() {
        let pixels = (0..7 * 16).map(|i| i as u8).collect();
        let images = Arc::new(Images::new(Shape::new(1, 4, 4), 1, pixels, vec![0; 7]).unwrap());
        let indices = images.indices();
        let normalization = Arc::new(Normalization::measure(&images, &indices).unwrap());
        let plan = BatchPlan::training(3, Augmentation::NONE, Seed::new(1));
        let batcher = Batcher::new(images, normalization, indices, plan, &Device::Cpu).unwrap();
        let expected: Vec<Vec<u32>> = (0..4)
            .flat_map(|epoch| batcher.epoch(epoch, 0).unwrap())
            .map(|batch| batch.unwrap().indices)
            .collect();
        assert_ne!(
            expected[0],
            expected[batcher.batches()],
            "each epoch has its order"
        );
        for position in 0..expected.len() {
            let mut endless = Endless::starting_at(batcher.clone(), position as u64).unwrap();
            for expected in &expected[position..] {
                assert_eq!(endless.next_batch().unwrap().indices, *expected);
            }
        }
    }
}
