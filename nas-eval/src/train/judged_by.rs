//! What architectures are compared by.

use nas_space::search::{Direction, Interval, Metric, Scale, TestReport};
use serde::{Deserialize, Serialize};

use super::{ClassWeights, EpochMetrics};

/// What architectures are compared by, on validation images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum JudgedBy {
    /// The share of all images that are classified correctly.
    #[default]
    Accuracy,
    /// The mean of that share over the classes. Where classes are uneven, the plain accuracy is
    /// high for a network that knows only the large ones.
    Balanced,
    /// The mean of the classes' F1 scores, which also fall with images that are wrongly given the
    /// class.
    ///
    /// See [`Confusion::macro_f1`](crate::train::Confusion::macro_f1).
    MacroF1,
}

impl JudgedBy {
    /// The weights of classes in the training loss that go with it.
    pub fn class_weights(self) -> ClassWeights {
        match self {
            Self::Balanced => ClassWeights::Balanced,
            Self::Accuracy | Self::MacroF1 => ClassWeights::None,
        }
    }

    /// It as a metric, with its name.
    pub fn metric(self) -> Metric {
        let named = |name| Metric::new(name, Direction::Higher, Scale::Share);
        match self {
            Self::Accuracy => Metric::default(),
            // These are names that metrics can have.
            Self::Balanced => named("balanced accuracy").unwrap_or_default(),
            Self::MacroF1 => named("macro F1").unwrap_or_default(),
        }
    }

    /// Its value on the validation images after an epoch, in \[0, 1\]; none where there are none.
    pub fn of_epoch(self, metrics: &EpochMetrics) -> Option<f64> {
        match self {
            Self::Accuracy => metrics.valid_accuracy,
            Self::Balanced => metrics.valid_balanced_accuracy,
            Self::MacroF1 => metrics.valid_macro_f1,
        }
    }

    /// Its value on the test images, in \[0, 1\], where that is known.
    pub fn of_test(self, test: &TestReport) -> Option<f64> {
        match self {
            Self::Accuracy => Some(test.test_accuracy),
            Self::Balanced => test.balanced_accuracy,
            Self::MacroF1 => test.macro_f1,
        }
    }

    /// The 95 % interval of its value on the test images, where that is known.
    pub fn interval_of_test(self, test: &TestReport) -> Option<Interval> {
        let intervals = test.intervals?;
        match self {
            Self::Accuracy => Some(intervals.accuracy),
            Self::Balanced => Some(intervals.balanced_accuracy),
            Self::MacroF1 => intervals.macro_f1,
        }
    }
}
