//! One pass: what all threads know of it, and its way forward.

use candle_core::{Device, Result, Tensor};

use super::arena::Arena;
use super::backward::Source;
use super::norm::set_line;
use super::pass::Request;
use super::plan::{Op, Plan};
use crate::kernels::{Float, Level};
use crate::model::{Pass, Wanted};

/// What all threads know of a pass.
#[derive(Debug)]
pub(super) struct Run<'a, T> {
    pub(super) plan: &'a Plan,
    pub(super) level: Level,
    pub(super) batch: usize,
    /// The images, plane by plane.
    pub(super) images: &'a [T],
    /// Whether batch norms normalise by the statistics of the batch.
    pub(super) by_batch: bool,
    /// The steps that the outputs depend on.
    pub(super) needed: Vec<bool>,
    /// The weight of each term of each weighted sum; of other steps none.
    pub(super) term_weights: Vec<Vec<f64>>,
    /// Whether gradients are wanted.
    goes_back: bool,
    pub(super) wants_weights: bool,
    pub(super) wants_mixture: bool,
    /// The steps whose gradient the loss gives.
    pub(super) outputs: Vec<usize>,
    /// The steps that depend on something whose gradient is wanted.
    pub(super) useful: Vec<bool>,
    pub(super) sources: Vec<Source>,
}

impl<'a, T: Float> Run<'a, T> {
    /// What a pass needs to know, before it begins: which steps are needed, and which gradients.
    pub(super) fn new(
        plan: &'a Plan,
        level: Level,
        request: &Request<'_>,
        images: &'a [T],
        wanted: Option<Wanted>,
    ) -> Result<Self> {
        let steps = &plan.steps;
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
        needed[plan.logits] = true;
        if let (Some(index), Pass::Train { .. }) = (plan.auxiliary, request.pass) {
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
        Ok(Self {
            plan,
            level,
            batch: request.images.dim(0)?,
            images,
            by_batch: !matches!(request.pass, Pass::Eval),
            needed,
            term_weights,
            goes_back: wanted.is_some(),
            wants_weights,
            wants_mixture,
            outputs: Vec::new(),
            useful,
            sources: vec![Source::Nowhere; steps.len()],
        })
    }

    /// Computes all maps that are needed, and keeps those that the way back needs.
    pub(super) fn forward(&self, arena: &mut Arena<T>, request: &Request<'_>) -> Result<()> {
        arena.begin(self.batch);
        for (wave, free) in self.plan.waves.iter().zip(&self.plan.lifetimes.forward) {
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
            if !self.goes_back {
                arena.free_maps(free);
            }
        }
        Ok(())
    }

    /// The map of an output as a tensor \[N, values\].
    pub(super) fn scores(&self, arena: &Arena<T>, index: usize) -> Result<Tensor> {
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
    pub(super) fn seed(&mut self, arena: &mut Arena<T>, index: usize, gradient: &Tensor) -> Result<()> {
        let step = &self.plan.steps[index];
        let gradient = gradient.flatten_all()?.to_vec1::<T>()?;
        let mut place = arena.take_place(self.batch * step.len());
        let maps = &mut place[..self.batch * step.len()];
        maps.fill(T::ZERO);
        let images = gradient.chunks_exact(step.shape.numel());
        for (map, values) in maps.chunks_exact_mut(step.len()).zip(images) {
            for (i, value) in values.iter().enumerate() {
                map[i % step.pixels() * step.pixel() + i / step.pixels()] = *value;
            }
        }
        arena.gradients[index] = place;
        self.outputs.push(index);
        Ok(())
    }
}
