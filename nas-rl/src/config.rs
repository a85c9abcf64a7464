//! The parameters of a search with a controller, and the published ones.

use nas_eval::nn::{AdamConfig, OptimizerConfig};
use serde::{Deserialize, Serialize};

use crate::controller::{ControllerConfig, Form};
use crate::error::RlError;

/// The parameters of a search by a controller. The defaults are [`RlConfig::nasnet_2018`].
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `controller` | | what the controller is made of | see [`ControllerConfig`] |
/// | `algorithm` | `ppo`, clip 0.2, 4 epochs | how the controller learns | see [`Algorithm`] |
/// | `learning_rate` | 3.5e-4 | of Adam | > 0, finite |
/// | `adam` | | Adam's other settings | see [`AdamConfig`] |
/// | `batch` | 20 | outcomes learned from at a time | ≥ 1 |
/// | `entropy_weight` | 1e-5 | what a nat of entropy is worth in reward | ≥ 0, finite |
/// | `entropy_bonus` | `gradient` | where that bonus is counted | `gradient`, `reward` |
/// | `skip_weight` | 0 | what a nat of distance from the controller's `skip_target` costs | ≥ 0, finite |
/// | `baseline_decay` | 0.95 | memory of the moving average of rewards | \[0, 1) |
/// | `baseline_start` | `unbiased` | what that average begins at | `unbiased`, `zero` |
/// | `clip_norm` | 0 | largest norm of the gradients; 0 for any | ≥ 0, finite |
/// | `reward` | `accuracy` | what an accuracy is worth | `accuracy`, `cubed` |
/// | `failure_reward` | 0 | what a failed trial is worth | finite |
/// | `depth` | `full` | whether architectures grow during the search | see [`Depth`] |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RlConfig {
    /// What the controller is made of.
    pub controller: ControllerConfig,
    /// How the controller learns from a batch.
    pub algorithm: Algorithm,
    /// Learning rate of Adam.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub learning_rate: f64,
    /// Adam's other settings.
    pub adam: AdamConfig,
    /// Outcomes that the controller learns from at a time.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub batch: usize,
    /// Reward for a nat of entropy.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub entropy_weight: f64,
    /// Where that bonus for entropy is counted.
    pub entropy_bonus: EntropyBonus,
    /// Cost of a nat of distance between the distributions of skip connections and the controller's
    /// `skip_target`: a penalty on their number, for spaces with anchors. 0.8 in ENAS' code for
    /// whole networks.
    ///
    /// See [`skip_target`](ControllerConfig::skip_target) and
    /// [`Scores`](crate::controller::Scores).
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub skip_weight: f64,
    /// Decay rate of the moving average of rewards.
    #[cfg_attr(feature = "schema", schemars(range(min = 0), extend("exclusiveMaximum" = 1)))]
    pub baseline_decay: f64,
    /// Value that this average begins at.
    pub baseline_start: BaselineStart,
    /// Largest norm of the gradients; 0 for no limit.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub clip_norm: f64,
    /// Reward for a validation accuracy.
    pub reward: Reward,
    /// Reward for a failed trial.
    pub failure_reward: f64,
    /// Whether architectures grow during the search.
    pub depth: Depth,
}

/// Where the bonus for entropy is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EntropyBonus {
    /// In the reward, and its gradient is followed as well.
    #[default]
    Gradient,
    /// In the reward alone, as a number, as in the authors' code of ENAS.
    Reward,
}

/// What the moving average of rewards begins at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BaselineStart {
    /// The mean of the first batch; the weights of the rewards add up to 1. A batch is compared
    /// with the average before it.
    #[default]
    Unbiased,
    /// Zero. Each reward is compared with the average that has taken it in, as in the authors' code
    /// of ENAS.
    Zero,
}

/// How a controller learns from a batch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Algorithm {
    /// One step along the policy gradient.
    Reinforce {},
    /// Proximal policy optimization: several steps, none of which is rewarded for moving a
    /// probability further from that of the draw than the clip.
    Ppo {
        /// How far the ratio of probabilities may be from 1 and still be rewarded. The paper has
        /// 0.2.
        #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
        clip: f64,
        /// Steps for each batch.
        #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
        epochs: u32,
    },
}

