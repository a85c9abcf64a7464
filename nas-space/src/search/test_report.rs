//! What a network is on the test split.

use serde::{Deserialize, Serialize};

use super::{Calibration, Interval};

/// How well one class is distinguished from the others, on the images of a split.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassFigures {
    /// Share of the images given this class that are of it, in [0, 1]; none where no image was
    /// given it.
    pub precision: Option<f64>,
    /// The 95 % interval of the precision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision_interval: Option<Interval>,
    /// Share of the images of this class that were given it, in [0, 1]; none where it has no image.
    pub recall: Option<f64>,
    /// The 95 % interval of the recall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall_interval: Option<Interval>,
    /// 2·P·R / (P + R) of precision P and recall R, in [0, 1]: 0 where no image of the class was
    /// given it, none where it has no image.
    pub f1: Option<f64>,
    /// Number of images of this class.
    pub support: u64,
}

impl ClassFigures {
    /// Those of a class with `support` images, of which `hits` were given it, where `given` images
    /// of any class were.
    pub fn new(hits: u64, given: u64, support: u64) -> Self {
        let share = |of: u64| (of > 0).then(|| hits as f64 / of as f64);
        Self {
            precision: share(given),
            precision_interval: share(given).map(|share| Interval::wilson(share, given as f64)),
            recall: share(support),
            recall_interval: share(support).map(|share| Interval::wilson(share, support as f64)),
            // The same as 2·P·R / (P + R), without a division by 0.
            f1: (support > 0).then(|| 2.0 * hits as f64 / (given + support) as f64),
            support,
        }
    }
}

/// The 95 % intervals of the figures of a test: where they would lie on other test images of the
/// same kind. They say nothing of another training of the network.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intervals {
    /// Of the share of all images that are classified correctly.
    pub accuracy: Interval,
    /// Of the balanced accuracy.
    pub balanced_accuracy: Interval,
    /// Of macro F1, where the confusion matrix is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macro_f1: Option<Interval>,
}

/// A test image that was given a wrong class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mistake {
    /// Its place among the test images, from 0.
    pub image: u32,
    /// Its name in the user's images, which may be any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its class.
    pub class: u32,
    /// The class that it was given.
    pub given: u32,
    /// The probability that the network gives that class, in \[0, 1\].
    pub probability: f64,
}

/// Accuracy on the test split, or the score of another metric there, made once, after the search,
/// for the architecture that validation chose.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestReport {
    /// Fraction of the test images classified correctly, in [0, 1].
    pub test_accuracy: f64,
    /// Mean cross-entropy on the test split, in nats, where known.
    #[serde(default)]
    pub test_loss: Option<f64>,
    /// Number of test images, where known.
    #[serde(default)]
    pub images: Option<usize>,
    /// Mean over the classes of the accuracy on their test images, in [0, 1], where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balanced_accuracy: Option<f64>,
    /// Mean over the classes of their F1 on the test images, in [0, 1], where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macro_f1: Option<f64>,
    /// How well each class is distinguished from the others, in the order of the classes; empty if
    /// unknown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_class: Vec<ClassFigures>,
    /// Number of test images by their class (rows) and the class that they were given (columns),
    /// where that is known and there are not too many classes to write it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Vec<Vec<u64>>>,
    /// The 95 % intervals of the figures, where they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intervals: Option<Intervals>,
    /// How far its probabilities can be believed, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// The images that were given a wrong class with the greatest probability, most probable first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mistakes: Vec<Mistake>,
}
