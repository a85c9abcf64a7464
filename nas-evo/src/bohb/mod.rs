//! BOHB: Hyperband whose configurations come from a model of what the good ones have in common.
//!
//! Rungs and brackets are those of [`Schedule::Hyperband`](crate::halving::Schedule::Hyperband);
//! see [`halving`](crate::halving). What it proposes for the bottom rung of a bracket is drawn
//! uniformly with probability ρ, and as long as there is no model; else from the model:
//!
//! 1. Every evaluation is an observation of its rung, promotions included. The highest rung with at
//!    least N_min + 2 observations is modelled, N_min being one more than the number of decisions.
//!    So all observations that are compared have the same number of epochs.
//! 2. Of its N observations, the best max(N_min, q N) give the density l, and the worst max(N_min,
//!    N − max(N_min, q N)) the density g. A failure is worse than everything else.
//! 3. N_s architectures are drawn from l with all bandwidths multiplied by b_w: an observation,
//!    then for each decision its choice or another one. The one with the largest l / g is proposed.
//!
//! l and g are kernel densities. The kernel of an observation is a product over the decisions of
//! Aitchison and Aitken's kernel for unordered categories: 1 − h at the observation's option, and
//! h / (c − 1) at each of the c − 1 others. The bandwidth h follows the normal-reference rule, 1.06
//! σ N^(−1 / (4 + d)) for d decisions, from the smallest bandwidth to (c − 1) / c.
//!
//! With [`Schedule::Asynchronous`](crate::halving::Schedule::Asynchronous) or
//! [`Schedule::Synchronous`](crate::halving::Schedule::Synchronous), the same model proposes
//! for ASHA or successive halving; the name then says so. With a single rung, it is TPE.
//!
//! # Deviations
//! - σ² is half the expected squared distance of two observations, the distance of any two different
//!   options being 1: σ² = (1 − Σ p²) / 2, with the shares p of the options. For two options this
//!   is the variance of the numbers 0 and 1. The authors' program takes the variance of the options'
//!   numbers, which depends on their order, and does not limit h: above (c − 1) / c, the kernel is
//!   lowest at its own observation, and above 1 it is negative. Spaces such as NAS-Bench-201, with
//!   five unordered options, are in this range for some dozens of observations.
//! - b_w applies to all bandwidths, as the paper has it. In the authors' program it applies only to
//!   numbers, of which an architecture has none.
//! - The smallest l and g overlap where there are few observations, as the paper has it. The
//!   authors' program waits until there is enough for both.
//! - A draw of the model is passed over if the architecture was already evaluated in the bracket's
//!   bottom rung, or in a higher one. In continuous spaces, no two draws are the same. If none of the
//!   N_s draws is new, a uniform draw is proposed.
//! - In a part of a space, such as one with limits, draws outside of it are repeated up to ten
//!   times, then replaced by an observation that the space changes in one choice.
//! - A bracket begins when the one before it has ended. In the authors' program, idle workers begin
//!   the next one.
//!
//! # Example
//! ```
//! use std::sync::Arc;
//!
//! use nas_evo::halving::Schedule;
//! use nas_evo::{Bohb, BohbConfig, HalvingConfig};
//! use nas_space::search::{Ask, Fidelity, Strategy};
//! use nas_space::seed::Seed;
//! use nas_space::spaces::nb201;
//!
//! let rungs = HalvingConfig {
//!     max_epochs: 27,
//!     eta: 3,
//!     schedule: Schedule::Hyperband {},
//!     ..HalvingConfig::default()
//! };
//! let mut bohb = Bohb::new(Arc::new(nb201()), BohbConfig::default(), rungs, Seed::new(1))?;
//! let Ask::Evaluate(first) = bohb.ask()? else { unreachable!("nothing is outstanding") };
//! assert_eq!(first.fidelity, Some(Fidelity { epochs: 1 }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # References
//! - S. Falkner, A. Klein, F. Hutter. BOHB: Robust and Efficient Hyperparameter Optimization at
//!   Scale. ICML 2018, arXiv 1807.01774.
//! - J. Aitchison, C. G. G. Aitken. Multivariate binary discrimination by the kernel method.
//!   Biometrika 63(3), 1976.

mod config;
mod density;
mod strategy;
#[cfg(test)]
mod tests;
mod tpe;

pub use config::BohbConfig;
pub use strategy::Bohb;
