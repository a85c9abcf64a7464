//! The seconds of each step of a pass, and names by which steps of the same work are known.

use std::sync::atomic::{AtomicU64, Ordering};

use nas_space::network::{LayerKind, Network};

use super::arena::Arena;
use super::observer::Observer;
use super::pass::Engine;
use super::plan::{Op, Plan, Step};
use super::run::Run;
use super::schedule::Wave;
use crate::clock::{Stopwatch, ThreadStopwatch};
use crate::kernels::Float;

/// In which direction a pass goes through a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From what it reads to its map, the layout of its weights included.
    Forward,
    /// From the gradient of its map to those of what it reads and of its weights.
    Backward,
}

/// The seconds of all threads, added up by the steps that they were spent on.
#[derive(Debug)]
pub(crate) struct Clocks {
    /// Forward and backward.
    nanoseconds: [Vec<AtomicU64>; 2],
}

impl Clocks {
    /// Clocks of this number of steps, which show 0.
    pub(crate) fn new(steps: usize) -> Self {
        Self {
            nanoseconds: [(); 2].map(|()| (0..steps).map(|_| AtomicU64::new(0)).collect()),
        }
    }

    /// The seconds of a step.
    pub(crate) fn seconds(&self, way: Way, step: usize) -> f64 {
        self.nanoseconds[way as usize][step].load(Ordering::Relaxed) as f64 / 1e9
    }
}

impl Engine {
    /// The number of steps of the plan.
    pub(crate) fn steps(&self) -> usize {
        self.plan.steps.len()
    }

    /// What each step does, on which shapes: steps of the same name do the same work. None for
    /// steps that do nothing.
    pub(crate) fn step_names(&self) -> Vec<Option<String>> {
        self.plan.steps.iter().map(|step| self.plan.name(step)).collect()
    }

    /// The same, but linear layers are called so.
    pub(crate) fn layer_names(&self, network: &Network) -> Vec<Option<String>> {
        let names = self.plan.steps.iter().zip(self.step_names());
        names
            .map(|(step, name)| match &network.layers()[step.layer].kind {
                LayerKind::Linear { features } => {
                    let source = &self.plan.steps[step.reads.first()?.step];
                    Some(format!("linear {} -> {features}", source.shape))
                }
                _ => name,
            })
            .collect()
    }
}

impl<T: Float> Run<'_, T> {
    /// Calls `f`, and adds the seconds that it takes to those of a step, where they are wanted. `f`
    /// does not wait for other threads: their work may be done on this one meanwhile.
    pub(super) fn timed<R>(&self, way: Way, step: usize, f: impl FnOnce() -> R) -> R {
        let watch = self.clocks.as_ref().map(|_| Stopwatch::start());
        let result = f();
        if let (Some(clocks), Some(watch)) = (&self.clocks, watch) {
            let nanoseconds = (1e9 * watch.seconds()) as u64;
            clocks.nanoseconds[way as usize][step].fetch_add(nanoseconds, Ordering::Relaxed);
        }
        result
    }

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
