//! Identifies equal architectures, with an id that no relabelling can change.
//!
//! Two genotypes get the same [`CanonicalId`] exactly when they are the same network up to the
//! order in which things were written down. Three steps lead there:
//!
//! 1. **Dead parts go** ([`Cell::pruned`](crate::cell::Cell::pruned)): edges that pass nothing on,
//!    nodes that no input reaches or that do not reach the output.
//! 2. **Copies are merged**: a node whose only incoming edge is an identity is the state it reads.
//!    An identity from an input is one at stride 1 alone; at stride 2 it is a factorized reduction,
//!    so there it stays (see [`CellStride`]). Merging can bring a state into the output's
//!    concatenation more than once; the form keeps how often. A node of fewer than two edges has no
//!    use for its combine rule, which is dropped.
//! 3. **The graph is put in canonical order**: colour refinement, then individualisation with
//!    backtracking where nodes are still tied, and of all orders reached the one with the smallest
//!    encoding. Unlike a Weisfeiler–Lehman hash this is exact. Interchangeable nodes and symmetries
//!    found on the way are not tried twice.
//!
//! The id depends on the identity of the inputs, the operation of every edge, how often an edge
//! occurs, the combine rules, and the states that the output concatenates. It does not depend on
//! the numbers of inner nodes, the order of edges, or the order of concatenations, which the
//! following weights undo.
//!
//! Two nodes that compute the same expression with weights of their own are not one node, so
//! architectures that differ in what they share stay apart. Nor is a sum that only another sum
//! reads dissolved into it.
//!
//! # Example
//! ```
//! use nas_space::canonical::canonical_id;
//! use nas_space::cell::{Cell, Node};
//! use nas_space::genotype::{DartsGenotype, Genotype};
//! use nas_space::op::Operations;
//!
//! # fn main() -> Result<(), nas_space::error::SpaceError> {
//! let conv = Node::add([("sep_conv_3x3", 0), ("skip_connect", 1)]);
//! let pool = Node::add([("max_pool_3x3", 1), ("max_pool_3x3", 0)]);
//! let one = Cell::new(2, vec![conv.clone(), pool.clone()], vec![2, 3])?;
//! let other = Cell::new(2, vec![pool, conv], vec![2, 3])?;
//! let id = |normal: Cell| {
//!     let genotype = Genotype::Darts(DartsGenotype { normal, reduction: None });
//!     canonical_id(&genotype, &Operations::standard())
//! };
//! assert_eq!(id(one), id(other));
//! # Ok(())
//! # }
//! ```
//!
//! # References
//! - B. D. McKay, A. Piperno: Practical graph isomorphism, II. Journal of Symbolic Computation 60,
//!   2014, arXiv 1301.1493 (refinement, individualisation, pruning by automorphisms).

mod form;
mod id;
#[cfg(test)]
mod oracles;
mod order;

pub use form::{CanonicalCell, CellStride, canonical_form};
pub use id::{CanonicalId, canonical_id};
