//! Search strategies without neural networks.
//!
//! ```
//! use nas_evo::{RandomSearch, RandomSearchConfig};
//! use nas_space::{Budget, Seed};
//! use nas_study::Study;
//! use nas_tables::{TabularEvaluator, built_in};
//! # use std::sync::Arc;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let table = Arc::new(built_in("digits")?);
//! let space = table.space().clone();
//! let evaluator = TabularEvaluator::new(table, "digits")?;
//! let mut random = RandomSearch::new(space.clone(), RandomSearchConfig::default(), Seed::new(1))?;
//! let summary = Study::new(&*space, &mut random, &evaluator).epochs(4).budget(Budget::trials(100)).run()?;
//! println!("{summary}");
//! # assert!(summary.to_string().starts_with("random in digit-cells, seed 0: the budget is spent\n100 trials, 0 failed"));
//! # assert!(summary.best.is_some_and(|best| best.valid_accuracy > 0.8));
//! # Ok(())
//! # }
//! ```
//!
//! [`random`] samples the space uniformly: the baseline that every other method has to beat with
//! the same budget. [`evolution`] mutates good architectures among the most recent ones or among
//! all. [`local_search`] moves from neighbour to neighbour. [`nsga2`] optimises accuracy and cost
//! at the same time. [`halving`] wraps any of them, or another strategy: it trains most proposals
//! for few epochs and the better ones for more. [`bohb`] combines its brackets with a model of what
//! the good architectures have in common.

pub mod bohb;
pub mod error;
pub mod evolution;
pub mod halving;
pub mod local_search;
mod mutation;
pub mod nsga2;
pub mod random;

pub use bohb::{Bohb, BohbConfig};
pub use error::EvoError;
pub use evolution::{Draws, EvolutionConfig, RegularizedEvolution, Removal, Tournament};
pub use halving::{Halving, HalvingConfig};
pub use local_search::LocalSearch;
pub use nsga2::{Nsga2, Nsga2Config, Objective};
pub use random::{RandomSearch, RandomSearchConfig, Replacement};
