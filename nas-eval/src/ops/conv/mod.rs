//! Two-dimensional convolution, forward and backward, for dense, grouped and depthwise kernels of any stride, padding
//! and dilation.
//!
//! There is one way for all of them, and no matrix is ever built: planes are laid out so that each tap of the kernel sees
//! a shifted copy of them ([`layout`], [`padded`]), and then output and gradients are sums of products of whole vectors
//! ([`correlate`], [`weight_gradient`]). Pointwise convolutions of stride 1 read their planes where they are.
//!
//! Chunks of the batch go to the threads; see [`parallel`](super::parallel) for why their number does not matter.

mod correlate;
mod dot;
mod layout;
mod op;
mod outer;
mod padded;
mod spec;
mod weight_gradient;

#[cfg(test)]
mod tests;

pub use op::conv2d;
pub(crate) use op::conv2d_backward;
pub use spec::ConvSpec;
pub(crate) use spec::Geometry;
