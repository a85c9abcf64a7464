//! Hierarchies of motifs: graphs whose operations are graphs, and the ordinary cell that they
//! flatten to.
//!
//! A [`Motif`] of level ℓ is a small graph with one operation of level ℓ − 1, or `none`, from each
//! node to each later one: primitive operations at level 2, motifs above. Its first node is its
//! input, its last one its output; every other node, and the output, merges what its edges bring by
//! concatenation in depth. The single motif of the highest level is the cell. A [`Hierarchy`] is
//! that stack.
//!
//! [`Hierarchy::cell`] is the same thing flattened: every motif is written out wherever it is used,
//! with weights of its own in each place. A node of a motif becomes a state, an operation an edge,
//! and the output of an inner motif leads by `skip_connect` into the node that its edge leads to.
//! So the flattened cell computes the same function, and costs, canonical ids, encodings, training
//! need to know of cells alone.
//!
//! What cannot matter is not written out: edges that are `none`, nodes that the motif's input does
//! not reach or that do not reach its output. A motif whose output cannot be reached is the same as
//! `none` wherever it stands, so merges do not count it. Where that is true of the cell itself, it
//! is one state that is zero, as a NAS-Bench-201 cell of `none` alone is.
//!
//! # Example
//! ```
//! use nas_space::hierarchy::Hierarchy;
//!
//! # fn main() -> Result<(), nas_space::error::SpaceError> {
//! let twice = "|nor_conv_1x1~0|+|skip_connect~0|dw_conv_3x3~1|".parse()?;
//! let beside = "|motif0~0|+|motif0~0|none~1|".parse()?;
//! let hierarchy = Hierarchy::new(vec![vec![twice], vec![beside]])?;
//! // Node 1 of the cell does not reach its output: one motif of two nodes is left, and the output.
//! assert_eq!(hierarchy.cell().len(), 3);
//! # Ok(())
//! # }
//! ```
//!
//! # References
//! - H. Liu, K. Simonyan, O. Vinyals, C. Fernando, K. Kavukcuoglu: Hierarchical Representations for
//!   Efficient Architecture Search. ICLR 2018, arXiv 1711.00436.

mod flatten;
mod levels;
mod motif;

pub(crate) use flatten::{LiveLevels, Part};
pub(crate) use levels::motif_name;
pub use levels::{Hierarchy, MAX_LEVELS};
pub use motif::{Motif, NONE};
