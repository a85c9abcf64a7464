//! Which surrogate, with which settings.

use serde::{Deserialize, Serialize};

use super::Encoding;
use crate::error::PnasError;

/// A surrogate's settings: `kind = "mlp"`, `"lstm"`, `"forest"`, `"gaussian_process"` or
/// `"feature_mlp"` and the fields of its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SurrogateConfig {
    /// An ensemble of MLPs: the mean of the embedded blocks through two hidden layers.
    ///
    /// The paper's choice: it ranks the next level best.
    Mlp(NetworkConfig),
    /// An ensemble of LSTMs over the sequence of choices.
    Lstm(NetworkConfig),
    /// An ensemble of random forests.
    Forest(ForestConfig),
    /// A Gaussian process.
    GaussianProcess(GaussianProcessConfig),
    /// An ensemble of plain MLPs on features, as in BANANAS.
    FeatureMlp(FeatureNetworkConfig),
}

/// Settings of the two networks. The defaults are those of Liu et al. 2018, section 4.2, but
/// `epochs` and `batch_size`, which the paper does not say.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `embedding` | 100 | length of the vector that stands for an option | ≥ 1 |
/// | `hidden` | 100 | units of a hidden layer | ≥ 1 |
/// | `members` | 5 | networks of the ensemble; each is trained without a part of its own of the samples | ≥ 1; one is trained on all |
/// | `epochs` | 60 | passes through the samples at each level | ≥ 1 |
/// | `batch_size` | 32 | samples of a step | ≥ 1 |
/// | `learning_rate` | 0.01 | of Adam, for networks that have not been trained before | > 0 |
/// | `later_learning_rate` | 0.002 | of Adam, for networks trained on | > 0 |
/// | `embedding_bound` | 0.1 | embeddings begin as U(−bound, bound) | ≥ 0 |
/// | `bias` | 1.8 | of the last layer at first, so that predictions begin at σ(1.8) = 0.86 | finite |
/// | `refit` | `fine_tune` | whether networks are trained on at the next level, or anew | `fine_tune`, `retrain` |
/// | `data` | `all` | which levels they learn from after a level | `all`, `new` |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(feature = "schema", schemars(rename = "SurrogateNetworkConfig"))]
pub struct NetworkConfig {
    /// Length of the vector that stands for an option.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub embedding: usize,
    /// Units of a hidden layer.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub hidden: usize,
    /// Networks of the ensemble; each is trained without a part of the samples, a single one on
    /// all.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub members: usize,
    /// Passes through the samples at each level.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub epochs: u32,
    /// Samples of a step.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub batch_size: usize,
    /// Learning rate of Adam, for networks that have not been trained before.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub learning_rate: f64,
    /// Learning rate of Adam, for networks that are trained on.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub later_learning_rate: f64,
    /// Bound b of embeddings at the start, which are drawn uniformly from −b to b.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub embedding_bound: f64,
    /// Bias of the last layer at the start.
    pub bias: f64,
    /// Whether networks are trained on at the next level.
    pub refit: Refit,
    /// Which levels networks learn from after a level.
    ///
    /// The default is not written, so that searches recorded before this field existed can be
    /// resumed.
    #[serde(skip_serializing_if = "LevelData::is_all")]
    pub data: LevelData,
}

/// Which levels networks learn from after a level. The paper (section 3.2) updates the predictor
/// with the new level's architectures and does not say whether those of the levels before are shown
/// again.
///
/// The default was chosen by measurement: 100 trials on the table of NAS-Bench-201 (CIFAR-10),
/// seeds 0 to 199, with the networks of
/// [`ProgressiveConfig::nas_bench_201`](crate::ProgressiveConfig::nas_bench_201): test accuracy
/// 94.07 ± 0.24 % with all data, 93.92 ± 0.22 % with the new data alone, random search 93.71 ± 0.33
/// %.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LevelData {
    /// All levels so far.
    #[default]
    All,
    /// The new level alone. Networks that are trained on know the levels before from then; new ones
    /// do not know them.
    New,
}

impl LevelData {
    fn is_all(&self) -> bool {
        *self == Self::All
    }
}

