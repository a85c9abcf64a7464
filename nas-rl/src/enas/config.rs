//! What a search by ENAS is run with.

use nas_eval::data::Augmentation;
use nas_eval::nn::{Curve, OptimizerConfig, Schedule, SgdConfig};
use nas_eval::train::{ClassWeights, MOST_BATCH, TrainConfig};
use nas_space::network::NetworkConfig;
use nas_space::spaces::{CellSpace, Skeleton, Space};
use serde::{Deserialize, Serialize};

use crate::config::{Depth, RlConfig};
use crate::error::RlError;

/// The most architectures that are ranked at the end.
const MOST_CANDIDATES: usize = 1_000_000;

/// Configuration of an [`Enas`](super::Enas) search.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `network` | 3×32×32, 10 classes, 20 channels, 8 cells | the supernet's size | see [`NetworkConfig`] |
/// | `epochs` | 150 | passes over the training images, each followed by a phase of the controller | ≥ 1 |
/// | `batch_size` | 160 | images of a step, and of a reward | 2 to [`MOST_BATCH`] |
/// | `evaluation_batch_size` | 256 | images of a step when candidates are ranked | 2 to [`MOST_BATCH`] |
/// | `learning_rate` | 0.05 | base rate of the weights | > 0 |
/// | `schedule` | cosine to 0.0005 | how it changes | see [`Schedule`] |
/// | `weights` | Nesterov momentum 0.9, weight decay 1e-4 | SGD of the weights | see [`SgdConfig`] |
/// | `clip_norm` | 5 | largest norm of the weights' gradient, 0 for none | ≥ 0 |
/// | `valid_fraction` | 0.1 | share of the images that rewards come from: 5,000 of CIFAR-10's | (0, 1) |
/// | `augmentation` | crop 4 and flip | how training images are varied | see [`Augmentation`] |
/// | `dropout` | 0 | rate of dropout before the classifier, while the weights learn | \[0, 1) |
/// | `auxiliary_weight` | 0.4 | weight of the auxiliary classifier's loss, where `network` has one | ≥ 0 |
/// | `rl` | [`RlConfig::enas_micro`] | the controller and how it learns | see [`RlConfig`]; `depth` is full |
/// | `controller_updates` | 30 | updates of the controller in each of its phases | ≥ 1 |
/// | `candidates` | 100 | architectures drawn and ranked at the end | 1 to 1,000,000 |
///
/// The defaults are numbers of the authors' code for cells, on CIFAR-10, with a plain controller;
/// [`EnasConfig::authors`] is their code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct EnasConfig {
    /// Size of the supernet.
    pub network: NetworkConfig,
    /// Passes over the training images, each followed by a phase of the controller.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub epochs: u32,
    /// Images of a step, and of a reward.
    #[cfg_attr(feature = "schema", schemars(range(min = 2, max = MOST_BATCH)))]
    pub batch_size: usize,
    /// Images of a step when candidates are ranked.
    #[cfg_attr(feature = "schema", schemars(range(min = 2, max = MOST_BATCH)))]
    pub evaluation_batch_size: usize,
    /// Base learning rate of the weights.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub learning_rate: f64,
    /// How the learning rate of the weights changes.
    pub schedule: Schedule,
    /// SGD of the weights.
    pub weights: SgdConfig,
    /// Largest Euclidean norm of the weights' gradient; 0 for no limit.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub clip_norm: f64,
    /// Share of the images that rewards are measured on.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1)))]
    pub valid_fraction: f64,
    /// How training images are varied.
    pub augmentation: Augmentation,
    /// Rate of dropout before the classifier, while the weights learn.
    #[cfg_attr(feature = "schema", schemars(range(min = 0), extend("exclusiveMaximum" = 1)))]
    pub dropout: f64,
    /// Weight of the auxiliary classifier's loss, where the network has one.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub auxiliary_weight: f64,
    /// The controller and how it learns; its `depth` is `full`.
    pub rl: RlConfig,
    /// Updates of the controller in each of its phases.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub controller_updates: u32,
    /// Architectures drawn and ranked at the end.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MOST_CANDIDATES)))]
    pub candidates: usize,
}

