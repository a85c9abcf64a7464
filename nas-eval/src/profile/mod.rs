//! Where the time of training passes goes on the CPU engine: by layer, with the arithmetic and the
//! memory traffic of each; and the most that the processor can do ([`Peak`]).
//!
//! ```
//! use std::sync::Arc;
//!
//! use nas_eval::model::{Model, Pass};
//! use nas_eval::ops::cross_entropy;
//! use nas_eval::profile::Profile;
//! use nas_eval::{Compute, DType, Device};
//! use nas_space::network::{Conv2d, NetworkBuilder};
//! use nas_space::seed::Seed;
//! use nas_space::shape::Shape;
//! # use candle_core::Tensor;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut builder = NetworkBuilder::new(Shape::new(3, 8, 8))?;
//! let maps = builder.conv(builder.image(), Conv2d::same(16, [3, 3]))?;
//! let mean = builder.global_avg_pool(maps)?;
//! let scores = builder.linear(mean, 10)?;
//! let model = Model::new(Arc::new(builder.finish(scores, None)), Seed::new(1), &Compute::cpu())?;
//!
//! let images = Tensor::ones((4, 3, 8, 8), DType::F32, &Device::Cpu)?;
//! let labels = Tensor::new(&[0_u32, 1, 2, 3], &Device::Cpu)?;
//! let pass = Pass::Train { seed: Seed::new(0), drop_path: 0.0 };
//! let mut profile = Profile::default();
//! for _ in 0..3 {
//!     model.profile(&mut profile, &images, &pass, |logits| {
//!         cross_entropy(&logits.main, &labels, 0.0)
//!     })?;
//! }
//! let row = profile.rows().into_iter().find(|row| row.name == "conv 3x8x8 -> 16x8x8 3x3");
//! let row = row.ok_or("the convolution has a row")?;
//! assert_eq!(row.count, 3);
//! // Multiply-adds of 3 passes for 4 images, 2 operations each.
//! assert_eq!(row.forward.flops, 3 * 4 * 2 * (16 * 8 * 8 * 3 * 9));
//! # Ok(())
//! # }
//! ```

mod peak;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

pub use self::peak::Peak;
use crate::engine::{Clocks, Observer, Way, Work};

/// What some training passes have spent on each layer.
///
/// A row is a step of the engine's plan, or all steps that do the same on maps of the same shape. A
/// batch norm belongs to the layer before it, a ReLU to the layers that read through it, and a
/// depthwise convolution is one with the pointwise convolution after it.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    rows: BTreeMap<String, ProfileRow>,
    passes: u64,
    images: u64,
    wall_seconds: f64,
    thread_seconds: f64,
}

/// What all steps that do the same have spent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ProfileRow {
    /// The layer, the shapes of what it reads and writes, and its window:
    /// `conv 16x32x32 -> 16x32x32 3x3 relu`. `norm` and `relu` at the end say that it reads through
    /// a batch norm or a ReLU.
    pub name: String,
    /// How many such steps there were, in all passes together.
    pub count: u64,
    /// Forward: what the layer computes, the statistics of its batch norm, and the layout of its
    /// weights for the kernels.
    pub forward: Spent,
    /// Backward: the gradients of what the layer reads, of its weights and of its batch norm.
    pub backward: Spent,
}

/// Seconds, and what was done in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Spent {
    /// Wall-clock seconds of all threads, added up.
    pub seconds: f64,
    /// Floating-point operations by the definitions of convolutions, linear layers, pooling and
    /// sums: 2 for each multiply-add, 1 for a value of a window or a term that is only added or
    /// compared. Batch norms and ReLUs, which are computed while maps are read, count nothing.
    pub flops: u64,
    /// Bytes of the maps, gradients and weights that are read and written, each counted once for
    /// each layer and pass, whether it comes from memory or from a cache.
    pub bytes: u64,
}

impl std::ops::AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.flops += other.flops;
        self.bytes += other.bytes;
    }
}

impl ProfileRow {
    /// Forward and backward.
    pub fn total(&self) -> Spent {
        let mut total = self.forward;
        total += self.backward;
        total
    }
}

impl Profile {
    /// The rows, those that took longest first.
    pub fn rows(&self) -> Vec<&ProfileRow> {
        let mut rows: Vec<&ProfileRow> = self.rows.values().collect();
        rows.sort_by(|a, b| b.total().seconds.total_cmp(&a.total().seconds));
        rows
    }

    /// The number of passes, each forward and backward.
    pub fn passes(&self) -> u64 {
        self.passes
    }

    /// The number of images of all passes.
    pub fn images(&self) -> u64 {
        self.images
    }

    /// Wall-clock seconds of the passes.
    pub fn wall_seconds(&self) -> f64 {
        self.wall_seconds
    }

    /// Wall-clock seconds of the passes, times the number of threads that could work on them.
    pub fn thread_seconds(&self) -> f64 {
        self.thread_seconds
    }

    /// The sum of all rows.
    pub fn total(&self) -> Spent {
        let mut total = Spent::default();
        for row in self.rows.values() {
            total += row.total();
        }
        total
    }

    /// Seconds of all threads that no layer took: the loss, the handling of memory, and waiting for
    /// other threads.
    pub fn rest_seconds(&self) -> f64 {
        (self.thread_seconds - self.total().seconds).max(0.0)
    }

    /// Adds a pass for some images that took this long on this number of threads. `names` are those
    /// of the steps, `size` is that of an element in bytes.
    pub(crate) fn record(
        &mut self,
        names: &[Option<String>],
        size: usize,
        recorder: &Recorder,
        (images, seconds, threads): (usize, f64, usize),
    ) {
        self.passes += 1;
        self.images += images as u64;
        self.wall_seconds += seconds;
        self.thread_seconds += seconds * threads as f64;
        for (step, name) in names.iter().enumerate() {
            let [forward, backward] = [Way::Forward, Way::Backward].map(|way| {
                let work = recorder.work[way as usize][step];
                Spent {
                    seconds: recorder.clocks.seconds(way, step),
                    flops: work.flops,
                    bytes: work.elements * size as u64,
                }
            });
            // A step that the pass did not need.
            let (Some(name), true) = (
                name,
                recorder.work[Way::Forward as usize][step] != Work::default(),
            ) else {
                continue;
            };
            let row = self.rows.entry(name.clone()).or_insert_with(|| ProfileRow {
                name: name.clone(),
                ..ProfileRow::default()
            });
            row.count += 1;
            row.forward += forward;
            row.backward += backward;
        }
    }
}

/// Sees the seconds and the work of the steps of one pass.
#[derive(Debug)]
pub(crate) struct Recorder {
    clocks: Arc<Clocks>,
    /// Forward and backward, step by step.
    work: [Vec<Work>; 2],
}

impl Recorder {
    /// One for an engine with this number of steps.
    pub(crate) fn new(steps: usize) -> Self {
        Self {
            clocks: Arc::new(Clocks::new(steps)),
            work: [(); 2].map(|()| vec![Work::default(); steps]),
        }
    }
}

impl Observer for Recorder {
    fn clocks(&self) -> Option<Arc<Clocks>> {
        Some(Arc::clone(&self.clocks))
    }

    fn work(&mut self, way: Way, step: usize, work: Work) {
        self.work[way as usize][step] = work;
    }
}

#[cfg(test)]
mod tests;
