//! BANANAS: Bayesian optimisation with an ensemble of networks on path encodings.
//!
//! Some architectures are drawn uniformly. After that, round by round: the surrogate learns from
//! everything trained so far, candidates are mutants of the best so far, and those that an
//! acquisition function ranks highest are trained. By default that is independent Thompson
//! sampling: each candidate is worth a draw of its own from the normal distribution that the
//! surrogate predicts for it.
//!
//! No two proposals are isomorphic. The proposals of a round can be evaluated side by side; the
//! next round waits for all of them. A trial that fails is neither learned from nor mutated. The
//! search is finished where neither mutation nor [`DRAWS`] draws in a row find anything new.
//!
//! # Deviations
//! - The authors' networks minimise a percentage of the error above a lower bound; here accuracies
//!   are scaled to variance 1 and the mean absolute error is minimised.
//! - The authors mutate one incumbent. Here several are ([`BananasConfig::incumbents`]), as in
//!   NASLib, and a mutant may differ from its parent in more than one choice
//!   ([`BananasConfig::edits`]).
//!
//! # Example
//! ```
//! use std::sync::Arc;
//!
//! use nas_pnas::bananas::{Bananas, BananasConfig};
//! use nas_space::{Ask, Seed, Strategy, spaces::nb201};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut search = Bananas::new(Arc::new(nb201()), BananasConfig::default(), Seed::new(1))?;
//! assert!(matches!(search.ask()?, Ask::Evaluate(_)));
//! # Ok(())
//! # }
//! ```
//!
//! # References
//! - C. White, W. Neiswanger, Y. Savani. BANANAS: Bayesian Optimization with Neural Architectures
//!   for Neural Architecture Search. AAAI 2021, arXiv 1910.11858.
//! - C. White, S. Nolen, Y. Savani. Exploring the Loss Landscape in Neural Architecture Search. UAI
//!   2021, arXiv 2005.02960: mutants of the best are good candidates by themselves.

mod config;
mod strategy;

pub use config::BananasConfig;
pub use strategy::{Bananas, DRAWS};
