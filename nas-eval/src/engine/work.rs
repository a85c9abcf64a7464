//! What the steps of a pass compute, read and write, by the definitions of their layers.
//!
//! Arithmetic is that of convolutions, linear layers, pooling and sums: 2 floating-point operations
//! for a multiply-add, 1 for a value of a window or a term that is only added or compared. Batch
//! norms, ReLUs and masks, which are applied while maps are read, count nothing. What the kernels
//! save (tiles) or do twice (the depthwise convolution of a separable one, on the way back) is not
//! considered.
//!
//! Of memory, every map, gradient and weight counts once for each step that reads or writes it,
//! with the padding of its channels, whether it is in the cache or not.

use super::geometry::Convolution;
use super::plan::{Op, Step};
use super::run::Run;
use super::schedule::Source;
use crate::kernels::Float;

/// What a step does in one direction, for a whole batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Work {
    /// Floating-point operations.
    pub(crate) flops: u64,
    /// Elements of maps, gradients and weights that are read or written.
    pub(crate) elements: u64,
}

impl<T: Float> Run<'_, T> {
    /// That of a step on the way forward.
    pub(super) fn forward_work(&self, index: usize) -> Work {
        let step = &self.plan.steps[index];
        if !self.needed[index] || matches!(step.op, Op::Zero) {
            return Work::default();
        }
        let read = (0..step.reads.len())
            .filter(|&position| self.counts(index, position) && self.is_something(index, position));
        let (mut terms, mut elements) = (0, step.len());
        for position in read {
            terms += 1;
            elements += self.source(index, position).len();
        }
        let flops = match &step.op {
            Op::Convolution(_) | Op::Separable(_) => 2 * multiply_adds(step),
            Op::Pooling(pool) => step.shape.numel() * pool.taps.len(),
            Op::GlobalAverage => self.source(index, 0).shape.numel(),
            Op::Sum(Some(_)) => 2 * terms * step.shape.numel(),
            Op::Sum(None) => terms.saturating_sub(1) * step.shape.numel(),
            Op::Image => {
                elements += step.shape.numel();
                0
            }
            _ => 0,
        };
        Work {
            flops: (self.batch * flops) as u64,
            elements: (self.batch * elements + weights(step)) as u64,
        }
    }

    /// That of a step on the way back, when the places of all gradients are known: what it hands
    /// down to the maps that it reads, the gradients of its weights, and the sums that its batch
    /// norm and a mixture need.
    pub(super) fn backward_work(&self, index: usize) -> Work {
        let step = &self.plan.steps[index];
        let is_own = self.sources[index] == Source::Own && self.useful[index];
        let (mut flops, mut elements, mut of_weights) = (0, 0, 0);
        let (mut reads_gradient, mut is_max) = (false, false);
        if let Op::Pooling(pool) = &step.op {
            is_max = pool.max;
        }
        for (position, read) in step.reads.iter().enumerate() {
            let source = self.source(index, position);
            if !self.hands_down((index, position)) || self.sources[read.step] != Source::Own {
                continue;
            }
            let gives = self.useful[read.step] && !matches!(source.op, Op::Zero);
            let weighs = self.wants_weights && !step.convolutions().is_empty();
            if !gives && !weighs {
                continue;
            }
            reads_gradient = true;
            // What it reads, for the products with the gradient, or for the gate of a ReLU.
            if weighs || read.rectified || is_max {
                elements += source.len();
            }
            if weighs {
                flops += 2 * multiply_adds(step);
                of_weights += weights(step);
            }
            if gives {
                elements += source.len();
                of_weights += weights(step);
                flops += match &step.op {
                    Op::Convolution(_) | Op::Separable(_) => 2 * multiply_adds(step),
                    Op::Pooling(pool) => step.shape.numel() * pool.taps.len(),
                    Op::GlobalAverage => source.shape.numel(),
                    Op::Sum(Some(_)) => 2 * source.shape.numel(),
                    _ => 0,
                };
            }
        }
        if reads_gradient {
            elements += step.len();
            if step.norm.is_some() {
                elements += step.len();
            }
        }
        if is_own && step.norm.is_some() {
            elements += 2 * step.len();
        }
        if is_own && self.wants_mixture && step.norm.is_none() && matches!(step.op, Op::Sum(Some(_))) {
            elements += step.len();
            for position in 0..step.reads.len() {
                if self.counts(index, position) && self.is_something(index, position) {
                    elements += step.len();
                    flops += 2 * step.shape.numel();
                }
            }
        }
        Work {
            flops: (self.batch * flops) as u64,
            elements: (self.batch * elements + of_weights) as u64,
        }
    }
}

/// Multiply-adds of the convolutions of a step, for one image.
fn multiply_adds(step: &Step) -> usize {
    step.convolutions().iter().map(Convolution::work).sum()
}

/// Elements of the weights and biases of a step.
fn weights(step: &Step) -> usize {
    step.convolutions().iter().map(Convolution::parameters).sum()
}
