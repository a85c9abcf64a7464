//! Zero-cost proxies for the architectures of a space.

use std::sync::Arc;

use nas_space::arch::Architecture;
use nas_space::network::{Network, NetworkConfig};
use nas_space::search::{Failure, Scorer};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use serde::Serialize;

use super::{ProxyBatch, ProxyConfig, ProxyKind, score_network};
use crate::compute::Compute;
use crate::data::Dataset;
use crate::device::{computes_in_tf32, device_kind};
use crate::error::EvalError;
use crate::evaluator::failure;

/// Scores networks by one or more zero-cost proxies, on one batch, averaged over initialisations.
///
/// All networks of one `Proxies` are scored with the same images and the same seeds.
///
/// # Example
/// ```
/// use nas_eval::proxy::{Proxies, ProxyConfig, ProxyKind};
/// use nas_eval::{Compute, Dataset};
/// use nas_space::{NetworkConfig, Seed, Space, spaces::nb201};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let digits = Dataset::load("digits", None)?;
/// let config = ProxyConfig {
///     network: NetworkConfig {
///         channels: 4,
///         cells: 1,
///         ..NetworkConfig::of_images(digits.train.shape(), 10)
///     },
///     proxies: vec![ProxyKind::Naswot, ProxyKind::Synflow],
///     batch_size: 16,
///     ..ProxyConfig::default()
/// };
/// let proxies = Proxies::new(&digits, config.clone(), Seed::new(0), &Compute::cpu())?;
/// let space = nb201();
/// let network = space.network(&space.architecture(&"|nor_conv_3x3~0|+|skip_connect~0|none~1|+\
///     |none~0|none~1|nor_conv_1x1~2|".parse()?)?, &config.network)?;
/// let scores = proxies.scores(&network.into())?;
/// assert_eq!(scores.len(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Proxies {
    config: ProxyConfig,
    batch: ProxyBatch,
    seed: Seed,
    compute: Compute,
    dataset: Described,
}

/// What a description says of the data.
#[derive(Debug, Clone, Serialize)]
struct Described {
    dataset: String,
    images: usize,
    fingerprint: String,
}

/// What [`Scorer::description`] says, as JSON.
#[derive(Serialize)]
struct Description<'a> {
    scorer: &'static str,
    proxy: ProxyKind,
    space: &'a str,
    #[serde(flatten)]
    dataset: &'a Described,
    batch_size: usize,
    seeds: u32,
    seed: u64,
    network: &'a NetworkConfig,
    device: &'a str,
    dtype: &'a str,
    tf32: bool,
}

impl Proxies {
    /// Proxies on a batch of training images of `dataset`; images and initialisations are drawn by
    /// `seed`.
    ///
    /// # Errors
    /// [`EvalError::Config`] for a value outside its range, or where image or classes of the
    /// network are not those of the data; [`EvalError::Data`].
    pub fn new(
        dataset: &Dataset,
        config: ProxyConfig,
        seed: Seed,
        compute: &Compute,
    ) -> Result<Self, EvalError> {
        config.validate()?;
        let batch = ProxyBatch::draw(dataset, config.batch_size, seed, compute)?;
        let (image, classes) = (batch.shape(), batch.classes());
        if (config.network.image, config.network.classes) != (image, classes) {
            let got = format!("{} in {} classes", config.network.image, config.network.classes);
            let expected = format!("{image} in {classes} classes, as in the data");
            return Err(EvalError::config("network", got, expected));
        }
        Ok(Self {
            batch,
            seed,
            compute: compute.clone(),
            dataset: Described {
                dataset: dataset.name.clone(),
                images: dataset.train.len(),
                fingerprint: dataset.train.fingerprint(),
            },
            config,
        })
    }

    /// Its settings.
    pub fn config(&self) -> &ProxyConfig {
        &self.config
    }

    /// The scores of a network, in the order of the proxies.
    ///
    /// # Errors
    /// As [`score_network`].
    pub fn scores(&self, network: &Arc<Network>) -> Result<Vec<f64>, EvalError> {
        let seeds = self.config.seeds;
        let mut means = vec![0.0; self.config.proxies.len()];
        for index in 0..seeds {
            let seed = self.seed.derive("proxy", u64::from(index));
            let scores = score_network(network, &self.config.proxies, &self.batch, seed, &self.compute)?;
            for (mean, score) in means.iter_mut().zip(scores) {
                *mean += score / f64::from(seeds);
            }
        }
        Ok(means)
    }

    /// The first of the proxies for the architectures of a space.
    pub fn scorer(&self, space: Arc<dyn Space>) -> ProxyScorer {
        let mut proxies = self.clone();
        proxies.config.proxies.truncate(1);
        ProxyScorer { space, proxies }
    }
}

/// One zero-cost proxy as a [`Scorer`].
#[derive(Debug, Clone)]
pub struct ProxyScorer {
    space: Arc<dyn Space>,
    proxies: Proxies,
}

impl Scorer for ProxyScorer {
    fn description(&self) -> String {
        let Proxies { config, .. } = &self.proxies;
        let description = serde_json::to_string(&Description {
            scorer: "zero-cost proxy",
            proxy: config.proxies[0],
            space: self.space.name(),
            dataset: &self.proxies.dataset,
            batch_size: self.proxies.batch.len(),
            seeds: config.seeds,
            seed: self.proxies.seed.value(),
            network: &config.network,
            device: device_kind(&self.proxies.compute.device),
            dtype: self.proxies.compute.dtype.as_str(),
            tf32: computes_in_tf32(&self.proxies.compute.device),
        });
        description.unwrap_or_default()
    }

    fn score(&self, architecture: &Architecture) -> Result<f64, Failure> {
        let score = || -> Result<f64, EvalError> {
            let network = self.space.network(architecture, &self.proxies.config.network)?;
            Ok(self.proxies.scores(&Arc::new(network))?[0])
        };
        score().map_err(|error| failure(&error))
    }
}
