//! Search spaces for neural architecture search, without tensors and without files.
//!
//! | module | what it holds |
//! |---|---|
//! | [`op`] | operations: what sits on an edge of a cell |
//! | [`cell`] | cells: directed acyclic graphs of feature maps |
//! | [`network`] | networks: stem, cells and head as a list of elementary layers |
//! | [`cost`] | parameters and multiply-accumulates, counted on those layers |
//! | [`operation_costs`] | what each operation of a supernet costs |
//! | [`device`] | memory and flash that they need on a small device |
//! | [`hierarchy`] | motifs over motifs, and the cell they flatten to |
//! | [`limits`] | how large a network may be |
//! | [`genotype`], [`codec`] | architectures as people read and write them |
//! | [`named`] | published ones |
//! | [`arch`] | architectures as points of a space |
//! | [`spaces`] | the spaces |
//! | [`canonical`] | which architectures are the same but for the order they are written in |
//! | [`encode`] | architectures as numbers |
//! | [`draw`] | architectures as pictures |
//! | [`search`] | the traits and records of strategies and evaluators |
//! | [`sizes`] | how large architectures are: the one count for limits, objectives and records |
//! | [`seed`] | where all randomness comes from |
//!
//! # Example
//! ```
//! use nas_space::{NetworkConfig, Seed, SpaceError, spaces};
//!
//! # fn main() -> Result<(), SpaceError> {
//! let space = spaces::by_name("nb201")?;
//! let architecture = space.sample(&mut Seed::new(1).rng());
//! let network = space.network(&architecture, &NetworkConfig { cells: 5, ..NetworkConfig::default() })?;
//! println!("{}: {} parameters", space.genotype(&architecture)?, network.cost().params);
//! # Ok(())
//! # }
//! ```

pub mod arch;
pub mod canonical;
pub mod cell;
pub mod codec;
pub mod cost;
pub mod device;
pub mod draw;
pub mod encode;
pub mod error;
pub mod genotype;
pub mod hierarchy;
pub mod limits;
pub mod named;
pub mod nb101;
pub mod network;
pub mod op;
pub mod operation_costs;
mod quantity;
pub mod search;
pub mod seed;
pub mod shape;
pub mod sizes;
pub mod spaces;
#[cfg(feature = "testing")]
pub mod testing;

pub use arch::Architecture;
pub use error::SpaceError;
pub use genotype::Genotype;
pub use network::{Network, NetworkConfig};
pub use search::{
    Ask, Budget, Evaluation, Evaluator, Failure, FailureKind, Outcome, Proposal, Strategy, Trial,
};
pub use seed::Seed;
pub use spaces::{Space, SpaceConfig};
