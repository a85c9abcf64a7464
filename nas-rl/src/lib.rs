//! A recurrent controller that learns to propose networks by reinforcement learning.
//!
//! [`controller`] is a policy over the architectures of any space; [`search`] trains it on the
//! outcomes of its proposals, by REINFORCE or PPO. [`enas`] trains it on the shared weights of a
//! supernet.
//!
//! ```
//! use nas_rl::{ControllerSearch, RlConfig};
//! use nas_space::{Budget, Seed};
//! use nas_study::Study;
//! use nas_tables::{TabularEvaluator, built_in};
//! # use std::sync::Arc;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let table = Arc::new(built_in("digits")?);
//! let space = table.space().clone();
//! let evaluator = TabularEvaluator::new(table, "digits")?;
//! let mut controller = ControllerSearch::new(space.clone(), RlConfig::small_budget(), Seed::new(1))?;
//! let summary = Study::new(&*space, &mut controller, &evaluator).epochs(4).budget(Budget::trials(100)).run()?;
//! println!("{summary}");
//! # Ok(())
//! # }
//! ```

mod baseline;
pub mod config;
pub mod controller;
pub mod enas;
pub mod error;
mod learner;
pub mod search;
#[cfg(test)]
mod tiny_space;

pub use config::{Algorithm, BaselineStart, Depth, EntropyBonus, Reward, RlConfig};
pub use controller::{Controller, ControllerConfig, Form};
pub use enas::{Enas, EnasConfig};
pub use error::RlError;
pub use search::{ControllerSearch, Update};
