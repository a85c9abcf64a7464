//! What a scoring is configured by.

use nas_space::network::NetworkConfig;
use serde::{Deserialize, Serialize};

use super::ProxyKind;
use crate::error::EvalError;

/// Settings of [`Proxies`](super::Proxies).
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `network` | see [`NetworkConfig`] | size of the networks; image and classes must be those of the data | |
/// | `proxies` | naswot | what is computed, in this order | at least one, each once |
/// | `seeds` | 1 | initialisations that scores are averaged over | at least 1 |
/// | `batch_size` | 64 | images of the batch (Abdelfattah et al. 2021, section 4) | at least 2 |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ProxyConfig {
    /// Size of the networks.
    pub network: NetworkConfig,
    /// Zero-cost proxies that are computed.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), extend("uniqueItems" = true)))]
    pub proxies: Vec<ProxyKind>,
    /// Number of initialisations that a score is averaged over.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub seeds: u32,
    /// Number of training images that networks are scored with.
    #[cfg_attr(feature = "schema", schemars(range(min = 2)))]
    pub batch_size: usize,
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            network: NetworkConfig::default(),
            proxies: vec![ProxyKind::Naswot],
            seeds: 1,
            batch_size: 64,
        }
    }
}

impl ProxyConfig {
    /// Checks the ranges in the table above.
    ///
    /// # Errors
    /// [`EvalError`] names the field.
    pub fn validate(&self) -> Result<(), EvalError> {
        self.network.validate()?;
        let repeated = |(i, kind): (usize, &ProxyKind)| self.proxies[..i].contains(kind);
        if self.proxies.is_empty() || self.proxies.iter().enumerate().any(repeated) {
            let got: Vec<&str> = self.proxies.iter().map(|kind| kind.name()).collect();
            let expected = "at least one proxy, each once";
            return Err(EvalError::config(
                "proxies",
                format!("[{}]", got.join(", ")),
                expected,
            ));
        }
        if self.seeds == 0 {
            return Err(EvalError::config("seeds", 0, "at least 1"));
        }
        if self.batch_size < 2 {
            return Err(EvalError::config("batch_size", self.batch_size, "at least 2"));
        }
        Ok(())
    }
}
