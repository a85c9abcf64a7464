//! One batch, and the types that make batches.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use nas_space::seed::Seed;
use nas_space::shape::Shape;

use super::augment::Augmentation;
use super::error::DataError;
use super::images::Images;
use super::normalize::Normalization;
#[cfg(any(feature = "cuda", test))]
use super::on_device::{Changes, ImagesOnDevice};
#[cfg(any(feature = "cuda", test))]
use crate::cuda;

/// Images and labels on a device.
///
/// # Shapes
/// `images`: `[n, channels, height, width]` of `f32`, normalised. `labels`: `[n]` of `u32`.
/// `indices`: `n` numbers.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The images.
    pub images: Tensor,
    /// Their classes.
    pub labels: Tensor,
    /// Which images of the set they are.
    pub indices: Vec<u32>,
}

impl Batch {
    /// The images with these indices, in this order, normalised and not augmented.
    ///
    /// # Errors
    /// If there are no indices, one is out of range, the constants are for another number of
    /// channels, or the device refuses.
    pub fn gather(
        images: &Images,
        normalization: &Normalization,
        indices: &[u32],
        device: &Device,
    ) -> Result<Self, DataError> {
        images.check_indices(indices)?;
        normalization.check_channels(images.shape().channels)?;
        let tables = normalization.tables();
        // Without augmentation the seed is not used.
        Buffers::fill(images, &tables, Augmentation::NONE, Seed::new(0), indices)
            .into_batch(images.shape(), device)
    }
}

/// Who makes the batches of a [`Batcher`](super::Batcher).
#[derive(Debug, Clone)]
pub(super) enum Maker {
    /// The host, which moves them to the device.
    Host {
        images: Arc<Images>,
        /// What each pixel value becomes, per channel.
        tables: Arc<Vec<[f32; 256]>>,
        augmentation: Augmentation,
        device: Device,
    },
    /// The device, which has the images.
    #[cfg(any(feature = "cuda", test))]
    Device {
        images: Arc<Images>,
        on_device: Arc<ImagesOnDevice>,
    },
}

/// A batch that is ready but for what its device has to do.
#[derive(Debug)]
pub(super) enum Prepared {
    /// To be moved there.
    Images {
        buffers: Buffers,
        shape: Shape,
        device: Device,
    },
    /// To be made there.
    #[cfg(any(feature = "cuda", test))]
    Changes {
        changes: Changes,
        images: Arc<ImagesOnDevice>,
    },
}

impl Prepared {
    /// The batch. It is made here and not where it was prepared, so that a device sees all its work
    /// from one thread.
    pub(super) fn into_batch(self) -> Result<Batch, DataError> {
        match self {
            Self::Images {
                buffers,
                shape,
                device,
            } => buffers.into_batch(shape, &device),
            #[cfg(any(feature = "cuda", test))]
            Self::Changes { changes, images } => Ok(images.batch(changes)?),
        }
    }
}

impl Maker {
    /// The one for this device. The constants must be for the images' channels.
    pub(super) fn new(
        images: Arc<Images>,
        normalization: &Normalization,
        augmentation: Augmentation,
        device: &Device,
    ) -> Result<Self, DataError> {
        #[cfg(any(feature = "cuda", test))]
        if cuda::runs_on(device) && augmentation.runs_on_device() {
            let on_device = ImagesOnDevice::new(&images, normalization, augmentation, device)?;
            let on_device = Arc::new(on_device);
            return Ok(Self::Device { images, on_device });
        }
        Ok(Self::Host {
            images,
            tables: Arc::new(normalization.tables()),
            augmentation,
            device: device.clone(),
        })
    }

