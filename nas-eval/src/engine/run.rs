//! One pass: what all threads know of it, and its way forward.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor};

use super::arena::Arena;
use super::norm::set_line;
use super::observer::Observer;
use super::pass::Request;
use super::plan::{Op, Plan};
use super::schedule::Source;
use super::timing::{Clocks, Way};
use crate::kernels::{Float, Level};
use crate::pass::{Pass, Wanted};

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
    /// Whether one thread does all.
    pub(super) alone: bool,
    /// Whether gradients are wanted.
    goes_back: bool,
    pub(super) wants_weights: bool,
    pub(super) wants_mixture: bool,
    pub(super) wants_images: bool,
    /// The steps whose gradient the loss gives.
    pub(super) outputs: Vec<usize>,
    /// The steps that depend on something whose gradient is wanted.
    pub(super) useful: Vec<bool>,
    pub(super) sources: Vec<Source>,
    /// Where the seconds of the steps are added up, if they are wanted.
    pub(super) clocks: Option<Arc<Clocks>>,
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
        let counts = |step: usize, position| counts(&term_weights[step], position);
        let needed = plan.needed(matches!(request.pass, Pass::Train { .. }), counts);
        let wants_weights = wanted.is_some_and(Wanted::weights);
        let wants_mixture = wanted.is_some_and(Wanted::mixture);
        Ok(Self {
            plan,
            level,
            batch: request.images.dim(0)?,
            images,
            by_batch: matches!(request.pass, Pass::Train { .. } | Pass::BatchStatistics),
            needed,
            term_weights,
            alone: false,
            goes_back: wanted.is_some(),
            wants_weights,
            wants_mixture,
            wants_images: wanted.is_some_and(Wanted::images),
            outputs: Vec::new(),
            useful: plan.useful(wanted),
            sources: vec![Source::Nowhere; steps.len()],
            clocks: None,
        })
    }

    /// Whether what a step reads here counts: it does not in a sum that gives it no weight.
    pub(super) fn counts(&self, step: usize, position: usize) -> bool {
        counts(&self.term_weights[step], position)
    }

    /// Computes all maps that are needed, and keeps those that the way back needs.
    /// The `observer` sees them.
    pub(super) fn forward(
        &self,
        arena: &mut Arena<T>,
        request: &Request<'_>,
        mut observer: Option<&mut (dyn Observer + '_)>,
    ) -> Result<()> {
        arena.places.begin(self.batch);
        for wave in self.plan.way_forward(&self.needed, self.goes_back) {
            arena.places.enter(self.plan, &wave, self.batch);
            let moments = match &mut observer {
                Some(observer) if observer.wants_seconds() => self.time_wave(arena, &wave, *observer),
                _ => self.forward_wave(arena, &wave),
            };
            let follow = matches!(request.pass, Pass::Train { .. });
            for (index, moments) in moments {
                let step = &self.plan.steps[index];
                if let Some(norm) = &step.norm {
                    let variance = self.timed(Way::Forward, index, || {
                        let (mean, variance) = self.statistics(step, &moments)?;
                        if follow {
                            self.follow(step, norm, request.parameters, &mean, &variance)?;
                        }
                        let held = &mut arena.steps[index];
                        set_line(step, norm, held, request.parameters, mean, &variance)?;
                        Ok::<_, candle_core::Error>(variance)
                    })?;
                    if let Some(observer) = &mut observer {
                        observer.batch_norm(&norm.name, &variance);
                    }
                }
            }
            if let Some(observer) = &mut observer {
                self.observe_maps(arena, &wave, *observer);
            }
            arena.places.leave(&wave);
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
            for map in arena.places.maps[index].chunks_exact(step.len()).take(self.batch) {
                step.extend_by_planes(map, &mut out);
            }
        }
        Tensor::from_vec(out, (self.batch, step.shape.numel()), &Device::Cpu)
    }

    /// Puts the gradient of an output, \[N, values\], where backward begins.
    pub(super) fn seed(&mut self, arena: &mut Arena<T>, index: usize, gradient: &Tensor) -> Result<()> {
        let step = &self.plan.steps[index];
        let gradient = gradient.flatten_all()?.to_vec1::<T>()?;
        let outputs = [index];
        arena.places.enter(self.plan, &Plan::given(&outputs), self.batch);
        let maps = &mut arena.places.gradients[index][..self.batch * step.len()];
        maps.fill(T::ZERO);
        let images = gradient.chunks_exact(step.shape.numel());
        for (map, values) in maps.chunks_exact_mut(step.len()).zip(images) {
            for (i, value) in values.iter().enumerate() {
                map[i % step.pixels() * step.pixel() + i / step.pixels()] = *value;
            }
        }
        self.outputs.push(index);
        Ok(())
    }
}

/// Whether what a step reads at this position counts: it does not in a sum that gives it no weight.
fn counts(term_weights: &[f64], position: usize) -> bool {
    term_weights.get(position).is_none_or(|&weight| weight != 0.0)
}
