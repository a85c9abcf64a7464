//! Optimizers: what a step does to the parameters.

mod adam;
#[cfg(any(feature = "cuda", test))]
mod at_once;
mod config;
mod rule;
mod sgd;
mod state;

pub use adam::{Adam, AdamConfig};
pub use config::OptimizerConfig;
pub use sgd::{Sgd, SgdConfig};
pub use state::OptimizerState;

use super::{Gradients, Parameter, Parameters};
use crate::error::EvalError;

/// Changes parameters along their gradients. Its state is keyed by the names of the parameters.
pub trait Optimizer: std::fmt::Debug + Send {
    /// One step at this learning rate. Parameters without a gradient stay as they are, and so does
    /// their state.
    ///
    /// # Errors
    /// A Candle error where a gradient has another shape than its parameter, or from the device.
    fn step(
        &mut self,
        parameters: &Parameters,
        gradients: &Gradients,
        learning_rate: f64,
    ) -> candle_core::Result<()>;

    /// A copy of everything that the next steps depend on, besides parameters and gradients.
    ///
    /// # Errors
    /// A Candle error where the device has no memory for it.
    fn state(&self) -> candle_core::Result<OptimizerState>;

    /// Goes on from this state, which an optimizer of the same kind for the same parameters had.
    ///
    /// # Errors
    /// [`EvalError::TensorMismatch`] where it is of another kind or for other parameters; then
    /// nothing is changed.
    fn restore(&mut self, state: &OptimizerState, parameters: &Parameters) -> Result<(), EvalError>;
}

/// The weight decay of one parameter.
fn decay_of(parameter: &Parameter, weight_decay: f64, spare_norm_and_bias: bool) -> f64 {
    let spared = !parameter.decay || (spare_norm_and_bias && parameter.var.rank() <= 1);
    if spared { 0.0 } else { weight_decay }
}
