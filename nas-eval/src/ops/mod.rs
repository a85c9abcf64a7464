//! Kernels: the operations that training spends its time in, forward and backward, threaded and vectorised.
//!
//! Each is a plain function on [`Tensor`](candle_core::Tensor)s that Candle's tape can differentiate. On the CPU, in
//! `f32` and `f64`, it runs code of its own; on any other device or element type it runs the [`mod@reference`]: the same
//! function made of stock Candle operations, against which the fast path is tested.
//!
//! **Invariant:** a result has the same bits for any number of threads. Work is cut by the size of the problem, never
//! by the number of threads, and sums are taken in a fixed order.
//!
//! **Invariant:** this is the only module of the workspace with `unsafe` code.

mod add;
mod batch_norm;
mod conv;
mod float;
#[cfg(test)]
mod gradient_check;
mod host;
pub(crate) mod nhwc;
pub(crate) mod parallel;
mod pool;
mod relu;
mod simd;
mod softmax_loss;
mod sums;
mod vector;
mod weighted_sum;

pub mod reference;

pub use add::add_many;
pub use batch_norm::{BatchNormed, batch_norm_eval, batch_norm_train};
pub(crate) use conv::conv2d_backward;
pub use conv::{ConvSpec, conv2d};
pub(crate) use float::Float;
pub(crate) use host::{for_float, host, runs_kernel};
pub use pool::{PoolSpec, avg_pool2d, global_avg_pool, max_pool2d};
pub(crate) use pool::{avg_pool2d_backward, global_avg_pool_backward, max_pool2d_backward};
pub use relu::relu;
pub(crate) use relu::relu_backward;
pub(crate) use simd::{Level, level};
pub use softmax_loss::cross_entropy;
pub use weighted_sum::weighted_sum;
pub(crate) use weighted_sum::{sum_of_elements, weighted_sum_backward};

/// The instruction set that the CPU kernels use on this machine: `AVX-512`, `AVX2` or `the target's baseline`.
pub fn instruction_set() -> &'static str {
    match simd::level() {
        simd::Level::Avx512 => "AVX-512",
        simd::Level::Avx2 => "AVX2",
        simd::Level::Plain => "the target's baseline",
    }
}
