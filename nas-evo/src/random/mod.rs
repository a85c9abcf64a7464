//! Random search: every proposal is drawn uniformly from the space.
//!
//! Proposal `i` comes from its own random stream, `seed.derive("random", i)`: for each decision of
//! the space one of its options, each as likely as the others. With [`Replacement::With`] that is
//! all, and the proposals are independent. With [`Replacement::Without`] and
//! [`Replacement::WithoutIsomorphic`], a draw that was proposed before, itself or one isomorphic to
//! it, is drawn again, up to [`REDRAWS`] times; after that
//!
//! - a space of at most [`LISTED`] architectures is listed once, and this and all later proposals
//!   are drawn uniformly from what is left of the list, until nothing is and the search is
//!   finished;
//! - in a larger space the last draw is followed, in the order in which an odometer counts its
//!   choices, by the first architecture that was not proposed. Where [`LISTED`] of them in a row
//!   were, which takes a space with hardly any classes or a search longer than any, the search is
//!   finished too.
//!
//! Either way no architecture is proposed twice.
//! Outcomes are not used: a proposal never has to wait for one.
//!
//! # Deviations
//! Random search as a baseline for architecture search samples with replacement, which is the
//! default.
//!
//! # Example
//! ```
//! use std::sync::Arc;
//!
//! use nas_evo::{RandomSearch, RandomSearchConfig};
//! use nas_space::search::{Ask, Strategy};
//! use nas_space::seed::Seed;
//! use nas_space::spaces::Space;
//!
//! fn first(space: Arc<dyn Space>) -> Result<Ask, Box<dyn std::error::Error>> {
//!     let mut search = RandomSearch::new(space, RandomSearchConfig::default(), Seed::new(1))?;
//!     Ok(search.ask()?)
//! }
//! ```
//!
//! # References
//! - J. Bergstra, Y. Bengio. Random Search for Hyper-Parameter Optimization. JMLR 13, 2012.
//! - L. Li, A. Talwalkar. Random Search and Reproducibility for Neural Architecture Search. UAI
//!   2019, arXiv 1902.07638.

mod config;
mod strategy;

pub use config::{RandomSearchConfig, Replacement};
pub use strategy::{LISTED, REDRAWS, RandomSearch};
