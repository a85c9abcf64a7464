//! Passes through a whole network on the CPU.
//!
//! An [`Engine`] is made once for a network. It plans the order of the work ([`plan`]) and the
//! memory layouts ([`geometry`]), and keeps its memory from pass to pass ([`arena`]); the kernels
//! are those of [`kernels`](crate::kernels). Candle's tensors are what goes in (images, parameters)
//! and what comes out (class scores, gradients).
//!
//! **Invariant:** a result has the same bits for any number of threads: the division of a batch
//! depends only on its size and the network, and partial results are added in their order.

mod arena;
mod backward;
mod forward;
mod geometry;
mod host;
mod lifetime;
mod memory_estimate;
mod norm;
mod observer;
mod pass;
mod places;
mod plan;
mod prepare;
mod run;
mod schedule;
mod timing;
mod work;

#[cfg(test)]
mod tests;

pub(crate) use self::host::runs_here;
pub(crate) use self::observer::{NearZero, Observer, Signs};
pub(crate) use self::pass::{Engine, Request};
pub(crate) use self::timing::{Clocks, Way};
pub(crate) use self::work::Work;
