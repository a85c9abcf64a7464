//! The operations of networks, as plain functions on [`Tensor`](candle_core::Tensor)s of stock
//! Candle operations.
//!
//! They run on any device and in any floating-point type, Candle's tape differentiates them, and
//! they are written as their definitions. On the CPU, networks do not use them: their passes run on
//! planned kernels (`engine`, `kernels`), which are tested against these operations. On CUDA f32
//! and f64 tensors are handed to kernels (`cuda`) that are tested against them too.

mod add;
mod batch_norm;
mod conv;
#[cfg(test)]
pub(crate) mod gradient_check;
mod pool;
mod relu;
mod softmax_loss;

pub use add::{add_many, weighted_sum};
pub use batch_norm::{BatchNormed, batch_norm_eval, batch_norm_train};
pub use conv::conv2d;
pub use pool::{avg_pool2d, global_avg_pool, max_pool2d};
pub use relu::relu;
pub use softmax_loss::{cross_entropy, weighted_cross_entropy};

pub use crate::windows::{ConvSpec, PoolSpec};