/// What becomes of the networks of the level before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Refit {
    /// They are trained on, at the later learning rate.
    #[default]
    FineTune,
    /// New ones are trained in their place, at the first learning rate.
    Retrain,
}

/// Settings of the forests.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `encoding` | `one_hot` | the features | `one_hot`; of cells also `adjacency`, `paths` |
/// | `members` | 5 | forests of the ensemble; each is grown without a part of its own of the samples | ≥ 1; one is grown on all |
/// | `trees` | 20 | trees of a forest | 1 to 65,535 |
/// | `min_leaf` | 1 | samples of a leaf at least | ≥ 1 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ForestConfig {
    /// Features of an architecture.
    pub encoding: Encoding,
    /// Forests of the ensemble; each is grown without a part of the samples, a single one on all.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub members: usize,
    /// Trees of a forest.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = u16::MAX)))]
    pub trees: usize,
    /// Fewest samples of a leaf.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub min_leaf: usize,
}

/// Settings of the Gaussian process.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `encoding` | `one_hot` | the features | `one_hot`; of cells also `adjacency`, `paths` |
///
/// Length scale and noise are chosen by the likelihood of the samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct GaussianProcessConfig {
    /// Features of an architecture.
    pub encoding: Encoding,
}

/// Settings of the plain MLPs. The defaults are those of White et al. 2021 (arXiv 1910.11858,
/// section 5), but for what [`SurrogateConfig::FeatureMlp`] says.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `encoding` | `paths` | the features | `one_hot`; of cells also `adjacency`, `paths` |
/// | `members` | 5 | networks of the ensemble; each is trained on all samples, from other weights and in another order | ≥ 1 |
/// | `layers` | 10 | hidden layers | ≥ 1 |
/// | `width` | 20 | units of a hidden layer | ≥ 1 |
/// | `epochs` | 150 | passes through the samples | ≥ 1 |
/// | `batch_size` | 32 | samples of a step | ≥ 1 |
/// | `learning_rate` | 0.01 | of Adam | > 0 |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct FeatureNetworkConfig {
    /// Features of an architecture.
    pub encoding: Encoding,
    /// Networks of the ensemble; each is trained on all samples, from other weights and in another
    /// order.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub members: usize,
    /// Hidden layers.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub layers: usize,
    /// Units of a hidden layer.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub width: usize,
    /// Passes through the samples.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub epochs: u32,
    /// Samples of a step.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub batch_size: usize,
    /// Learning rate of Adam.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub learning_rate: f64,
}

impl Default for FeatureNetworkConfig {
    fn default() -> Self {
        Self {
            encoding: Encoding::Paths,
            members: 5,
            layers: 10,
            width: 20,
            epochs: 150,
            batch_size: 32,
            learning_rate: 0.01,
        }
    }
}

impl Default for SurrogateConfig {
    fn default() -> Self {
        Self::Mlp(NetworkConfig::default())
    }
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            embedding: 100,
            hidden: 100,
            members: 5,
            epochs: 60,
            batch_size: 32,
            learning_rate: 0.01,
            later_learning_rate: 0.002,
            embedding_bound: 0.1,
            bias: 1.8,
            refit: Refit::FineTune,
            data: LevelData::All,
        }
    }
}

impl Default for ForestConfig {
    fn default() -> Self {
        Self {
            encoding: Encoding::OneHot,
            members: 5,
            trees: 20,
            min_leaf: 1,
        }
    }
}

impl SurrogateConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`PnasError::Config`] names the first value that is out of range, and the expected range.
    pub fn validate(&self) -> Result<(), PnasError> {
        match self {
            Self::Mlp(config) | Self::Lstm(config) => config.validate(),
            Self::Forest(config) => config.validate(),
            Self::GaussianProcess(_) => Ok(()),
            Self::FeatureMlp(config) => config.validate(),
        }
    }
}