/// What a validation accuracy is worth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reward {
    /// The accuracy itself.
    #[default]
    Accuracy,
    /// Its cube, which sets high accuracies further apart.
    Cubed,
}

impl Reward {
    /// The reward of this accuracy in \[0, 1\].
    pub fn of(self, accuracy: f64) -> f64 {
        match self {
            Self::Accuracy => accuracy,
            Self::Cubed => accuracy.powi(3),
        }
    }
}

/// Whether architectures grow during the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Depth {
    /// All are full-grown.
    Full {},
    /// They begin at level `start` of a space that grows, and gain `add` levels every `every`
    /// proposals until they are full-grown.
    ///
    /// Zoph & Le: 6 layers, and 2 more each 1,600 samples.
    Growing {
        /// First level.
        #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
        start: usize,
        /// Levels that are added at a time.
        add: usize,
        /// Proposals between two additions.
        #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
        every: u64,
    },
}

impl Default for Depth {
    fn default() -> Self {
        Self::Full {}
    }
}

impl RlConfig {
    /// As in the search for NASNet (Zoph et al. 2018, arXiv 1707.07012), 20,000 trials. The paper
    /// states neither the clip of its PPO nor its epochs: these are 0.2 and 4.
    pub fn nasnet_2018() -> Self {
        Self {
            controller: ControllerConfig::default(),
            algorithm: Algorithm::Ppo { clip: 0.2, epochs: 4 },
            learning_rate: 3.5e-4,
            adam: AdamConfig::default(),
            batch: 20,
            entropy_weight: 1e-5,
            entropy_bonus: EntropyBonus::Gradient,
            skip_weight: 0.0,
            baseline_decay: 0.95,
            baseline_start: BaselineStart::Unbiased,
            clip_norm: 0.0,
            reward: Reward::Accuracy,
            failure_reward: 0.0,
            depth: Depth::Full {},
        }
    }

    /// As in Zoph & Le 2017 (arXiv 1611.01578), 12,800 trials: batches of the 8 children of a
    /// replica, rewards cubed. The paper does not state the decay of its moving average: it is
    /// 0.95. The growing depth is an option apart, since not every space grows:
    /// [`RlConfig::ZOPH_LE_DEPTH`].
    pub fn zoph_le_2017() -> Self {
        Self {
            controller: ControllerConfig {
                hidden: 35,
                layers: 2,
                init_bound: 0.08,
                ..ControllerConfig::default()
            },
            algorithm: Algorithm::Reinforce {},
            learning_rate: 6e-4,
            batch: 8,
            entropy_weight: 0.0,
            reward: Reward::Cubed,
            ..Self::nasnet_2018()
        }
    }

    /// How Zoph & Le's architectures grow.
    pub const ZOPH_LE_DEPTH: Depth = Depth::Growing {
        start: 6,
        add: 2,
        every: 1600,
    };

    /// For budgets of about a hundred trials, where the published learning rates change nothing
    /// yet: PPO on batches of five, a larger learning rate and a smaller controller.
    ///
    /// Chosen on the NAS-Bench-201 table (CIFAR-10, 100 trials, the 200-epoch test accuracy of the
    /// best by 12-epoch validation, 40 seeds from 10,000 on, where uniform draws give 93.77 ± 0.31
    /// %), with 32 hidden units:
    ///
    /// | tried | test accuracy, % |
    /// |---|---|
    /// | REINFORCE on single trials, learning rate 0.003, 0.006, 0.012, 0.03 | 93.90, 94.04, 94.08, 93.82 |
    /// | the same on four trials, 0.006, 0.012, 0.03 | 93.90, 93.91, 93.98 |
    /// | on single trials with entropy weight 0.01, 0.006, 0.012 | 94.08, 94.06 |
    /// | on single trials with cubed rewards, 0.006, 0.012 | 94.13, 94.00 |
    /// | PPO on five trials, 5 epochs, 0.003, 0.01, 0.015 | 94.04, **94.15**, 94.10 |
    /// | the same, 0.01, entropy weight 0.01, 0.03 | 94.01, 93.94 |
    /// | the same, 0.01, cubed rewards | 94.05 |
    ///
    /// Before, 100 hidden units on 20 seeds: REINFORCE with 0.003, 0.01, 0.03 gave 94.04, 93.88,
    /// 93.43. A standard error is about 0.05, so that several of these are as good; how well the
    /// chosen one does is to be seen on other seeds.
    pub fn small_budget() -> Self {
        Self {
            controller: ControllerConfig {
                hidden: 32,
                ..ControllerConfig::default()
            },
            algorithm: Algorithm::Ppo { clip: 0.2, epochs: 5 },
            learning_rate: 0.01,
            batch: 5,
            entropy_weight: 0.0,
            baseline_decay: 0.9,
            ..Self::nasnet_2018()
        }
    }

