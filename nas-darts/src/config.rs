//! What a differentiable search is run with.

use nas_eval::data::Augmentation;
use nas_eval::nn::{AdamConfig, Curve, OptimizerConfig, Schedule, SgdConfig};
use nas_eval::train::{ClassWeights, MOST_BATCH, TrainConfig};
use nas_space::network::NetworkConfig;
use nas_space::spaces::MixedChannels;
use serde::{Deserialize, Serialize};

use crate::error::DartsError;
use crate::expected_cost::CostTerm;
use crate::stop::StopRule;

/// Configuration of a [`Search`](crate::Search).
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `network` | 3×32×32, 10 classes, 16 channels, 8 cells | the supernet's size | see [`NetworkConfig`] |
/// | `epochs` | 50 | passes over the training half | ≥ 1 |
/// | `batch_size` | 64 | images of a step, of both halves | 2 to [`MOST_BATCH`] |
/// | `evaluation_batch_size` | 256 | images of an evaluation step | 1 (2 with `batch_norm = "batch"`) to [`MOST_BATCH`] |
/// | `learning_rate` | 0.025 | base rate of the weights | > 0 |
/// | `schedule` | cosine to 0.001 | how it changes; the paper says to 0 | see [`Schedule`] |
/// | `weights` | momentum 0.9, weight decay 3e-4 | SGD of the weights | see [`SgdConfig`] |
/// | `clip_norm` | 5 | largest norm of the weights' gradient, 0 for none | ≥ 0 |
/// | `alpha_learning_rate` | 3e-4 | rate of the architecture parameters, constant | > 0 |
/// | `alpha` | β (0.5, 0.999), weight decay 1e-3 | Adam of the architecture parameters | see [`AdamConfig`] |
/// | `alpha_deviation` | 1e-3 | they start from N(0, this²); the paper says from zeros | ≥ 0 |
/// | `order` | first | what the architecture's gradient takes into account | see [`Order`] |
/// | `first_step` | the method's | whether the weights or the architecture make their step first | see [`FirstStep`] |
/// | `batch_norm` | running | statistics by which the supernet is evaluated; the paper says those of the batch | see [`BatchNormMode`] |
/// | `valid_fraction` | 0.5 | share of the images that the architecture is fitted to | (0, 1) |
/// | `augmentation` | crop 4 and flip | how images of both halves are varied | see [`Augmentation`] |
/// | `frozen_epochs` | 0 | epochs at the start in which the weights alone are trained | < `epochs` |
/// | `relaxation` | darts | how operations are weighed | see [`RelaxationConfig`] |
/// | `selection` | magnitude | how an architecture is read off | see [`Selection`] |
/// | `stop` | none | when a search ends early | see [`StopRule`]; none with perturbation |
/// | `expected_cost` | none | what the architecture's loss adds for the cost of the network | see [`CostTerm`] |
/// | `hessian_every` | 0 | epochs between two measurements of the dominant eigenvalue, 0 for none | ≥ 0; ≥ 1 with `stop = "robust"` |
///
/// The defaults are those of the authors' code (Liu et al. 2019, arXiv 1806.09055); where the paper
/// says otherwise, the table does too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DartsConfig {
    /// Size of the supernet.
    pub network: NetworkConfig,
    /// Epochs of the search.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub epochs: u32,
    /// Images of a step of the weights, and of one of the architecture.
    #[cfg_attr(feature = "schema", schemars(range(min = 2, max = MOST_BATCH)))]
    pub batch_size: usize,
    /// Images of an evaluation step; with `batch_norm = "batch"` at least 2.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MOST_BATCH)))]
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
    /// Learning rate of the architecture parameters, which is constant.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub alpha_learning_rate: f64,
    /// Adam of the architecture parameters.
    pub alpha: AdamConfig,
    /// Standard deviation of the architecture parameters at the start.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub alpha_deviation: f64,
    /// What the gradient of the architecture takes into account.
    pub order: Order,
    /// Which of the two steps that are made in turn comes first.
    pub first_step: FirstStep,
    /// Statistics that batch norms use when the supernet is evaluated after an epoch. Selection by
    /// perturbation always uses those of the batch.
    pub batch_norm: BatchNormMode,
    /// Share of the images that the architecture is fitted to; the weights are fitted to the
    /// others.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1)))]
    pub valid_fraction: f64,
    /// How images are varied.
    pub augmentation: Augmentation,
    /// Epochs at the start in which the weights alone are trained; less than `epochs`.
    pub frozen_epochs: u32,
    /// How operations are weighed.
    pub relaxation: RelaxationConfig,
    /// How an architecture is read off the supernet.
    pub selection: Selection,
    /// When a search ends early.
    pub stop: StopRule,
    /// What the loss of the architecture adds for the expected cost of the network; without this
    /// table, nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_cost: Option<CostTerm>,
    /// Epochs between two measurements of the dominant eigenvalue of the Hessian ∇²_α L_val, 0 for
    /// none; at least 1 with the stop rule `robust`, 0 with the relaxation `gdas`.
    pub hessian_every: u32,
}

