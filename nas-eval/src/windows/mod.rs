//! Where the windows of convolutions and poolings lie, and the shapes that follow: what their
//! definitions and their kernels have in common.

mod conv;
mod pool;

pub use self::conv::ConvSpec;
pub(crate) use self::conv::Geometry;
pub use self::pool::PoolSpec;
