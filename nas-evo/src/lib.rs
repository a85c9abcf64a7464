//! Search strategies without a learned model.
//!
//! [`random`] samples the space uniformly: the baseline that every other method has to beat at the same budget.

pub mod error;
pub mod random;
#[cfg(test)]
mod tiny_space;

pub use error::EvoError;
pub use random::{RandomSearch, RandomSearchConfig, Replacement};
