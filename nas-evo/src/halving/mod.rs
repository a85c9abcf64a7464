//! Successive halving, ASHA and Hyperband: many configurations are trained for few epochs, the better
//! ones for more.
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
//! - [`Schedule::Hyperband`] (Li et al. 2018, algorithm 1): brackets of successive halving that
//!   differ in how early they stop. With s_max + 1 rungs, for s = s_max, …, 0, a bracket of n =
//!   ⌈(s_max + 1) η^s / (s + 1)⌉ configurations starts in rung s_max − s, and its k-th rung keeps
//!   the best ⌊n / η^k⌋. All brackets train about as much. The first one trusts short trainings
//!   most; the last one is a random search with all R epochs. Then the first one comes again. This
//!   is the formula of the article in JMLR; the preprint's first version rounds the budget of a
//!   configuration down before it multiplies, and has smaller brackets.
//!
//! A rung begins when the one before it is complete, and a bracket when the one before it has ended.
//! Only ASHA keeps many workers busy all the time.
//!
//! If accuracies are equal, the configuration that was proposed earlier counts as better.
//!
//! **What the inner strategy learns.** It is told the outcome of each configuration in the bottom
//! rung, once, numbered 0, 1, 2, … as it proposed them, and nothing of later rungs. All outcomes
//! that it learns have the same number of epochs, so they are comparable. An accuracy that rises
//! because of a promotion would say nothing about the architecture. The brackets of Hyperband have
//! different bottom rungs, so each of them has an inner strategy of its own
//! ([`Halving::of_each`]), which continues when its bracket comes again: what they learn is not
//! shared, but never mixes lengths of training. [`bohb`](crate::bohb) is told all outcomes with
//! their rungs instead. The search is finished when all inner strategies are finished and no
//! promotion is left.
//!
//! **Other rungs.** [`HalvingConfig::rungs`] names the epochs of each rung, as for a table with 12
//! and 200 epochs. η is then only the share that is promoted. As with powers, all rungs train about
//! as much if η is the ratio of one rung to the one before: 17 there.
//!
//! **What an evaluation must be.** After e epochs of a training of R, not after a training of e:
//! the learning-rate schedule has to span R whatever the rung, or a promotion could not continue
//! the training of the rung before. With `nas-eval`, set `TrainingEvaluatorConfig::span`.
//!
//! # Deviations
//! A promotion continues from its checkpoint and is charged only for the additional epochs. The
//! authors recommend this if training can be resumed; their algorithms are written as if each rung
//! trained from the start. A failed configuration counts as one of its rung and is never promoted,
//! so a rung may promote fewer than its share. Hyperband's pseudocode starts again from nothing
//! after a round of brackets; here, inner strategies go on with what they have learned.
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
//! - L. Li, K. Jamieson, G. DeSalvo, A. Rostamizadeh, A. Talwalkar. Hyperband: A Novel Bandit-Based
//!   Approach to Hyperparameter Optimization. JMLR 18(185), 2018, arXiv 1603.06560.

mod bracket;
mod config;
mod proposer;
mod rung;
mod strategy;
#[cfg(test)]
mod tests;

pub use config::{BracketPlan, HalvingConfig, Schedule};
pub(crate) use proposer::{Place, Proposer};
pub use strategy::Halving;
