//! Computes the gradients of parameters and of the mixture from the results of the waves.

use std::collections::HashMap;

use candle_core::{Device, Result, Tensor};
use ndarray::Array2;
use rayon::prelude::*;

use super::{ForWeights, Found};
use crate::engine::arena::Arena;
use crate::engine::norm::set_back;
use crate::engine::observer::Observer;
use crate::engine::pass::Request;
use crate::engine::plan::Op;
use crate::engine::prepare::parameter;
use crate::engine::run::Run;
use crate::engine::schedule::Source;
use crate::engine::timing::Way;
use crate::kernels::{Float, gather_gradient};

/// The step of the images.
const IMAGE: usize = 0;

/// Gradients by the names of the parameters.
type Named = HashMap<String, Tensor>;

impl<T: Float> Run<'_, T> {
    /// The gradients of parameters, by name, of the mixture and of the images, where they are
    /// wanted. The `observer` sees those of maps.
    pub(in crate::engine) fn backward(
        &mut self,
        arena: &mut Arena<T>,
        request: &Request<'_>,
        mut observer: Option<&mut (dyn Observer + '_)>,
    ) -> Result<(Named, Vec<Array2<f64>>, Option<Tensor>)> {
        let counts = |step, position| self.counts(step, position);
        self.sources = self.plan.sources(&self.needed, &self.outputs, counts);
        let mut named = HashMap::new();
        let mut mixture = request.weights.zeros();
        let mut images = None;
        for wave in self.plan.way_back(&self.sources, &self.useful, &self.outputs) {
            arena.places.enter(self.plan, &wave, self.batch);
            let found = self.backward_wave(arena, &wave);
            self.take_in(arena, request, found, &mut named, &mut mixture)?;
            if let Some(observer) = &mut observer {
                self.observe_gradients(arena, &wave, *observer);
            }
            if self.wants_images && wave.steps.contains(&IMAGE) {
                images = Some(self.images_gradient(arena, request)?);
            }
            arena.places.leave(&wave);
        }
        Ok((named, mixture, images))
    }

    /// The gradient of the images \[N, C, H, W\], when that of their map is found.
    fn images_gradient(&self, arena: &Arena<T>, request: &Request<'_>) -> Result<Tensor> {
        let step = &self.plan.steps[IMAGE];
        let mut values = Vec::with_capacity(self.batch * step.shape.numel());
        if self.sources[IMAGE] == Source::Nowhere {
            values.resize(self.batch * step.shape.numel(), T::ZERO);
        } else {
            arena.with_rooms(|rooms| {
                for image in 0..self.batch {
                    let map = self.map_gradient(arena, IMAGE, image, &mut rooms.gradient);
                    step.extend_by_planes(&map[..step.len()], &mut values);
                }
            });
        }
        Tensor::from_vec(values, request.images.shape(), &Device::Cpu)
    }

    /// What is made of the sums that a wave has found.
    fn take_in(
        &self,
        arena: &mut Arena<T>,
        request: &Request<'_>,
        found: Found<T>,
        named: &mut Named,
        mixture: &mut [Array2<f64>],
    ) -> Result<()> {
        for (index, position, sums) in &found.terms {
            let step = &self.plan.steps[*index];
            if let (Op::Sum(Some(terms)), true) = (&step.op, self.wants_mixture) {
                let term = &terms[*position];
                mixture[term.table][[term.row, term.column]] +=
                    self.term_gradient(arena, *index, *position, sums);
            }
        }
        for (index, sums) in found.norms {
            let step = &self.plan.steps[index];
            let Some(norm) = &step.norm else { continue };
            let count = (self.batch * step.pixels()) as f64;
            let [weight, bias] = self.timed(Way::Backward, index, || set_back(arena, index, sums, count));
            if norm.affine && self.wants_weights {
                for (suffix, mut values) in [("weight", weight), ("bias", bias)] {
                    values.truncate(step.shape.channels);
                    let values: Vec<T> = values.into_iter().map(T::from_f64).collect();
                    let tensor = Tensor::from_vec(values, step.shape.channels, &Device::Cpu)?;
                    named.insert(format!("{}.{suffix}", norm.name), tensor);
                }
            }
        }
        let weights: Vec<Vec<(String, Tensor)>> = found
            .weights
            .into_par_iter()
            .map(|given| self.timed(Way::Backward, given.step, || self.weight_tensors(request, given)))
            .collect::<Result<_>>()?;
        named.extend(weights.into_iter().flatten());
        Ok(())
    }

    /// The gradients of the weights of a step, by name, as the parameters lie.
    fn weight_tensors(&self, request: &Request<'_>, given: ForWeights<T>) -> Result<Vec<(String, Tensor)>> {
        let mut tensors = Vec::new();
        let convs = self.plan.steps[given.step].convolutions();
        for (conv, mut packed) in convs.iter().zip(given.weights) {
            if let Some(tile) = conv.tile {
                gather_gradient(self.level, tile, &mut packed);
            }
            let shape = parameter(request.parameters, &conv.weight)?.shape().clone();
            let mut values = vec![T::ZERO; shape.elem_count()];
            conv.each_weight(|from, to| values[from] = packed[to]);
            let tensor = Tensor::from_vec(values, shape, &Device::Cpu)?;
            tensors.push((conv.weight.clone(), tensor));
            if conv.bias {
                let values: Vec<T> = given.bias[..conv.filters]
                    .iter()
                    .map(|&value| T::from_f64(value))
                    .collect();
                let tensor = Tensor::from_vec(values, conv.filters, &Device::Cpu)?;
                tensors.push((conv.bias_name.clone(), tensor));
            }
        }
        Ok(tensors)
    }

    /// The gradient of the weight of a term: the product of the sum's gradient with what is read,
    /// summed up.
    fn term_gradient(
        &self,
        arena: &Arena<T>,
        index: usize,
        position: usize,
        [sums, products]: &[Vec<f64>; 2],
    ) -> f64 {
        let read = &self.plan.steps[index].reads[position];
        let source = &self.plan.steps[read.step];
        if self.term_weights[index][position] == 0.0 {
            return sums[..source.shape.channels].iter().sum();
        }
        if source.norm.is_none() || read.rectified {
            return products.iter().sum();
        }
        let norm = &arena.steps[read.step].norm;
        let [scale, shift] = &norm.line;
        (0..source.shape.channels)
            .map(|c| {
                let (scale, shift) = (scale[c].to_f64(), shift[c].to_f64());
                scale * products[c] + (scale * norm.center[c].to_f64() + shift) * sums[c]
            })
            .sum()
    }
}
