//! Search strategies without a learned model.
//!
//! [`random`] samples the space uniformly: the baseline that every other method has to beat at the same budget.
//! [`evolution`] breeds from the better ones among the most recent or among all, [`local_search`] climbs from neighbour to neighbour,
//! [`nsga2`] breeds for accuracy and small cost at once. [`halving`] is put around any of them, or another strategy: it trains
//! most proposals a little and the better ones more.

pub mod error;
pub mod evolution;
pub mod halving;
pub mod local_search;
mod mutation;
pub mod nsga2;
pub mod random;
#[cfg(test)]
mod tiny_space;

pub use error::EvoError;
pub use evolution::{Draws, EvolutionConfig, RegularizedEvolution, Removal, Tournament};
pub use halving::{Halving, HalvingConfig};
pub use local_search::LocalSearch;
pub use nsga2::{Nsga2, Nsga2Config, Objective};
pub use random::{RandomSearch, RandomSearchConfig, Replacement};
