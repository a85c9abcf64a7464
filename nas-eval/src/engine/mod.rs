//! Passes through a whole network on the CPU.
//!
//! An [`Engine`] is made once for a network. It plans what is done in which order ([`plan`]), where things lie
//! ([`geometry`]) and keeps its memory from pass to pass ([`arena`]); the kernels are those of [`kernels`](crate::kernels). Candle's tensors
//! are what goes in (images, parameters) and what comes out (class scores, gradients).
//!
//! **Invariant:** a result has the same bits for any number of threads: how a batch is cut depends on its size and the
//! network alone, and what the parts find is added up in their order.

mod arena;
mod backward;
mod forward;
mod geometry;
mod host;
mod plan;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Result, Tensor, Var, bail};
use nas_space::network::{Layer, Network};
use ndarray::Array2;
use rayon::prelude::*;

use self::arena::{Arena, Held};
use self::backward::{Found, Source};
use self::geometry::Convolution;
pub(crate) use self::host::runs_here;
use self::host::{for_float, host};
use self::plan::{Norm, Op, Plan, Step};
use crate::error::EvalError;
use crate::kernels::{Float, Level, level, padded_channels};
use crate::model::{
    BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, Differentiated, Logits, Pass, Wanted, Weights, layer_mask,
};
use crate::nn::{Gradients, Parameters};

/// How many images are evaluated at a time where they do not depend on each other: few enough to need little memory.
const EVALUATED_TOGETHER: usize = 64;

/// Computes what a network gives for batches of images, and the gradients, on the CPU.
#[derive(Debug)]
pub(crate) struct Engine {
    plan: Plan,
    /// The instruction set of the kernels.
    level: Level,
    memory: Mutex<Memory>,
}

#[derive(Debug)]
enum Memory {
    F32(Arena<f32>),
    F64(Arena<f64>),
}

/// Gradients by the names of the parameters.
type Named = HashMap<String, Tensor>;

/// The arena of an element type.
trait Kept: Float {
    fn arena(memory: &mut Memory, steps: usize) -> &mut Arena<Self>;
}

impl Kept for f32 {
    fn arena(memory: &mut Memory, steps: usize) -> &mut Arena<Self> {
        if !matches!(memory, Memory::F32(_)) {
            *memory = Memory::F32(Arena::new(steps));
        }
        match memory {
            Memory::F32(arena) => arena,
            Memory::F64(_) => unreachable!("it has just been replaced"),
        }
    }
}

impl Kept for f64 {
    fn arena(memory: &mut Memory, steps: usize) -> &mut Arena<Self> {
        if !matches!(memory, Memory::F64(_)) {
            *memory = Memory::F64(Arena::new(steps));
        }
        match memory {
            Memory::F64(arena) => arena,
            Memory::F32(_) => unreachable!("it has just been replaced"),
        }
    }
}

/// A pass: of which network, with which parameters, for which images \[N, C, H, W\].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) network: &'a Network,
    pub(crate) parameters: &'a Parameters,
    pub(crate) images: &'a Tensor,
    pub(crate) pass: &'a Pass,
    pub(crate) weights: &'a Weights<'a>,
}

/// What all threads know of a pass.
#[derive(Debug)]
struct Run<'a, T> {
    plan: &'a Plan,
    level: Level,
    batch: usize,
    /// The images, plane by plane.
    images: &'a [T],
    /// Whether batch norms normalise by the statistics of the batch.
    by_batch: bool,
    /// The steps that the outputs depend on.
    needed: Vec<bool>,
    /// The weight of each term of each weighted sum; of other steps none.
    term_weights: Vec<Vec<f64>>,
    wants_weights: bool,
    wants_mixture: bool,
    /// The steps whose gradient the loss gives.
    outputs: Vec<usize>,
    /// The steps that depend on something whose gradient is wanted.
    useful: Vec<bool>,
    sources: Vec<Source>,
}

