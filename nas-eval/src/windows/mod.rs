//! The positions of the windows of convolutions and poolings, and the resulting shapes; shared by
//! their definitions and their kernels.

mod conv;
mod pool;

pub use self::conv::ConvSpec;
pub(crate) use self::conv::Geometry;
pub use self::pool::PoolSpec;
