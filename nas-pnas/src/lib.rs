//! Progressive neural architecture search: from simple cells to complex ones, guided by a
//! surrogate.
//!
//! All architectures of the first level of a space that grows are trained, and a surrogate learns
//! to predict their accuracies. Then, for level b = 2 … B: all architectures trained at level b − 1
//! are expanded in every way; the surrogate predicts the accuracy of each distinct child; the K
//! children with the best predictions are trained, and the surrogate learns from them too. The
//! result is the best of all trained architectures.
//!
//! | module | what it holds |
//! |---|---|
//! | [`bananas`] | Bayesian optimisation with the same surrogates, in any space |
//! | [`surrogate`] | what predicts: an ensemble of MLPs (the paper's choice) or LSTMs, forests, a Gaussian process, or your own |
//! | [`expansion`] | different children of some parents, as a stream in bounded memory |
//! | [`report`] | how a search went, level by level, and how well the surrogate ranked |
//! | [`importance`] | how important each decision is for the scores of a search, by a forest |
//! | [`rank`] | correlations of ranks |
//!
//! The trials of a level are proposed in the order of their scores, and of equal scores in the
//! order of the expansion. They can be evaluated in parallel; the next level waits for all. A trial
//! that fails is neither learned from nor expanded. No architecture is trained twice, whatever
//! level it is of: in spaces where a child can be the same network as a smaller one, it is not a
//! candidate. After the last level, the search is finished, even if some of the budget is left.
//!
//! # Deviations
//! - The paper does not say for how long, on which data and in which batches the surrogate is
//!   trained. Here it is trained on the samples of all levels so far;
//!   [`NetworkConfig`](surrogate::NetworkConfig) says how, and whether from the start.
//! - The paper's networks have two embeddings, one for inputs and one for operations. Here there is
//!   one for each kind of decision of the space, which in the PNAS space are those two.
//! - [`ProgressiveConfig`] can ask for less than all of the first level, other beams at each level,
//!   fewer parents, and exploration; its defaults are the paper's.
//!
//! # On NAS-Bench-201
//! With [`ProgressiveConfig::nas_bench_201`], 100 trials, CIFAR-10, the 200-epoch test accuracy of
//! the best by 12-epoch validation, seeds 0 to 199: 94.07 ± 0.24 %; uniform draws without
//! repetition reach 93.71 ± 0.33 % on the same seeds (paired t = 12.7). Spearman's ρ of what was
//! predicted for the cells that were chosen, with what was measured of them: 0.34 ± 0.09 from one
//! node to two, −0.02 ± 0.16 from two to three. The surrogate finds a good part of the last level,
//! but within that part it ranks no better than chance.
//!
//! # Example
//! ```
//! use std::sync::Arc;
//!
//! use nas_pnas::{ProgressiveConfig, ProgressiveSearch};
//! use nas_space::spaces::{PnasConfig, pnas};
//! use nas_space::{Ask, Seed, Strategy};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let space = Arc::new(pnas(&PnasConfig { blocks: 3 })?);
//! let config = ProgressiveConfig { beam: vec![16], ..ProgressiveConfig::default() };
//! let mut search = ProgressiveSearch::new(space, config, Seed::new(1))?;
//! let mut first_level = 0;
//! while let Ask::Evaluate(proposal) = search.ask()? {
//!     assert_eq!(proposal.architecture.choices().len(), 4);
//!     first_level += 1;
//! }
//! // Of the 256 ways to write a cell of one block.
//! assert_eq!(first_level, 136);
//! # Ok(())
//! # }
//! ```
//!
//! # References
//! - C. Liu, B. Zoph, M. Neumann, J. Shlens, W. Hua, L.-J. Li, L. Fei-Fei, A. Yuille, J. Huang, K.
//!   Murphy. Progressive Neural Architecture Search. ECCV 2018, arXiv 1712.00559, algorithm 1.

mod blocks;
mod config;
mod error;
mod forest;
mod selection;
mod strategy;

pub mod bananas;
pub mod expansion;
pub mod importance;
pub mod rank;
pub mod report;
pub mod surrogate;

pub use config::{Exploration, FirstLevel, Parents, ProgressiveConfig};
pub use error::PnasError;
pub use strategy::{ProgressiveSearch, check_space};
pub use surrogate::{Surrogate, SurrogateConfig};