impl Engine {
    /// # Errors
    /// [`EvalError::UnsupportedLayer`].
    pub(crate) fn new(network: &Network) -> std::result::Result<Self, EvalError> {
        let plan = Plan::new(network)?;
        let memory = Mutex::new(Memory::F32(Arena::new(plan.steps.len())));
        let level = level();
        Ok(Self { plan, level, memory })
    }

    /// The class scores of a batch, without gradients.
    ///
    /// # Errors
    /// A Candle error where a weight of a mixture or a parameter is missing.
    pub(crate) fn forward(&self, request: &Request<'_>) -> Result<Logits> {
        let batch = request.images.dim(0)?;
        if *request.pass != Pass::Eval || batch <= EVALUATED_TOGETHER {
            return for_float!(request.images.dtype(), T => self.forward_typed::<T>(request));
        }
        let mut scores = Vec::new();
        for first in (0..batch).step_by(EVALUATED_TOGETHER) {
            let images = request
                .images
                .narrow(0, first, EVALUATED_TOGETHER.min(batch - first))?;
            let part = Request {
                images: &images,
                ..*request
            };
            scores.push(for_float!(images.dtype(), T => self.forward_typed::<T>(&part))?.main);
        }
        Ok(Logits {
            main: Tensor::cat(&scores, 0)?,
            auxiliary: None,
        })
    }

    fn forward_typed<T: Kept>(&self, request: &Request<'_>) -> Result<Logits> {
        let images = request.images.contiguous()?;
        let images = host(&images);
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let arena = T::arena(&mut memory, self.plan.steps.len());
        let run = self.run(request, images.slice::<T>()?, None)?;
        run.prepare(arena, request, false)?;
        run.forward(arena, request)?;
        self.logits(&run, arena)
    }

    /// The class scores, the loss that `loss` makes of them, and those of its gradients that are wanted.
    ///
    /// # Errors
    /// As [`Engine::forward`]; a Candle error where the loss has no gradient.
    pub(crate) fn differentiate(
        &self,
        request: &Request<'_>,
        wanted: Wanted,
        loss: impl FnOnce(&Logits) -> Result<Tensor>,
    ) -> Result<Differentiated> {
        for_float!(request.images.dtype(), T => self.differentiate_typed::<T>(request, wanted, loss))
    }

    fn differentiate_typed<T: Kept>(
        &self,
        request: &Request<'_>,
        wanted: Wanted,
        loss: impl FnOnce(&Logits) -> Result<Tensor>,
    ) -> Result<Differentiated> {
        let images = request.images.contiguous()?;
        let images = host(&images);
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let arena = T::arena(&mut memory, self.plan.steps.len());
        let mut run = self.run(request, images.slice::<T>()?, Some(wanted))?;
        run.prepare(arena, request, true)?;
        run.forward(arena, request)?;
        let Logits { main, auxiliary } = self.logits(&run, arena)?;
        let (main, auxiliary) = (
            Var::from_tensor(&main)?,
            auxiliary.as_ref().map(Var::from_tensor).transpose()?,
        );
        let logits = Logits {
            main: main.as_tensor().clone(),
            auxiliary: auxiliary.as_ref().map(|var| var.as_tensor().clone()),
        };
        let loss = loss(&logits)?;
        let store = loss.backward()?;
        for (step, scores) in [
            (Some(self.plan.logits), Some(main)),
            (self.plan.auxiliary, auxiliary),
        ] {
            let gradient = scores.and_then(|scores| store.get(scores.as_tensor()).cloned());
            if let (Some(index), Some(gradient)) = (step, gradient) {
                run.seed(arena, index, &gradient)?;
            }
        }
        let (named, mixture) = run.backward(arena, request)?;
        Ok(Differentiated {
            logits,
            loss,
            gradients: Gradients::from_named(named, request.parameters),
            mixture,
        })
    }

