//! Forward and backward through a whole network.
//!
//! On the CPU the model does not use Candle's tape, which adds every gradient to a tensor of zeros: the layers are
//! known, so their backward kernels are called one after the other, and a gradient that has one source is never
//! copied. Elsewhere the tape does it, on the same layers.

use std::collections::HashMap;

use candle_core::{Result, Tensor, Var, bail};
use nas_space::network::{LayerId, LayerKind, PoolKind};

use super::layers::{Tape, conv_spec, mask, pool_spec};
use super::{Logits, Model, Pass};
use crate::nn::Gradients;
use crate::ops::{self, BatchNormed};

/// What a layer's backward needs beside the values of the layers.
#[derive(Debug)]
enum Kept {
    Nothing,
    Norm(BatchNormed),
    Mask(Tensor),
}

/// The values of a forward pass, by layer.
struct Trace {
    values: Vec<Tensor>,
    kept: Vec<Kept>,
}

impl Model {
    /// The class scores of a training pass, the loss that `loss` makes of them, and its gradients.
    ///
    /// `loss` gives a tensor of one element, computed from the class scores by differentiable operations.
    ///
    /// # Errors
    /// As [`Model::forward`]; a Candle error where the loss has no gradient, and for [`Pass::Eval`].
    pub fn differentiate(
        &self,
        images: &Tensor,
        pass: &Pass,
        loss: impl FnOnce(&Logits) -> Result<Tensor>,
    ) -> Result<(Logits, Tensor, Gradients)> {
        if *pass == Pass::Eval {
            bail!("gradients are those of a training pass");
        }
        if !ops::runs_kernel(&[images]) || images.dtype() != self.parameters.dtype() {
            let logits = self.forward(images, pass)?;
            let loss = loss(&logits)?;
            let gradients = Gradients::of(&loss, &self.parameters)?;
            return Ok((logits, loss, gradients));
        }
        let trace = self.trace(images, pass)?;
        let output = |id: LayerId| Var::from_tensor(&trace.values[id.index()].flatten_from(1)?);
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
        let gradients = self.backward(&trace, &seeds)?;
        Ok((logits, loss, gradients))
    }

    fn trace(&self, images: &Tensor, pass: &Pass) -> Result<Trace> {
        self.check_images(images)?;
        let layers = self.network.layers();
        let mut trace = Trace {
            values: Vec::with_capacity(layers.len()),
            kept: Vec::with_capacity(layers.len()),
        };
        for layer in layers {
            let inputs: Vec<Tensor> = layer
                .inputs
                .iter()
                .map(|id| trace.values[id.index()].clone())
                .collect();
            let (value, kept) = match (&layer.kind, inputs.first()) {
                (LayerKind::Input, _) => (images.contiguous()?, Kept::Nothing),
                (LayerKind::BatchNorm { affine }, Some(x)) => {
                    let normed = self.batch_norm_of_batch(layer, x, *affine, Tape::Off)?;
                    (normed.output.clone(), Kept::Norm(normed))
                }
                (LayerKind::DropPath | LayerKind::Dropout { .. }, Some(x)) => match mask(layer, x, pass)? {
                    Some(mask) => (x.broadcast_mul(&mask)?, Kept::Mask(mask)),
                    None => (x.clone(), Kept::Nothing),
                },
                _ => (self.compute(layer, &inputs, pass, Tape::Off)?, Kept::Nothing),
            };
            trace.values.push(value);
            trace.kept.push(kept);
        }
        Ok(trace)
    }

    /// The gradients of the parameters from those of the outputs.
    fn backward(&self, trace: &Trace, seeds: &[(LayerId, Tensor)]) -> Result<Gradients> {
        let layers = self.network.layers();
        let mut parts: Vec<Vec<Tensor>> = vec![Vec::new(); layers.len()];
        for (id, gradient) in seeds {
            parts[id.index()].push(gradient.clone());
        }
        let mut named = HashMap::new();
        for (index, layer) in layers.iter().enumerate().rev() {
            let arrived = std::mem::take(&mut parts[index]);
            let Some(first) = arrived.first() else { continue };
            let gradient = if arrived.len() == 1 {
                first.clone()
            } else {
                ops::add_many(&arrived)?
            };
            drop(arrived);
            let gradient = gradient.reshape(trace.values[index].shape())?;
            let mut give =
                |suffix: &str, gradient: Tensor| named.insert(format!("{}.{suffix}", layer.name), gradient);
            let x = layer.inputs.first().map(|id| &trace.values[id.index()]);
            let Some(x) = x else { continue };
            match &layer.kind {
                LayerKind::Add => {
                    for input in &layer.inputs {
                        parts[input.index()].push(gradient.clone());
                    }
                    continue;
                }
                LayerKind::Concat => {
                    let mut start = 0;
                    for input in &layer.inputs {
                        let channels = trace.values[input.index()].dim(1)?;
                        parts[input.index()].push(gradient.narrow(1, start, channels)?.contiguous()?);
                        start += channels;
                    }
                    continue;
                }
                _ => {}
            }
            let source = layer.inputs[0].index();
            // The image needs no gradient.
            let wanted = source != 0;
            let for_x = match (&layer.kind, &trace.kept[index]) {
                (LayerKind::Relu, _) => Some(ops::relu_backward(&trace.values[index], &gradient)?),
                (LayerKind::Conv2d(conv), _) => {
                    let weight = self.parameter(layer, "weight", Tape::Off)?;
                    let (dx, dw) = ops::conv2d_backward(x, &weight, &gradient, &conv_spec(conv), wanted)?;
                    if conv.bias {
                        give("bias", gradient.sum((0, 2, 3))?);
                    }
                    give("weight", dw);
                    dx
                }
                (LayerKind::BatchNorm { affine }, Kept::Norm(normed)) => {
                    let weight = if *affine {
                        Some(self.parameter(layer, "weight", Tape::Off)?)
                    } else {
                        None
                    };
                    let [dx, dweight, dbias] = normed.backward(x, weight.as_ref(), &gradient)?;
                    if *affine {
                        give("weight", dweight);
                        give("bias", dbias);
                    }
                    Some(dx)
                }
                (LayerKind::Pool2d(pool), _) => Some(match pool.kind {
                    PoolKind::Max => {
                        ops::max_pool2d_backward(x, &trace.values[index], &gradient, &pool_spec(pool))?
                    }
                    PoolKind::Average => ops::avg_pool2d_backward(x, &gradient, &pool_spec(pool))?,
                }),
                (LayerKind::GlobalAvgPool, _) => Some(ops::global_avg_pool_backward(x, &gradient)?),
                (LayerKind::Linear { .. }, _) => {
                    let weight = self.parameter(layer, "weight", Tape::Off)?;
                    give("weight", gradient.t()?.matmul(&x.flatten_from(1)?)?);
                    give("bias", gradient.sum(0)?);
                    Some(gradient.matmul(&weight)?.reshape(x.shape())?)
                }
                (LayerKind::Shift, _) => Some(gradient.pad_with_zeros(2, 1, 0)?.pad_with_zeros(3, 1, 0)?),
                (LayerKind::Pad { height, width }, _) => {
                    let (_, _, rows, columns) = x.dims4()?;
                    let inner = gradient.narrow(2, (height - rows) / 2, rows)?;
                    Some(inner.narrow(3, (width - columns) / 2, columns)?.contiguous()?)
                }
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
        Ok(Gradients::from_named(named, &self.parameters))
    }
}
