//! Training: the loop, its configuration and metrics, checkpoints, evaluation.
//!
//! A [`Trainer`] takes a [`Model`](crate::model::Model), [`TrainingData`] and a [`TrainConfig`] and
//! trains epoch by epoch.
//!
//! **Invariant:** a training run is a function of the network, the data, the configuration and the
//! seed: the same bits on the CPU for any number of threads, and however often it is stopped and
//! resumed between steps.
//!
//! **Invariant:** nothing here sees test images unless they are handed to [`evaluate`].
//!
//! # Example
//! ```
//! use std::sync::Arc;
//! use nas_eval::data::Dataset;
//! use nas_eval::model::Model;
//! use nas_eval::train::{TrainConfig, Trainer, TrainingData};
//! use nas_eval::Compute;
//! use nas_space::network::NetworkBuilder;
//! use nas_space::seed::Seed;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let digits = Dataset::load("digits", None)?;
//! let mut builder = NetworkBuilder::new(digits.train.shape())?;
//! let scores = builder.linear(builder.image(), 10)?;
//! let network = Arc::new(builder.finish(scores, None));
//!
//! let model = Model::new(network, Seed::new(1), &Compute::cpu())?;
//! let data = TrainingData::hold_out(&digits, 0.2, Seed::new(2))?;
//! let config = TrainConfig::quick("digits")?.with_epochs(3);
//! let mut trainer = Trainer::new(model, data, config, Seed::new(3))?;
//! let last = trainer.run(|metrics| assert!(metrics.train_loss.is_finite()))?.last();
//! assert!(last.and_then(|metrics| metrics.valid_accuracy) > Some(0.8));
//! # Ok(())
//! # }
//! ```

mod checkpoint;
mod config;
mod confusion;
mod data;
mod evaluate;
mod judged_by;
mod metrics;
mod profiled;
mod progress;
mod steps;
#[cfg(test)]
mod tests;
mod trainer;

pub use config::{ClassWeights, MOST_BATCH, TrainConfig};
pub use confusion::Confusion;
pub use data::TrainingData;
pub use evaluate::evaluate;
pub(crate) use evaluate::evaluate_by;
pub use judged_by::JudgedBy;
pub(crate) use metrics::Tally;
pub use metrics::{EpochMetrics, Scores};
pub use profiled::profile_training;
pub use progress::{Progress, Tallied};
pub(crate) use steps::{EpochClock, EpochSteps, losses};
pub use trainer::Trainer;
