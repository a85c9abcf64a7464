//! Batches that a CUDA device makes of the images it holds.
//!
//! The pixels are put there once. For each batch, the device receives the indices, the classes and
//! the random choices, seven numbers for each image in one transfer. A kernel does the rest. The
//! numbers are drawn on the host, in the order and from the streams that batches on the host have,
//! and normalised values come from the same tables: the batches are the same, bit for bit.

use std::sync::{Mutex, PoisonError};

use candle_core::{Device, Tensor};
use nas_space::seed::Seed;
use nas_space::shape::Shape;

use super::augment::Augmentation;
use super::batch::Batch;
use super::images::Images;
use super::normalize::Normalization;
use crate::cuda;

/// How many numbers there are of each image: its index, five of what becomes of it, its class.
const NUMBERS: usize = 7;

/// The pixels of a set of images on the device that asked for them last. Says nothing about the
/// images: any two are equal, and a copy of the images begins without.
#[derive(Debug, Default)]
pub(super) struct PixelsOnDevice(Mutex<Option<Tensor>>);

impl PixelsOnDevice {
    /// These pixels on this device, put there where they are not.
    pub(super) fn on(&self, device: &Device, pixels: &[u8]) -> candle_core::Result<Tensor> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tensor) = held.as_ref().filter(|held| held.device().same_device(device)) {
            return Ok(tensor.clone());
        }
        let tensor = Tensor::from_slice(pixels, pixels.len(), device)?;
        *held = Some(tensor.clone());
        Ok(tensor)
    }
}

impl Clone for PixelsOnDevice {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for PixelsOnDevice {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for PixelsOnDevice {}

/// The images of a batch and the augmentation of each: everything that the device receives.
#[derive(Debug)]
pub(super) struct Changes {
    /// One row of [`NUMBERS`] after the other, each of as many numbers as there are images.
    numbers: Vec<u32>,
    indices: Vec<u32>,
}

/// Images on a device, with all that it needs to make batches of them.
#[derive(Debug)]
pub(super) struct ImagesOnDevice {
    pixels: Tensor,
    /// What each pixel value becomes, per channel.
    tables: Tensor,
    shape: Shape,
    augmentation: Augmentation,
}

impl ImagesOnDevice {
    pub(super) fn new(
        images: &Images,
        normalization: &Normalization,
        augmentation: Augmentation,
        device: &Device,
    ) -> candle_core::Result<Self> {
        let tables = normalization.tables().concat();
        Ok(Self {
            pixels: images.pixels_on(device)?,
            tables: Tensor::from_vec(tables, (images.shape().channels, 256), device)?,
            shape: images.shape(),
            augmentation,
        })
    }

    /// The data of the images with these indices, in the epoch of `epoch_seed`. Indices must be in
    /// range.
    pub(super) fn draw(&self, images: &Images, epoch_seed: Seed, indices: &[u32]) -> Changes {
        let n = indices.len();
        let mut numbers = vec![0; NUMBERS * n];
        for (i, &index) in indices.iter().enumerate() {
            let change = self.augmentation.draw(self.shape, epoch_seed, index);
            let [top, left, flip, row, column] = change.numbers();
            let class = images.labels().get(index as usize).copied().unwrap_or_default();
            for (at, number) in [index, top, left, flip, row, column, class]
                .into_iter()
                .enumerate()
            {
                numbers[at * n + i] = number;
            }
        }
        Changes {
            numbers,
            indices: indices.to_vec(),
        }
    }

    /// The batch that was drawn.
    pub(super) fn batch(&self, Changes { numbers, indices }: Changes) -> candle_core::Result<Batch> {
        let n = indices.len();
        let numbers = Tensor::from_vec(numbers, (NUMBERS, n), self.pixels.device())?;
        let Shape {
            channels,
            height,
            width,
        } = self.shape;
        let sizes = [n, channels, height, width];
        let Augmentation {
            crop_padding, cutout, ..
        } = self.augmentation;
        let images = cuda::augment(
            [&self.pixels, &self.tables, &numbers],
            sizes,
            crop_padding,
            cutout.unwrap_or(0),
        )?;
        Ok(Batch {
            images,
            labels: numbers.get(NUMBERS - 1)?,
            indices,
        })
    }
}
