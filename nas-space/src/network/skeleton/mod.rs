//! Skeletons: what stands around the cells.

mod chain;
mod darts;
mod nb201;

pub use chain::chain;
pub use darts::darts;
pub use nb201::nb201;