    /// What a pass needs to know, before it begins.
    fn run<'a, T: Float>(
        &'a self,
        request: &Request<'_>,
        images: &'a [T],
        wanted: Option<Wanted>,
    ) -> Result<Run<'a, T>> {
        let steps = &self.plan.steps;
        let mut term_weights = vec![Vec::new(); steps.len()];
        for (weights, step) in term_weights.iter_mut().zip(steps) {
            if let Op::Sum(Some(terms)) = &step.op {
                let layer = &request.network.layers()[step.layer];
                *weights = terms
                    .iter()
                    .map(|term| request.weights.of(layer, term))
                    .collect::<Result<_>>()?;
            }
        }
        let mut needed = vec![false; steps.len()];
        needed[self.plan.logits] = true;
        if let (Some(index), Pass::Train { .. }) = (self.plan.auxiliary, request.pass) {
            needed[index] = true;
        }
        for (index, step) in steps.iter().enumerate().rev() {
            if needed[index] {
                for (position, read) in step.reads.iter().enumerate() {
                    let counts = term_weights[index]
                        .get(position)
                        .is_none_or(|&weight| weight != 0.0);
                    needed[read.step] |= counts;
                }
            }
        }
        let wants_weights = wanted.is_some_and(Wanted::weights);
        let wants_mixture = wanted.is_some_and(Wanted::mixture);
        let mut useful = vec![false; steps.len()];
        for (index, step) in steps.iter().enumerate() {
            let own = match &step.op {
                Op::Convolution(_) | Op::Separable(_) => wants_weights,
                Op::Sum(Some(_)) => wants_mixture,
                _ => false,
            };
            let norm = wants_weights && step.norm.as_ref().is_some_and(|norm| norm.affine);
            useful[index] = own || norm || step.reads.iter().any(|read| useful[read.step]);
        }
        Ok(Run {
            plan: &self.plan,
            level: self.level,
            batch: request.images.dim(0)?,
            images,
            by_batch: !matches!(request.pass, Pass::Eval),
            needed,
            term_weights,
            wants_weights,
            wants_mixture,
            outputs: Vec::new(),
            useful,
            sources: vec![Source::Nowhere; steps.len()],
        })
    }

    fn logits<T: Float>(&self, run: &Run<'_, T>, arena: &Arena<T>) -> Result<Logits> {
        let auxiliary = self.plan.auxiliary.filter(|&index| run.needed[index]);
        Ok(Logits {
            main: run.scores(arena, self.plan.logits)?,
            auxiliary: auxiliary.map(|index| run.scores(arena, index)).transpose()?,
        })
    }
}

impl Step {
    /// Its convolutions, in order.
    fn convolutions(&self) -> &[Convolution] {
        match &self.op {
            Op::Convolution(conv) => std::slice::from_ref(&**conv),
            Op::Separable(convs) => &convs[..],
            _ => &[],
        }
    }
}

