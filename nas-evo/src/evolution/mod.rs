//! Tournament evolution: regularized, where the population loses its oldest member for each new
//! one, or growing.
//!
//! The first [`population`](EvolutionConfig::population) proposals are drawn uniformly from the
//! space. After that each is a mutant: a tournament draws some members of the population, and the
//! best of them by validation accuracy is copied with exactly one choice changed. A member that was
//! evaluated enters the population. In regularized evolution ([`Removal::Oldest`]), if the
//! population becomes too large, its oldest member is removed, however good it is. In the evolution
//! of Liu et al. ([`Removal::None`]) no member is removed, and a tournament is a share of the
//! growing population ([`EvolutionConfig::HIERARCHICAL`]).
//!
//! No proposal waits for an outcome. With several workers, a mutant's parent is chosen among the
//! outcomes known so far; before the first outcome, the proposal is a uniform draw. Proposal `i`
//! takes its random numbers from `seed.derive("evolution", i)`. A failed trial does not enter the
//! population.
//!
//! # Deviations
//! Real et al. mutate cells of the NASNet space by their own three rules (hidden state, operation,
//! identity). Here a mutation is the same in every space: one decision that has more than one
//! option, each as likely, takes another of its options, each as likely, which is how the
//! benchmarks of tabular spaces run the method. So it is where a space does not say otherwise:
//! mutants come from [`Space::mutate`](nas_space::spaces::Space::mutate). The first population is
//! drawn as the space samples: uniformly, but in the hierarchical space, where it is as in Liu et
//! al. by 1,000 mutations of a trivial genotype.
//!
//! # Example
//! ```
//! use std::sync::Arc;
//!
//! use nas_evo::{EvolutionConfig, RegularizedEvolution};
//! use nas_space::search::{Ask, Strategy};
//! use nas_space::seed::Seed;
//! use nas_space::spaces::Space;
//!
//! fn first(space: Arc<dyn Space>) -> Result<Ask, Box<dyn std::error::Error>> {
//!     let mut evolution = RegularizedEvolution::new(space, EvolutionConfig::NATS_BENCH, Seed::new(1))?;
//!     Ok(evolution.ask()?)
//! }
//! ```
//!
//! # References
//! - E. Real, A. Aggarwal, Y. Huang, Q. V. Le. Regularized Evolution for Image Classifier
//!   Architecture Search. AAAI 2019, arXiv 1802.01548, algorithm 1.
//! - H. Liu, K. Simonyan, O. Vinyals, C. Fernando, K. Kavukcuoglu. Hierarchical Representations for
//!   Efficient Architecture Search. ICLR 2018, arXiv 1711.00436, section 3.2.
//! - C. Ying et al. NAS-Bench-101. ICML 2019, arXiv 1902.09635.
//! - X. Dong, L. Liu, K. Musial, B. Gabrys. NATS-Bench. TPAMI 2021, arXiv 2009.00437.

mod config;
mod strategy;

pub use config::{Draws, EvolutionConfig, Removal, Tournament};
pub use strategy::RegularizedEvolution;
