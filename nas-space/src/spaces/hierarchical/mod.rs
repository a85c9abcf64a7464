//! The hierarchical space: motifs over motifs.
//!
//! # How it works
//! Level 1 are primitive operations. A motif of level ℓ ≥ 2 is a graph of n nodes with one decision
//! for each pair of them, j before i: `none`, or which operation of level ℓ − 1 leads from j to i.
//! The one motif of the highest level is the cell. A node merges what its edges bring by
//! concatenation in depth; where it is more than one part, ReLU, a 1×1 convolution back to the
//! cell's channels and batch norm follow. See [`hierarchy`](crate::hierarchy) for how that becomes
//! an ordinary cell. It stands in the skeleton of NAS-Bench-201: three stages of cells of stride 1,
//! halved in between.
//!
//! [`Space::mutate`](super::Space::mutate) draws a level, a motif of it, a node i but the first,
//! and a node j before i, each uniformly, and gives the edge from j to i another of its options,
//! each as likely: it adds, alters or removes an edge. As a motif is used in many places, that one
//! edge can be many in the network. [`Space::sample`](super::Space::sample) starts from the
//! [trivial architecture](HierarchicalSpace::trivial), in which each motif is a chain of
//! identities, and mutates it [`initial_mutations`](HierarchicalConfig::initial_mutations) times.
//!
//! # Deviations
//! - The paper concatenates and leaves it at that, so that maps grow wider inside a cell and the
//!   next convolution brings them back to C channels. Here a 1×1 convolution does so at once, as
//!   [`Combine::Concat`](crate::cell::Combine::Concat) does in all cells of this crate, because a
//!   pooling, a depthwise convolution or the identity may come next and every state of a cell has C
//!   channels. A node with a single part has nothing to merge: there, as in the paper, no
//!   convolution is added.
//! - Convolutions are ReLU, convolution, batch norm as in all cells of this crate; the paper has
//!   the ReLU last.
//! - Between the stages stands the residual block of NAS-Bench-201's skeleton, not a separable
//!   convolution of stride 2.
//! - A mutation always changes its edge. In the paper's description the operation drawn may be the
//!   one that was there.
//! - What the paper leaves open: a node that nothing reaches passes nothing on, and a motif whose
//!   output is not reached is `none`. A cell like that is zero everywhere: its network is built and
//!   trained like any other and tells no classes apart.
//! - [`by_name`](super::by_name) gives [`HierarchicalConfig::small`]. The paper's size is
//!   [`HierarchicalConfig::default`].
//!
//! # Example
//! ```
//! use nas_space::op::Operations;
//! use nas_space::seed::Seed;
//! use nas_space::spaces::{HierarchicalConfig, HierarchicalSpace, Space};
//!
//! # fn main() -> Result<(), nas_space::error::SpaceError> {
//! let space = HierarchicalSpace::new(HierarchicalConfig::default(), Operations::standard())?;
//! // Six motifs of six edges and one of ten, with seven options each.
//! assert_eq!(space.size(), num_bigint::BigUint::from(7_u32).pow(46));
//! let parent = space.sample(&mut Seed::new(1).rng());
//! let child = space.mutate(&parent, &mut Seed::new(2).rng())?;
//! println!("{}", space.genotype(&child)?);
//! # Ok(())
//! # }
//! ```
//!
//! # References
//! - H. Liu, K. Simonyan, O. Vinyals, C. Fernando, K. Kavukcuoglu: Hierarchical Representations for
//!   Efficient Architecture Search. ICLR 2018, arXiv 1711.00436.

mod config;
mod space;

pub use config::{HIERARCHICAL_OPERATIONS, HierarchicalConfig, LevelConfig};
pub use space::HierarchicalSpace;
