//! Scores of untrained networks: zero-cost proxies.
//!
//! A proxy looks at a network as it was initialised, with one batch of images at most, and gives a
//! score that should rank architectures as their trained accuracies do (Abdelfattah et al. 2021,
//! "Zero-Cost Proxies for Lightweight NAS", arXiv 2101.08134). A score has no unit and is no
//! accuracy. Of two architectures, the one with the higher score is expected to be better.
//!
//! | file | proxies | passes |
//! |---|---|---|
//! | `naswot` | [`Naswot`](ProxyKind::Naswot) | forward |
//! | `grad_norm`, `snip`, `plain`, `fisher` | those of these names | one forward and backward for all, with that of naswot |
//! | `jacov`, `epe_nas` | those of these names | one forward and backward for both |
//! | `grasp` | [`Grasp`](ProxyKind::Grasp) | one forward, then two forward and backward or more, in double precision |
//! | `synflow` | [`Synflow`](ProxyKind::Synflow) | one forward of two images, in double precision |
//! | `zen` | [`Zen`](ProxyKind::Zen) | two forward |
//! | `l2_norm`, `size` | [`L2Norm`](ProxyKind::L2Norm), [`Parameters`](ProxyKind::Parameters), [`Macs`](ProxyKind::Macs) | none |
//!
//! **Conventions** of all, unless the file of a proxy says otherwise:
//! - Weights and biases are drawn as PyTorch draws them (see [`Model::new`](crate::model::Model)),
//!   a stream for each parameter.
//! - Batch norms normalise by the statistics of the batch, with scale 1 and shift 0. Running
//!   statistics are not touched. Drop-path and dropout do nothing, and the auxiliary classifier is
//!   left out.
//! - The loss is the mean cross-entropy of the batch.
//! - "Weights" are those of convolutions and linear layers: neither biases nor batch norms.
//! - Layers that contribute nothing to the class scores, and operations on states that are zero,
//!   are not part of a network here. The published programs build some of them.
//!
//! **Invariant:** a score has the same bits for any number of threads.

mod agreement;
mod batch;
mod config;
mod correlation;
mod epe_nas;
mod fisher;
mod grad_norm;
mod grasp;
mod jacov;
mod kind;
mod l2_norm;
mod naswot;
mod network;
mod plain;
mod score;
mod scorer;
mod size;
mod snip;
mod synflow;
mod weights;
mod zen;

#[cfg(test)]
mod tests;

pub use batch::ProxyBatch;
pub use config::ProxyConfig;
pub use kind::ProxyKind;
pub use score::score_network;
pub use scorer::{Proxies, ProxyScorer};
