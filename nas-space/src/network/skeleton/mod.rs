//! Skeletons: what stands around the cells.

mod blocks;
mod chain;
mod darts;
mod enas_macro;
mod nb101;
mod nb201;

pub use blocks::blocks;
pub use chain::chain;
pub(crate) use darts::around_darts_cells;
pub use darts::darts;
pub use enas_macro::enas_macro;
pub(crate) use enas_macro::enas_macro_supernet;
pub use nb101::nb101;
pub(crate) use nb201::around_nb201_cells;
pub use nb201::nb201;

use crate::op::Site;

/// What kind of cells a skeleton is put around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellStyle {
    /// Cells of one architecture.
    Discrete,
    /// Cells of a supernet: batch norms within them have no scale and shift, which would undo the
    /// weights of the operations. In the DARTS skeleton pooling is followed by batch norm; in that
    /// of NAS-Bench-201 it is not (the authors' code of both).
    Mixed,
}

/// What follows pooling in the supernets of a skeleton.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pooling {
    /// Batch norm.
    Normalized,
    /// Nothing.
    Bare,
}

impl CellStyle {
    /// Where an operation of such a cell stands, in a skeleton whose supernets have a batch norm
    /// after pooling, or not.
    fn site(self, channels: usize, stride: usize, pooling: Pooling) -> Site {
        Site {
            channels,
            stride,
            affine: self == Self::Discrete,
            normalized_pooling: self == Self::Mixed && pooling == Pooling::Normalized,
        }
    }
}