/// Those of the authors' code.
const RESTARTS: Curve = Curve::Restarts {
    floor: 5e-4,
    epochs: 10,
    factor: 2,
};

/// That of the authors' code.
const AUXILIARY_WEIGHT: f64 = 0.4;

impl Default for EnasConfig {
    fn default() -> Self {
        Self {
            network: NetworkConfig {
                channels: 20,
                cells: 8,
                ..NetworkConfig::default()
            },
            epochs: 150,
            batch_size: 160,
            evaluation_batch_size: 256,
            learning_rate: 0.05,
            schedule: Schedule {
                curve: Curve::Cosine { floor: 5e-4 },
                ..Schedule::default()
            },
            weights: SgdConfig {
                momentum: 0.9,
                nesterov: true,
                weight_decay: 1e-4,
                ..SgdConfig::default()
            },
            clip_norm: 5.0,
            valid_fraction: 0.1,
            augmentation: Augmentation {
                crop_padding: 4,
                horizontal_flip: true,
                ..Augmentation::NONE
            },
            dropout: 0.0,
            auxiliary_weight: AUXILIARY_WEIGHT,
            rl: RlConfig::enas_micro(),
            controller_updates: 30,
            candidates: 100,
        }
    }
}

impl EnasConfig {
    /// Images that a search passes forward and backward in this number of epochs, with `images` to
    /// train the shared weights on: each of them once an epoch. Rewards and candidates are measured
    /// by forward passes, which are not counted.
    pub fn image_passes(&self, epochs: u32, images: u64) -> u64 {
        images.saturating_mul(u64::from(epochs))
    }

    /// The search of the authors' code for this space, which has a supernet:
    /// [`EnasConfig::authors_micro`] for cells, [`EnasConfig::authors_macro`] for whole networks.
    /// None for a space that has none.
    pub fn authors(space: &dyn Space) -> Option<Self> {
        match (space.cells(), space.enas_macro()) {
            (Some(cells), _) => Some(Self::authors_micro(cells)),
            (None, Some(_)) => Some(Self::authors_macro()),
            (None, None) => None,
        }
    }

    /// The search of the authors' code for whole networks (`cifar10_macro_search.sh`): 310 epochs
    /// of batches of 128, 36 channels, the controller of [`RlConfig::enas_macro`] with 50 updates.
    /// Without an auxiliary classifier: their code for whole networks has none, although the script
    /// asks for it.
    pub fn authors_macro() -> Self {
        let base = Self::default();
        Self {
            network: NetworkConfig {
                channels: 36,
                ..base.network
            },
            epochs: 310,
            batch_size: 128,
            schedule: Schedule {
                curve: RESTARTS,
                ..base.schedule
            },
            weights: SgdConfig {
                weight_decay: 5e-4,
                ..base.weights
            },
            clip_norm: 0.0,
            dropout: 0.1,
            rl: RlConfig::enas_macro(),
            controller_updates: 50,
            ..base
        }
    }

    /// The search of the authors' code for cells (`cifar10_micro_search.sh`), for a space of cells:
    /// their controller ([`RlConfig::enas_micro_code`]), warm restarts after 10 and 30 epochs,
    /// dropout of 0.1, an auxiliary classifier where the skeleton has one. Their penalty on all
    /// squared weights, 1e-4, is a weight decay of 2e-4 here, and their clipped gradients are not
    /// the ones that are applied: there is no clip. Of drop-path, for which their script has a
    /// number too, the search makes no use.
    pub fn authors_micro(space: &CellSpace) -> Self {
        let base = Self::default();
        Self {
            network: NetworkConfig {
                auxiliary: space.skeleton() == Skeleton::Darts,
                ..base.network
            },
            schedule: Schedule {
                curve: RESTARTS,
                ..base.schedule
            },
            weights: SgdConfig {
                weight_decay: 2e-4,
                ..base.weights
            },
            clip_norm: 0.0,
            dropout: 0.1,
            rl: RlConfig::enas_micro_code(space.choosable()),
            ..base
        }
    }

