//! Building blocks of training: named parameters, small layers, optimizers, learning-rate
//! schedules.
//!
//! Everything here depends on the names of the parameters and on seeds, never by the order of
//! creation, so that a network built twice is the same network, and one that is saved can be loaded
//! into a new one.
//!
//! # Example
//! Minimises the square of a parameter:
//! ```
//! use nas_eval::nn::{Gradients, Init, OptimizerConfig, Parameters};
//! use nas_eval::Compute;
//! use nas_space::seed::Seed;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut parameters = Parameters::new(Seed::new(1), &Compute::cpu());
//! let x = parameters.create("x", &[3], Init::Uniform { bound: 1.0 }, true)?;
//! let mut optimizer = OptimizerConfig::default().build()?;
//! for _ in 0..100 {
//!     let gradients = Gradients::of(&x.sqr()?.sum_all()?, &parameters)?;
//!     optimizer.step(&parameters, &gradients, 0.1)?;
//! }
//! assert!(x.abs()?.max(0)?.to_scalar::<f32>()? < 0.01);
//! # Ok(())
//! # }
//! ```

mod embedding;
mod gradients;
mod init;
mod linear;
mod lstm;
mod optimizer;
mod parameters;
mod product;
mod schedule;
pub mod tensor_file;

pub use embedding::Embedding;
pub use gradients::Gradients;
pub use init::Init;
pub use linear::{Bias, Linear};
pub use lstm::{Lstm, LstmSize, LstmState};
pub use optimizer::{Adam, AdamConfig, Optimizer, OptimizerConfig, OptimizerState, Sgd, SgdConfig};
pub use parameters::{Buffer, Parameter, Parameters, Snapshot};
pub use schedule::{Curve, Moment, Schedule, Tick};
