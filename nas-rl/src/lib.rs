//! A recurrent controller that learns by reinforcement to propose networks.
//!
//! [`controller`] is a policy over the architectures of any space; [`search`] trains it on what becomes of its proposals, by
//! REINFORCE or PPO. [`enas`] trains it on the shared weights of a supernet.

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
pub use error::RlError;
pub use search::{ControllerSearch, Update};
