//! Multiply-adds of `f32` that wait for nothing but each other: the most that one thread can do.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over registers: what iterators over arrays call is not always inlined"
)]
#![allow(unsafe_code, reason = "calls of vector intrinsics")]

use super::float::Float;
use super::simd::Level;
use super::vector::{Task, Vector};

/// Accumulators that do not depend on each other. A multiply-add takes 4 or 5 cycles and two begin
/// in each, so that 10 keep a processor busy; with the two operands they fit in 16 registers.
const CHAINS: usize = 12;
/// The same of arrays of eight, each of which takes two of 16 registers.
const CHAINS_OF_ARRAYS: usize = 6;

/// Adds to each chain `rounds` times.
struct Rounds<const N: usize> {
    rounds: u64,
    /// Factor and addend.
    operands: [f32; 2],
    /// Floating-point operations that were done, and a sum of their results.
    done: (u64, f64),
}

impl<const N: usize> Task<f32> for &mut Rounds<N> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = f32>>(self) {
        // SAFETY: `dispatch` has chosen V; `lanes` holds the 16 elements that a vector has at most.
        unsafe {
            let [factor, addend] = self.operands.map(|value| V::splat(value));
            let mut chains: [V; N] = std::array::from_fn(|chain| V::splat(chain as f32));
            for _ in 0..self.rounds {
                for i in 0..N {
                    chains[i] = chains[i].mul_add(factor, addend);
                }
            }
            let mut sum = 0.0;
            for chain in chains {
                let mut lanes = [0.0_f32; 16];
                chain.store(lanes.as_mut_ptr());
                sum += lanes.iter().copied().map(f64::from).sum::<f64>();
            }
            self.done = (2 * (N * V::LANES) as u64 * self.rounds, sum);
        }
    }
}

/// Multiplies and adds in registers alone, `rounds` times in each of several vectors, on the thread
/// that calls it. Gives the number of floating-point operations, 2 for each multiply-add, and a sum
/// of the results, so that none is left out.
pub(crate) fn multiply_adds(level: Level, rounds: u64) -> (u64, f64) {
    // Every chain approaches 2.
    let operands = std::hint::black_box([0.5, 1.0]);
    if level == Level::Plain && cfg!(target_arch = "x86_64") {
        done::<CHAINS_OF_ARRAYS>(level, rounds, operands)
    } else {
        done::<CHAINS>(level, rounds, operands)
    }
}

fn done<const N: usize>(level: Level, rounds: u64, operands: [f32; 2]) -> (u64, f64) {
    let mut task = Rounds::<N> {
        rounds,
        operands,
        done: (0, 0.0),
    };
    f32::dispatch(level, &mut task);
    task.done
}

#[cfg(test)]
mod tests {
    use super::super::testing::levels;
    use super::*;

    #[test]
    fn every_operation_is_counted_and_done() {
        for level in levels() {
            // After one round, chain i holds i / 2 + 1.
            let (once, sum) = multiply_adds(level, 1);
            let lanes = if level == Level::Avx512 { 16 } else { 8 };
            let chains = once / (2 * lanes);
            assert_eq!(once, 2 * lanes * chains, "{level:?}");
            let expected: f64 = (0..chains).map(|chain| chain as f64 / 2.0 + 1.0).sum();
            assert_eq!(sum, lanes as f64 * expected, "{level:?}");
            // After many, all hold 2.
            let (many, sum) = multiply_adds(level, 100);
            assert_eq!(many, 100 * once, "{level:?}");
            assert_eq!(sum, 2.0 * (lanes * chains) as f64, "{level:?}");
        }
    }
}
