//! Trains the networks of a search space with its own engine and [Candle](candle_core), and makes
//! benchmark tables by training.
//!
//! ```
//! use nas_eval::{Compute, Dataset, TrainingEvaluator, TrainingEvaluatorConfig};
//! use nas_evo::{RandomSearch, RandomSearchConfig};
//! use nas_space::{Budget, Seed, Space, spaces::nb201};
//! use nas_study::Study;
//! # use std::sync::Arc;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let space: Arc<dyn Space> = Arc::new(nb201());
//! let digits = Dataset::load("digits", None)?;
//! # let digits = digits.with_training_images(100, Seed::new(1))?;
//! let config = TrainingEvaluatorConfig::quick("digits")?;
//! # let config = TrainingEvaluatorConfig { network: nas_space::NetworkConfig { channels: 2, ..config.network }, ..config };
//! let evaluator = TrainingEvaluator::new(space.clone(), &digits, config, Seed::new(1), &Compute::cpu())?;
//! let mut random = RandomSearch::new(space.clone(), RandomSearchConfig::default(), Seed::new(1))?;
//! let summary = Study::new(&*space, &mut random, &evaluator).budget(Budget::trials(2)).run()?;
//! println!("{summary}");
//! # assert!(summary.to_string().contains("2 trials, 0 failed"), "{summary}");
//! # Ok(())
//! # }
//! ```
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
//! | [`evaluator`] | training as a [`nas_space::Evaluator`] |
//! | [`final_training`], [`trained`] | the one training after a search, its test, the saved network |
//! | [`inference`], [`predict`] | a trained network at work: class scores, and classes of image files |
//! | [`latency`] | how long networks take for one image, measured |
//! | [`profile`] | where the time of training steps goes on the CPU, by layer |
//! | [`proxy`] | zero-cost proxies: scores of untrained networks |
//! | [`table_build`] | the making of a benchmark table, by training |

mod compute;
#[cfg(any(feature = "cuda", test))]
mod cuda;
mod device;
mod engine;
mod exact;
mod kernels;
mod pass;
mod tested;
mod windows;

pub mod clock;
pub mod data;
pub mod error;
pub mod evaluator;
pub mod final_training;
pub mod inference;
pub mod latency;
pub mod memory;
pub mod model;
pub mod nn;
pub mod ops;
pub mod predict;
pub mod profile;
pub mod proxy;
pub mod supernet;
pub mod table_build;
pub mod train;
pub mod trained;

pub use candle_core::{DType, Device, DeviceLocation};
pub use compute::Compute;
pub use data::{Augmentation, Dataset};
pub use device::{allow_tf32, computes_in_tf32, device_name, instruction_set};
pub use error::EvalError;
pub use evaluator::{TrainingEvaluator, TrainingEvaluatorConfig};
pub use final_training::FinalTraining;
pub use inference::Inference;
pub use model::Model;
pub use predict::{Predictor, Probabilities};
pub use profile::{Peak, Profile, ProfileRow};
pub use supernet::{OneShot, OneShotSearch, SupernetTraining};
pub use train::{TrainConfig, Trainer};
pub use trained::TrainedNetwork;
