//! The sizes of architectures: the one count that limits, objectives, records and reports use.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::arch::Architecture;
use crate::cost::Cost;
use crate::error::SpaceError;
use crate::network::{Network, NetworkConfig};
pub use crate::quantity::Quantity;
use crate::spaces::Space;

/// The figures of an architecture other than its accuracy.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Trainable parameters, where known.
    pub params: Option<u64>,
    /// Multiply-accumulates of one forward pass for one image, where known.
    pub macs: Option<u64>,
    /// Figures by their names, in the units of whoever gives them; finite.
    #[serde(rename = "figures", skip_serializing_if = "BTreeMap::is_empty")]
    pub named: BTreeMap<String, f64>,
}

impl Figures {
    /// A figure, where it is known. Counts are exact up to 2⁵³.
    pub fn get(&self, quantity: &Quantity) -> Option<f64> {
        match quantity {
            Quantity::Params => self.params.map(|count| count as f64),
            Quantity::Macs => self.macs.map(|count| count as f64),
            Quantity::Named(name) => self.named.get(name).copied(),
        }
    }

    /// The names of those that are known.
    pub fn names(&self) -> Vec<String> {
        let sizes = [(Quantity::Params, self.params), (Quantity::Macs, self.macs)];
        let sizes = sizes.into_iter().filter(|(_, count)| count.is_some());
        let sizes = sizes.map(|(quantity, _)| quantity.name().to_owned());
        sizes.chain(self.named.keys().cloned()).collect()
    }
}

impl From<Cost> for Figures {
    fn from(cost: Cost) -> Self {
        Self {
            params: Some(cost.params),
            macs: Some(cost.macs),
            named: BTreeMap::new(),
        }
    }
}

/// What knows how large architectures are.
///
/// There is one for a run. [`LimitedSpace`](crate::limits::LimitedSpace) and
/// [`Gate`](crate::search::Gate) limit by it, methods that weigh sizes ask it, evaluations have its
/// figures: so an architecture has one size everywhere, that of the network which is built and
/// trained ([`Counted`]), or where there is no such network, the one that a benchmark gives.
pub trait Sizes: fmt::Debug + Send + Sync {
    /// What is known of this architecture.
    ///
    /// # Errors
    /// [`SpaceError`] for one that is not of the space, or whose network cannot be built.
    fn of(&self, architecture: &Architecture) -> Result<Figures, SpaceError>;

    /// Names of the figures that are known of every architecture: of `params`, `macs` and others.
    fn known(&self) -> Vec<String>;

    /// Checks that this figure is known of every architecture.
    ///
    /// # Errors
    /// [`SpaceError::NotKnown`] says why it is not, and which are.
    fn check(&self, quantity: &Quantity) -> Result<(), SpaceError> {
        let known = self.known();
        if known.iter().any(|name| name == quantity.name()) {
            return Ok(());
        }
        Err(SpaceError::NotKnown {
            quantity: quantity.clone(),
            reason: "there is no such figure".to_owned(),
            known,
        })
    }
}

/// Sizes counted on the layers of networks: those that are built and trained.
#[derive(Debug, Clone)]
pub struct Counted {
    space: Arc<dyn Space>,
    network: NetworkConfig,
}

impl Counted {
    /// The networks of `space` at the size `network`.
    ///
    /// # Errors
    /// [`SpaceError::Config`] for a size out of range.
    pub fn new(space: Arc<dyn Space>, network: NetworkConfig) -> Result<Self, SpaceError> {
        network.validate()?;
        Ok(Self { space, network })
    }

    /// The network of this architecture.
    ///
    /// # Errors
    /// As [`Sizes::of`].
    pub fn build(&self, architecture: &Architecture) -> Result<Network, SpaceError> {
        self.space.network(architecture, &self.network)
    }

    /// What it costs.
    ///
    /// # Errors
    /// As [`Sizes::of`].
    pub fn cost(&self, architecture: &Architecture) -> Result<Cost, SpaceError> {
        Ok(self.build(architecture)?.cost())
    }

    /// The size of the networks.
    pub fn network(&self) -> &NetworkConfig {
        &self.network
    }
}

impl Sizes for Counted {
    fn of(&self, architecture: &Architecture) -> Result<Figures, SpaceError> {
        Ok(self.cost(architecture)?.into())
    }

    fn known(&self) -> Vec<String> {
        vec![
            Quantity::Params.name().to_owned(),
            Quantity::Macs.name().to_owned(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spaces::nb201;

    #[test]
    fn counted_sizes_are_those_of_the_network_and_nothing_else_is_known() {
        let network = NetworkConfig {
            channels: 16,
            cells: 5,
            ..NetworkConfig::default()
        };
        let sizes = Counted::new(Arc::new(nb201()), network).unwrap();
        // A convolution of 3×3 that nothing reads: it is not built, so it is not counted.
        let figures = sizes.of(&Architecture::new([0, 2, 2, 0, 3, 2])).unwrap();
        let without = sizes.of(&Architecture::new([0, 2, 0, 0, 0, 2])).unwrap();
        assert_eq!(figures, without);
        assert_eq!(figures.params, Some(129_306));
        assert_eq!(figures.get(&Quantity::Params), Some(129_306.0));
        assert_eq!(figures.get(&Quantity::named("latency")), None);
        sizes.check(&Quantity::named("macs")).unwrap();
        let refused = sizes.check(&Quantity::named("latency")).unwrap_err().to_string();
        assert!(
            refused.contains("'latency'") && refused.contains("params, macs"),
            "{refused}"
        );
        let classes = NetworkConfig {
            classes: 1,
            ..network
        };
        assert!(Counted::new(Arc::new(nb201()), classes).is_err());
    }
}
