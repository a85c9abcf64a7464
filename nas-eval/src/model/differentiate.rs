//! Forward and backward through a whole network.
//!
//! On the CPU the model does not use Candle's tape, which adds every gradient to a tensor of zeros: the layers are
//! known, so their backward kernels are called one after the other, and a gradient that has one source is never
//! copied. Elsewhere the tape does it, on the same layers.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor, Var, bail};
use nas_space::network::{LayerId, LayerKind, PoolKind};
use ndarray::Array2;

use super::layers::{Tape, conv_spec, mask, pool_spec, shuffle};
use super::mixture::Weights;
use super::{Logits, Mixture, Model, Pass};
use crate::nn::Gradients;
use crate::ops::{self, BatchNormed};

/// What a layer's backward needs beside the values of the layers.
#[derive(Debug)]
enum Kept {
    Nothing,
    Norm(BatchNormed),
    Mask(Tensor),
}

/// The values of a forward pass, by layer; none where the pass did not need it.
struct Trace {
    values: Vec<Option<Tensor>>,
    kept: Vec<Kept>,
}

impl Trace {
    fn value(&self, id: LayerId) -> Result<&Tensor> {
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
    fn weights(self) -> bool {
        self != Self::Mixture
    }

    fn mixture(self) -> bool {
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
        let layers = self.network.layers();
        let needed = self.needed(pass, weights)?;
        let mut trace = Trace {
            values: Vec::with_capacity(layers.len()),
            kept: Vec::with_capacity(layers.len()),
        };
        for (layer, needed) in layers.iter().zip(needed) {
            if !needed {
                trace.values.push(None);
                trace.kept.push(Kept::Nothing);
                continue;
            }
            let first = layer
                .inputs
                .first()
                .and_then(|id| trace.values[id.index()].as_ref());
            let (value, kept) = match (&layer.kind, first) {
                (LayerKind::Input, _) => (images.contiguous()?, Kept::Nothing),
                (LayerKind::WeightedSum { terms }, _) => (
                    weights.sum(layer, terms, &trace.values, images, false)?,
                    Kept::Nothing,
                ),
                (LayerKind::BatchNorm { affine }, Some(x)) => {
                    let normed = self.batch_norm_of_batch(layer, x, *affine, Tape::Off)?;
                    (normed.output.clone(), Kept::Norm(normed))
                }
                (LayerKind::DropPath | LayerKind::Dropout { .. }, Some(x)) => match mask(layer, x, pass)? {
                    Some(mask) => (x.broadcast_mul(&mask)?, Kept::Mask(mask)),
                    None => (x.clone(), Kept::Nothing),
                },
                _ => {
                    let inputs = layer.inputs.iter().map(|&id| trace.value(id).cloned());
                    let inputs = inputs.collect::<Result<Vec<_>>>()?;
                    (self.compute(layer, &inputs, pass, Tape::Off)?, Kept::Nothing)
                }
            };
            trace.values.push(Some(value));
            trace.kept.push(kept);
        }
        Ok(trace)
    }

    /// The gradients of parameters and mixture, where they are wanted, from those of the outputs.
    fn backward(
        &self,
        trace: &Trace,
        seeds: &[(LayerId, Tensor)],
        weights: &Weights<'_>,
        wanted_gradients: Wanted,
    ) -> Result<(Gradients, Vec<Array2<f64>>)> {
        let for_weights = wanted_gradients.weights();
        let layers = self.network.layers();
        let mut parts: Vec<Vec<Tensor>> = vec![Vec::new(); layers.len()];
        for (id, gradient) in seeds {
            parts[id.index()].push(gradient.clone());
        }
        let mut named = HashMap::new();
        let mut for_mixture = match weights {
            Weights::Missing => Vec::new(),
            Weights::Given(mixture) | Weights::Taped(mixture, _) => mixture.zeros(),
        };
        for (index, layer) in layers.iter().enumerate().rev() {
            let arrived = std::mem::take(&mut parts[index]);
            let Some(first) = arrived.first() else { continue };
            let gradient = if arrived.len() == 1 {
                first.clone()
            } else {
                ops::add_many(&arrived)?
            };
            drop(arrived);
            let Some(y) = &trace.values[index] else { continue };
            let gradient = gradient.reshape(y.shape())?;
            let mut give =
                |suffix: &str, gradient: Tensor| named.insert(format!("{}.{suffix}", layer.name), gradient);
            match &layer.kind {
                LayerKind::Input => continue,
                LayerKind::WeightedSum { terms } => {
                    let (inputs, values) = weights.counting(layer, terms, &trace.values)?;
                    let wants = wanted_gradients.mixture();
                    let (for_inputs, dots) = if inputs.is_empty() {
                        (Vec::new(), Vec::new())
                    } else {
                        ops::weighted_sum_backward(&inputs, &values, &gradient, wants)?
                    };
                    let (mut for_inputs, mut dots) = (for_inputs.into_iter(), dots.into_iter());
                    let mut total = None;
                    for (input, term) in layer.inputs.iter().zip(terms) {
                        let dot = if weights.of(layer, term)? == 0.0 {
                            match total {
                                _ if !wants => None,
                                Some(total) => Some(total),
                                None => {
                                    total = Some(ops::sum_of_elements(&gradient)?);
                                    total
                                }
                            }
                        } else {
                            parts[input.index()].extend(for_inputs.next());
                            dots.next()
                        };
                        if let Some(dot) = dot {
                            for_mixture[term.table][[term.row, term.column]] += dot;
                        }
                    }
                    continue;
                }
                LayerKind::Add => {
                    for input in &layer.inputs {
                        parts[input.index()].push(gradient.clone());
                    }
                    continue;
                }
                LayerKind::Concat => {
                    let mut start = 0;
                    for input in &layer.inputs {
                        let channels = trace.value(*input)?.dim(1)?;
                        parts[input.index()].push(gradient.narrow(1, start, channels)?.contiguous()?);
                        start += channels;
                    }
                    continue;
                }
                _ => {}
            }
            let Some(&source) = layer.inputs.first() else {
                continue;
            };
            let x = trace.value(source)?;
            let source = source.index();
            // The image needs no gradient.
            let wanted = source != 0;
            let for_x = match (&layer.kind, &trace.kept[index]) {
                (LayerKind::Relu, _) => Some(ops::relu_backward(y, &gradient)?),
                (LayerKind::Conv2d(conv), _) => {
                    let weight = self.parameter(layer, "weight", Tape::Off)?;
                    let wants = [wanted, for_weights];
                    let (dx, dw) = ops::conv2d_backward(x, &weight, &gradient, &conv_spec(conv), wants)?;
                    if let Some(dw) = dw {
                        give("weight", dw);
                        if conv.bias {
                            give("bias", gradient.sum((0, 2, 3))?);
                        }
                    }
                    dx
                }
                (LayerKind::BatchNorm { affine }, Kept::Norm(normed)) => {
                    let weight = if *affine {
                        Some(self.parameter(layer, "weight", Tape::Off)?)
                    } else {
                        None
                    };
                    let [dx, dweight, dbias] = normed.backward(x, weight.as_ref(), &gradient)?;
                    if *affine && for_weights {
                        give("weight", dweight);
                        give("bias", dbias);
                    }
                    Some(dx)
                }
                (LayerKind::Pool2d(pool), _) => Some(match pool.kind {
                    PoolKind::Max => ops::max_pool2d_backward(x, y, &gradient, &pool_spec(pool))?,
                    PoolKind::Average => ops::avg_pool2d_backward(x, &gradient, &pool_spec(pool))?,
                }),
                (LayerKind::GlobalAvgPool, _) => Some(ops::global_avg_pool_backward(x, &gradient)?),
                (LayerKind::Linear { .. }, _) => {
                    let weight = self.parameter(layer, "weight", Tape::Off)?;
                    if for_weights {
                        give("weight", gradient.t()?.matmul(&x.flatten_from(1)?)?);
                        give("bias", gradient.sum(0)?);
                    }
                    Some(gradient.matmul(&weight)?.reshape(x.shape())?)
                }
                (LayerKind::Shift, _) => Some(gradient.pad_with_zeros(2, 1, 0)?.pad_with_zeros(3, 1, 0)?),
                (LayerKind::Pad { height, width }, _) => {
                    let (_, _, rows, columns) = x.dims4()?;
                    let inner = gradient.narrow(2, (height - rows) / 2, rows)?;
                    Some(inner.narrow(3, (width - columns) / 2, columns)?.contiguous()?)
                }
                (LayerKind::Channels { start, count }, _) => {
                    let after = x.dim(1)? - start - count;
                    Some(gradient.pad_with_zeros(1, *start, after)?)
                }
                // Shuffling by the other factor is the way back.
                (LayerKind::Shuffle { groups }, _) => Some(shuffle(&gradient, x.dim(1)? / groups)?),
                (LayerKind::DropPath | LayerKind::Dropout { .. }, Kept::Mask(mask)) => {
                    Some(gradient.broadcast_mul(mask)?)
                }
                (LayerKind::DropPath | LayerKind::Dropout { .. }, _) => Some(gradient),
                (LayerKind::Zero { .. }, _) => None,
                (other, _) => bail!(
                    "layer '{}' is a '{}', which has no gradient here",
                    layer.name,
                    other.label()
                ),
            };
            if let Some(for_x) = for_x.filter(|_| wanted) {
                parts[source].push(for_x);
            }
        }
        Ok((Gradients::from_named(named, &self.parameters), for_mixture))
    }
}
