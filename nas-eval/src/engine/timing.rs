//! The seconds of each step of a pass, and names by which steps of the same work are known.

use super::arena::Arena;
use super::observer::Observer;
use super::pass::Engine;
use super::plan::{Op, Plan, Step};
use super::run::Run;
use super::schedule::Wave;
use crate::clock::ThreadStopwatch;
use crate::kernels::Float;

impl Engine {
    /// What each step does, on which shapes: steps of the same name do the same work. None for
    /// steps that do nothing.
    pub(crate) fn step_names(&self) -> Vec<Option<String>> {
        self.plan.steps.iter().map(|step| self.plan.name(step)).collect()
    }
}

impl<T: Float> Run<'_, T> {
    /// As [`Run::forward_wave`], but its steps one after the other, whose seconds the observer sees.
    pub(super) fn time_wave(
        &self,
        arena: &mut Arena<T>,
        wave: &Wave<'_>,
        observer: &mut dyn Observer,
    ) -> Vec<(usize, Vec<f64>)> {
        let mut moments = Vec::new();
        for &step in &wave.takes {
            let one = Wave {
                steps: wave.steps,
                fills: wave.fills,
                takes: vec![step],
                frees_gradients: Vec::new(),
                frees_maps: &[],
            };
            let watch = ThreadStopwatch::start();
            moments.extend(self.forward_wave(arena, &one));
            observer.seconds(step, watch.seconds());
        }
        moments
    }
}

impl Plan {
    /// What a step does, on which shapes: `conv 16x32x32 -> 16x32x32 3x3 relu`.
    fn name(&self, step: &Step) -> Option<String> {
        let kind = match &step.op {
            Op::Zero => return None,
            Op::Image => "image",
            Op::Convolution(_) => "conv",
            Op::Separable(_) => "separable conv",
            Op::Pooling(pool) if pool.max => "max pool",
            Op::Pooling(_) => "average pool",
            Op::GlobalAverage => "global average",
            Op::Crop(_) => "crop",
            Op::Pad(_) => "pad",
            Op::Sum(_) => "sum",
            Op::Concat => "concat",
            Op::Channels { .. } => "channels",
            Op::Shuffle { .. } => "shuffle",
            Op::Dropout { .. } => "dropout",
            Op::Copy => "copy",
        };
        let read = step.reads.first();
        let mut name = match read {
            Some(read) => format!("{kind} {} -> {}", self.steps[read.step].shape, step.shape),
            None => format!("{kind} {}", step.shape),
        };
        for conv in step.convolutions() {
            name += &format!(" {}", conv.window());
        }
        if let Op::Pooling(pool) = &step.op {
            name += &format!(" window {}", pool.taps.len());
        }
        if step.reads.len() > 1 {
            name += &format!(" of {}", step.reads.len());
        }
        if read.is_some_and(|read| self.steps[read.step].norm.is_some()) {
            name += " norm";
        }
        if read.is_some_and(|read| read.rectified) {
            name += " relu";
        }
        Some(name)
    }
}
