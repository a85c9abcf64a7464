//! How long networks take for one image on this machine.
//!
//! [`Latency`] measures one network. A search asks for thousands: [`LatencyTable`] measures each
//! operation once, on each shape that it meets, and adds these times up. [`LatencySizes`] makes the
//! sum a figure that limits and objectives can use.

mod sizes;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use candle_core::{Device, Tensor};
use nas_space::network::Network;
use nas_space::seed::Seed;
use serde::{Deserialize, Serialize};

use crate::clock::{Stopwatch, ThreadStopwatch};
use crate::compute::Compute;
use crate::error::EvalError;
use crate::inference::Inference;
use crate::model::Model;

pub use self::sizes::{LATENCY, LatencySizes};
pub use self::table::LatencyTable;

/// Passes before any is measured.
const WARM_UP: usize = 3;
/// Passes that are measured: the fewest, and the most.
const FEWEST_PASSES: usize = 9;
const MOST_PASSES: usize = 1000;
/// For how long one network is measured.
const SECONDS: f64 = 1.0;

/// How long a network takes for one image on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// Median time of a pass with one image, in milliseconds.
    pub milliseconds: f64,
    /// The shortest and the longest of the passes, in milliseconds.
    pub range: [f64; 2],
    /// Number of passes that were measured.
    pub passes: usize,
    /// Threads that a pass was computed by.
    pub threads: usize,
}

impl Latency {
    /// That of a network on the CPU with all threads, whatever its weights are. It takes about a
    /// second.
    ///
    /// # Errors
    /// As [`Latency::of_model`].
    pub fn of(network: &Arc<Network>) -> Result<Self, EvalError> {
        Self::of_model(&untrained(network)?)
    }

    /// The same with one thread: the time that it computes, whatever else the machine does.
    ///
    /// # Errors
    /// As [`Latency::of_model`].
    pub fn on_one_thread(network: &Arc<Network>) -> Result<Self, EvalError> {
        let inference = Inference::new(&untrained(network)?)?;
        let image = blank(inference.model())?;
        let mut times = Vec::new();
        let pass = || {
            let watch = ThreadStopwatch::start();
            inference.scores_alone(&image)?;
            times.push(1e3 * watch.seconds());
            Ok(())
        };
        on_a_thread(|| repeat(SECONDS, pass))?;
        Ok(Self::among(times, 1))
    }

    /// That of a model, where it is.
    ///
    /// # Errors
    /// As [`Inference::new`] and [`Inference::scores`].
    pub fn of_model(model: &Model) -> Result<Self, EvalError> {
        let inference = Inference::new(model)?;
        let image = blank(model)?;
        let mut times = Vec::new();
        repeat(SECONDS, || {
            let watch = Stopwatch::start();
            // A device has done its work when the scores are here.
            inference.scores(&image)?.to_device(&Device::Cpu)?;
            times.push(1e3 * watch.seconds());
            Ok(())
        })?;
        Ok(Self::among(times, rayon::current_num_threads()))
    }

    /// The latency among the times of all passes, those that warm up first.
    fn among(mut times: Vec<f64>, threads: usize) -> Self {
        let mut times = times.split_off(WARM_UP);
        let milliseconds = median(&mut times);
        Self {
            milliseconds,
            range: [times[0], times[times.len() - 1]],
            passes: times.len(),
            threads,
        }
    }
}

fn untrained(network: &Arc<Network>) -> Result<Model, EvalError> {
    Model::new(Arc::clone(network), Seed::new(0), &Compute::cpu())
}

/// An image of zeros for a model, \[1, C, H, W\].
fn blank(model: &Model) -> candle_core::Result<Tensor> {
    let image = model.network().image();
    let compute = model.parameters().compute();
    let dims = (1, image.channels, image.height, image.width);
    Tensor::zeros(dims, compute.dtype, &compute.device)
}

/// Calls `f` on a thread of the pool, where passes stay on this thread.
fn on_a_thread<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    rayon::scope(|_| f())
}

/// Runs the passes that warm up, then others for this number of seconds.
fn repeat(seconds: f64, mut pass: impl FnMut() -> Result<(), EvalError>) -> Result<(), EvalError> {
    for _ in 0..WARM_UP {
        pass()?;
    }
    let (whole, mut passes) = (Stopwatch::start(), 0);
    while passes < FEWEST_PASSES || (whole.seconds() < seconds && passes < MOST_PASSES) {
        pass()?;
        passes += 1;
    }
    Ok(())
}

/// The median of some times, which are sorted.
fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
