//! Stochastic gradient descent with momentum.

use candle_core::{Result, Tensor, Var, WithDType};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::rule::{Rule, update};
use super::{Optimizer, OptimizerState, decay_of};
use crate::error::EvalError;
use crate::nn::{Gradients, Parameters};

/// What the state calls itself and its tensors.
const KIND: &str = "sgd";
const SLOTS: [&str; 1] = ["momentum"];

/// Settings of [`Sgd`]. The defaults are those of DARTS (Liu et al. 2019, section 3.1 and appendix
/// A).
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `momentum` | 0.9 | share of the last step's direction | \[0, 1) |
/// | `nesterov` | false | look ahead along the momentum | needs `momentum` > 0 |
/// | `weight_decay` | 3e-4 | L2 penalty, added to the gradient | ≥ 0 |
/// | `spare_norm_and_bias` | false | no decay for parameters of one dimension: biases, scale and shift of batch norms | |
///
/// The published NAS codes decay everything; sparing the one-dimensional is the better practice of
/// later work (He et al. 2019, arXiv 1812.01187, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct SgdConfig {
    /// Share of the last step's direction that is kept.
    #[cfg_attr(feature = "schema", schemars(range(min = 0), extend("exclusiveMaximum" = 1)))]
    pub momentum: f64,
    /// Whether to look ahead along the momentum (Nesterov), which needs a momentum above 0.
    pub nesterov: bool,
    /// L2 penalty, added to the gradient.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub weight_decay: f64,
    /// Whether parameters of one dimension (biases, scale and shift of batch norms) are left out of
    /// weight decay.
    pub spare_norm_and_bias: bool,
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self {
            momentum: 0.9,
            nesterov: false,
            weight_decay: 3e-4,
            spare_norm_and_bias: false,
        }
    }
}

impl SgdConfig {
    pub(super) fn validate(&self) -> std::result::Result<(), EvalError> {
        if !(0.0..1.0).contains(&self.momentum) {
            return Err(EvalError::config(
                "optimizer.momentum",
                self.momentum,
                "a number from 0 to below 1",
            ));
        }
        if self.nesterov && self.momentum == 0.0 {
            return Err(EvalError::config(
                "optimizer.nesterov",
                true,
                "false, or a momentum above 0",
            ));
        }
        if !(self.weight_decay >= 0.0 && self.weight_decay.is_finite()) {
            return Err(EvalError::config(
                "optimizer.weight_decay",
                self.weight_decay,
                "a number of at least 0",
            ));
        }
        Ok(())
    }
}

/// Stochastic gradient descent with momentum, as PyTorch computes it.
///
/// With gradient g, parameter p, weight decay λ, momentum μ and learning rate η, each step is d =
/// g + λ·p; v ← μ·v + d; p ← p − η·v, or p ← p − η·(d + μ·v) with Nesterov's look-ahead. v starts
/// at 0.
#[derive(Debug)]
pub struct Sgd {
    pub(super) config: SgdConfig,
    pub(super) momentum: IndexMap<String, Var>,
}

impl Sgd {
    /// An optimizer that has made no step.
    ///
    /// # Errors
    /// [`EvalError::Config`] for a value outside its range.
    pub fn new(config: SgdConfig) -> std::result::Result<Self, EvalError> {
        config.validate()?;
        Ok(Self {
            config,
            momentum: IndexMap::new(),
        })
    }
}

impl Optimizer for Sgd {
    fn step(&mut self, parameters: &Parameters, gradients: &Gradients, learning_rate: f64) -> Result<()> {
        let SgdConfig {
            momentum,
            nesterov,
            weight_decay,
            spare_norm_and_bias,
        } = self.config;
        #[cfg(any(feature = "cuda", test))]
        if let Some(updates) = super::at_once::updates(parameters, gradients) {
            return self.step_at_once(&updates, learning_rate);
        }
        for (name, gradient) in gradients.iter() {
            let Some(parameter) = parameters.get(name) else {
                continue;
            };
            let var = &parameter.var;
            let decay = decay_of(parameter, weight_decay, spare_norm_and_bias);
            if momentum == 0.0 {
                update(
                    var,
                    gradient,
                    gradient,
                    LookAhead {
                        learning_rate,
                        momentum,
                        decay,
                    },
                )?;
                continue;
            }
            let buffer = super::state::slot(&mut self.momentum, name, var)?;
            update(buffer, gradient, var, Accumulate { momentum, decay })?;
            if nesterov {
                update(
                    var,
                    gradient,
                    buffer,
                    LookAhead {
                        learning_rate,
                        momentum,
                        decay,
                    },
                )?;
            } else {
                update(var, buffer, buffer, Descend { learning_rate })?;
            }
        }
        Ok(())
    }

