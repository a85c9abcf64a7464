//! Pictures of genotypes: Graphviz DOT as text, SVG without any other program.
//!
//! [`svg`] lays the graph out in layers (Sugiyama's scheme): boxes by their longest path from an
//! input, every operation a box of its own just before the node that it leads to, bends in the
//! layers that a long line crosses, so that no line runs through a box. Crossings are reduced by
//! barycentres and swaps of neighbours, places are least-squares fits under the minimum distances.
//! Lines that leave one state run together and branch off. A motif of a hierarchy is laid out by
//! itself and then stands where an operation would: a frame around its nodes.
//!
//! The same genotype always gives the same text.
//!
//! # Example
//! ```
//! use nas_space::cell::{Cell, Node};
//! use nas_space::draw;
//! use nas_space::genotype::{Genotype, Nb201Genotype};
//!
//! # fn main() -> Result<(), nas_space::error::SpaceError> {
//! let cell = Cell::new(1, vec![Node::add([("nor_conv_3x3", 0), ("skip_connect", 0)])], vec![1])?;
//! let genotype = Genotype::Nb201(Nb201Genotype { cell });
//! assert!(draw::svg(&genotype).starts_with("<svg"));
//! assert!(draw::dot(&genotype).starts_with("digraph"));
//! # Ok(())
//! # }
//! ```
//!
//! # References
//! - K. Sugiyama, S. Tagawa, M. Toda: Methods for visual understanding of hierarchical system
//!   structures. IEEE Transactions on Systems, Man, and Cybernetics 11(2), 1981.

mod diagram;
mod dot;
mod layers;
mod layout;
mod palette;
mod svg;

pub use dot::dot;
pub use svg::svg;
