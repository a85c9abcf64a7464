//! The needs of a network as figures that limits and objectives can name.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::arena::{Arena, ArenaConfig, Number};
use super::flash::Flash;
use crate::arch::Architecture;
use crate::error::SpaceError;
use crate::network::Network;
use crate::sizes::{Counted, Figures, Quantity, Sizes};

/// Architectures whose figures are kept at a time.
const KEPT: usize = 1 << 16;

/// What a network needs on a small device, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceFigure {
    /// `memory`: the [`Arena`] of feature maps of 8-bit integers.
    Memory,
    /// `memory_f32`: the same of 32-bit floating-point numbers, which is four times as long.
    MemoryF32,
    /// `flash`: the [`Flash`] of weights of 8-bit integers.
    Flash,
    /// `flash_f32`: the same of 32-bit floating-point numbers.
    FlashF32,
}

impl DeviceFigure {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Memory, Self::MemoryF32, Self::Flash, Self::FlashF32];

    /// Its name in limits, objectives and records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::MemoryF32 => "memory_f32",
            Self::Flash => "flash",
            Self::FlashF32 => "flash_f32",
        }
    }

    /// The figure of this name, if it is one of these.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|figure| figure.name() == name)
    }

    /// What this network needs of it, in bytes.
    pub fn of(self, network: &Network) -> u64 {
        match self {
            Self::Memory => Arena::of(network, ArenaConfig::new(Number::Int8)).bytes(),
            Self::MemoryF32 => Arena::of(network, ArenaConfig::new(Number::F32)).bytes(),
            Self::Flash => Flash::of(network, Number::Int8).bytes(),
            Self::FlashF32 => Flash::of(network, Number::F32).bytes(),
        }
    }
}

/// The sizes that something else knows, and with them what networks need on a small device.
///
/// Only the figures that are asked for are computed, since the order of steps is searched for each
/// architecture. Those of up to 65,536 architectures are kept.
///
/// # Example
/// ```
/// use std::sync::Arc;
///
/// use nas_space::device::DeviceSizes;
/// use nas_space::limits::{LimitedSpace, Limits};
/// use nas_space::sizes::{Counted, Sizes};
/// use nas_space::{NetworkConfig, Seed, Space, spaces};
///
/// # fn main() -> Result<(), nas_space::SpaceError> {
/// let space = spaces::by_name("nb201")?;
/// let network = NetworkConfig { cells: 1, ..NetworkConfig::default() };
/// let counted = Counted::new(space.clone(), network)?;
/// let sizes = DeviceSizes::new(Arc::new(counted.clone()), counted, ["memory"]);
/// let sizes: Arc<dyn Sizes> = Arc::new(sizes);
/// let limits = Limits { max: [("memory".to_owned(), 49_152.0)].into(), ..Limits::default() };
/// let space = LimitedSpace::new(space, sizes.clone(), limits)?;
/// let architecture = space.sample(&mut Seed::new(1).rng());
/// assert!(sizes.of(&architecture)?.named["memory"] <= 49_152.0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DeviceSizes {
    sizes: Arc<dyn Sizes>,
    networks: Counted,
    figures: Vec<DeviceFigure>,
    so_far: RwLock<HashMap<Architecture, Vec<u64>>>,
}

impl DeviceSizes {
    /// Adds to `sizes` those of these names that are a [`DeviceFigure`], of the networks that
    /// `networks` counts. Other names are left to `sizes`.
    pub fn new<'a>(
        sizes: Arc<dyn Sizes>,
        networks: Counted,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut figures: Vec<DeviceFigure> = names.into_iter().filter_map(DeviceFigure::named).collect();
        figures.sort_unstable();
        figures.dedup();
        Self {
            sizes,
            networks,
            figures,
            so_far: RwLock::default(),
        }
    }

    /// The figures of its networks, in their order.
    fn figures_of(&self, architecture: &Architecture) -> Result<Vec<u64>, SpaceError> {
        let kept = self.so_far.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.get(architecture) {
            return Ok(known.clone());
        }
        drop(kept);
        let network = self.networks.build(architecture)?;
        let figures: Vec<u64> = self.figures.iter().map(|figure| figure.of(&network)).collect();
        let mut kept = self.so_far.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(architecture.clone(), figures.clone());
        Ok(figures)
    }
}

impl Sizes for DeviceSizes {
    fn of(&self, architecture: &Architecture) -> Result<Figures, SpaceError> {
        let mut all = self.sizes.of(architecture)?;
        if !self.figures.is_empty() {
            let needs = self.figures_of(architecture)?;
            let named = self.figures.iter().zip(needs);
            let named = named.map(|(figure, bytes)| (figure.name().to_owned(), bytes as f64));
            all.named.extend(named);
        }
        Ok(all)
    }

    fn known(&self) -> Vec<String> {
        let mut known = self.sizes.known();
        let names = self.figures.iter().map(|figure| figure.name().to_owned());
        known.extend(names);
        known
    }

    fn check(&self, quantity: &Quantity) -> Result<(), SpaceError> {
        if self.figures.iter().any(|figure| figure.name() == quantity.name()) {
            return Ok(());
        }
        self.sizes.check(quantity).map_err(|error| {
            // Any of them is known once it is asked for.
            let names = DeviceFigure::ALL.map(|figure| figure.name().to_owned());
            error.with_known(self.sizes.known().into_iter().chain(names).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::NetworkConfig;
    use crate::spaces::nb201;

    fn sizes(names: &[&str]) -> DeviceSizes {
        let network = NetworkConfig {
            cells: 1,
            ..NetworkConfig::default()
        };
        let counted = Counted::new(Arc::new(nb201()), network).unwrap();
        DeviceSizes::new(Arc::new(counted.clone()), counted, names.iter().copied())
    }

    #[test]
    fn only_what_is_asked_for_is_known() {
        let architecture = Architecture::new([3, 3, 3, 1, 3, 3]);
        let some = sizes(&["latency", "flash", "memory", "flash"]);
        assert_eq!(some.known(), ["params", "macs", "memory", "flash"]);
        let figures = some.of(&architecture).unwrap();
        assert_eq!(figures.named.len(), 2);
        assert_eq!(figures, some.of(&architecture).unwrap());
        let network = some.networks.build(&architecture).unwrap();
        let memory = Arena::of(&network, ArenaConfig::new(Number::Int8)).bytes();
        assert_eq!(figures.named["memory"], memory as f64);
        assert_eq!(figures.params, Some(network.cost().params));
        some.check(&Quantity::named("memory")).unwrap();
        some.check(&Quantity::Macs).unwrap();
        let error = some.check(&Quantity::named("memroy")).unwrap_err().to_string();
        assert!(
            error.ends_with("params, macs, memory, memory_f32, flash, flash_f32"),
            "{error}"
        );
        let none = sizes(&[]);
        assert!(none.of(&architecture).unwrap().named.is_empty());
        assert!(none.check(&Quantity::named("memory")).is_err());
    }

    #[test]
    fn floating_point_numbers_need_four_times_the_memory() {
        let all = sizes(&DeviceFigure::ALL.map(DeviceFigure::name));
        for choice in 0..5 {
            let figures = all.of(&Architecture::new([choice; 6])).unwrap().named;
            assert_eq!(4.0 * figures["memory"], figures["memory_f32"]);
            assert!(4.0 * figures["flash"] > figures["flash_f32"]);
        }
        assert!(all.of(&Architecture::new([9; 6])).is_err());
    }
}