    /// The numbers of ENAS' controller for cells in the authors' code (Pham et al. 2018, arXiv
    /// 1802.03268), rewards of 10 draws to an update, in this crate's plain controller: a softmax
    /// head for each decision, the entropy's gradient, an unbiased baseline and no prior.
    /// [`RlConfig::enas_micro_code`] is the authors' controller.
    pub fn enas_micro() -> Self {
        Self {
            controller: ControllerConfig {
                hidden: 64,
                tanh_constant: 1.1,
                operation_tanh_reduce: 2.5,
                ..ControllerConfig::default()
            },
            algorithm: Algorithm::Reinforce {},
            learning_rate: 0.0035,
            adam: AdamConfig {
                beta1: 0.0,
                epsilon: 1e-3,
                ..AdamConfig::default()
            },
            batch: 10,
            entropy_weight: 1e-4,
            baseline_decay: 0.99,
            ..Self::nasnet_2018()
        }
    }

    /// The controller of ENAS for cells as in the authors' code (`micro_controller.py`,
    /// `cifar10_micro_search.sh`): inputs by attention, the entropy in the reward alone, a baseline
    /// from 0. Separable convolutions are favoured by biases that begin at 10 and, in the first
    /// cell, by ±0.25 that nothing learns.
    ///
    /// `operations` are those that can be chosen, in the order of the options. Where none is a
    /// separable convolution, there is no prior.
    pub fn enas_micro_code(operations: &[String]) -> Self {
        let favoured: Vec<bool> = operations
            .iter()
            .map(|name| name.starts_with("sep_conv"))
            .collect();
        let weigh = |yes, no| match favoured.contains(&true) {
            true => favoured.iter().map(|&f| if f { yes } else { no }).collect(),
            false => Vec::new(),
        };
        let micro = Self::enas_micro();
        Self {
            controller: ControllerConfig {
                form: Form::Attention,
                operation_bias: weigh(10.0, 0.0),
                operation_prior: weigh(0.25, -0.25),
                ..micro.controller
            },
            entropy_bonus: EntropyBonus::Reward,
            baseline_start: BaselineStart::Zero,
            ..micro
        }
    }

    /// That for whole networks, as in the authors' code (`general_controller.py`,
    /// `cifar10_macro_search.sh`): all scores are 1.5 times their tanh, rewards of 20 draws to an
    /// update, and a penalty that holds the probability of a skip connection to 0.4. The penalty is
    /// on σ(q) of a connection that is drawn with σ(2q): at the target of 0.4 it is drawn with
    /// 0.308.
    pub fn enas_macro() -> Self {
        let micro = Self::enas_micro_code(&[]);
        Self {
            controller: ControllerConfig {
                tanh_constant: 1.5,
                operation_tanh_reduce: 1.0,
                ..micro.controller.clone()
            },
            learning_rate: 0.001,
            batch: 20,
            skip_weight: 0.8,
            ..micro
        }
    }

