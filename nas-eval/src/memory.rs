//! Estimates the memory of a training from its network, before anything is allocated.

use nas_space::network::Network;

use crate::engine::Engine;
use crate::error::EvalError;
use crate::train::TrainConfig;

/// Bytes of an element: networks are estimated in `f32`.
const ELEMENT: u64 = 4;
/// What the program takes before it has read any data: its code, its threads and what its allocator
/// keeps ready.
const PROGRAM: u64 = 26 << 20;
/// For each parameter: itself, its gradient, and what the optimizer remembers of it (two values at
/// most).
const PER_PARAMETER: u64 = 4;
/// Batches that are under way: in use, finished, in the making.
const BATCHES: u64 = 4;
/// The measured overhead of the allocator, in percent of the requested memory: it rounds sizes up
/// and keeps memory for later requests.
const OVERHEAD_PERCENT: u64 = 30;
/// The most that the allocator sets aside beside that, as measured: pages for each size of piece,
/// of which a larger network has more, and for each thread that a pass has run on.
const SET_ASIDE: u64 = 33 << 20;
/// For a small network, the allocator reserves this multiple of the requested memory.
const SET_ASIDE_FOR_EACH: u64 = 3;

/// What a training takes on the CPU, in bytes, part by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryEstimate {
    /// The maps of all layers, of as many images as pass at once, and their gradients.
    pub maps: u64,
    /// Parameters, their gradients and what the optimizer remembers; weights as kernels take them,
    /// and the gradients that the parts of a batch find before they are added up.
    pub parameters: u64,
    /// Batches of images, on their way.
    pub batches: u64,
    /// What threads work in.
    pub rooms: u64,
    /// The program itself and the data set.
    pub base: u64,
}

impl MemoryEstimate {
    /// The memory of a training of this network with this number of threads, for a data set of this
    /// number of bytes, with at most this number of images evaluated at the same time.
    ///
    /// # Errors
    /// [`EvalError::UnsupportedLayer`].
    pub fn new(
        network: &Network,
        config: &TrainConfig,
        threads: usize,
        data_bytes: u64,
        evaluated_images: usize,
    ) -> Result<Self, EvalError> {
        let engine = Engine::new(network)?;
        let evaluated = config.evaluation_batch_size.min(evaluated_images);
        let largest_batch = config.batch_size.max(evaluated);
        let image = network.image().numel() as u64;
        Ok(Self {
            maps: ELEMENT.saturating_mul(engine.elements_of_places(config.batch_size, evaluated)),
            parameters: ELEMENT.saturating_mul(
                PER_PARAMETER * network.cost().params + engine.elements_of_weights(config.batch_size),
            ),
            batches: BATCHES * ELEMENT * image * largest_batch as u64,
            rooms: ELEMENT * engine.elements_of_rooms() * threads as u64,
            base: PROGRAM + data_bytes,
        })
    }

    /// All of it: the peak of the process.
    pub fn total(&self) -> u64 {
        let parts = [self.maps, self.parameters, self.batches, self.rooms];
        let asked = parts.into_iter().fold(0_u64, u64::saturating_add);
        asked
            .saturating_add(asked / 100 * OVERHEAD_PERCENT)
            .saturating_add(asked.saturating_mul(SET_ASIDE_FOR_EACH).min(SET_ASIDE))
            .saturating_add(self.base)
    }
}

/// The most resident memory that this process has held, in bytes; `None` where that cannot be
/// known.
pub fn peak() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes.saturating_mul(1024))
}

/// Bytes of memory that this machine has, or that the control group of this process may use; `None`
/// if it is unknown. This is not the free memory, which changes from moment to moment and would
/// make decisions depend on it.
pub fn installed() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    let of_group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let of_group = of_group.and_then(|text| text.trim().parse::<u64>().ok());
    Some(of_group.unwrap_or(u64::MAX).min(kibibytes.saturating_mul(1024)))
}
