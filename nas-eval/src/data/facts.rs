//! The facts about a data set that are known before training.

use nas_space::shape::Shape;

use super::dataset::Dataset;
use super::error::DataError;
use super::registry::DatasetInfo;

/// The facts about a data set's images that default settings depend on.
#[derive(Debug, Clone, PartialEq)]
pub struct DataFacts {
    /// The name of the data set.
    pub name: String,
    /// Shape of an image.
    pub shape: Shape,
    /// Number of classes.
    pub classes: usize,
    /// Number of training images, those to validate on among them.
    pub train_images: usize,
    /// Number of test images.
    pub test_images: usize,
    /// Whether the user's own images may be mirrored, left to right. For named data sets this is
    /// known.
    pub may_be_mirrored: bool,
    /// Training images of the largest class for each one of the smallest.
    pub unevenness: f64,
}

/// Images of the largest class for each one of the smallest, beyond which a data set is uneven.
const MOST_EVEN: f64 = 3.0;

impl DataFacts {
    /// Whether a high accuracy may say little of the small classes: the largest has more than 3
    /// times the images of the smallest.
    pub fn is_uneven(&self) -> bool {
        self.unevenness > MOST_EVEN
    }

    /// Those of a data set that this crate knows by name. Nothing is read.
    ///
    /// # Errors
    /// [`DataError::UnknownDataset`] if there is no data set of this name.
    pub fn named(name: &str) -> Result<Self, DataError> {
        let info = DatasetInfo::find(name)?;
        Ok(Self {
            name: info.name.to_owned(),
            shape: info.shape,
            classes: info.classes,
            train_images: info.train_images,
            test_images: info.test_images,
            may_be_mirrored: false,
            // Those of digits and of MNIST differ by less than a third.
            unevenness: 1.0,
        })
    }
}

impl From<&Dataset> for DataFacts {
    fn from(dataset: &Dataset) -> Self {
        Self {
            name: dataset.name.clone(),
            shape: dataset.train.shape(),
            classes: dataset.train.classes(),
            train_images: dataset.train.len(),
            test_images: dataset.test.len(),
            may_be_mirrored: false,
            unevenness: unevenness(dataset),
        }
    }
}

/// Training images of the largest class for each one of the smallest that has any.
fn unevenness(dataset: &Dataset) -> f64 {
    let mut counts = vec![0_u32; dataset.train.classes()];
    for &label in dataset.train.labels() {
        counts[label as usize] += 1;
    }
    let counts = counts.into_iter().filter(|&count| count > 0);
    let (least, most) = counts.fold((u32::MAX, 0), |(least, most), count| {
        (least.min(count), most.max(count))
    });
    f64::from(most) / f64::from(least)
}
