//! The images that networks are scored with.

use candle_core::Tensor;
use nas_space::seed::Seed;
use nas_space::shape::Shape;
use rand::seq::SliceRandom;

use crate::compute::Compute;
use crate::data::{Batch, Dataset, Normalization};
use crate::error::EvalError;

/// One batch of training images, normalised and not augmented, with their labels.
#[derive(Debug, Clone)]
pub struct ProxyBatch {
    pub(super) images: Tensor,
    pub(super) labels: Tensor,
    /// The same labels.
    pub(super) classes_of: Vec<u32>,
    shape: Shape,
    classes: usize,
}

impl ProxyBatch {
    /// `size` different training images of a data set, or all if it has fewer, drawn by `seed`.
    ///
    /// # Errors
    /// [`EvalError::Config`] for fewer than 2 images, of which nothing can be compared;
    /// [`EvalError::Data`], [`EvalError::Tensor`] where they cannot be brought to the device.
    pub fn draw(dataset: &Dataset, size: usize, seed: Seed, compute: &Compute) -> Result<Self, EvalError> {
        let all = dataset.train.indices();
        if size.min(all.len()) < 2 {
            let expected = "at least 2 images, and as many in the data set";
            return Err(EvalError::config("batch_size", size, expected));
        }
        let normalization = Normalization::measure(&dataset.train, &all)?;
        let mut drawn = all;
        drawn.shuffle(&mut seed.derive("proxy-batch", 0).rng());
        drawn.truncate(size);
        let batch = Batch::gather(&dataset.train, &normalization, &drawn, &compute.device)?;
        Self::new(&batch.images, &batch.labels, dataset.train.classes(), compute)
    }

    /// These images \[N, C, H, W\] with these labels \[N\] of `u32` below `classes`.
    ///
    /// # Errors
    /// [`EvalError::Config`] for fewer than 2 images or a label that is too large;
    /// [`EvalError::Tensor`] for other shapes.
    pub fn new(
        images: &Tensor,
        labels: &Tensor,
        classes: usize,
        compute: &Compute,
    ) -> Result<Self, EvalError> {
        let (n, channels, height, width) = images.dims4()?;
        let classes_of = labels.to_vec1::<u32>()?;
        if n < 2 || classes_of.len() != n {
            let got = format!("{n} images and {} labels", classes_of.len());
            return Err(EvalError::config(
                "batch",
                got,
                "at least 2 images and a label for each",
            ));
        }
        if let Some(label) = classes_of.iter().find(|&&label| label as usize >= classes) {
            return Err(EvalError::config(
                "label",
                label,
                format!("a class below {classes}"),
            ));
        }
        Ok(Self {
            images: images.to_device(&compute.device)?.to_dtype(compute.dtype)?,
            labels: labels.to_device(&compute.device)?,
            classes_of,
            shape: Shape::new(channels, height, width),
            classes,
        })
    }

    /// How many images there are.
    pub fn len(&self) -> usize {
        self.classes_of.len()
    }

    /// Whether there are none, which never happens.
    pub fn is_empty(&self) -> bool {
        self.classes_of.is_empty()
    }

    /// Shape of the images.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of classes of the data set.
    pub fn classes(&self) -> usize {
        self.classes
    }
}
