//! Adam, with weight decay in the gradient or apart from it.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor, Var, WithDType};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::rule::{Rule, update};
use super::{Optimizer, OptimizerState, decay_of};
use crate::error::EvalError;
use crate::nn::{Gradients, Parameters};

/// What the state calls itself and its tensors.
const KIND: &str = "adam";
const SLOTS: [&str; 2] = ["first_moment", "second_moment"];

/// Settings of [`Adam`]. The defaults are those of Kingma & Ba 2015 (arXiv 1412.6980).
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `beta1` | 0.9 | memory of the mean gradient | \[0, 1) |
/// | `beta2` | 0.999 | memory of the mean squared gradient | \[0, 1) |
/// | `epsilon` | 1e-8 | added to the root of the latter | > 0 |
/// | `weight_decay` | 0 | L2 penalty | ≥ 0 |
/// | `decoupled` | false | decay apart from the gradient: AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101) | |
/// | `spare_norm_and_bias` | false | no decay for parameters of one dimension | |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct AdamConfig {
    /// Decay rate of the mean gradient.
    #[cfg_attr(feature = "schema", schemars(range(min = 0), extend("exclusiveMaximum" = 1)))]
    pub beta1: f64,
    /// Decay rate of the mean squared gradient.
    #[cfg_attr(feature = "schema", schemars(range(min = 0), extend("exclusiveMaximum" = 1)))]
    pub beta2: f64,
    /// Number that is added to the root of the mean squared gradient.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub epsilon: f64,
    /// L2 penalty.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub weight_decay: f64,
    /// Whether the decay is applied apart from the gradient (AdamW).
    pub decoupled: bool,
    /// Whether parameters of one dimension (biases, scale and shift of batch norms) are left out of
    /// weight decay.
    pub spare_norm_and_bias: bool,
}

impl Default for AdamConfig {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            decoupled: false,
            spare_norm_and_bias: false,
        }
    }
}

