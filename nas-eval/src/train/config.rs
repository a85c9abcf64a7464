//! How a network is trained.

use serde::{Deserialize, Serialize};

use crate::data::{Augmentation, DataError, DataFacts, DatasetInfo};
use crate::error::EvalError;
use crate::nn::{Curve, OptimizerConfig, Schedule, SgdConfig, Tick};

/// The most images of a step. No memory holds the activations of as many.
pub const MOST_BATCH: usize = 1 << 20;

/// Everything about the training of a network but the network, the data and the seed.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `epochs` | 600 | passes over the training images | ≥ 1 |
/// | `batch_size` | 96 | images of a step | 2 to [`MOST_BATCH`] |
/// | `evaluation_batch_size` | 256 | images of an evaluation step; decides speed and memory alone | 1 to [`MOST_BATCH`] |
/// | `learning_rate` | 0.025 | base rate of the schedule | > 0 |
/// | `optimizer` | SGD, momentum 0.9, decay 3e-4 | see [`OptimizerConfig`] | |
/// | `schedule` | cosine to 0, per epoch | see [`Schedule`] | |
/// | `clip_norm` | 5 | largest norm of all gradients together; 0 for no limit | ≥ 0 |
/// | `label_smoothing` | 0 | share of the target spread over all classes | \[0, 1) |
/// | `class_weights` | none | whether rare classes weigh more in the loss | see [`ClassWeights`] |
/// | `augmentation` | crop 4, flip, cutout 16 | see [`Augmentation`] | |
/// | `drop_path` | 0.2 | rate of drop-path that the training approaches: epoch e of E, from 0, has the share e / E of it, the last one thus (E − 1) / E | \[0, 1) |
/// | `auxiliary_weight` | 0.4 | weight of the auxiliary head's loss, where the network has one | ≥ 0 |
///
/// The default is [`TrainConfig::darts`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Passes over the training images. In a search, the epochs of a trial and of the final
    /// training replace it.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub epochs: u32,
    /// Images of a training step.
    #[cfg_attr(feature = "schema", schemars(range(min = 2, max = MOST_BATCH)))]
    pub batch_size: usize,
    /// Images of an evaluation step, which decides speed and memory only.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MOST_BATCH)))]
    pub evaluation_batch_size: usize,
    /// Base learning rate of the schedule.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub learning_rate: f64,
    /// The optimizer and its settings, weight decay among them.
    pub optimizer: OptimizerConfig,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// Largest Euclidean norm of all gradients together; 0 for no limit.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub clip_norm: f64,
    /// Share of the target that is spread evenly over all classes.
    ///
    /// Szegedy et al. 2016, arXiv 1512.00567, section 7.
    #[cfg_attr(feature = "schema", schemars(range(min = 0), extend("exclusiveMaximum" = 1)))]
    pub label_smoothing: f64,
    /// Whether rare classes weigh more in the loss of a training step.
    pub class_weights: ClassWeights,
    /// How training images are varied.
    pub augmentation: Augmentation,
    /// Drop-path rate P that the training approaches: it is P·e/E in epoch e of E, counted from 0.
    /// It needs a network with drop-path layers.
    ///
    /// It reaches P·(E − 1)/E in the last epoch, as in the authors' code of DARTS.
    #[cfg_attr(feature = "schema", schemars(range(min = 0), extend("exclusiveMaximum" = 1)))]
    pub drop_path: f64,
    /// Weight of the auxiliary classifier's loss, where the network has one.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub auxiliary_weight: f64,
}

/// How much the classes weigh in the loss of a training step; validation and test losses are
/// without weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClassWeights {
    /// All images weigh the same.
    #[default]
    None,
    /// All classes weigh the same, whatever the number of their training images.
    ///
    /// The weights of
    /// [`TrainingData::weights_of_classes`](super::TrainingData::weights_of_classes), in the loss
    /// of [`weighted_cross_entropy`](crate::ops::weighted_cross_entropy).
    Balanced,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self::darts()
    }
}

