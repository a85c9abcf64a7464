//! The latency of architectures as one of their figures.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use nas_space::arch::Architecture;
use nas_space::error::SpaceError;
use nas_space::network::NetworkConfig;
use nas_space::sizes::{Figures, Quantity, Sizes};
use nas_space::spaces::Space;

use super::LatencyTable;

/// The name of the figure: milliseconds for one image on one thread of this machine.
pub const LATENCY: &str = "latency";

/// Adds the latency of networks, by a [`LatencyTable`], to other [`Sizes`].
#[derive(Debug)]
pub struct LatencySizes {
    others: Arc<dyn Sizes>,
    space: Arc<dyn Space>,
    network: NetworkConfig,
    table: Arc<LatencyTable>,
    known: Mutex<HashMap<Architecture, f64>>,
}

impl LatencySizes {
    /// `others`, and the latencies of the networks of `space` at the size `network`.
    pub fn new(
        others: Arc<dyn Sizes>,
        space: Arc<dyn Space>,
        network: NetworkConfig,
        table: Arc<LatencyTable>,
    ) -> Self {
        Self {
            others,
            space,
            network,
            table,
            known: Mutex::default(),
        }
    }

    fn milliseconds(&self, architecture: &Architecture) -> Result<f64, SpaceError> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&milliseconds) = known().get(architecture) {
            return Ok(milliseconds);
        }
        let network = self.space.network(architecture, &self.network)?;
        let measured = self.table.milliseconds(&network);
        let milliseconds = measured.map_err(|error| SpaceError::NotKnown {
            quantity: Quantity::named(LATENCY),
            reason: error.to_string(),
            known: self.others.known(),
        })?;
        known().insert(architecture.clone(), milliseconds);
        Ok(milliseconds)
    }
}

impl Sizes for LatencySizes {
    fn of(&self, architecture: &Architecture) -> Result<Figures, SpaceError> {
        let mut figures = self.others.of(architecture)?;
        let milliseconds = self.milliseconds(architecture)?;
        figures.named.insert(LATENCY.to_owned(), milliseconds);
        Ok(figures)
    }

    fn known(&self) -> Vec<String> {
        let others = self.others.known().into_iter();
        others
            .filter(|name| name != LATENCY)
            .chain([LATENCY.to_owned()])
            .collect()
    }

    fn check(&self, quantity: &Quantity) -> Result<(), SpaceError> {
        match quantity.name() == LATENCY {
            true => Ok(()),
            false => self
                .others
                .check(quantity)
                .map_err(|error| error.with_known(self.known())),
        }
    }
}