/// What the architecture's gradient takes into account (DARTS, section 2.3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The weights are taken as they are: ξ = 0.
    #[default]
    First,
    /// The weights are taken one step ahead, and how that step depends on the architecture is
    /// accounted for.
    Second,
}

/// Which of the two alternating steps comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FirstStep {
    /// That of the authors' code of the relaxation: the weights for GDAS, else the architecture.
    #[default]
    Method,
    /// The architecture.
    Architecture,
    /// The weights.
    Weights,
}

/// By which statistics batch norms normalise when the supernet is evaluated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BatchNormMode {
    /// The running ones, as in the authors' code.
    #[default]
    Running,
    /// Those of the batch, as the paper says.
    Batch,
}

/// How operations are weighed: which [`Relaxation`](crate::relaxation::Relaxation), with which
/// settings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum RelaxationConfig {
    /// By a softmax over all operations of an edge.
    Darts {},
    /// By a softmax, on a part of the channels, with weights for the edges too (PC-DARTS).
    PcDarts {
        /// One channel in this many goes through the operations: K in the paper.
        #[serde(default = "pc_darts_parts")]
        #[cfg_attr(feature = "schema", schemars(range(min = 2)))]
        parts: usize,
    },
    /// One operation an edge, drawn anew in each step (GDAS).
    Gdas {
        /// Temperature of the first epoch.
        #[serde(default = "gdas_first")]
        #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
        first_temperature: f64,
        /// Temperature of the last epoch.
        #[serde(default = "gdas_last")]
        #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
        last_temperature: f64,
    },
    /// By weights drawn from a Dirichlet distribution for each edge, anew in each step (DrNAS).
    Drnas {
        /// Weight of the divergence from the symmetric distribution in the loss of the architecture,
        /// 0 for none. The authors then set the weight decay of `alpha`, which pulls to it too, to 0.
        #[serde(default)]
        #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
        kl_weight: f64,
    },
}

fn pc_darts_parts() -> usize {
    4
}

fn gdas_first() -> f64 {
    10.0
}

fn gdas_last() -> f64 {
    0.1
}

impl Default for RelaxationConfig {
    fn default() -> Self {
        Self::Darts {}
    }
}

impl RelaxationConfig {
    /// Which channels go through the operations.
    pub fn channels(&self) -> MixedChannels {
        match *self {
            Self::PcDarts { parts } => MixedChannels::OneIn(parts),
            Self::Darts {} | Self::Gdas { .. } | Self::Drnas { .. } => MixedChannels::All,
        }
    }
}

/// How an architecture is read off a trained supernet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Selection {
    /// By the strengths of the operations.
    ///
    /// DARTS, section 2.4.
    Magnitude {},
    /// Edge after edge, by how much the supernet loses without each operation (DARTS-PT).
    ///
    /// Wang et al. 2021, arXiv 2108.04392.
    Perturbation {
        /// Epochs for which the weights are trained on between two rounds of decisions.
        #[serde(default = "tuning_epochs")]
        tuning_epochs: u32,
    },
}

impl Default for Selection {
    fn default() -> Self {
        Self::Magnitude {}
    }
}

fn tuning_epochs() -> u32 {
    5
}

