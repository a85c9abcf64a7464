//! Modules of NAS-Bench-101: small graphs with an operation on each inner vertex.
//!
//! A [`Module`] has two to seven vertices, the first its input and the last its output, at most
//! nine edges, and one of three operations on each of the others. What it is does not depend on
//! vertices that no path from the input to the output goes through, so a module has none.
//! [`Module::canonical`] tells modules apart that differ in more than the order of their vertices;
//! [`Module::hash`] is the name that the benchmark gives them. There are 423,624.
//!
//! # Example
//! ```
//! use nas_space::nb101::Module;
//!
//! # fn main() -> Result<(), nas_space::error::SpaceError> {
//! let matrix = vec![vec![0, 1, 0, 1], vec![0, 0, 1, 0], vec![0, 0, 0, 1], vec![0, 0, 0, 0]];
//! let module = Module::new(&matrix, &["input", "conv3x3-bn-relu", "conv3x3-bn-relu", "output"])?;
//! assert_eq!(module.hash(), "b5fb4f6193360330b6ff6a52cbf0cad7");
//! # Ok(())
//! # }
//! ```
//!
//! # References
//! C. Ying, A. Klein, E. Real, E. Christiansen, K. Murphy, F. Hutter: NAS-Bench-101: Towards
//! Reproducible Neural Architecture Search, ICML 2019, arXiv 1902.09635.

mod fingerprint;
mod md5;
mod module;
mod order;

pub use module::Module;

/// Most vertices of a module, input and output among them.
pub const MAX_VERTICES: usize = 7;
/// Most edges of a module.
pub const MAX_EDGES: usize = 9;
/// The operations of inner vertices, in the order of the benchmark.
pub const NB101_OPERATIONS: [&str; 3] = ["conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3"];
/// The label of the first vertex.
pub const INPUT: &str = "input";
/// The label of the last vertex.
pub const OUTPUT: &str = "output";
/// Modules that are different graphs, by the number of their vertices, from two: 423,624 in all.
pub const MODULES: [u32; 6] = [1, 6, 84, 2_441, 62_010, 359_082];
