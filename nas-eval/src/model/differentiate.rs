//! Forward and backward through a whole network.
//!
//! On the CPU the [engine](crate::engine) does it, on other devices Candle's tape, layer by layer.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor, Var, bail};

use super::Model;
use super::layers::Tape;
use crate::clock::Stopwatch;
use crate::engine::Observer;
use crate::nn::Gradients;
use crate::pass::{Differentiated, Logits, Loss, Mixture, Pass, Wanted, Weights};
use crate::profile::{Profile, Recorder};

impl Model {
    /// The class scores of a training pass, the loss that `loss` makes of them, and its gradients.
    ///
    /// `loss` gives a tensor of one element, computed from the class scores by differentiable
    /// operations.
    ///
    /// # Errors
    /// As [`Model::forward`]; a Candle error where the loss has no gradient, and for a pass that is
    /// not a training one.
    pub fn differentiate(
        &self,
        images: &Tensor,
        pass: &Pass,
        loss: impl FnOnce(&Logits) -> Result<Tensor>,
    ) -> Result<(Logits, Tensor, Gradients)> {
        let done = self.differentiate_with(images, pass, None, Wanted::Weights, Box::new(loss))?;
        Ok((done.logits, done.loss, done.gradients))
    }

    /// The same, with what each layer takes, which is added to `profile`. The results have the same
    /// bits.
    ///
    /// # Errors
    /// As [`Model::differentiate`]; a Candle error where the engine does not compute on these
    /// images, because they are not on the CPU.
    pub fn profile(
        &self,
        profile: &mut Profile,
        images: &Tensor,
        pass: &Pass,
        loss: impl FnOnce(&Logits) -> Result<Tensor>,
    ) -> Result<(Logits, Tensor, Gradients)> {
        let done = self.profile_with(profile, images, pass, None, Wanted::Weights, Box::new(loss))?;
        Ok((done.logits, done.loss, done.gradients))
    }

    /// The same with weights for the network's weighted sums, and their gradient.
    pub(crate) fn profile_with(
        &self,
        profile: &mut Profile,
        images: &Tensor,
        pass: &Pass,
        mixture: Option<&Mixture>,
        wanted: Wanted,
        loss: Loss<'_>,
    ) -> Result<Differentiated> {
        if !matches!(pass, Pass::Train { .. }) {
            bail!("gradients are those of a training pass");
        }
        self.check_engine(images)?;
        self.check_images(images)?;
        let weights = mixture.map_or(Weights::Missing, Weights::Given);
        let request = self.request(images, pass, &weights);
        let mut recorder = Recorder::new(self.engine.steps());
        let watch = Stopwatch::start();
        let done = self
            .engine
            .differentiate(&request, wanted, loss, Some(&mut recorder))?;
        let took = (images.dim(0)?, watch.seconds(), rayon::current_num_threads());
        let names = self.engine.layer_names(&self.network);
        profile.record(&names, images.dtype().size_in_bytes(), &recorder, took);
        Ok(done)
    }

    /// [`Model::differentiate`] with weights for the network's weighted sums, and their gradient.
    pub(crate) fn differentiate_with(
        &self,
        images: &Tensor,
        pass: &Pass,
        mixture: Option<&Mixture>,
        wanted: Wanted,
        loss: Loss<'_>,
    ) -> Result<Differentiated> {
        if !matches!(pass, Pass::Train { .. }) {
            bail!("gradients are those of a training pass");
        }
        if !self.runs_on_engine(images) {
            return self.differentiate_on_tape(images, pass, mixture, wanted, loss);
        }
        let weights = mixture.map_or(Weights::Missing, Weights::Given);
        self.check_images(images)?;
        self.engine
            .differentiate(&self.request(images, pass, &weights), wanted, loss, None)
    }

    /// The gradients of a pass by the statistics of the batch, with nothing random in it: what
    /// scores of untrained networks are made of. Running statistics stay as they are. An `observer`
    /// sees the maps and their gradients, on the engine alone.
    ///
    /// # Errors
    /// As [`Model::differentiate`]; a Candle error where there is an observer and the engine does
    /// not compute on these images.
    pub(crate) fn differentiate_untrained(
        &self,
        images: &Tensor,
        wanted: Wanted,
        loss: Loss<'_>,
        observer: Option<&mut dyn Observer>,
    ) -> Result<Differentiated> {
        let pass = &Pass::BatchStatistics;
        self.check_images(images)?;
        if observer.is_some() {
            self.check_engine(images)?;
        }
        if !self.runs_on_engine(images) {
            return self.differentiate_on_tape(images, pass, None, wanted, loss);
        }
        self.engine.differentiate(
            &self.request(images, pass, &Weights::Missing),
            wanted,
            loss,
            observer,
        )
    }

    /// The same on Candle's tape, on any device.
    pub(crate) fn differentiate_on_tape(
        &self,
        images: &Tensor,
        pass: &Pass,
        mixture: Option<&Mixture>,
        wanted: Wanted,
        loss: Loss<'_>,
    ) -> Result<Differentiated> {
        let weights = on_tape(mixture, images)?;
        let as_variable = match wanted.images() {
            true => Some(Var::from_tensor(images)?),
            false => None,
        };
        let images = as_variable.as_ref().map_or(images, |var| var.as_tensor());
        let logits = self.forward_with(images, pass, &weights, Tape::On)?;
        let loss = loss(&logits)?;
        let mut store = loss.backward()?;
        let mut for_mixture = mixture.map_or_else(Vec::new, Mixture::zeros);
        match &weights {
            Weights::Taped(_, vars) if wanted.mixture() => {
                for (var, table) in vars.iter().zip(&mut for_mixture) {
                    if let Some(gradient) = store.remove(var.as_tensor()) {
                        let values = gradient
                            .to_device(&Device::Cpu)?
                            .to_dtype(DType::F64)?
                            .flatten_all()?
                            .to_vec1::<f64>()?;
                        for (entry, value) in table.iter_mut().zip(values) {
                            *entry = value;
                        }
                    }
                }
            }
            #[cfg(any(feature = "cuda", test))]
            Weights::Collected(_, products) if wanted.mixture() => {
                for (term, value) in products.totals()? {
                    for_mixture[term.table][[term.row, term.column]] += value;
                }
            }
            _ => {}
        }
        let of_images = match &as_variable {
            Some(var) => Some(match store.remove(var.as_tensor()) {
                Some(gradient) => gradient,
                None => var.zeros_like()?,
            }),
            None => None,
        };
        let gradients = if wanted.weights() {
            Gradients::from_store(store, &self.parameters)
        } else {
            Gradients::from_named(HashMap::new(), &self.parameters)
        };
        Ok(Differentiated {
            logits,
            loss,
            gradients,
            mixture: for_mixture,
            images: of_images,
        })
    }
}

/// The weights of a mixture as a pass on the tape takes them.
fn on_tape<'a>(mixture: Option<&'a Mixture>, images: &Tensor) -> Result<Weights<'a>> {
    let Some(mixture) = mixture else {
        return Ok(Weights::Missing);
    };
    #[cfg(any(feature = "cuda", test))]
    if crate::cuda::has_kernels(images) {
        return Ok(Weights::Collected(mixture, Default::default()));
    }
    let as_variables = mixture.tables().iter().map(|table| {
        let values: Vec<f64> = table.iter().copied().collect();
        let tensor = Tensor::from_vec(values, table.dim(), &Device::Cpu)?;
        Var::from_tensor(&tensor.to_dtype(images.dtype())?.to_device(images.device())?)
    });
    Ok(Weights::Taped(mixture, as_variables.collect::<Result<_>>()?))
}
