//! NSGA-II: evolution towards the whole front between accuracy and cost.
//!
//! Architectures are compared by several [objectives](Objective). One dominates another if it is
//! better in one objective and worse in none; the first front are those that no other dominates,
//! the second those that only the first front dominates, and so on ([`fronts`]). Among those of one
//! front, the one whose neighbours in it are farther away is preferred ([`crowding_distances`]), so
//! that a front is covered evenly.
//!
//! The first [`population`](Nsga2Config::population) proposals are drawn uniformly from the space.
//! After that each is a child: of two members drawn at random, the one of the better front, or of
//! the larger distance where they share a front, is copied with exactly one choice changed.
//! Evaluated children are collected until there are [`offspring`](Nsga2Config::offspring) of them;
//! then, of parents and children together, the best `population` live on, front by front, of the
//! last front that fits in part those of the largest distances. Ranks and distances are those of
//! this selection. Of equals a selection keeps the one proposed earlier, and a tournament is won by
//! the first drawn.
//!
//! No proposal waits for an outcome: a parent is chosen from the current population. Until the
//! population is full, it contains every evaluated architecture; before the first evaluation, the
//! proposal is a uniform draw. Proposal `i` takes its random numbers from
//! `seed.derive("nsga2", i)`. A failed trial does not enter the population.
//!
//! Parameters, multiply-accumulates and other figures are those of the
//! [`Sizes`](nas_space::sizes::Sizes) given to
//! [`Nsga2::new`]: the same that limits are checked by.
//!
//! # Deviations
//! Deb et al. make children by crossover of two parents and mutation of every variable with a small
//! probability. Here a child has one parent and one change, as in the other methods of this crate.
//! In a space of few options a child may be an architecture that was proposed before: it is then
//! drawn again, parents too, up to [`REDRAWS`] times. An objective in which all members of a front
//! are equal adds no distance; in the paper, the members that happen to be sorted first and last
//! would be kept for it.
//!
//! # Example
//! ```
//! use std::sync::Arc;
//!
//! use nas_evo::nsga2::{Nsga2, Nsga2Config, Objective};
//! use nas_space::network::NetworkConfig;
//! use nas_space::search::{Ask, Strategy};
//! use nas_space::seed::Seed;
//! use nas_space::sizes::Counted;
//! use nas_space::spaces::nb201;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Nsga2Config { objectives: vec![Objective::Accuracy, Objective::Macs], ..Nsga2Config::default() };
//! let space = Arc::new(nb201());
//! let sizes = Arc::new(Counted::new(space.clone(), NetworkConfig::default())?);
//! let mut search = Nsga2::new(space, config, sizes, Seed::new(1))?;
//! assert!(matches!(search.ask()?, Ask::Evaluate(_)));
//! # Ok(())
//! # }
//! ```
//!
//! # References
//! - K. Deb, A. Pratap, S. Agarwal, T. Meyarivan. A Fast and Elitist Multiobjective Genetic
//!   Algorithm: NSGA-II. IEEE Transactions on Evolutionary Computation 6(2), 2002.
//! - J. J. Durillo, A. J. Nebro, F. Luna, E. Alba. On the Effect of the Steady-State Selection
//!   Scheme in Multi-Objective Genetic Algorithms. EMO 2009 (a selection after every child:
//!   `offspring = 1`).

mod config;
mod crowding;
mod front;
#[cfg(test)]
mod hypervolume;
mod objective;
mod strategy;

pub use config::Nsga2Config;
pub use crowding::crowding_distances;
pub use front::{dominates, first_front, fronts};
pub use objective::Objective;
pub use strategy::{Nsga2, REDRAWS};