    fn state(&self) -> Result<OptimizerState> {
        OptimizerState::collect(KIND, [(SLOTS[0], &self.momentum)])
    }

    fn restore(
        &mut self,
        state: &OptimizerState,
        parameters: &Parameters,
    ) -> std::result::Result<(), EvalError> {
        let [momentum] = state.slots(KIND, SLOTS, parameters)?;
        self.momentum = momentum;
        Ok(())
    }
}

/// v ← μ·v + (g + λ·p), for (v, g, p).
struct Accumulate {
    momentum: f64,
    decay: f64,
}

impl Rule for Accumulate {
    #[inline(always)]
    fn element<T: WithDType>(&self, buffer: T, gradient: T, parameter: T) -> T {
        T::from_f64(self.momentum) * buffer + (gradient + T::from_f64(self.decay) * parameter)
    }

    fn plain(&self, buffer: &Tensor, gradient: &Tensor, parameter: &Tensor) -> Result<Tensor> {
        (buffer * self.momentum)? + (gradient + (parameter * self.decay)?)?
    }
}

/// p ← p − η·v, for (p, v, v).
struct Descend {
    learning_rate: f64,
}

impl Rule for Descend {
    #[inline(always)]
    fn element<T: WithDType>(&self, parameter: T, buffer: T, _: T) -> T {
        parameter - T::from_f64(self.learning_rate) * buffer
    }

    fn plain(&self, parameter: &Tensor, buffer: &Tensor, _: &Tensor) -> Result<Tensor> {
        parameter - (buffer * self.learning_rate)?
    }
}

/// p ← p − η·((g + λ·p) + μ·v), for (p, g, v).
struct LookAhead {
    learning_rate: f64,
    momentum: f64,
    decay: f64,
}

impl Rule for LookAhead {
    #[inline(always)]
    fn element<T: WithDType>(&self, parameter: T, gradient: T, buffer: T) -> T {
        let direction =
            (gradient + T::from_f64(self.decay) * parameter) + T::from_f64(self.momentum) * buffer;
        parameter - T::from_f64(self.learning_rate) * direction
    }

    fn plain(&self, parameter: &Tensor, gradient: &Tensor, buffer: &Tensor) -> Result<Tensor> {
        let direction = ((gradient + (parameter * self.decay)?)? + (buffer * self.momentum)?)?;
        parameter - (direction * self.learning_rate)?
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::assert_both_paths_agree;
    use super::*;

    #[test]
    fn in_place_and_stock_operations_agree() {
        assert_both_paths_agree(Accumulate {
            momentum: 0.9,
            decay: 0.01,
        });
        assert_both_paths_agree(Descend { learning_rate: 0.1 });
        assert_both_paths_agree(LookAhead {
            learning_rate: 0.1,
            momentum: 0.9,
            decay: 0.01,
        });
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let default = SgdConfig::default();
        for (config, field) in [
            (
                SgdConfig {
                    momentum: 1.0,
                    ..default
                },
                "momentum",
            ),
            (
                SgdConfig {
                    momentum: 0.0,
                    nesterov: true,
                    ..default
                },
                "nesterov",
            ),
            (
                SgdConfig {
                    weight_decay: -1.0,
                    ..default
                },
                "weight_decay",
            ),
            (
                SgdConfig {
                    weight_decay: f64::NAN,
                    ..default
                },
                "weight_decay",
            ),
        ] {
            assert!(Sgd::new(config).unwrap_err().to_string().contains(field));
        }
    }
}
