//! ENAS: a controller whose proposals share their weights.
//!
//! All architectures of a space of cells, or of the space of whole networks, are parts of one
//! supernet, so that none is trained by itself. Epoch after epoch, two phases take turns:
//!
//! - the weights: for each training batch the controller draws an architecture, and the weights of
//!   just its operations make a step of SGD; the controller stays as it is;
//! - the controller: it draws architectures, each is rewarded by its accuracy on one validation
//!   batch with the weights as they are, and after each [`batch`](crate::RlConfig::batch) of them
//!   it learns as in [`search`](crate::search).
//!
//! At the end it draws candidates, which are ranked by their accuracy on all validation images; the
//! best is the result. Batch norms normalise by the statistics of the batch throughout: running
//! ones would mix those of all architectures.
//!
//! `nas search enas --audit N` measures how well the ranking by shared weights
//! ([`Enas::evaluate`]) agrees with that of separately trained networks.
//!
//! [`EnasConfig::authors`] is the search of the authors' code (`nas search enas --preset enas`);
//! the default has their numbers with this crate's plain controller, and a schedule without
//! restarts, no auxiliary classifier and no dropout.
//!
//! # Deviations
//! Of [`EnasConfig::authors`] from the authors' code for cells:
//! - spaces and skeletons are those of DARTS and NAS-Bench-201: ENAS' own cell, whose nodes may
//!   read one state twice and whose output joins what is left over, has no supernet here. Where a
//!   node reads two different states, they are chosen in increasing order, each by attention over
//!   those that are left; where every node reads all states, as in NAS-Bench-201, there is nothing
//!   to attend to. Weights belong to an edge, not to a pair of node and input, and batch norms in
//!   cells have no scale and shift;
//! - the prior is for separable convolutions; where a space has none, there is none.
//!   NAS-Bench-201's skeleton has no place for an auxiliary classifier. Where there is one, its own
//!   weights learn, too; in the authors' code they stay as they were drawn;
//! - weights that a step does not use do not decay in it; the class scores have a bias;
//! - rewards are measured without dropout; validation images come in a random order, again from the
//!   start when they are used up; candidates are judged by all validation images, not by a batch.
//!
//! Of [`EnasConfig::authors`] for whole networks (`nas search enas --space enas-macro --preset
//! enas`): the validation images of rewards normalise themselves, where the authors use running
//! statistics; weights that a step does not use do not decay in it; the class scores have a bias;
//! candidates as above. The network that is trained in the end is the one of the search
//! ([`EnasMacroSpace`](nas_space::spaces::EnasMacroSpace)).
//!
//! The authors' script gives the search a number for drop-path as well, which their code reads for
//! fixed architectures alone: there is none in a search, here or there. Their clipped gradients are
//! computed and not applied: there is no clip.
//!
//! # Example
//! ```
//! use nas_eval::data::{Augmentation, Dataset};
//! use nas_eval::Compute;
//! use nas_rl::enas::{Enas, EnasConfig};
//! use nas_space::network::NetworkConfig;
//! use nas_space::seed::Seed;
//! use nas_space::spaces::nb201;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let digits = Dataset::load("digits", None)?.with_training_images(96, Seed::new(0))?;
//! let network = NetworkConfig { image: digits.train.shape(), channels: 4, cells: 1, ..NetworkConfig::default() };
//! let config = EnasConfig {
//!     network,
//!     epochs: 1,
//!     batch_size: 24,
//!     controller_updates: 2,
//!     candidates: 2,
//!     augmentation: Augmentation::NONE,
//!     ..EnasConfig::default()
//! };
//! let mut search = Enas::new(&nb201(), &digits, config, Seed::new(1), &Compute::cpu())?;
//! let report = search.run(None, |_| {})?;
//! println!("{}", report.genotype);
//! # Ok(())
//! # }
//! ```
//!
//! # References
//! - H. Pham, M. Y. Guan, B. Zoph, Q. V. Le, J. Dean. Efficient Neural Architecture Search via
//!   Parameter Sharing. ICML 2018, arXiv 1802.03268.
//! - X. Dong, Y. Yang. NAS-Bench-201. ICLR 2020, arXiv 2001.00326: on the statistics of batch
//!   norms.

mod config;
mod controlled;
mod report;
mod search;

pub use config::EnasConfig;
pub use report::{Candidate, EnasReport, EpochReport, Event, Ranked};
pub use search::Enas;