impl Default for DartsConfig {
    fn default() -> Self {
        Self {
            network: NetworkConfig::default(),
            epochs: 50,
            batch_size: 64,
            evaluation_batch_size: 256,
            learning_rate: 0.025,
            schedule: Schedule {
                curve: Curve::Cosine { floor: 0.001 },
                ..Schedule::default()
            },
            weights: SgdConfig::default(),
            clip_norm: 5.0,
            alpha_learning_rate: 3e-4,
            alpha: AdamConfig {
                beta1: 0.5,
                beta2: 0.999,
                weight_decay: 1e-3,
                ..AdamConfig::default()
            },
            alpha_deviation: 1e-3,
            order: Order::First,
            first_step: FirstStep::Method,
            batch_norm: BatchNormMode::Running,
            valid_fraction: 0.5,
            augmentation: Augmentation {
                crop_padding: 4,
                horizontal_flip: true,
                ..Augmentation::NONE
            },
            frozen_epochs: 0,
            relaxation: RelaxationConfig::default(),
            selection: Selection::default(),
            stop: StopRule::default(),
            expected_cost: None,
            hessian_every: 0,
        }
    }
}

impl DartsConfig {
    /// PC-DARTS on CIFAR-10 (Xu et al. 2020, arXiv 1907.05737, section 4.2, and the authors' code):
    /// a quarter of the channels, batch 256, rate 0.1 to 0, architecture frozen for 15 of 50
    /// epochs, then learned at 6e-4.
    pub fn pc_darts() -> Self {
        Self {
            batch_size: 256,
            learning_rate: 0.1,
            schedule: Schedule::default(),
            alpha_learning_rate: 6e-4,
            frozen_epochs: 15,
            relaxation: RelaxationConfig::PcDarts {
                parts: pc_darts_parts(),
            },
            ..Self::default()
        }
    }

    /// GDAS on NAS-Bench-201 (Dong & Yang 2019, arXiv 1910.04465, and the authors' code): 250
    /// epochs, Nesterov momentum, weight decay 5e-4, temperature from 10 to 0.1.
    pub fn gdas() -> Self {
        Self {
            epochs: 250,
            weights: SgdConfig {
                nesterov: true,
                weight_decay: 5e-4,
                ..SgdConfig::default()
            },
            relaxation: RelaxationConfig::Gdas {
                first_temperature: gdas_first(),
                last_temperature: gdas_last(),
            },
            ..Self::default()
        }
    }

    /// DrNAS on NAS-Bench-201 (Chen et al. 2021, arXiv 2006.10355, and the authors' code): 100
    /// epochs, the weight decay 1e-3 of α as the regulariser.
    pub fn drnas() -> Self {
        Self {
            epochs: 100,
            relaxation: RelaxationConfig::Drnas { kl_weight: 0.0 },
            ..Self::default()
        }
    }

    /// The searches of NAS-Bench-201 (Dong & Yang 2020, arXiv 2001.00326, and the authors' code):
    /// 16 channels and 5 cells a stage, batches of 64, Nesterov momentum, weight decay 5e-4, a rate
    /// from 0.025 to 0.001; 50 epochs, and 250 for GDAS with its temperature from 10 to 0.1. The
    /// weights make their step first, but at second order. For DrNAS, [`DartsConfig::drnas`] in the
    /// same size: its authors' own search there.
    ///
    /// # Errors
    /// [`DartsError::Eval`] for a relaxation that was not among those searches.
    pub fn nb201(relaxation: RelaxationConfig, order: Order) -> Result<Self, DartsError> {
        let network = NetworkConfig {
            channels: 16,
            cells: 5,
            ..NetworkConfig::default()
        };
        let published = Self::gdas();
        let epochs = match relaxation {
            RelaxationConfig::Darts {} => Self::default().epochs,
            RelaxationConfig::Gdas { .. } => published.epochs,
            RelaxationConfig::Drnas { .. } => {
                return Ok(Self {
                    network,
                    order,
                    relaxation,
                    ..Self::drnas()
                });
            }
            RelaxationConfig::PcDarts { .. } => {
                let expected = "darts, gdas or drnas: no settings of another on NAS-Bench-201 are published";
                return Err(DartsError::config("relaxation", "pc-darts", expected));
            }
        };
        Ok(Self {
            network,
            epochs,
            order,
            first_step: match order {
                Order::First => FirstStep::Weights,
                Order::Second => FirstStep::Architecture,
            },
            relaxation,
            ..published
        })
    }