impl TrainConfig {
    /// Evaluation on CIFAR-10 as in DARTS (Liu et al. 2019, arXiv 1806.09055, section 3.2): 600
    /// epochs, batch 96, SGD with momentum 0.9 and weight decay 3e-4 on everything, 0.025 falling
    /// to 0 along a cosine, norm clipped at 5, cutout 16, drop-path up to 0.2, auxiliary weight
    /// 0.4.
    pub fn darts() -> Self {
        Self {
            epochs: 600,
            batch_size: 96,
            evaluation_batch_size: 256,
            learning_rate: 0.025,
            optimizer: OptimizerConfig::default(),
            schedule: Schedule::default(),
            clip_norm: 5.0,
            label_smoothing: 0.0,
            class_weights: ClassWeights::None,
            augmentation: Augmentation {
                crop_padding: 4,
                horizontal_flip: true,
                cutout: Some(16),
                ..Augmentation::NONE
            },
            drop_path: 0.2,
            auxiliary_weight: 0.4,
        }
    }

    /// Training on CIFAR as in NAS-Bench-201 (Dong & Yang 2020, arXiv 2001.00326, table 2): 200
    /// epochs, batch 256, SGD with Nesterov momentum 0.9 and weight decay 5e-4 on everything, 0.1
    /// falling to 0 along a cosine, crop and flip. With 12 epochs it is that benchmark's cheap
    /// setting.
    pub fn nb201() -> Self {
        let sgd = SgdConfig {
            nesterov: true,
            weight_decay: 5e-4,
            ..SgdConfig::default()
        };
        Self {
            epochs: 200,
            batch_size: 256,
            learning_rate: 0.1,
            optimizer: OptimizerConfig::Sgd(sgd),
            clip_norm: 0.0,
            augmentation: Augmentation {
                crop_padding: 4,
                horizontal_flip: true,
                ..Augmentation::NONE
            },
            drop_path: 0.0,
            ..Self::darts()
        }
    }

    /// A good start for a few epochs on this data set: SGD with Nesterov momentum 0.9, weight decay
    /// 5e-4 that spares biases and batch norms, a warm-up over a fifth of the steps and a cosine to
    /// 0, changed at each step (Smith & Topin 2018, arXiv 1708.07120), label smoothing, the data
    /// set's usual augmentation.
    ///
    /// # Errors
    /// [`DataError::UnknownDataset`] if there is no data set of this name.
    pub fn quick(dataset: &str) -> Result<Self, DataError> {
        Ok(Self::for_data(&DataFacts::named(dataset)?))
    }

    /// The same for any data set. On data that this crate does not know, the number of epochs grows
    /// as the number of images falls, from 10 to 60. If classes are uneven, each class has the same
    /// weight.
    pub fn for_data(data: &DataFacts) -> Self {
        let images = data.train_images.max(1);
        let (epochs, batch_size, learning_rate) = match data.name.as_str() {
            "digits" => (20, 64, 0.1),
            name if DatasetInfo::find(name).is_ok() => (10, 128, 0.1),
            _ if images < 8_000 => ((60_000 / images).clamp(10, 60) as u32, 32, 0.05),
            _ => (10, 128, 0.1),
        };
        let sgd = SgdConfig {
            nesterov: true,
            weight_decay: 5e-4,
            spare_norm_and_bias: true,
            ..SgdConfig::default()
        };
        Self {
            epochs,
            batch_size,
            learning_rate,
            optimizer: OptimizerConfig::Sgd(sgd),
            schedule: Schedule {
                curve: Curve::Cosine { floor: 0.0 },
                warm_up: 0.2,
                per: Tick::Step,
            },
            label_smoothing: 0.1,
            class_weights: match data.is_uneven() {
                true => ClassWeights::Balanced,
                false => ClassWeights::None,
            },
            augmentation: Augmentation::standard(data),
            drop_path: 0.0,
            ..Self::darts()
        }
    }

    /// The same for another number of epochs, which the schedule then spans.
    #[must_use]
    pub fn with_epochs(&self, epochs: u32) -> Self {
        Self {
            epochs,
            ..self.clone()
        }
    }

