//! Weights as the tiles want them, and their gradient back.

#![allow(unsafe_code, reason = "vector loads and stores through pointers")]

use super::{POSITIONS, add_each, load_each, scale_each, store_each, sub_each};
use crate::kernels::float::Float;
use crate::kernels::simd::Level;
use crate::kernels::vector::{Task, Vector};

/// Weights of a pair of channels.
const TAPS: usize = 9;

/// Where the plain weight \[9, channels, filters\] lies in a slice of \[16, channels, filters\] before it is transformed.
pub(crate) const fn plain_weight(transformed: usize) -> usize {
    transformed / POSITIONS * (POSITIONS - TAPS)
}

/// `G g Gᵀ` in place: of the weight \[9, channels, filters\] at [`plain_weight`] the one \[16, channels, filters\].
///
/// # Panics
/// If the length is no multiple of 128.
pub(crate) fn transform_weights<T: Float>(level: Level, weight: &mut [T]) {
    assert_eq!(weight.len() % (POSITIONS * 8), 0, "padded filters");
    T::dispatch(level, Change::<T, false> { matrices: weight });
}

/// `Gᵀ u G` in place: of the sums \[16, channels, filters\] of [`winograd_weight_gradient`](super::winograd_weight_gradient) the gradient
/// \[9, channels, filters\], at the beginning.
///
/// # Panics
/// If the length is no multiple of 128.
pub(crate) fn gather_gradient<T: Float>(level: Level, sums: &mut [T]) {
    assert_eq!(sums.len() % (POSITIONS * 8), 0, "padded filters");
    T::dispatch(level, Change::<T, true> { matrices: sums });
}

/// Nine matrices become sixteen or, on the way `BACK`, the other way round; pairs of channels do not know of each other.
struct Change<'a, T, const BACK: bool> {
    matrices: &'a mut [T],
}

impl<T: Float, const BACK: bool> Task<T> for Change<'_, T, BACK> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(self) {
        // SAFETY: the caller's.
        unsafe {
            if (self.matrices.len() / POSITIONS).is_multiple_of(V::LANES) {
                self.each::<V>();
            } else {
                self.each::<V::Narrow>();
            }
        }
    }
}

impl<T: Float, const BACK: bool> Change<'_, T, BACK> {
    #[inline(always)]
    unsafe fn each<V: Vector<Elem = T>>(self) {
        let pairs = self.matrices.len() / POSITIONS;
        for pair in (0..pairs).step_by(V::LANES) {
            let at = self.matrices.as_mut_ptr().wrapping_add(pair);
            // SAFETY: the caller's; there are sixteen matrices, whose length the vectors divide.
            unsafe {
                if BACK {
                    gather::<T, V>(at, pairs);
                } else {
                    transform::<T, V>(at, pairs);
                }
            }
        }
    }
}

/// # Safety
/// That of [`Vector`]; there is a vector in each of sixteen matrices of `pairs` elements, for this function and the next.
#[inline(always)]
unsafe fn transform<T: Float, V: Vector<Elem = T>>(at: *mut T, pairs: usize) {
    let from = at.wrapping_add(plain_weight(POSITIONS * pairs));
    // SAFETY: the caller's. What is read of these pairs is read before anything of them is written.
    unsafe {
        let half = V::splat(T::from_f64(0.5));
        let mut taps = [[V::splat(T::ZERO); 3]; 3];
        for tap in 0..TAPS {
            taps[tap / 3][tap % 3] = V::load(from.wrapping_add(tap * pairs));
        }
        let [first, second, third] = taps;
        let ends = add_each(first, third);
        let lines = [
            first,
            scale_each(add_each(ends, second), half),
            scale_each(sub_each(ends, second), half),
            third,
        ];
        for (i, [a, b, c]) in lines.into_iter().enumerate() {
            let ends = a.add(c);
            let line = [a, ends.add(b).mul(half), ends.sub(b).mul(half), c];
            store_each(line, at.wrapping_add(4 * i * pairs), pairs);
        }
    }
}

#[inline(always)]
unsafe fn gather<T: Float, V: Vector<Elem = T>>(at: *mut T, pairs: usize) {
    // SAFETY: the caller's. What is read of these pairs is read before anything of them is written.
    unsafe {
        let half = V::splat(T::from_f64(0.5));
        let line = |i: usize| {
            let [a, b, c, d] = load_each::<V>(at.wrapping_add(4 * i * pairs), pairs);
            let middle = b.add(c).mul(half);
            [a.add(middle), b.sub(c).mul(half), middle.add(d)]
        };
        let (second, third) = (line(1), line(2));
        let middle = scale_each(add_each(second, third), half);
        let lines = [
            add_each(line(0), middle),
            scale_each(sub_each(second, third), half),
            add_each(middle, line(3)),
        ];
        for (i, line) in lines.into_iter().enumerate() {
            store_each(line, at.wrapping_add(3 * i * pairs), pairs);
        }
    }
}