    /// How the weights are trained.
    pub(super) fn training(&self) -> TrainConfig {
        TrainConfig {
            epochs: self.epochs,
            batch_size: self.batch_size,
            evaluation_batch_size: self.evaluation_batch_size,
            learning_rate: self.learning_rate,
            optimizer: OptimizerConfig::Sgd(self.weights),
            schedule: self.schedule,
            clip_norm: self.clip_norm,
            label_smoothing: 0.0,
            class_weights: ClassWeights::None,
            augmentation: self.augmentation,
            drop_path: 0.0,
            auxiliary_weight: self.auxiliary_weight,
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`RlError::Eval`] names the first value that is out of its range.
    pub fn validate(&self) -> Result<(), RlError> {
        self.rl.validate()?;
        if self.rl.depth != (Depth::Full {}) {
            return Err(RlError::config(
                "rl.depth",
                "growing",
                "full: a supernet does not grow",
            ));
        }
        self.training().validate()?;
        for (name, value, least, most) in [
            ("evaluation_batch_size", self.evaluation_batch_size, 2, MOST_BATCH),
            ("candidates", self.candidates, 1, MOST_CANDIDATES),
        ] {
            if !(least..=most).contains(&value) {
                return Err(RlError::config(name, value, format!("{least} to {most}")));
            }
        }
        if self.controller_updates == 0 {
            return Err(RlError::config("controller_updates", 0, "at least 1"));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            let expected = "a number from 0 to below 1";
            return Err(RlError::config("dropout", self.dropout, expected));
        }
        if !(self.valid_fraction > 0.0 && self.valid_fraction < 1.0) {
            let expected = "a number between 0 and 1";
            return Err(RlError::config("valid_fraction", self.valid_fraction, expected));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_reads_what_it_writes_and_refuses_what_it_does_not_know() {
        let config = EnasConfig::default();
        config.validate().unwrap();
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<EnasConfig>(&text).unwrap(), config);
        let at_their_defaults = [
            r#""dropout":0.0"#,
            r#""auxiliary_weight":0.4"#,
            r#""skip_weight":0.0"#,
            r#""entropy_bonus":"gradient""#,
            r#""baseline_start":"unbiased""#,
            r#""form":"heads""#,
            r#""operation_prior":[]"#,
            r#""skip_target":0.4"#,
        ];
        for setting in at_their_defaults {
            assert!(text.contains(setting), "{setting} is written, too: {text}");
        }
        assert!(serde_json::from_str::<EnasConfig>(r#"{"epoch": 3}"#).is_err());
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let base = EnasConfig::default;
        let growing = RlConfig {
            depth: RlConfig::ZOPH_LE_DEPTH,
            ..RlConfig::enas_micro()
        };
        let wrong = [
            ("epochs is 0", EnasConfig { epochs: 0, ..base() }),
            (
                "batch_size is 1",
                EnasConfig {
                    batch_size: 1,
                    ..base()
                },
            ),
            (
                "evaluation_batch_size is 1",
                EnasConfig {
                    evaluation_batch_size: 1,
                    ..base()
                },
            ),
            (
                "controller_updates is 0",
                EnasConfig {
                    controller_updates: 0,
                    ..base()
                },
            ),
            (
                "candidates is 0",
                EnasConfig {
                    candidates: 0,
                    ..base()
                },
            ),
            (
                "learning_rate is NaN",
                EnasConfig {
                    learning_rate: f64::NAN,
                    ..base()
                },
            ),
            (
                "clip_norm is -1",
                EnasConfig {
                    clip_norm: -1.0,
                    ..base()
                },
            ),
            (
                "dropout is 1",
                EnasConfig {
                    dropout: 1.0,
                    ..base()
                },
            ),
            (
                "valid_fraction is 1",
                EnasConfig {
                    valid_fraction: 1.0,
                    ..base()
                },
            ),
            (
                "rl.depth is growing",
                EnasConfig {
                    rl: growing,
                    ..base()
                },
            ),
        ];
        for (expected, config) in wrong {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