impl NetworkConfig {
    fn validate(&self) -> Result<(), PnasError> {
        at_least_one("surrogate.embedding", self.embedding)?;
        at_least_one("surrogate.hidden", self.hidden)?;
        at_least_one("surrogate.members", self.members)?;
        at_least_one("surrogate.epochs", self.epochs as usize)?;
        at_least_one("surrogate.batch_size", self.batch_size)?;
        for (name, rate) in [
            ("surrogate.learning_rate", self.learning_rate),
            ("surrogate.later_learning_rate", self.later_learning_rate),
        ] {
            if !(rate > 0.0 && rate.is_finite()) {
                return Err(PnasError::config(name, rate, "a number above 0"));
            }
        }
        let bound = self.embedding_bound;
        if !(bound >= 0.0 && bound.is_finite()) {
            return Err(PnasError::config(
                "surrogate.embedding_bound",
                bound,
                "a number of at least 0",
            ));
        }
        if !self.bias.is_finite() {
            return Err(PnasError::config("surrogate.bias", self.bias, "a finite number"));
        }
        Ok(())
    }
}

impl FeatureNetworkConfig {
    fn validate(&self) -> Result<(), PnasError> {
        at_least_one("surrogate.members", self.members)?;
        at_least_one("surrogate.layers", self.layers)?;
        at_least_one("surrogate.width", self.width)?;
        at_least_one("surrogate.epochs", self.epochs as usize)?;
        at_least_one("surrogate.batch_size", self.batch_size)?;
        let rate = self.learning_rate;
        if !(rate > 0.0 && rate.is_finite()) {
            return Err(PnasError::config(
                "surrogate.learning_rate",
                rate,
                "a number above 0",
            ));
        }
        Ok(())
    }
}

impl ForestConfig {
    fn validate(&self) -> Result<(), PnasError> {
        at_least_one("surrogate.members", self.members)?;
        at_least_one("surrogate.min_leaf", self.min_leaf)?;
        if !(1..=usize::from(u16::MAX)).contains(&self.trees) {
            return Err(PnasError::config("surrogate.trees", self.trees, "1 to 65535"));
        }
        Ok(())
    }
}

fn at_least_one(name: &'static str, got: usize) -> Result<(), PnasError> {
    if got == 0 {
        return Err(PnasError::config(name, got, "at least 1"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_says_whose_fields_follow() {
        let config: SurrogateConfig = serde_json::from_str(r#"{"kind": "lstm", "epochs": 3}"#).unwrap();
        assert_eq!(
            config,
            SurrogateConfig::Lstm(NetworkConfig {
                epochs: 3,
                ..NetworkConfig::default()
            })
        );
        for config in [
            SurrogateConfig::default(),
            SurrogateConfig::Forest(ForestConfig::default()),
            SurrogateConfig::GaussianProcess(GaussianProcessConfig {
                encoding: Encoding::Paths,
            }),
        ] {
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<SurrogateConfig>(&text).unwrap(), config);
        }
        assert!(serde_json::from_str::<SurrogateConfig>(r#"{"kind": "forest", "epochs": 3}"#).is_err());
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_name() {
        let network = |change: fn(&mut NetworkConfig)| {
            let mut config = NetworkConfig::default();
            change(&mut config);
            SurrogateConfig::Mlp(config)
        };
        let forest = ForestConfig::default();
        let cases = [
            ("surrogate.embedding is 0", network(|c| c.embedding = 0)),
            ("surrogate.hidden is 0", network(|c| c.hidden = 0)),
            ("surrogate.members is 0", network(|c| c.members = 0)),
            ("surrogate.epochs is 0", network(|c| c.epochs = 0)),
            ("surrogate.batch_size is 0", network(|c| c.batch_size = 0)),
            ("surrogate.learning_rate is 0", network(|c| c.learning_rate = 0.0)),
            (
                "surrogate.later_learning_rate is NaN",
                network(|c| c.later_learning_rate = f64::NAN),
            ),
            (
                "surrogate.embedding_bound is -1",
                network(|c| c.embedding_bound = -1.0),
            ),
            ("surrogate.bias is inf", network(|c| c.bias = f64::INFINITY)),
            (
                "surrogate.trees is 0",
                SurrogateConfig::Forest(ForestConfig { trees: 0, ..forest }),
            ),
            (
                "surrogate.min_leaf is 0",
                SurrogateConfig::Forest(ForestConfig {
                    min_leaf: 0,
                    ..forest
                }),
            ),
        ];
        for (expected, config) in cases {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