impl<T: Float> Run<'_, T> {
    /// Puts weights, masks and lines where the kernels take them from.
    fn prepare(&self, arena: &mut Arena<T>, request: &Request<'_>, backward: bool) -> Result<()> {
        let steps = self.plan.steps.par_iter().zip(arena.steps.par_iter_mut());
        steps
            .zip(self.needed.par_iter())
            .filter(|&(_, needed)| *needed)
            .try_for_each(|((step, held), _)| {
                for (conv, packed) in step.convolutions().iter().zip(&mut held.weights) {
                    pack(conv, request.parameters, packed, backward)?;
                    if conv.bias {
                        held.bias.clear();
                        held.bias
                            .extend(values::<T>(request.parameters, &conv.bias_name)?);
                        held.bias.resize(padded_channels(conv.filters), T::ZERO);
                    }
                }
                if let Op::Pooling(pool) = &step.op
                    && held.share.is_empty()
                {
                    held.share = pool.share.iter().map(|&share| T::from_f64(share)).collect();
                }
                self.draw(step, held, request)?;
                if let (Some(norm), false) = (&step.norm, self.by_batch) {
                    let buffer = |suffix: &str| buffer(request.parameters, norm, suffix);
                    let (mean, variance) = (buffer("running_mean")?, buffer("running_var")?);
                    set_line(step, norm, held, request.parameters, mean, &variance)?;
                }
                Ok(())
            })
    }

    /// The masks of drop-path and dropout.
    fn draw(&self, step: &Step, held: &mut Held<T>, request: &Request<'_>) -> Result<()> {
        let layers = request.network.layers();
        let mask = |layer: &Layer, dims: &[usize]| -> Result<Vec<T>> {
            match layer_mask(layer, dims, T::DTYPE, &Device::Cpu, request.pass)? {
                Some(mask) => mask.flatten_all()?.to_vec1::<T>(),
                None => Ok(Vec::new()),
            }
        };
        if let Op::Dropout { layer } = step.op {
            let (channels, pixels, pixel) = (step.shape.channels, step.pixels(), step.pixel());
            let dims = [self.batch, channels, step.shape.height, step.shape.width];
            let planes = mask(&layers[layer], &dims)?;
            held.mask.clear();
            if !planes.is_empty() {
                held.mask.resize(self.batch * step.len(), T::ZERO);
                for (image, out) in held.mask.chunks_exact_mut(step.len()).enumerate() {
                    let planes = &planes[image * channels * pixels..][..channels * pixels];
                    for (i, value) in planes.iter().enumerate() {
                        out[i % pixels * pixel + i / pixels] = *value;
                    }
                }
            }
        }
        held.factors.resize_with(step.reads.len(), Vec::new);
        for (factors, read) in held.factors.iter_mut().zip(&step.reads) {
            if let Some(layer) = read.drop {
                *factors = mask(&layers[layer], &[self.batch, 1, 1, 1])?;
            }
        }
        Ok(())
    }

    /// Computes all maps that are needed.
    fn forward(&self, arena: &mut Arena<T>, request: &Request<'_>) -> Result<()> {
        for wave in &self.plan.waves {
            let moments = self.forward_wave(arena, wave);
            let follow = matches!(request.pass, Pass::Train { .. });
            for (index, moments) in moments {
                let step = &self.plan.steps[index];
                if let Some(norm) = &step.norm {
                    let (mean, variance) = self.statistics(step, &moments)?;
                    if follow {
                        self.follow(step, norm, request.parameters, &mean, &variance)?;
                    }
                    let held = &mut arena.steps[index];
                    set_line(step, norm, held, request.parameters, mean, &variance)?;
                }
            }
        }
        Ok(())
    }

    /// Mean and biased variance of each channel from the moments of the images:
    /// Σ (x − mean)² = Σ images' sums + pixels · Σ (image's mean − mean)², which subtracts nothing large.
    fn statistics(&self, step: &Step, moments: &[f64]) -> Result<(Vec<f64>, Vec<f64>)> {
        let (channels, pixel, pixels) = (step.shape.channels, step.pixel(), step.pixels() as f64);
        let count = pixels * self.batch as f64;
        if count < 2.0 {
            bail!(
                "batch norm: expected at least 2 values of each channel in training, got {count} (a batch of {}, maps of \
                 {}x{}); use a larger batch",
                self.batch,
                step.shape.height,
                step.shape.width
            );
        }
        let images = || moments.chunks_exact(2 * pixel).map(|image| image.split_at(pixel));
        let mut mean = vec![0.0; channels];
        for (means, _) in images() {
            for (mean, of_image) in mean.iter_mut().zip(means) {
                *mean += of_image;
            }
        }
        mean.iter_mut().for_each(|mean| *mean /= self.batch as f64);
        let mut variance = vec![0.0; channels];
        for (means, squares) in images() {
            for (channel, variance) in variance.iter_mut().enumerate() {
                let d = means[channel] - mean[channel];
                *variance += squares[channel] + pixels * d * d;
            }
        }
        variance.iter_mut().for_each(|variance| *variance /= count);
        Ok((mean, variance))
    }

    /// Moves the running statistics towards those of the batch.
    fn follow(
        &self,
        step: &Step,
        norm: &Norm,
        parameters: &Parameters,
        mean: &[f64],
        variance: &[f64],
    ) -> Result<()> {
        let count = (self.batch * step.pixels()) as f64;
        let unbiased: Vec<f64> = variance.iter().map(|v| v * count / (count - 1.0)).collect();
        for (suffix, newest) in [("running_mean", mean), ("running_var", &unbiased)] {
            let moved: Vec<T> = buffer(parameters, norm, suffix)?
                .iter()
                .zip(newest)
                .map(|(old, new)| T::from_f64(old + BATCH_NORM_MOMENTUM * (new - old)))
                .collect();
            let name = format!("{}.{suffix}", norm.name);
            if let Some(buffer) = parameters.buffer(&name) {
                buffer.set(&Tensor::from_vec(moved, newest.len(), &Device::Cpu)?)?;
            }
        }
        Ok(())
    }

    /// The map of an output as a tensor \[N, values\].
    fn scores(&self, arena: &Arena<T>, index: usize) -> Result<Tensor> {
        let step = &self.plan.steps[index];
        let mut out = Vec::with_capacity(self.batch * step.shape.numel());
        if matches!(step.op, Op::Zero) {
            out.resize(self.batch * step.shape.numel(), T::ZERO);
        } else {
            for map in arena.maps[index].chunks_exact(step.len()).take(self.batch) {
                for channel in 0..step.shape.channels {
                    out.extend(map.iter().skip(channel).step_by(step.pixel()));
                }
            }
        }
        Tensor::from_vec(out, (self.batch, step.shape.numel()), &Device::Cpu)
    }

    /// Puts the gradient of an output, \[N, values\], where backward begins.
    fn seed(&mut self, arena: &mut Arena<T>, index: usize, gradient: &Tensor) -> Result<()> {
        let step = &self.plan.steps[index];
        let gradient = gradient.flatten_all()?.to_vec1::<T>()?;
        let map = &mut arena.gradients[index];
        map.clear();
        map.resize(self.batch * step.len(), T::ZERO);
        let images = gradient.chunks_exact(step.shape.numel());
        for (map, values) in map.chunks_exact_mut(step.len()).zip(images) {
            for (i, value) in values.iter().enumerate() {
                map[i % step.pixels() * step.pixel() + i / step.pixels()] = *value;
            }
        }
        self.outputs.push(index);
        Ok(())
    }

    /// The gradients of parameters, by name, and of the mixture, where they are wanted.
    fn backward(&mut self, arena: &mut Arena<T>, request: &Request<'_>) -> Result<(Named, Vec<Array2<f64>>)> {
        let outputs = self.outputs.clone();
        self.find_sources(&outputs);
        let mut named = HashMap::new();
        let mut mixture = request.weights.zeros();
        for wave in self.plan.waves.iter().rev() {
            let found = self.backward_wave(arena, wave);
            self.take_in(arena, request, found, &mut named, &mut mixture)?;
        }
        Ok((named, mixture))
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
            let [weight, bias] = set_back(arena, index, sums, (self.batch * step.pixels()) as f64);
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
            .map(|given| {
                let mut tensors = Vec::new();
                for (conv, packed) in self.plan.steps[given.step]
                    .convolutions()
                    .iter()
                    .zip(&given.weights)
                {
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
            })
            .collect::<Result<_>>()?;
        named.extend(weights.into_iter().flatten());
        Ok(())
    }

    /// The gradient of the weight of a term: the product of the sum's gradient with what is read, summed up.
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

/// The line that a batch norm is, from its statistics.
fn set_line<T: Float>(
    step: &Step,
    norm: &Norm,
    held: &mut Held<T>,
    parameters: &Parameters,
    mean: Vec<f64>,
    variance: &[f64],
) -> Result<()> {
    let (weight, bias) = if norm.affine {
        let values = |suffix: &str| -> Result<Vec<f64>> {
            let values = values::<T>(parameters, &format!("{}.{suffix}", norm.name))?;
            Ok(values.into_iter().map(T::to_f64).collect())
        };
        (values("weight")?, values("bias")?)
    } else {
        (vec![1.0; mean.len()], vec![0.0; mean.len()])
    };
    let pixel = step.pixel();
    let line = &mut held.norm;
    line.center = mean.iter().map(|&mean| T::from_f64(mean)).collect();
    line.center.resize(pixel, T::ZERO);
    line.line = [vec![T::ZERO; pixel], vec![T::ZERO; pixel]];
    line.inverse_deviation = variance
        .iter()
        .map(|variance| 1.0 / (variance + BATCH_NORM_EPSILON).sqrt())
        .collect();
    for channel in 0..mean.len() {
        let scale = T::from_f64(weight[channel] * line.inverse_deviation[channel]);
        line.line[0][channel] = scale;
        // By the scale as it is after rounding, so that the mean goes to the bias.
        line.line[1][channel] = T::from_f64(bias[channel] - scale.to_f64() * mean[channel]);
    }
    (line.mean, line.weight) = (mean, weight);
    Ok(())
}

/// The way back through a batch norm by the statistics of the batch, from Σ g and Σ g · (z − center); its gradients.
fn set_back<T: Float>(arena: &mut Arena<T>, index: usize, sums: [Vec<f64>; 2], count: f64) -> [Vec<f64>; 2] {
    let line = &mut arena.steps[index].norm;
    let [for_bias, mut for_weight] = sums;
    let pixel = for_bias.len();
    line.back = std::array::from_fn(|_| vec![T::ZERO; pixel]);
    for channel in 0..line.mean.len() {
        let (mean, inverse) = (line.mean[channel], line.inverse_deviation[channel]);
        // The centre is rounded.
        let lost = mean - line.center[channel].to_f64();
        for_weight[channel] = (for_weight[channel] - lost * for_bias[channel]) * inverse;
        let a = line.weight[channel] * inverse;
        let b = -a * inverse * for_weight[channel] / count;
        let b_rounded = T::from_f64(b);
        line.back[0][channel] = T::from_f64(a);
        line.back[1][channel] = b_rounded;
        line.back[2][channel] = T::from_f64(-a * for_bias[channel] / count - b_rounded.to_f64() * mean);
    }
    [for_weight, for_bias]
}

fn parameter<'a>(parameters: &'a Parameters, name: &str) -> Result<&'a Var> {
    match parameters.get(name) {
        Some(parameter) => Ok(&parameter.var),
        None => bail!("the model has no parameter '{name}'"),
    }
}

