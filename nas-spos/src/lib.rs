//! Single-path one-shot search: a supernet that is trained on one path at a time.
//!
//! All architectures of a space of cells, or of the space of whole networks, are paths through one
//! supernet, and share its weights. A search has two stages:
//!
//! 1. **Training.** Each step trains the weights of sampled paths only ([`PathSampling`]). Other
//!    operations are not computed, so that a path costs about what a step of its own network costs:
//!    1.05 times as much (NAS-Bench-201, 16 channels, 5 cells, batch 64, one thread). Operations
//!    that read a node to which only `none` leads are left out, as in such a network.
//!    - *Uniform*: one path, all decisions drawn uniformly and independently. This is the training
//!      of SPOS, and of random search with weight sharing (RandomNAS, RSPS).
//!    - *Fair*: the strict fairness of FairNAS. For each decision, a random permutation of its
//!      options is dealt out to K paths, so that a step trains every option exactly once. The
//!      gradients of the K paths are added up for one update. An epoch then takes K times as long.
//! 2. **Search.** Complete architectures are judged by their accuracy on validation images with the
//!    weights as they are ([`PathSearch`]): those of an evolution (SPOS), or random draws
//!    (RandomNAS). The best one is the result. No architecture is judged twice.
//!
//! The search stays within a part of the space, such as a
//! [`LimitedSpace`](nas_space::limits::LimitedSpace), where it is given one. The training samples
//! all of the space, as in the papers: one supernet serves all limits.
//!
//! # Batch norms
//! When architectures are judged, batch norms normalise by the statistics of the batch, as in ENAS
//! here ([`SharedSpace::evaluate`](nas_eval::supernet::SharedSpace::evaluate)). SPOS measures the
//! running statistics of each candidate again on training images, because those of the supernet
//! mix all paths. Statistics of the batch avoid the mixture too, without further passes;
//! NAS-Bench-201 reports RSPS both ways, and the statistics of the batch were better (87.66 % and
//! 84.07 % test accuracy on CIFAR-10).
//!
//! # Deviations
//! - Where decisions have different numbers of options, K is the largest number. In a step, an
//!   option of a decision with fewer options is then trained ⌊K / n⌋ or ⌈K / n⌉ times, with the
//!   remainder drawn at random. With as many options everywhere, as in NAS-Bench-201, fairness is
//!   strict.
//! - SPOS trains with label smoothing and a rate that falls linearly, on ImageNet with batches of
//!   1,024. The defaults of [`SposConfig`] are the settings of the weight-sharing searches of
//!   NAS-Bench-201.
//! - RandomNAS judges 1,000 architectures by one batch each and the best ten on all validation
//!   images. Here, all are judged on the same images: all, or
//!   [`candidate_images`](SposConfig::candidate_images) of them.
//! - SPOS's search of channel numbers and of bit widths is not part of this crate.
//!
//! # Example
//! ```
//! use std::sync::Arc;
//!
//! use nas_eval::data::{Augmentation, Dataset};
//! use nas_eval::Compute;
//! use nas_space::network::NetworkConfig;
//! use nas_space::seed::Seed;
//! use nas_space::spaces::nb201;
//! use nas_spos::{Spos, SposConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let digits = Dataset::load("digits", None)?.with_training_images(96, Seed::new(0))?;
//! let network = NetworkConfig { image: digits.train.shape(), channels: 4, cells: 1, ..NetworkConfig::default() };
//! let config = SposConfig {
//!     network,
//!     epochs: 1,
//!     batch_size: 24,
//!     candidates: 6,
//!     augmentation: Augmentation::NONE,
//!     ..SposConfig::default()
//! };
//! let mut search = Spos::new(Arc::new(nb201()), &digits, config, Seed::new(1), &Compute::cpu())?;
//! let report = search.run(None, |_| {})?;
//! println!("{}", report.genotype);
//! # assert_eq!(report.candidates.len(), 6);
//! # Ok(())
//! # }
//! ```
//!
//! # References
//! - Z. Guo, X. Zhang, H. Mu, W. Heng, Z. Liu, Y. Wei, J. Sun. Single Path One-Shot Neural
//!   Architecture Search with Uniform Sampling. ECCV 2020, arXiv 1904.00420.
//! - L. Li, A. Talwalkar. Random Search and Reproducibility for Neural Architecture Search. UAI
//!   2019, arXiv 1902.07638.
//! - X. Chu, B. Zhang, R. Xu. FairNAS: Rethinking Evaluation Fairness of Weight Sharing Neural
//!   Architecture Search. ICCV 2021, arXiv 1907.01845.

mod config;
mod error;
mod evolution;
mod paths;
mod report;
mod search;
mod single_path;

pub use config::{PathEvolution, PathSampling, PathSearch, SposConfig};
pub use error::SposError;
pub use evolution::CandidateEvolution;
pub use paths::{fair, uniform};
pub use report::{Candidate, EpochReport, Event, Judged, SposReport};
pub use search::Spos;
