//! The most that the processor can compute and move, measured.

use rayon::prelude::*;
use serde::Serialize;

use crate::clock::Stopwatch;
use crate::kernels::{level, multiply_adds};

/// Measurements, of which the fastest counts.
const MEASUREMENTS: usize = 15;
/// Rounds of multiply-adds of one measurement: some 20 ms.
const ROUNDS: u64 = 10_000_000;
/// Elements of each of the two buffers of a copy: 256 MiB, more than caches hold.
const COPIED: usize = 1 << 26;
/// Elements that a thread copies at a time.
const COPIED_AT_A_TIME: usize = 1 << 20;
/// Copies, of which the fastest counts.
const COPIES: usize = 5;

/// The most that all threads of the pool can do together, as measured now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Peak {
    /// The threads.
    pub threads: usize,
    /// Floating-point operations per second: multiply-adds of `f32`, 2 operations each, on the
    /// widest vectors that the kernels use, with nothing read or written.
    pub flops_per_second: f64,
    /// Bytes per second that copying a buffer larger than the caches reads and writes.
    pub bytes_per_second: f64,
}

impl Peak {
    /// Measures for about a second. It takes 512 MiB of memory while it does.
    pub fn measure() -> Self {
        Self {
            threads: rayon::current_num_threads(),
            flops_per_second: flops_per_second(ROUNDS),
            bytes_per_second: bytes_per_second(COPIED),
        }
    }
}

/// Operations per second of all threads, each of which makes `rounds` rounds of multiply-adds: the
/// rate of the fastest of several measurements.
fn flops_per_second(rounds: u64) -> f64 {
    let rates = (0..MEASUREMENTS).map(|_| {
        let watch = Stopwatch::start();
        let done = rayon::broadcast(|_| multiply_adds(level(), rounds));
        let seconds = watch.seconds();
        let (flops, sums): (Vec<u64>, Vec<f64>) = done.into_iter().unzip();
        std::hint::black_box(sums);
        flops.iter().sum::<u64>() as f64 / seconds
    });
    rates.fold(0.0, f64::max)
}

/// Bytes read and written per second when a buffer of `elements` elements is copied: the rate of
/// the fastest of several copies.
fn bytes_per_second(elements: usize) -> f64 {
    let from = vec![1.0_f32; elements];
    let mut to = vec![0.0_f32; elements];
    let rates = (0..COPIES).map(|_| {
        let watch = Stopwatch::start();
        to.par_chunks_mut(COPIED_AT_A_TIME)
            .zip(from.par_chunks(COPIED_AT_A_TIME))
            .for_each(|(to, from)| to.copy_from_slice(from));
        let seconds = watch.seconds();
        std::hint::black_box(&mut to);
        2.0 * size_of_val(&from[..]) as f64 / seconds
    });
    rates.fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rates_are_those_of_a_processor() {
        // The slowest machine, in a debug build, and the fastest one.
        let flops = flops_per_second(20_000);
        assert!((1e6..1e16).contains(&flops), "{flops}");
        let bytes = bytes_per_second(1 << 20);
        assert!((1e7..1e14).contains(&bytes), "{bytes}");
    }
}
