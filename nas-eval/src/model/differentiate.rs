//! Forward and backward through a whole network.
//!
//! On the CPU the model does not use Candle's tape, which adds every gradient to a tensor of zeros: the layers are
//! known, so their backward kernels are called one after the other, and a gradient that has one source is never
//! copied. Elsewhere the tape does it, on the same layers.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor, Var, bail};
use nas_space::network::{LayerId, LayerKind};
use ndarray::Array2;

use super::layers::{Tape, mask};
use super::mixture::Weights;
use super::{Logits, Mixture, Model, Pass};
use crate::nn::Gradients;
use crate::ops::{self, BatchNormed};

/// What a layer's backward needs beside the values of the layers.
#[derive(Debug)]
pub(super) enum Kept {
    Nothing,
    Norm(BatchNormed),
    Mask(Tensor),
}

/// The values of a forward pass, by layer; none where the pass did not need it.
pub(super) struct Trace {
    pub(super) values: Vec<Option<Tensor>>,
    pub(super) kept: Vec<Kept>,
}

impl Trace {
    pub(super) fn value(&self, id: LayerId) -> Result<&Tensor> {
        match &self.values[id.index()] {
            Some(value) => Ok(value),
            None => bail!("the value of layer {} is gone", id.index()),
        }
    }
}

/// Which gradients a pass of a supernet is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Those of the weights of its layers.
    Weights,
    /// Those of the mixture.
    Mixture,
    /// Both.
    Both,
}

impl Wanted {
    pub(super) fn weights(self) -> bool {
        self != Self::Mixture
    }

    pub(super) fn mixture(self) -> bool {
        self != Self::Weights
    }
}

/// What differentiating a pass gives.
pub(crate) struct Differentiated {
    pub(crate) logits: Logits,
    pub(crate) loss: Tensor,
    pub(crate) gradients: Gradients,
    /// Zeros where they are not wanted.
    pub(crate) mixture: Vec<Array2<f64>>,
}

impl Model {
    /// The class scores of a training pass, the loss that `loss` makes of them, and its gradients.
    ///
    /// `loss` gives a tensor of one element, computed from the class scores by differentiable operations.
    ///
    /// # Errors
    /// As [`Model::forward`]; a Candle error where the loss has no gradient, and for a pass that is not a training one.
    pub fn differentiate(
        &self,
        images: &Tensor,
        pass: &Pass,
        loss: impl FnOnce(&Logits) -> Result<Tensor>,
    ) -> Result<(Logits, Tensor, Gradients)> {
        let done = self.differentiate_with(images, pass, None, Wanted::Weights, loss)?;
        Ok((done.logits, done.loss, done.gradients))
    }

    /// The same with weights for the network's weighted sums, and their gradient.
    pub(crate) fn differentiate_with(
        &self,
        images: &Tensor,
        pass: &Pass,
        mixture: Option<&Mixture>,
        wanted: Wanted,
        loss: impl FnOnce(&Logits) -> Result<Tensor>,
    ) -> Result<Differentiated> {
        if !matches!(pass, Pass::Train { .. }) {
            bail!("gradients are those of a training pass");
        }
        if !ops::runs_kernel(&[images]) || images.dtype() != self.parameters.dtype() {
            return self.differentiate_on_tape(images, pass, mixture, wanted, loss);
        }
        let weights = mixture.map_or(Weights::Missing, Weights::Given);
        let trace = self.trace(images, pass, &weights)?;
        let output = |id: LayerId| Var::from_tensor(&trace.value(id)?.flatten_from(1)?);
        let main = output(self.network.logits())?;
        let auxiliary = self.network.auxiliary().map(output).transpose()?;
        let logits = Logits {
            main: main.as_tensor().clone(),
            auxiliary: auxiliary.as_ref().map(|var| var.as_tensor().clone()),
        };
        let loss = loss(&logits)?;
        let store = loss.backward()?;
        let mut seeds = Vec::new();
        for (id, var) in std::iter::once((self.network.logits(), Some(main)))
            .chain(self.network.auxiliary().map(|id| (id, auxiliary)))
        {
            if let Some(gradient) = var.and_then(|var| store.get(var.as_tensor()).cloned()) {
                seeds.push((id, gradient));
            }
        }
        let (gradients, mixture) = self.backward(&trace, &seeds, &weights, wanted)?;
        Ok(Differentiated {
            logits,
            loss,
            gradients,
            mixture,
        })
    }

    /// The same on Candle's tape, on any device.
    pub(crate) fn differentiate_on_tape(
        &self,
        images: &Tensor,
        pass: &Pass,
        mixture: Option<&Mixture>,
        wanted: Wanted,
        loss: impl FnOnce(&Logits) -> Result<Tensor>,
    ) -> Result<Differentiated> {
        let weights = match mixture {
            None => Weights::Missing,
            Some(mixture) => {
                let on_tape = mixture.tables().iter().map(|table| {
                    let values: Vec<f64> = table.iter().copied().collect();
                    let tensor = Tensor::from_vec(values, table.dim(), &Device::Cpu)?;
                    Var::from_tensor(&tensor.to_dtype(images.dtype())?.to_device(images.device())?)
                });
                Weights::Taped(mixture, on_tape.collect::<Result<_>>()?)
            }
        };
        let logits = self.forward_with(images, pass, &weights, Tape::On)?;
        let loss = loss(&logits)?;
        let mut store = loss.backward()?;
        let mut for_mixture = mixture.map_or_else(Vec::new, Mixture::zeros);
        if let (Weights::Taped(_, vars), true) = (&weights, wanted.mixture()) {
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
        })
    }

    fn trace(&self, images: &Tensor, pass: &Pass, weights: &Weights<'_>) -> Result<Trace> {
        self.check_images(images)?;
        let needed = self.needed(pass, weights)?;
        let mut trace = Trace {
            values: vec![None; needed.len()],
            kept: std::iter::repeat_with(|| Kept::Nothing)
                .take(needed.len())
                .collect(),
        };
        for wave in &self.waves {
            let done = self.in_parallel(wave, &needed, |index| {
                self.keeping(index, images, pass, weights, &trace.values)
            })?;
            for (index, (value, kept)) in done {
                trace.values[index] = Some(value);
                trace.kept[index] = kept;
            }
        }
        Ok(trace)
    }

    /// The value of a layer, and what its backward needs beside it.
    fn keeping(
        &self,
        index: usize,
        images: &Tensor,
        pass: &Pass,
        weights: &Weights<'_>,
        values: &[Option<Tensor>],
    ) -> Result<(Tensor, Kept)> {
        let layer = &self.network.layers()[index];
        let first = layer.inputs.first().and_then(|id| values[id.index()].as_ref());
        Ok(match (&layer.kind, first) {
            (LayerKind::Input, _) => (images.contiguous()?, Kept::Nothing),
            (LayerKind::BatchNorm { affine }, Some(x)) => {
                let normed = self.batch_norm_of_batch(layer, x, *affine, Tape::Off)?;
                (normed.output.clone(), Kept::Norm(normed))
            }
            (LayerKind::DropPath | LayerKind::Dropout { .. }, Some(x)) => match mask(layer, x, pass)? {
                Some(mask) => (x.broadcast_mul(&mask)?, Kept::Mask(mask)),
                None => (x.clone(), Kept::Nothing),
            },
            _ => (
                self.value(index, images, pass, weights, values, Tape::Off)?,
                Kept::Nothing,
            ),
        })
    }
}
