//! Predictors of an architecture's accuracy, which learn from trained architectures.
//!
//! | surrogate | what it learns from | spread |
//! |---|---|---|
//! | [`Mlp`](SurrogateConfig::Mlp) | the mean of the embedded blocks | among the members of the ensemble |
//! | [`Lstm`](SurrogateConfig::Lstm) | the sequence of choices | among the members of the ensemble |
//! | [`Forest`](SurrogateConfig::Forest) | features | among the members of the ensemble |
//! | [`GaussianProcess`](SurrogateConfig::GaussianProcess) | features | of the posterior |
//! | [`FeatureMlp`](SurrogateConfig::FeatureMlp) | features | among the members of the ensemble |
//!
//! The first two are the paper's. They have an embedding for each kind of decision, shared by all
//! decisions of the kind, so they work for every space that grows. Features are [`Encoding`]s of
//! `nas_space::encode`.

mod config;
mod dense;
mod ensemble;
mod features;
mod forest;
mod gaussian_process;
mod linear_algebra;
mod lstm;
mod mlp;
mod network;

use std::fmt;
use std::sync::Arc;

use nas_space::arch::Architecture;
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use serde::{Deserialize, Serialize};

pub use config::{
    FeatureNetworkConfig, ForestConfig, GaussianProcessConfig, LevelData, NetworkConfig, Refit,
    SurrogateConfig,
};
pub use features::{Encoding, PATHS};

use crate::error::PnasError;
use dense::Dense;
use ensemble::Ensemble;
use features::Encoder;
use forest::Forest;
use gaussian_process::GaussianProcess;
use lstm::LstmShape;
use mlp::MlpShape;
use network::Network;

/// An architecture that was trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The architecture.
    pub architecture: Architecture,
    /// Its validation accuracy in [0, 1].
    pub accuracy: f64,
    /// Its level, from 1.
    pub level: usize,
}

/// What an architecture is expected to reach.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The expected validation accuracy. Some surrogates leave [0, 1].
    pub mean: f64,
    /// Standard deviation of what is believed about it; 0 where the surrogate has no way to tell.
    pub spread: f64,
}

/// A model that learns to predict accuracies.
///
/// What it does is a function of its configuration, its seed and the calls of [`Surrogate::fit`]
/// alone, bit for bit and for any number of threads: a search is resumed by fitting again.
///
/// # Example
/// One that knows the mean of each level:
/// ```
/// use nas_pnas::PnasError;
/// use nas_pnas::surrogate::{Prediction, Sample, Surrogate};
/// use nas_space::arch::Architecture;
///
/// #[derive(Debug, Default)]
/// struct Mean(f64);
///
/// impl Surrogate for Mean {
///     fn name(&self) -> &'static str {
///         "mean"
///     }
///
///     fn fit(&mut self, samples: &[Sample]) -> Result<Vec<Option<f64>>, PnasError> {
///         let sum: f64 = samples.iter().map(|sample| sample.accuracy).sum();
///         self.0 = sum / samples.len() as f64;
///         Ok(vec![None; samples.len()])
///     }
///
///     fn predict(&self, architectures: &[Architecture]) -> Result<Vec<Prediction>, PnasError> {
///         Ok(vec![Prediction { mean: self.0, spread: 0.0 }; architectures.len()])
///     }
/// }
/// ```
pub trait Surrogate: fmt::Debug + Send {
    /// Its name in reports.
    fn name(&self) -> &'static str;

    /// Learns from the samples of all levels so far. They begin with those of the call before.
    ///
    /// Gives, where it can, a prediction for each sample by a model that has not seen it: what its
    /// quality within a level is measured by.
    ///
    /// # Errors
    /// [`PnasError::Unfitted`] for no samples; anything else where it cannot be trained.
    fn fit(&mut self, samples: &[Sample]) -> Result<Vec<Option<f64>>, PnasError>;

    /// Predicts what each of these would reach.
    ///
    /// # Errors
    /// [`PnasError::Unfitted`] before the first fit; anything else where it cannot be asked.
    fn predict(&self, architectures: &[Architecture]) -> Result<Vec<Prediction>, PnasError>;
}

impl SurrogateConfig {
    /// A surrogate for architectures of this space.
    ///
    /// # Errors
    /// [`PnasError::Config`] for a value outside its range, [`PnasError::DoesNotGrow`] for a network
    /// of blocks and a space without levels.
    pub fn build(&self, space: &Arc<dyn Space>, seed: Seed) -> Result<Box<dyn Surrogate>, PnasError> {
        self.validate()?;
        Ok(match self {
            Self::Mlp(config) => Box::new(
                Ensemble::new("mlp", config.members, seed, |seed| {
                    Network::new(MlpShape::new(space.as_ref(), config)?, config, seed)
                })?
                .with_data(config.data),
            ),
            Self::Lstm(config) => Box::new(
                Ensemble::new("lstm", config.members, seed, |seed| {
                    Network::new(LstmShape::new(space.as_ref(), config)?, config, seed)
                })?
                .with_data(config.data),
            ),
            Self::Forest(config) => {
                let encoder = Encoder::new(space, config.encoding)?;
                Box::new(Ensemble::new("forest", config.members, seed, |seed| {
                    Ok(Forest::new(encoder.clone(), *config, seed))
                })?)
            }
            Self::FeatureMlp(config) => {
                let encoder = Encoder::new(space, config.encoding)?;
                let make = |seed| Ok(Dense::new(encoder.clone(), config, seed));
                Box::new(Ensemble::new(dense::NAME, config.members, seed, make)?.on_everything())
            }
            Self::GaussianProcess(config) => Box::new(GaussianProcess::new(
                Encoder::new(space, config.encoding)?,
                *config,
            )),
        })
    }
}
