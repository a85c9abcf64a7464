//! Updates all parameters in a few launches, on devices with kernels for it.

use candle_core::{Result, Tensor};

use super::state::slot;
use super::{Adam, AdamConfig, Sgd, SgdConfig, decay_of};
use crate::cuda;
use crate::cuda::multi_tensor::{self, Row};
use crate::nn::{Gradients, Parameter, Parameters};

/// A parameter to update: its name, itself and its gradient.
pub(super) type Update<'a> = (&'a str, &'a Parameter, &'a Tensor);

/// The parameters that have a gradient, in its order, if there are kernels that update all of them
/// at once.
pub(super) fn updates<'a>(parameters: &'a Parameters, gradients: &'a Gradients) -> Option<Vec<Update<'a>>> {
    let update = |(name, gradient)| Some((name, parameters.get(name)?, gradient));
    let updates: Vec<Update<'a>> = gradients.iter().filter_map(update).collect();
    let all = updates
        .iter()
        .all(|(_, parameter, _)| cuda::has_kernels(&parameter.var));
    (all && !updates.is_empty()).then_some(updates)
}

impl Sgd {
    /// The same step as a few launches for all parameters.
    pub(super) fn step_at_once(&mut self, updates: &[Update<'_>], learning_rate: f64) -> Result<()> {
        let SgdConfig {
            momentum,
            nesterov,
            weight_decay,
            spare_norm_and_bias,
        } = self.config;
        let gradients = dense(updates)?;
        if momentum != 0.0 {
            for (name, parameter, _) in updates {
                slot(&mut self.momentum, name, &parameter.var)?;
            }
        }
        let rows: Vec<Row<'_>> = updates
            .iter()
            .zip(&gradients)
            .map(|(&(name, parameter, _), gradient)| {
                let mut tensors = vec![parameter.var.as_tensor(), gradient];
                tensors.extend(self.momentum.get(name).map(|buffer| buffer.as_tensor()));
                let decay = decay_of(parameter, weight_decay, spare_norm_and_bias);
                Row {
                    tensors,
                    reals: [decay, 0.0, 0.0],
                }
            })
            .collect();
        multi_tensor::sgd(&rows, learning_rate, momentum, nesterov)
    }
}

impl Adam {
    /// The same step as a few launches for all parameters.
    pub(super) fn step_at_once(&mut self, updates: &[Update<'_>], learning_rate: f64) -> Result<()> {
        let AdamConfig {
            beta1,
            beta2,
            epsilon,
            weight_decay,
            decoupled,
            spare_norm_and_bias,
        } = self.config;
        let gradients = dense(updates)?;
        let mut reals = Vec::with_capacity(updates.len());
        for (name, parameter, _) in updates {
            slot(&mut self.first, name, &parameter.var)?;
            slot(&mut self.second, name, &parameter.var)?;
            let exponent = self.count_step(name);
            let decay = decay_of(parameter, weight_decay, spare_norm_and_bias);
            reals.push([
                learning_rate / (1.0 - beta1.powi(exponent)),
                (1.0 - beta2.powi(exponent)).sqrt(),
                if decoupled { learning_rate * decay } else { decay },
            ]);
        }
        let rows: Vec<Row<'_>> = updates
            .iter()
            .zip(&gradients)
            .zip(reals)
            .map(|((&(name, parameter, _), gradient), reals)| {
                let (first, second) = (&self.first[name], &self.second[name]);
                let tensors = vec![
                    parameter.var.as_tensor(),
                    gradient,
                    first.as_tensor(),
                    second.as_tensor(),
                ];
                Row { tensors, reals }
            })
            .collect();
        multi_tensor::adam(&rows, [beta1, beta2], epsilon, decoupled)
    }
}

/// The gradients, each as one piece of memory.
fn dense(updates: &[Update<'_>]) -> Result<Vec<Tensor>> {
    updates
        .iter()
        .map(|(_, _, gradient)| gradient.contiguous())
        .collect()
}