impl AdamConfig {
    pub(super) fn validate(&self) -> std::result::Result<(), EvalError> {
        for (name, beta) in [("optimizer.beta1", self.beta1), ("optimizer.beta2", self.beta2)] {
            if !(0.0..1.0).contains(&beta) {
                return Err(EvalError::config(name, beta, "a number from 0 to below 1"));
            }
        }
        if !(self.epsilon > 0.0 && self.epsilon.is_finite()) {
            return Err(EvalError::config(
                "optimizer.epsilon",
                self.epsilon,
                "a number above 0",
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

/// Adam, as PyTorch computes it; AdamW with [`AdamConfig::decoupled`].
///
/// With d = g + λ·p (g alone if decoupled): m ← β₁·m + (1 − β₁)·d; v ← β₂·v + (1 − β₂)·d²; p ← (1 −
/// η·λ)·p if decoupled; p ← p − η/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε). t counts a parameter's own
/// steps.
#[derive(Debug)]
pub struct Adam {
    pub(super) config: AdamConfig,
    steps: BTreeMap<String, u64>,
    pub(super) first: IndexMap<String, Var>,
    pub(super) second: IndexMap<String, Var>,
}

impl Adam {
    /// An optimizer that has made no step.
    ///
    /// # Errors
    /// [`EvalError::Config`] for a value outside its range.
    pub fn new(config: AdamConfig) -> std::result::Result<Self, EvalError> {
        config.validate()?;
        Ok(Self {
            config,
            steps: BTreeMap::new(),
            first: IndexMap::new(),
            second: IndexMap::new(),
        })
    }

    /// The number of this step among those of the parameter, from 1.
    pub(super) fn count_step(&mut self, name: &str) -> i32 {
        let steps = self.steps.entry(name.to_owned()).or_default();
        *steps += 1;
        i32::try_from(*steps).unwrap_or(i32::MAX)
    }
}

impl Optimizer for Adam {
    fn step(&mut self, parameters: &Parameters, gradients: &Gradients, learning_rate: f64) -> Result<()> {
        let AdamConfig {
            beta1,
            beta2,
            epsilon,
            ..
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
            let decay = decay_of(
                parameter,
                self.config.weight_decay,
                self.config.spare_norm_and_bias,
            );
            let (coupled, decoupled) = if self.config.decoupled {
                (0.0, decay)
            } else {
                (decay, 0.0)
            };
            let exponent = self.count_step(name);
            let first = super::state::slot(&mut self.first, name, var)?;
            let second = super::state::slot(&mut self.second, name, var)?;
            update(
                first,
                gradient,
                var,
                FirstMoment {
                    beta: beta1,
                    decay: coupled,
                },
            )?;
            update(
                second,
                gradient,
                var,
                SecondMoment {
                    beta: beta2,
                    decay: coupled,
                },
            )?;
            let rule = Descend {
                keep: 1.0 - learning_rate * decoupled,
                rate: learning_rate / (1.0 - beta1.powi(exponent)),
                correction: (1.0 - beta2.powi(exponent)).sqrt(),
                epsilon,
            };
            update(var, first, second, rule)?;
        }
        Ok(())
    }

    fn state(&self) -> Result<OptimizerState> {
        let mut state = OptimizerState::collect(KIND, [(SLOTS[0], &self.first), (SLOTS[1], &self.second)])?;
        state.steps = self.steps.clone();
        Ok(state)
    }

    fn restore(
        &mut self,
        state: &OptimizerState,
        parameters: &Parameters,
    ) -> std::result::Result<(), EvalError> {
        let [first, second] = state.slots(KIND, SLOTS, parameters)?;
        (self.first, self.second, self.steps) = (first, second, state.steps.clone());
        Ok(())
    }
}

/// m ← β·m + (1 − β)·(g + λ·p), for (m, g, p).
struct FirstMoment {
    beta: f64,
    decay: f64,
}

impl Rule for FirstMoment {
    #[inline(always)]
    fn element<T: WithDType>(&self, moment: T, gradient: T, parameter: T) -> T {
        let direction = gradient + T::from_f64(self.decay) * parameter;
        T::from_f64(self.beta) * moment + T::from_f64(1.0 - self.beta) * direction
    }

    fn plain(&self, moment: &Tensor, gradient: &Tensor, parameter: &Tensor) -> Result<Tensor> {
        let direction = (gradient + (parameter * self.decay)?)?;
        (moment * self.beta)? + (direction * (1.0 - self.beta))?
    }
}

/// v ← β·v + (1 − β)·(g + λ·p)², for (v, g, p).
struct SecondMoment {
    beta: f64,
    decay: f64,
}

impl Rule for SecondMoment {
    #[inline(always)]
    fn element<T: WithDType>(&self, moment: T, gradient: T, parameter: T) -> T {
        let direction = gradient + T::from_f64(self.decay) * parameter;
        T::from_f64(self.beta) * moment + T::from_f64(1.0 - self.beta) * direction * direction
    }

    fn plain(&self, moment: &Tensor, gradient: &Tensor, parameter: &Tensor) -> Result<Tensor> {
        let direction = (gradient + (parameter * self.decay)?)?;
        (moment * self.beta)? + (direction.sqr()? * (1.0 - self.beta))?
    }
}

/// p ← keep·p − rate·m / (√v / correction + ε), for (p, m, v).
struct Descend {
    keep: f64,
    rate: f64,
    correction: f64,
    epsilon: f64,
}

impl Rule for Descend {
    #[inline(always)]
    fn element<T: WithDType>(&self, parameter: T, first: T, second: T) -> T {
        // The root of a single rounded from that of a double is the single's own root, correctly
        // rounded.
        let root = T::from_f64(second.to_f64().sqrt());
        let scale = root / T::from_f64(self.correction) + T::from_f64(self.epsilon);
        T::from_f64(self.keep) * parameter - T::from_f64(self.rate) * first / scale
    }

    fn plain(&self, parameter: &Tensor, first: &Tensor, second: &Tensor) -> Result<Tensor> {
        let scale = ((second.sqrt()? / self.correction)? + self.epsilon)?;
        (parameter * self.keep)? - ((first * self.rate)? / scale)?
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::assert_both_paths_agree;
    use super::*;

    #[test]
    fn in_place_and_stock_operations_agree() {
        assert_both_paths_agree(FirstMoment {
            beta: 0.9,
            decay: 0.01,
        });
        assert_both_paths_agree(SecondMoment {
            beta: 0.99,
            decay: 0.01,
        });
        assert_both_paths_agree(Descend {
            keep: 0.99,
            rate: 0.1,
            correction: 0.3,
            epsilon: 1e-3,
        });
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let default = AdamConfig::default();
        for (config, field) in [
            (
                AdamConfig {
                    beta1: 1.0,
                    ..default
                },
                "beta1",
            ),
            (
                AdamConfig {
                    beta2: -0.1,
                    ..default
                },
                "beta2",
            ),
            (
                AdamConfig {
                    epsilon: 0.0,
                    ..default
                },
                "epsilon",
            ),
            (
                AdamConfig {
                    weight_decay: f64::INFINITY,
                    ..default
                },
                "weight_decay",
            ),
        ] {
            assert!(Adam::new(config).unwrap_err().to_string().contains(field));
        }
    }
}