    /// That of the paper's text, which differs from the code.
    pub fn enas_paper() -> Self {
        Self {
            controller: ControllerConfig {
                hidden: 100,
                tanh_constant: 2.5,
                temperature: 5.0,
                ..ControllerConfig::default()
            },
            learning_rate: 3.5e-4,
            adam: AdamConfig::default(),
            entropy_weight: 0.1,
            ..Self::enas_micro()
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`RlError::Eval`] names the first value that is out of range, and the expected range.
    pub fn validate(&self) -> Result<(), RlError> {
        self.controller.validate()?;
        OptimizerConfig::Adam(self.adam).validate()?;
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return Err(RlError::config(
                "learning_rate",
                self.learning_rate,
                "a number above 0",
            ));
        }
        if self.batch == 0 {
            return Err(RlError::config("batch", 0, "at least 1"));
        }
        for (name, value) in [
            ("entropy_weight", self.entropy_weight),
            ("skip_weight", self.skip_weight),
            ("clip_norm", self.clip_norm),
        ] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(RlError::config(name, value, "a number of at least 0"));
            }
        }
        if !(0.0..1.0).contains(&self.baseline_decay) {
            let expected = "a number from 0 to below 1";
            return Err(RlError::config("baseline_decay", self.baseline_decay, expected));
        }
        if !self.failure_reward.is_finite() {
            return Err(RlError::config("failure_reward", self.failure_reward, "a number"));
        }
        match self.algorithm {
            Algorithm::Ppo { clip, .. } if !(clip > 0.0 && clip.is_finite()) => {
                return Err(RlError::config("algorithm.clip", clip, "a number above 0"));
            }
            Algorithm::Ppo { epochs: 0, .. } => {
                return Err(RlError::config("algorithm.epochs", 0, "at least 1"));
            }
            Algorithm::Ppo { .. } | Algorithm::Reinforce {} => {}
        }
        match self.depth {
            Depth::Growing { start: 0, .. } => Err(RlError::config("depth.start", 0, "at least 1")),
            Depth::Growing { every: 0, .. } => Err(RlError::config("depth.every", 0, "at least 1")),
            Depth::Growing { .. } | Depth::Full {} => Ok(()),
        }
    }
}

impl Default for RlConfig {
    fn default() -> Self {
        Self::nasnet_2018()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_presets_read_what_they_write_and_unknown_fields_are_refused() {
        let grown = RlConfig {
            depth: RlConfig::ZOPH_LE_DEPTH,
            ..RlConfig::zoph_le_2017()
        };
        for preset in [
            RlConfig::nasnet_2018(),
            RlConfig::zoph_le_2017(),
            RlConfig::small_budget(),
            grown,
            RlConfig::enas_micro(),
            RlConfig::enas_micro_code(&["skip_connect".to_owned(), "sep_conv_3x3".to_owned()]),
            RlConfig::enas_macro(),
            RlConfig::enas_paper(),
        ] {
            preset.validate().unwrap();
            let text = serde_json::to_string(&preset).unwrap();
            assert_eq!(serde_json::from_str::<RlConfig>(&text).unwrap(), preset);
        }
        assert_eq!(
            serde_json::from_str::<RlConfig>("{}").unwrap(),
            RlConfig::default()
        );
        assert!(serde_json::from_str::<RlConfig>(r#"{"rate": 1}"#).is_err());
        assert!(serde_json::from_str::<RlConfig>(r#"{"algorithm": {"kind": "ppo", "klip": 1}}"#).is_err());
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let base = RlConfig::default;
        let ppo = |clip, epochs| Algorithm::Ppo { clip, epochs };
        let depth = |start, every| Depth::Growing { start, add: 1, every };
        let wrong = [
            (
                "learning_rate is 0",
                RlConfig {
                    learning_rate: 0.0,
                    ..base()
                },
            ),
            ("batch is 0", RlConfig { batch: 0, ..base() }),
            (
                "entropy_weight is -1",
                RlConfig {
                    entropy_weight: -1.0,
                    ..base()
                },
            ),
            (
                "clip_norm is inf",
                RlConfig {
                    clip_norm: f64::INFINITY,
                    ..base()
                },
            ),
            (
                "baseline_decay is 1",
                RlConfig {
                    baseline_decay: 1.0,
                    ..base()
                },
            ),
            (
                "failure_reward is NaN",
                RlConfig {
                    failure_reward: f64::NAN,
                    ..base()
                },
            ),
            (
                "algorithm.clip is 0",
                RlConfig {
                    algorithm: ppo(0.0, 1),
                    ..base()
                },
            ),
            (
                "algorithm.epochs is 0",
                RlConfig {
                    algorithm: ppo(0.2, 0),
                    ..base()
                },
            ),
            (
                "depth.start is 0",
                RlConfig {
                    depth: depth(0, 1),
                    ..base()
                },
            ),
            (
                "depth.every is 0",
                RlConfig {
                    depth: depth(1, 0),
                    ..base()
                },
            ),
        ];
        for (expected, config) in wrong {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn a_cubed_reward_is_the_cube() {
        assert_eq!(Reward::Accuracy.of(0.5), 0.5);
        assert_eq!(Reward::Cubed.of(0.5), 0.125);
    }
}
