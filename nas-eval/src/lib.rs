//! Trains the networks of a search space on [Candle](candle_core), and makes benchmark tables by it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`ops`] | convolution, pooling, normalisation, loss on Candle's tensors, as they are defined |
//! | `engine`, `kernels` | passes through a network on the CPU, forward and backward |
//! | `cuda` | the operations as CUDA kernels |
//! | [`nn`] | named parameters, small layers, optimizers, schedules |
//! | [`model`] | a network with parameters |
//! | [`supernet`] | a network that contains every architecture of a space |
//! | [`data`] | data sets, splits, augmentation, batches |
//! | [`train`] | the training loop, its checkpoints and metrics |
//! | [`evaluator`] | training as a [`nas_space::search::Evaluator`] |
//! | [`final_training`], [`trained`] | the one training after a search, its test, the saved network |
//! | [`table_build`] | the making of a benchmark table, by training |

#[cfg(any(feature = "cuda", test))]
mod cuda;
mod device;
mod engine;
mod exact;
mod kernels;

pub mod clock;
pub mod data;
pub mod error;
pub mod evaluator;
pub mod final_training;
pub mod memory;
pub mod model;
pub mod nn;
pub mod ops;
pub mod supernet;
pub mod table_build;
pub mod train;
pub mod trained;

pub use candle_core::{DType, Device, DeviceLocation};
pub use device::{allow_tf32, computes_in_tf32, device_name, instruction_set};
