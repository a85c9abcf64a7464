//! Successive halving and ASHA: many configurations are trained for few epochs, the better ones for
//! more.
//!
//! An inner strategy proposes the configurations (random search, as in the papers, or another one);
//! this strategy decides how long each is trained. The levels are *rungs*: with a minimum of r
//! epochs, a reduction factor η and an early-stopping rate s, a configuration that has reached rung
//! k, from 0, is trained for r η^(s + k) epochs in all. The top rung is the last of at most R
//! epochs: k = ⌊log_η(R / r)⌋ − s. A promotion *continues* the configuration's training where the
//! rung before left it (see [`Proposal::continuing`](nas_space::search::Proposal::continuing)), so
//! it adds r η^(s + k) − r η^(s + k − 1) epochs.
//!
//! - [`Schedule::Asynchronous`], ASHA (Li et al. 2020, algorithm 2): whenever there is something to
//!   ask for, the rungs are looked through from the highest that can promote down to the lowest. Of
//!   the n configurations evaluated in a rung, those among the best ⌊n / η⌋ that were not promoted
//!   yet can be: the best of them is. If no rung has any, a new configuration starts at the bottom.
//!   Nothing waits for anything.
//! - [`Schedule::Synchronous`], successive halving (Jamieson & Talwalkar 2016; Li et al. 2020,
//!   algorithm 1): a bracket of n configurations is evaluated in the bottom rung; once all of them
//!   are, the best ⌊n / η⌋ are promoted to the next rung, the best ⌊n / η²⌋ of these to the one
//!   after it, and so on to the top. Then the next bracket begins.
//!
//! If accuracies are equal, the configuration that was proposed earlier counts as better.
//!
//! **What the inner strategy learns.** It is told the outcome of each configuration in the bottom
//! rung, once, numbered 0, 1, 2, … as it proposed them, and nothing of later rungs. All outcomes
//! that it learns have the same number of epochs, so they are comparable. An accuracy that rises
//! because of a promotion would say nothing about the architecture. The search is finished when the
//! inner strategy is finished and no promotion is left.
//!
//! **What an evaluation must be.** After e epochs of a training of R, not after a training of e:
//! the learning-rate schedule has to span R whatever the rung, or a promotion could not continue
//! the training of the rung before. With `nas-eval`, set `TrainingEvaluatorConfig::span`.
//!
//! # Deviations
//! A promotion continues from its checkpoint and is charged only for the additional epochs. The
//! authors recommend this if training can be resumed; their algorithms are written as if each rung
//! trained from the start. A failed configuration counts as one of its rung and is never promoted,
//! so a rung may promote fewer than its share.
//!
//! # Example
//! ```
//! use std::sync::Arc;
//!
//! use nas_evo::{Halving, HalvingConfig, RandomSearch, RandomSearchConfig};
//! use nas_space::search::Strategy;
//! use nas_space::seed::Seed;
//! use nas_space::spaces::nb201;
//!
//! let inner = RandomSearch::new(Arc::new(nb201()), RandomSearchConfig::default(), Seed::new(1))?;
//! let config = HalvingConfig { max_epochs: 27, eta: 3, ..HalvingConfig::default() };
//! assert_eq!(config.rung_epochs()?, [1, 3, 9, 27]);
//! let asha = Halving::new(Box::new(inner), config)?;
//! assert_eq!(asha.name(), "random+asha");
//! # Ok::<(), nas_evo::EvoError>(())
//! ```
//!
//! # References
//! - K. Jamieson, A. Talwalkar. Non-stochastic Best Arm Identification and Hyperparameter
//!   Optimization. AISTATS 2016, arXiv 1502.07943.
//! - L. Li, K. Jamieson, A. Rostamizadeh, E. Gonina, J. Ben-tzur, M. Hardt, B. Recht, A. Talwalkar.
//!   A System for Massively Parallel Hyperparameter Tuning. MLSys 2020, arXiv 1810.05934.

mod bracket;
mod config;
mod rung;
mod strategy;
#[cfg(test)]
mod tests;

pub use config::{HalvingConfig, Schedule};
pub use strategy::Halving;
