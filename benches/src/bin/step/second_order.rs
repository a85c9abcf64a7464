//! The gradient of second order in the mixture, at two batches.

use candle_core::{Error, Result, Tensor};
use nas_darts::bilevel::{self, Bilevel};
use nas_eval::model::Logits;
use nas_eval::nn::{Gradients, OptimizerState, Snapshot};
use nas_eval::ops::cross_entropy;
use nas_eval::profile::Profile;
use nas_eval::supernet::{Mixture, Supernet, SupernetStep, Wanted};

use crate::TRAIN;

/// A batch of images and labels.
pub(crate) type Examples = (Tensor, Tensor);

/// A supernet between two batches. The mixture itself stands for the architecture: a softmax before it costs nothing.
pub(crate) struct Problem<'a> {
    supernet: &'a Supernet,
    mixture: &'a Mixture,
    train: &'a Examples,
    valid: &'a Examples,
    /// Of the weights: momentum, weight decay and what the optimizer remembers.
    sgd: [f64; 2],
    state: &'a OptimizerState,
    remembered: Snapshot,
}

impl<'a> Problem<'a> {
    pub(crate) fn new(
        supernet: &'a Supernet,
        mixture: &'a Mixture,
        [train, valid]: [&'a Examples; 2],
        sgd: [f64; 2],
        state: &'a OptimizerState,
    ) -> Result<Self> {
        Ok(Self {
            supernet,
            mixture,
            train,
            valid,
            sgd,
            state,
            remembered: supernet.parameters().snapshot()?,
        })
    }

    /// The gradient, at this learning rate of the weights.
    pub(crate) fn gradient(&mut self, rate: f64) -> Result<Vec<f64>> {
        bilevel::second_order(self, rate)
    }

    fn differentiate(&self, examples: &Examples, wanted: Wanted) -> Result<SupernetStep> {
        differentiate(self.supernet, self.mixture, examples, wanted, None)
    }
}

/// A training pass of a supernet with those gradients that are wanted, which may be added to a profile.
pub(crate) fn differentiate(
    supernet: &Supernet,
    mixture: &Mixture,
    (images, labels): &Examples,
    wanted: Wanted,
    profile: Option<&mut Profile>,
) -> Result<SupernetStep> {
    let loss = |logits: &Logits| cross_entropy(&logits.main, labels, 0.0);
    match profile {
        Some(profile) => supernet.profile(profile, images, &TRAIN, mixture, wanted, loss),
        None => supernet.differentiate(images, &TRAIN, mixture, wanted, loss),
    }
}

/// All numbers of a gradient in the mixture.
fn flat(step: &SupernetStep) -> Vec<f64> {
    step.mixture.iter().flatten().copied().collect()
}

impl Bilevel for Problem<'_> {
    type Direction = Gradients;
    type Error = Error;

    fn train_weights_gradient(&mut self) -> Result<Gradients> {
        Ok(self.differentiate(self.train, Wanted::Weights)?.gradients)
    }

    fn train_architecture_gradient(&mut self) -> Result<Vec<f64>> {
        Ok(flat(&self.differentiate(self.train, Wanted::Mixture)?))
    }

    fn valid_gradients(&mut self) -> Result<(Gradients, Vec<f64>)> {
        let step = self.differentiate(self.valid, Wanted::Both)?;
        let gradient = flat(&step);
        Ok((step.gradients, gradient))
    }

    fn norm(&self, direction: &Gradients) -> Result<f64> {
        direction.norm()
    }

    fn unroll(&mut self, train: &Gradients, rate: f64) -> Result<()> {
        let [momentum, weight_decay] = self.sgd;
        for (name, parameter) in self.supernet.parameters().iter() {
            let (Some(value), Some(gradient)) = (self.remembered.tensors().get(name), train.get(name)) else {
                continue;
            };
            let mut step = (gradient + (value * weight_decay)?)?;
            if let Some(buffer) = self.state.tensors().get(&format!("momentum:{name}")) {
                step = (step + (buffer * momentum)?)?;
            }
            parameter.var.set(&(value - (step * rate)?)?)?;
        }
        Ok(())
    }

    fn shift(&mut self, direction: &Gradients, by: f64) -> Result<()> {
        for (name, parameter) in self.supernet.parameters().iter() {
            let (Some(value), Some(along)) = (self.remembered.tensors().get(name), direction.get(name))
            else {
                continue;
            };
            parameter.var.set(&(value + (along * by)?)?)?;
        }
        Ok(())
    }

    fn restore(&mut self) -> Result<()> {
        for (name, parameter) in self.supernet.parameters().iter() {
            if let Some(value) = self.remembered.tensors().get(name) {
                parameter.var.set(value)?;
            }
        }
        Ok(())
    }
}
