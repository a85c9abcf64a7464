//! Search with a controller: it proposes, is rewarded by accuracy, and learns.
//!
//! Each proposal is drawn from the controller as it is. After each
//! [`batch`](crate::config::RlConfig::batch) of outcomes, told in the order of the proposals, it
//! learns from them, with R the reward of a trial (its validation accuracy or the cube of it; a
//! value of its own for a failed one), H the entropy of its draw, β the entropy's weight, and b the
//! moving average of R + β·H over the batches before (of the first batch, its mean):
//!
//! - REINFORCE: one step of Adam along (1/m)·Σ [(R + β·H − b)·∇log p + β·∇H];
//! - PPO: several, along (1/m)·Σ [∇min(r·A, clip(r, 1 ± ε)·A) + β·∇H] with A = R + β·H − b and r =
//!   p / p_old, where p_old is the probability the architecture was drawn with.
//!
//! Along REINFORCE's, the expectation of R plus β times the controller's entropy rises: the
//! estimate is without bias.
//!
//! A controller never waits for outcomes. Where more proposals are outstanding than it learns from
//! at a time, or where a batch of it begins among them, some were drawn before the newest update:
//! REINFORCE takes them as if they were its own, as the paper's asynchronous replicas do; PPO
//! weighs them by the ratio of probabilities.
//!
//! Proposal `i` takes its random numbers from `seed.derive("proposal", i)`, the controller's first
//! weights from `seed.derive("controller", 0)`: the search is a function of configuration, seed and
//! outcomes.
//!
//! In a space that is a part of another ([`Space::part`](nas_space::spaces::Space::part)), such as
//! what a table knows or what is within limits, each decision is made among the options that lead
//! to an architecture of the part; the probabilities of these keep their proportions. So the policy
//! is a distribution over the part, log p and H are exact, and the estimate stays without bias:
//! nothing is drawn and thrown away.
//!
//! # Deviations
//! The authors know no such parts. The distribution over a part is not the whole space's one given
//! that the draw is in the part (what drawing again until it is would give, whose log p has a term
//! that nobody can compute): the proportions hold decision by decision, so that of two options, the
//! one which few architectures of the part follow is not drawn less for that. A part that cannot be
//! listed may leave out some of its architectures
//! ([`LimitedSpace`](nas_space::limits::LimitedSpace) says which).
//!
//! Zoph & Le reward by the cube of the largest of the last five epochs' validation accuracies, here
//! by that of the last; their skip connections and embeddings are as
//! [`controller`](crate::controller) says.
//!
//! # Example
//! ```
//! use std::sync::Arc;
//!
//! use nas_rl::{ControllerSearch, RlConfig};
//! use nas_space::search::{Ask, Strategy};
//! use nas_space::seed::Seed;
//! use nas_space::spaces::nb201;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut search = ControllerSearch::new(Arc::new(nb201()), RlConfig::small_budget(), Seed::new(1))?;
//! assert!(matches!(search.ask()?, Ask::Evaluate(_)));
//! assert!(search.updates().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # References
//! - B. Zoph, Q. V. Le. Neural Architecture Search with Reinforcement Learning. ICLR 2017, arXiv
//!   1611.01578.
//! - B. Zoph, V. Vasudevan, J. Shlens, Q. V. Le. Learning Transferable Architectures for Scalable
//!   Image Recognition. CVPR 2018, arXiv 1707.07012.
//! - R. J. Williams. Simple Statistical Gradient-Following Algorithms for Connectionist
//!   Reinforcement Learning. Machine Learning 8, 1992.
//! - J. Schulman, F. Wolski, P. Dhariwal, A. Radford, O. Klimov. Proximal Policy Optimization
//!   Algorithms. 2017, arXiv 1707.06347.

mod strategy;
mod update;
mod within;

pub use strategy::ControllerSearch;
pub use update::Update;
