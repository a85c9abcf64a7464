//! The bilevel problem of a supernet's architecture, at one training and one validation batch.

use candle_core::{Result, Tensor};
use indexmap::IndexMap;
use nas_eval::model::Pass;
use nas_eval::nn::{Gradients, Snapshot};
use nas_eval::ops::cross_entropy;
use nas_eval::supernet::{Examples, Mixture, Supernet, SupernetStep, Wanted};
use nas_space::seed::Seed;

use crate::alphas::Alphas;
use crate::bilevel::Bilevel;
use crate::relaxation::{Mixed, Relaxation};

/// A training pass of a supernet. It has no layers that draw at random.
pub(crate) const TRAIN: Pass = Pass::Train {
    seed: Seed::new(0),
    drop_path: 0.0,
};

/// A supernet with architecture parameters.
pub(crate) struct Relaxed<'a> {
    pub(crate) supernet: &'a Supernet,
    pub(crate) relaxation: &'a dyn Relaxation,
    pub(crate) alphas: &'a Alphas,
    pub(crate) mixed: &'a Mixed,
}

impl Relaxed<'_> {
    /// A training pass with its loss and those gradients that are wanted.
    pub(crate) fn differentiate(&self, examples: &Examples, wanted: Wanted) -> Result<SupernetStep> {
        let mixture = Mixture::new(self.mixed.weights.clone());
        self.supernet
            .differentiate(&examples.images, &TRAIN, &mixture, wanted, |logits| {
                cross_entropy(&logits.main, &examples.labels, 0.0)
            })
    }

    /// The architecture parameters' gradient of the loss on these examples, at the weights as they
    /// are.
    pub(crate) fn architecture_gradient(&self, examples: &Examples) -> Result<Alphas> {
        let step = self.differentiate(examples, Wanted::Mixture)?;
        Ok(self.relaxation.pull_back(self.alphas, self.mixed, &step.mixture))
    }
}

/// A supernet between two batches, with all that one step of its weights depends on.
///
/// Running statistics of batch norms follow the passes at the weights and close to them, but not
/// the one at the unrolled weights: in the authors' code that one is made on a copy of the network.
pub(crate) struct SupernetProblem<'a> {
    pub(crate) relaxed: Relaxed<'a>,
    pub(crate) train: &'a Examples,
    pub(crate) valid: &'a Examples,
    pub(crate) momentum: f64,
    pub(crate) weight_decay: f64,
    /// The weights' momentum, by `momentum:NAME`.
    pub(crate) buffers: &'a IndexMap<String, Tensor>,
    remembered: Option<Snapshot>,
    unrolled: bool,
}

impl<'a> SupernetProblem<'a> {
    pub(crate) fn new(
        relaxed: Relaxed<'a>,
        [train, valid]: [&'a Examples; 2],
        [momentum, weight_decay]: [f64; 2],
        buffers: &'a IndexMap<String, Tensor>,
    ) -> Self {
        Self {
            relaxed,
            train,
            valid,
            momentum,
            weight_decay,
            buffers,
            remembered: None,
            unrolled: false,
        }
    }

    /// Sets every weight that `direction` has to the remembered one plus `by` times it, all others
    /// to the remembered ones.
    fn set_weights(&mut self, direction: Option<(&Gradients, f64)>) -> Result<()> {
        let Some(snapshot) = &self.remembered else {
            candle_core::bail!("the weights were not remembered before they were moved");
        };
        let parameters = self.relaxed.supernet.parameters();
        for (name, value) in snapshot.iter() {
            if let Some(parameter) = parameters.get(name) {
                match direction.and_then(|(gradients, by)| Some((gradients.get(name)?, by))) {
                    Some((along, by)) => parameter.var.set(&(value + (along * by)?)?)?,
                    None => parameter.var.set(value)?,
                }
            } else if let Some(buffer) = parameters.buffer(name).filter(|_| self.unrolled) {
                buffer.set(value)?;
            }
        }
        self.unrolled = false;
        Ok(())
    }
}

impl Bilevel for SupernetProblem<'_> {
    type Direction = Gradients;
    type Error = candle_core::Error;

    fn train_weights_gradient(&mut self) -> Result<Gradients> {
        Ok(self.relaxed.differentiate(self.train, Wanted::Weights)?.gradients)
    }

    fn train_architecture_gradient(&mut self) -> Result<Vec<f64>> {
        let gradient = self.relaxed.architecture_gradient(self.train)?;
        Ok(gradient.iter().copied().collect())
    }

    fn valid_gradients(&mut self) -> Result<(Gradients, Vec<f64>)> {
        let step = self.relaxed.differentiate(self.valid, Wanted::Both)?;
        let Relaxed {
            relaxation,
            alphas,
            mixed,
            ..
        } = self.relaxed;
        let gradient = relaxation.pull_back(alphas, mixed, &step.mixture);
        Ok((step.gradients, gradient.iter().copied().collect()))
    }

    fn norm(&self, direction: &Gradients) -> Result<f64> {
        direction.norm()
    }

    fn unroll(&mut self, train: &Gradients, rate: f64) -> Result<()> {
        let parameters = self.relaxed.supernet.parameters();
        let snapshot = parameters.snapshot()?;
        for (name, gradient) in train.iter() {
            let (Some(parameter), Some(value)) = (parameters.get(name), snapshot.tensors().get(name)) else {
                continue;
            };
            let mut step = (gradient + (value * self.weight_decay)?)?;
            if let Some(buffer) = self.buffers.get(&format!("momentum:{name}")) {
                step = (step + (buffer * self.momentum)?)?;
            }
            parameter.var.set(&(value - (step * rate)?)?)?;
        }
        self.remembered = Some(snapshot);
        self.unrolled = true;
        Ok(())
    }

    fn shift(&mut self, direction: &Gradients, by: f64) -> Result<()> {
        self.set_weights(Some((direction, by)))
    }

    fn restore(&mut self) -> Result<()> {
        if self.remembered.is_some() {
            self.set_weights(None)?;
        }
        Ok(())
    }
}
