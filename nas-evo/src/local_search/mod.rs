//! Local search: the incumbent moves to the best of its neighbours for as long as one is better.
//!
//! A start is drawn uniformly. All its neighbours, the architectures that differ from it in exactly
//! one choice, are evaluated in random order. If the best of them has a higher validation accuracy
//! than the incumbent, it becomes the incumbent; otherwise the incumbent is a local optimum, and
//! the search starts again from a new random architecture. No architecture is proposed twice:
//! earlier results are reused. A failed trial is worse than any other.
//!
//! Neighbours of one incumbent can be evaluated in parallel; only the choice among them waits for
//! all. The search is finished when [`DRAWS`] consecutive draws find no new start.
//!
//! # Example
//! ```
//! use std::sync::Arc;
//!
//! use nas_evo::LocalSearch;
//! use nas_space::search::{Ask, Strategy};
//! use nas_space::seed::Seed;
//! use nas_space::spaces::Space;
//!
//! fn first(space: Arc<dyn Space>) -> Result<Ask, Box<dyn std::error::Error>> {
//!     Ok(LocalSearch::new(space, Seed::new(1))?.ask()?)
//! }
//! ```
//!
//! # References
//! - C. White, S. Nolen, Y. Savani. Exploring the Loss Landscape in Neural Architecture Search. UAI
//!   2021, arXiv 2005.02960, algorithm 1.

mod strategy;

pub use strategy::{DRAWS, LocalSearch};
