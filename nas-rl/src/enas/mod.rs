//! ENAS: a controller whose proposals share their weights.
//!
//! All architectures of a space of cells are parts of one supernet, so that none is trained by itself. Epoch after epoch, two
//! phases take turns:
//!
//! - the weights: for each training batch the controller draws an architecture, and the weights of just its operations make a
//!   step of SGD; the controller stays as it is;
//! - the controller: it draws architectures, each is rewarded by its accuracy on one validation batch with the weights as they
//!   are, and after each [`batch`](crate::RlConfig::batch) of them it learns as in [`search`](crate::search).
//!
//! At the end it draws candidates, which are ranked by their accuracy on all validation images; the best is the result. Batch
//! norms normalise by the statistics of the batch throughout: running ones would mix those of all architectures.
//!
//! [`Audit`] tells what the shared weights are worth: how well their ranking agrees with that of networks trained alone.
//!
//! # Deviations
//! - From the paper: loose ends are as the space has them; ENAS' own cell, whose nodes may read one state twice, has no
//!   supernet here. The macro space, whole networks with skip connections, has none either: the penalty for their number
//!   ([`skip_weight`](crate::RlConfig::skip_weight)) is there for searches that train each network by itself.
//! - From the authors' code: the learning rate of the weights has no restarts; the moving average of rewards is without bias
//!   from its start; the validation images come in a random order, again from the start when they are used up; candidates are
//!   judged by all validation images, not by a batch; operations have no prior
//!   ([`operation_bias`](crate::ControllerConfig::operation_bias) is there for it).
//!
//! # Example
//! ```
//! use nas_eval::data::{Augmentation, Dataset};
//! use nas_eval::{DType, Device};
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
//! let mut search = Enas::new(&nb201(), &digits, config, Seed::new(1), &Device::Cpu, DType::F32)?;
//! let report = search.run(None, |_| {})?;
//! println!("{}", report.genotype);
//! # Ok(())
//! # }
//! ```
//!
//! # References
//! - H. Pham, M. Y. Guan, B. Zoph, Q. V. Le, J. Dean. Efficient Neural Architecture Search via Parameter Sharing. ICML 2018,
//!   arXiv 1802.03268.
//! - X. Dong, Y. Yang. NAS-Bench-201. ICLR 2020, arXiv 2001.00326: on the statistics of batch norms.

mod audit;
mod checkpoint;
mod config;
mod one_hot;
mod progress;
mod report;
mod search;

pub use audit::{Audit, Audited};
pub use config::EnasConfig;
pub use report::{Candidate, EnasReport, EpochReport, Event};
pub use search::Enas;
