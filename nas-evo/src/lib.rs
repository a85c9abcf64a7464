//! Search strategies without a learned model.
//!
//! [`random`] samples the space uniformly: the baseline that every other method has to beat at the same budget.
//! [`evolution`] breeds from the better ones among the most recent, [`local_search`] climbs from neighbour to neighbour.
//! [`halving`] is put around any of them, or another strategy: it trains most proposals a little and the better ones more.

pub mod error;
pub mod evolution;
pub mod halving;
pub mod local_search;
mod mutation;
pub mod random;
#[cfg(test)]
mod tiny_space;

pub use error::EvoError;
pub use evolution::{Draws, EvolutionConfig, RegularizedEvolution};
pub use halving::{Halving, HalvingConfig};
pub use local_search::LocalSearch;
pub use random::{RandomSearch, RandomSearchConfig, Replacement};