    /// How the weights are trained.
    pub(crate) fn training(&self) -> TrainConfig {
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
            auxiliary_weight: 0.0,
        }
    }

    /// Checks the ranges in the table above.
    ///
    /// # Errors
    /// [`DartsError::Eval`] names the field; those of its parts name theirs.
    pub fn validate(&self) -> Result<(), DartsError> {
        self.network.validate()?;
        self.training().validate()?;
        OptimizerConfig::Adam(self.alpha).validate()?;
        self.stop.validate()?;
        self.expected_cost.iter().try_for_each(CostTerm::validate)?;
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let not_negative = |value: f64| value >= 0.0 && value.is_finite();
        for (name, value, legal, expected) in [
            (
                "alpha_learning_rate",
                self.alpha_learning_rate,
                positive(self.alpha_learning_rate),
                "a number above 0",
            ),
            (
                "alpha_deviation",
                self.alpha_deviation,
                not_negative(self.alpha_deviation),
                "a number of at least 0",
            ),
            (
                "valid_fraction",
                self.valid_fraction,
                self.valid_fraction > 0.0 && self.valid_fraction < 1.0,
                "a number between 0 and 1",
            ),
        ] {
            if !legal {
                return Err(DartsError::config(name, value, expected));
            }
        }
        if self.frozen_epochs >= self.epochs {
            let expected = format!(
                "less than the {} epochs; otherwise no architecture is learned",
                self.epochs
            );
            return Err(DartsError::config("frozen_epochs", self.frozen_epochs, expected));
        }
        if self.batch_norm == BatchNormMode::Batch && self.evaluation_batch_size < 2 {
            let (got, expected) = (self.evaluation_batch_size, format!("2 to {MOST_BATCH}"));
            return Err(DartsError::config("evaluation_batch_size", got, expected));
        }
        if self.network.drop_path || self.network.auxiliary {
            return Err(DartsError::config(
                "network",
                "with drop-path or auxiliary head",
                "without: a supernet has neither",
            ));
        }
        if matches!(self.stop, StopRule::Robust(_)) && self.hessian_every == 0 {
            let expected = "at least 1: this stop rule watches the eigenvalue";
            return Err(DartsError::config("hessian_every", 0, expected));
        }
        if self.stop != (StopRule::None {}) && self.selection != (Selection::Magnitude {}) {
            // The supernet that such a rule would go back to is gone.
            let expected = "magnitude with a stop rule: perturbation uses the supernet at the end, not \
                            that of the epoch that the rule chooses";
            return Err(DartsError::config("selection", "perturbation", expected));
        }
        if matches!(self.relaxation, RelaxationConfig::Gdas { .. }) {
            // One operation an edge is computed: the loss is not smooth in alpha, and there are no
            // others to take away.
            if self.hessian_every > 0 {
                let expected = "0: with gdas the loss has no second derivative";
                return Err(DartsError::config("hessian_every", self.hessian_every, expected));
            }
            if self.selection != (Selection::Magnitude {}) {
                let expected = "magnitude: gdas trains only one operation on each edge at a time";
                return Err(DartsError::config("selection", "perturbation", expected));
            }
        }
        match self.relaxation {
            RelaxationConfig::PcDarts { parts } if parts < 2 => {
                Err(DartsError::config("parts", parts, "2 or more"))
            }
            RelaxationConfig::Gdas {
                first_temperature,
                last_temperature,
            } if !positive(first_temperature) || !positive(last_temperature) => {
                let got = format!("{first_temperature} to {last_temperature}");
                Err(DartsError::config("temperature", got, "two numbers above 0"))
            }
            RelaxationConfig::Drnas { kl_weight } if !not_negative(kl_weight) => {
                let expected = "a number of at least 0";
                Err(DartsError::config("kl_weight", kl_weight, expected))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expected_cost::CostFigure;

    #[test]
    fn the_presets_are_valid_and_read_back_as_themselves() {
        for config in [
            DartsConfig::default(),
            DartsConfig::pc_darts(),
            DartsConfig::gdas(),
            DartsConfig::drnas(),
            DartsConfig::nb201(RelaxationConfig::Darts {}, Order::Second).unwrap(),
            DartsConfig::nb201(DartsConfig::gdas().relaxation, Order::First).unwrap(),
        ] {
            config.validate().unwrap();
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<DartsConfig>(&text).unwrap(), config);
        }
        assert_eq!(
            serde_json::from_str::<DartsConfig>("{}").unwrap(),
            DartsConfig::default()
        );
        assert!(serde_json::from_str::<DartsConfig>(r#"{"alpha_lr":1}"#).is_err());
        let text = serde_json::to_string(&DartsConfig::default()).unwrap();
        assert!(
            text.contains(r#""first_step":"method""#),
            "settings are written at their defaults, too: {text}"
        );
    }

    /// configs/nas-benchmark/algos/{DARTS,GDAS}.config and the scripts that name them.
    #[test]
    fn the_settings_of_nb201_are_the_published_ones() {
        let darts = DartsConfig::nb201(RelaxationConfig::Darts {}, Order::First).unwrap();
        assert_eq!((darts.network.channels, darts.network.cells), (16, 5));
        assert_eq!(
            (darts.epochs, darts.batch_size, darts.learning_rate),
            (50, 64, 0.025)
        );
        assert_eq!(darts.schedule.curve, Curve::Cosine { floor: 0.001 });
        let sgd = darts.weights;
        assert!(sgd.nesterov && (sgd.momentum, sgd.weight_decay) == (0.9, 5e-4));
        assert_eq!(
            (darts.alpha_learning_rate, darts.alpha.weight_decay),
            (3e-4, 1e-3)
        );
        assert_eq!((darts.alpha.beta1, darts.alpha.beta2), (0.5, 0.999));
        assert_eq!((darts.clip_norm, darts.first_step), (5.0, FirstStep::Weights));
        let second = DartsConfig::nb201(RelaxationConfig::Darts {}, Order::Second).unwrap();
        assert_eq!(second.first_step, FirstStep::Architecture);
        let gdas = DartsConfig::nb201(DartsConfig::gdas().relaxation, Order::First).unwrap();
        assert_eq!(gdas.epochs, 250);
        let refused = DartsConfig::nb201(DartsConfig::pc_darts().relaxation, Order::First);
        assert!(refused.unwrap_err().to_string().contains("darts, gdas or drnas"));
    }

    /// 201-space/train_search.py of the authors, by whose defaults it is run.
    #[test]
    fn the_settings_of_drnas_are_the_published_ones() {
        let config = DartsConfig::nb201(DartsConfig::drnas().relaxation, Order::First).unwrap();
        assert_eq!((config.network.cells, config.epochs), (5, 100));
        assert_eq!(config.schedule.curve, Curve::Cosine { floor: 0.001 });
        let sgd = config.weights;
        assert!(!sgd.nesterov && (sgd.momentum, sgd.weight_decay) == (0.9, 3e-4));
        assert_eq!((config.learning_rate, config.alpha_learning_rate), (0.025, 3e-4));
        assert_eq!((config.alpha.weight_decay, config.frozen_epochs), (1e-3, 0));
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        type Change = fn(&mut DartsConfig);
        let cases: [(&str, Change); 17] = [
            ("epochs", |c| c.epochs = 0),
            ("batch_size", |c| c.batch_size = 1),
            ("evaluation_batch_size", |c| c.evaluation_batch_size = 0),
            ("evaluation_batch_size", |c| {
                (c.batch_norm, c.evaluation_batch_size) = (BatchNormMode::Batch, 1);
            }),
            ("learning_rate", |c| c.learning_rate = 0.0),
            ("alpha_learning_rate", |c| c.alpha_learning_rate = f64::NAN),
            ("clip_norm", |c| c.clip_norm = -1.0),
            ("alpha_deviation", |c| c.alpha_deviation = -1e-3),
            ("valid_fraction", |c| c.valid_fraction = 1.0),
            ("frozen_epochs", |c| c.frozen_epochs = 50),
            ("hessian_every", |c| c.stop = StopRule::Robust(Default::default())),
            ("parts", |c| c.relaxation = RelaxationConfig::PcDarts { parts: 1 }),
            ("temperature", |c| {
                c.relaxation = RelaxationConfig::Gdas {
                    first_temperature: 10.0,
                    last_temperature: 0.0,
                };
            }),
            ("kl_weight", |c| {
                c.relaxation = RelaxationConfig::Drnas { kl_weight: -1.0 };
            }),
            ("network", |c| c.network.auxiliary = true),
            ("expected_cost.weight", |c| {
                c.expected_cost = Some(CostTerm {
                    figure: CostFigure::Macs,
                    weight: -0.1,
                });
            }),
            ("selection", |c| {
                c.stop = StopRule::DartsPlus(Default::default());
                c.selection = Selection::Perturbation { tuning_epochs: 5 };
            }),
        ];
        for (field, change) in cases {
            let mut config = DartsConfig::default();
            change(&mut config);
            let error = config.validate().unwrap_err().to_string();
            assert!(error.starts_with(field), "{error}");
        }
    }
}