fn values<T: Float>(parameters: &Parameters, name: &str) -> Result<Vec<T>> {
    let tensor = parameter(parameters, name)?.as_detached_tensor().contiguous()?;
    let values = host(&tensor).slice::<T>()?.to_vec();
    Ok(values)
}

/// The running statistic of a batch norm called `suffix`.
fn buffer(parameters: &Parameters, norm: &Norm, suffix: &str) -> Result<Vec<f64>> {
    let name = format!("{}.{suffix}", norm.name);
    match parameters.buffer(&name) {
        Some(buffer) => buffer.get()?.to_dtype(DType::F64)?.to_vec1(),
        None => bail!("the model has no buffer '{name}'"),
    }
}

/// Puts the weight of a convolution where the kernels take it from.
fn pack<T: Float>(
    conv: &Convolution,
    parameters: &Parameters,
    [forward, back]: &mut [Vec<T>; 2],
    backward: bool,
) -> Result<()> {
    let weight = parameter(parameters, &conv.weight)?
        .as_detached_tensor()
        .contiguous()?;
    let weight = host(&weight);
    let weight = weight.slice::<T>()?;
    // What is padding stays zero.
    forward.resize(conv.packed_len(), T::ZERO);
    conv.each_weight(|from, to| forward[to] = weight[from]);
    if backward {
        back.resize(conv.packed_back_len(), T::ZERO);
        conv.each_back_weight(|from, to| back[to] = weight[from]);
    }
    Ok(())
}