    /// All of a batch that needs no device, in the epoch that `epoch_seed` stands for. Indices must
    /// be in range.
    pub(super) fn prepare(&self, epoch_seed: Seed, indices: &[u32]) -> Prepared {
        match self {
            Self::Host {
                images,
                tables,
                augmentation,
                device,
            } => Prepared::Images {
                buffers: Buffers::fill(images, tables, *augmentation, epoch_seed, indices),
                shape: images.shape(),
                device: device.clone(),
            },
            #[cfg(any(feature = "cuda", test))]
            Self::Device { images, on_device } => Prepared::Changes {
                changes: on_device.draw(images, epoch_seed, indices),
                images: Arc::clone(on_device),
            },
        }
    }
}

/// A batch before it is moved to its device.
#[derive(Debug)]
pub(super) struct Buffers {
    values: Vec<f32>,
    labels: Vec<u32>,
    indices: Vec<u32>,
}

impl Buffers {
    /// The images with these indices, augmented as in the epoch that `epoch_seed` stands for.
    /// Indices must be in range.
    pub(super) fn fill(
        images: &Images,
        tables: &[[f32; 256]],
        augmentation: Augmentation,
        epoch_seed: Seed,
        indices: &[u32],
    ) -> Self {
        let shape = images.shape();
        let mut values = vec![0.0; indices.len() * shape.numel()];
        let mut scratch = Vec::new();
        for (&index, out) in indices.iter().zip(values.chunks_exact_mut(shape.numel())) {
            let image = images.image(index as usize).unwrap_or_default();
            let image = augmentation.vary(shape, epoch_seed, index, image, &mut scratch);
            let change = augmentation.draw(shape, epoch_seed, index);
            augmentation.apply(change, shape, image, tables, out);
        }
        let labels = indices
            .iter()
            .filter_map(|&index| images.labels().get(index as usize).copied())
            .collect();
        Self {
            values,
            labels,
            indices: indices.to_vec(),
        }
    }

    pub(super) fn into_batch(self, shape: Shape, device: &Device) -> Result<Batch, DataError> {
        let n = self.indices.len();
        let images = Tensor::from_vec(
            self.values,
            (n, shape.channels, shape.height, shape.width),
            device,
        )?;
        let labels = Tensor::from_vec(self.labels, n, device)?;
        Ok(Batch {
            images,
            labels,
            indices: self.indices,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::DType;

    #[test]
    fn images_come_in_the_order_asked_for_normalised_per_channel() {
        let images = Images::new(Shape::new(2, 1, 2), 3, (0..12).collect(), vec![2, 0, 1]).unwrap();
        let normalization = Normalization::new(vec![1.0, 3.0], vec![1.0, 2.0]).unwrap();
        let batch = Batch::gather(&images, &normalization, &[2, 0, 2], &Device::Cpu).unwrap();
        assert_eq!(
            (batch.images.dims(), batch.images.dtype()),
            (&[3, 2, 1, 2][..], DType::F32)
        );
        let values: Vec<f32> = batch.images.flatten_all().unwrap().to_vec1().unwrap();
        assert_eq!(
            values,
            [7.0, 8.0, 3.5, 4.0, -1.0, 0.0, -0.5, 0.0, 7.0, 8.0, 3.5, 4.0]
        );
        assert_eq!(batch.labels.to_vec1::<u32>().unwrap(), [1, 2, 1]);
        assert_eq!(batch.indices, [2, 0, 2]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let images = Images::new(Shape::new(1, 1, 1), 1, vec![0, 1], vec![0, 0]).unwrap();
        let one = Normalization::new(vec![0.0], vec![1.0]).unwrap();
        let two = Normalization::new(vec![0.0; 2], vec![1.0; 2]).unwrap();
        let gather =
            |normalization, indices: &[u32]| Batch::gather(&images, normalization, indices, &Device::Cpu);
        assert!(matches!(gather(&one, &[]), Err(DataError::Empty { .. })));
        assert!(matches!(
            gather(&one, &[2]),
            Err(DataError::IndexOutOfRange { index: 2, images: 2 })
        ));
        assert!(matches!(gather(&two, &[0]), Err(DataError::Normalization { .. })));
    }
}