    /// Checks the ranges in the table above.
    ///
    /// # Errors
    /// [`EvalError::Config`] names the field.
    pub fn validate(&self) -> Result<(), EvalError> {
        if self.epochs == 0 {
            return Err(EvalError::config("epochs", self.epochs, "at least 1"));
        }
        if !(2..=MOST_BATCH).contains(&self.batch_size) {
            return Err(EvalError::config(
                "batch_size",
                self.batch_size,
                "2 to 1,048,576: a batch norm cannot train on 1",
            ));
        }
        if !(1..=MOST_BATCH).contains(&self.evaluation_batch_size) {
            return Err(EvalError::config(
                "evaluation_batch_size",
                self.evaluation_batch_size,
                "1 to 1,048,576",
            ));
        }
        let positive = |value: f64| value > 0.0 && value.is_finite();
        if !positive(self.learning_rate) {
            return Err(EvalError::config(
                "learning_rate",
                self.learning_rate,
                "a number above 0",
            ));
        }
        if !(self.clip_norm >= 0.0 && self.clip_norm.is_finite()) {
            return Err(EvalError::config(
                "clip_norm",
                self.clip_norm,
                "a number above 0, or 0 for no limit",
            ));
        }
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return Err(EvalError::config(
                "label_smoothing",
                self.label_smoothing,
                "a number from 0 to below 1",
            ));
        }
        if !(0.0..1.0).contains(&self.drop_path) {
            return Err(EvalError::config(
                "drop_path",
                self.drop_path,
                "a number from 0 to below 1",
            ));
        }
        if !(self.auxiliary_weight >= 0.0 && self.auxiliary_weight.is_finite()) {
            return Err(EvalError::config(
                "auxiliary_weight",
                self.auxiliary_weight,
                "a number of at least 0",
            ));
        }
        if self.augmentation.cutout == Some(0) {
            return Err(EvalError::config(
                "augmentation.cutout",
                0,
                "at least 1 pixel, or no cutout",
            ));
        }
        self.optimizer.validate()?;
        self.schedule.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_presets_are_valid_and_read_back_as_themselves() {
        let quick = TrainConfig::quick("digits").unwrap();
        for config in [TrainConfig::darts(), TrainConfig::nb201(), quick] {
            config.validate().unwrap();
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<TrainConfig>(&text).unwrap(), config);
        }
        assert!(TrainConfig::quick("imagenet").is_err());
    }

    #[test]
    fn an_empty_config_is_the_default_and_an_unknown_field_is_refused() {
        assert_eq!(
            serde_json::from_str::<TrainConfig>("{}").unwrap(),
            TrainConfig::default()
        );
        assert!(serde_json::from_str::<TrainConfig>(r#"{"lr":0.1}"#).is_err());
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let valid = TrainConfig::darts;
        for (config, field) in [
            (TrainConfig { epochs: 0, ..valid() }, "epochs"),
            (
                TrainConfig {
                    batch_size: 1,
                    ..valid()
                },
                "batch_size",
            ),
            (
                TrainConfig {
                    evaluation_batch_size: 0,
                    ..valid()
                },
                "evaluation_batch_size",
            ),
            (
                TrainConfig {
                    learning_rate: 0.0,
                    ..valid()
                },
                "learning_rate",
            ),
            (
                TrainConfig {
                    learning_rate: f64::NAN,
                    ..valid()
                },
                "learning_rate",
            ),
            (
                TrainConfig {
                    clip_norm: -1.0,
                    ..valid()
                },
                "clip_norm",
            ),
            (
                TrainConfig {
                    label_smoothing: 1.0,
                    ..valid()
                },
                "label_smoothing",
            ),
            (
                TrainConfig {
                    drop_path: 1.0,
                    ..valid()
                },
                "drop_path",
            ),
            (
                TrainConfig {
                    auxiliary_weight: -0.1,
                    ..valid()
                },
                "auxiliary_weight",
            ),
            (
                TrainConfig {
                    augmentation: Augmentation {
                        cutout: Some(0),
                        ..Augmentation::NONE
                    },
                    ..valid()
                },
                "cutout",
            ),
            (
                TrainConfig {
                    schedule: Schedule {
                        warm_up: 2.0,
                        ..Schedule::default()
                    },
                    ..valid()
                },
                "warm_up",
            ),
        ] {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
        }
    }
}
