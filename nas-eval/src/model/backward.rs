//! Backward through a whole network, layer by layer, without Candle's tape.

use std::collections::HashMap;

use candle_core::{Result, Tensor, bail};
use nas_space::network::{Layer, LayerId, LayerKind, PoolKind, Term};
use ndarray::Array2;

use super::Model;
use super::differentiate::{Kept, Trace, Wanted};
use super::layers::{Tape, conv_spec, pool_spec, shuffle};
use super::mixture::Weights;
use crate::nn::Gradients;
use crate::ops;

/// What a layer's backward gives.
#[derive(Default)]
struct Given {
    /// Parts of the gradients of the layers it reads.
    inputs: Vec<(usize, Tensor)>,
    /// Gradients of its parameters, by what they are called.
    parameters: Vec<(&'static str, Tensor)>,
    /// Gradients of weights of the mixture.
    weights: Vec<(Term, f64)>,
}

impl Model {
    /// The gradients of parameters and mixture, where they are wanted, from those of the outputs.
    ///
    /// The layers of a wave are computed at the same time; what they give is added up in the order of the layers, the
    /// last one first, however the waves fall.
    pub(super) fn backward(
        &self,
        trace: &Trace,
        seeds: &[(LayerId, Tensor)],
        weights: &Weights<'_>,
        wanted: Wanted,
    ) -> Result<(Gradients, Vec<Array2<f64>>)> {
        let layers = self.network.layers();
        // What has arrived at each layer, with the number of the layer it came from.
        let mut parts: Vec<Vec<(usize, Tensor)>> = vec![Vec::new(); layers.len()];
        for (id, gradient) in seeds {
            parts[id.index()].push((usize::MAX, gradient.clone()));
        }
        let mut named = HashMap::new();
        let mut for_weights = Vec::new();
        for wave in self.waves.iter().rev() {
            let reached: Vec<bool> = parts.iter().map(|parts| !parts.is_empty()).collect();
            let done = self.in_parallel(wave, &reached, |index| {
                let gradient = gathered(&parts[index])?;
                self.layer_backward(index, &gradient, trace, weights, wanted)
            })?;
            for (index, given) in done {
                // No longer needed, and often the larger part of the memory.
                parts[index] = Vec::new();
                for (source, gradient) in given.inputs {
                    parts[source].push((index, gradient));
                }
                for (suffix, gradient) in given.parameters {
                    named.insert(format!("{}.{suffix}", layers[index].name), gradient);
                }
                for_weights.extend(
                    given
                        .weights
                        .into_iter()
                        .map(|(term, value)| (index, term, value)),
                );
            }
        }
        let mut for_mixture = match weights {
            Weights::Missing => Vec::new(),
            Weights::Given(mixture) | Weights::Taped(mixture, _) => mixture.zeros(),
        };
        for_weights.sort_by_key(|(index, ..)| std::cmp::Reverse(*index));
        for (_, term, value) in for_weights {
            for_mixture[term.table][[term.row, term.column]] += value;
        }
        Ok((Gradients::from_named(named, &self.parameters), for_mixture))
    }

    fn layer_backward(
        &self,
        index: usize,
        gradient: &Tensor,
        trace: &Trace,
        weights: &Weights<'_>,
        wanted: Wanted,
    ) -> Result<Given> {
        let layer = &self.network.layers()[index];
        let mut given = Given::default();
        let (Some(y), Some(&source)) = (&trace.values[index], layer.inputs.first()) else {
            return Ok(given);
        };
        let gradient = gradient.reshape(y.shape())?;
        match &layer.kind {
            LayerKind::WeightedSum { terms } => {
                return weighted_sum_backward(layer, terms, &gradient, trace, weights, wanted.mixture());
            }
            LayerKind::Add => {
                let inputs = layer.inputs.iter();
                given.inputs = inputs.map(|input| (input.index(), gradient.clone())).collect();
                return Ok(given);
            }
            LayerKind::Concat => {
                let mut start = 0;
                for input in &layer.inputs {
                    let channels = trace.value(*input)?.dim(1)?;
                    let part = gradient.narrow(1, start, channels)?.contiguous()?;
                    given.inputs.push((input.index(), part));
                    start += channels;
                }
                return Ok(given);
            }
            _ => {}
        }
        let x = trace.value(source)?;
        // The image needs no gradient.
        let wants_input = source.index() != 0;
        let for_parameters = wanted.weights();
        let for_x = match (&layer.kind, &trace.kept[index]) {
            (LayerKind::Relu, _) => Some(ops::relu_backward(y, &gradient)?),
            (LayerKind::Conv2d(conv), _) => {
                let weight = self.parameter(layer, "weight", Tape::Off)?;
                let wants = [wants_input, for_parameters];
                let (dx, dw) = ops::conv2d_backward(x, &weight, &gradient, &conv_spec(conv), wants)?;
                if let Some(dw) = dw {
                    given.parameters.push(("weight", dw));
                    if conv.bias {
                        given.parameters.push(("bias", gradient.sum((0, 2, 3))?));
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
                if *affine && for_parameters {
                    given.parameters.extend([("weight", dweight), ("bias", dbias)]);
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
                if for_parameters {
                    let for_weight = gradient.t()?.matmul(&x.flatten_from(1)?)?;
                    given
                        .parameters
                        .extend([("weight", for_weight), ("bias", gradient.sum(0)?)]);
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
        if let Some(for_x) = for_x.filter(|_| wants_input) {
            given.inputs.push((source.index(), for_x));
        }
        Ok(given)
    }
}

/// The sum of what has arrived at a layer, that from the last layer first.
fn gathered(parts: &[(usize, Tensor)]) -> Result<Tensor> {
    match parts {
        [(_, single)] => Ok(single.clone()),
        _ => {
            let mut parts: Vec<&(usize, Tensor)> = parts.iter().collect();
            parts.sort_by_key(|(from, _)| std::cmp::Reverse(*from));
            let parts: Vec<Tensor> = parts.into_iter().map(|(_, part)| part.clone()).collect();
            ops::add_many(&parts)
        }
    }
}

/// Each input that counts gets its weight times the gradient, each weight the product of gradient and input; the weights
/// of inputs that do not count get the sum of the gradient.
fn weighted_sum_backward(
    layer: &Layer,
    terms: &[Term],
    gradient: &Tensor,
    trace: &Trace,
    weights: &Weights<'_>,
    wants_weights: bool,
) -> Result<Given> {
    let mut given = Given::default();
    let (inputs, values) = weights.counting(layer, terms, &trace.values)?;
    let (for_inputs, products) = if inputs.is_empty() {
        (Vec::new(), Vec::new())
    } else {
        ops::weighted_sum_backward(&inputs, &values, gradient, wants_weights)?
    };
    let total = if wants_weights && inputs.len() < terms.len() {
        Some(ops::sum_of_elements(gradient)?)
    } else {
        None
    };
    let (mut for_inputs, mut products) = (for_inputs.into_iter(), products.into_iter());
    for (input, term) in layer.inputs.iter().zip(terms) {
        let for_weight = if weights.of(layer, term)? == 0.0 {
            total
        } else {
            let for_input = for_inputs.next();
            given.inputs.extend(for_input.map(|part| (input.index(), part)));
            products.next()
        };
        given.weights.extend(for_weight.map(|value| (*term, value)));
    }
    Ok(given)
}
