//! Weights as the tiles want them, and their gradient back.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over registers: what iterators over arrays call is not always inlined"
)]
#![allow(unsafe_code, reason = "vector loads and stores through pointers")]

use super::tile::{Lines, Minimal, Tile};
use super::{each, load_each, store_each};
use crate::kernels::float::Float;
use crate::kernels::simd::Level;
use crate::kernels::vector::{Task, Vector};

/// Weights of a pair of channels.
const TAPS: usize = 9;

/// Where the plain weight \[9, channels, filters\] lies in a slice of \[positions, channels,
/// filters\] before it is transformed.
pub(crate) const fn plain_weight(tile: Tile, transformed: usize) -> usize {
    transformed / tile.positions() * (tile.positions() - TAPS)
}

/// `G g Gᵀ` in place: of the weight \[9, channels, filters\] at [`plain_weight`] the one
/// \[positions, channels, filters\].
///
/// # Panics
/// If the length is no multiple of eight times the positions.
pub(crate) fn transform_weights<T: Float>(level: Level, tile: Tile, weight: &mut [T]) {
    change::<T, false>(level, tile, weight);
}

/// `Gᵀ u G` in place: of the sums \[positions, channels, filters\] of
/// [`winograd_weight_gradient`](super::winograd_weight_gradient) the gradient \[9, channels,
/// filters\], at the beginning.
///
/// # Panics
/// If the length is no multiple of eight times the positions.
pub(crate) fn gather_gradient<T: Float>(level: Level, tile: Tile, sums: &mut [T]) {
    change::<T, true>(level, tile, sums);
}

fn change<T: Float, const BACK: bool>(level: Level, tile: Tile, matrices: &mut [T]) {
    let positions = tile.positions();
    assert!(
        matrices.len().is_multiple_of(8 * positions),
        "padded filters: {} elements of {positions} matrices",
        matrices.len()
    );
    T::dispatch(level, Change::<T, BACK> { tile, matrices });
}

/// Nine matrices become as many as a tile has positions or, on the way `BACK`, the other way round;
/// pairs of channels do not know of each other.
struct Change<'a, T, const BACK: bool> {
    tile: Tile,
    matrices: &'a mut [T],
}

impl<T: Float, const BACK: bool> Task<T> for Change<'_, T, BACK> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(self) {
        let pairs = self.matrices.len() / self.tile.positions();
        // SAFETY: the caller's.
        unsafe {
            if V::NARROWER && !pairs.is_multiple_of(V::LANES) {
                self.each::<V::Narrow>(pairs);
            } else {
                self.each::<V>(pairs);
            }
        }
    }
}

impl<T: Float, const BACK: bool> Change<'_, T, BACK> {
    #[inline(always)]
    unsafe fn each<V: Vector<Elem = T>>(self, pairs: usize) {
        for pair in (0..pairs).step_by(V::LANES) {
            let at = self.matrices.as_mut_ptr().wrapping_add(pair);
            let plain = at.wrapping_add(plain_weight(self.tile, self.matrices.len()));
            // SAFETY: the caller's; there are as many matrices as positions, whose length the
            // vectors divide.
            unsafe {
                match (self.tile, BACK) {
                    (Tile::Two, false) => transform::<V, 2, 4>(plain, at, pairs),
                    (Tile::Four, false) => transform::<V, 4, 6>(plain, at, pairs),
                    (Tile::Two, true) => gather::<V, 2, 4>(at, pairs),
                    (Tile::Four, true) => gather::<V, 4, 6>(at, pairs),
                }
            }
        }
    }
}

/// # Safety
/// That of [`Vector`]; there is a vector in each of the matrices of `pairs` elements, for this
/// function and the next.
#[inline(always)]
unsafe fn transform<V: Vector, const M: usize, const N: usize>(
    plain: *const V::Elem,
    to: *mut V::Elem,
    pairs: usize,
) where
    Minimal: Lines<M, N>,
{
    // SAFETY: the caller's. What is read of these pairs is read before anything of them is written.
    unsafe {
        let mut columns = [[V::splat(V::Elem::ZERO); N]; 3];
        for j in 0..3 {
            columns[j] = Minimal::weight(load_each(plain.wrapping_add(j * pairs), 3 * pairs));
        }
        for i in 0..N {
            let line = Minimal::weight(each(columns, i));
            store_each(line, to.wrapping_add(N * i * pairs), pairs);
        }
    }
}

#[inline(always)]
unsafe fn gather<V: Vector, const M: usize, const N: usize>(at: *mut V::Elem, pairs: usize)
where
    Minimal: Lines<M, N>,
{
    // SAFETY: the caller's. What is read of these pairs is read before anything of them is written.
    unsafe {
        let mut rows = [[V::splat(V::Elem::ZERO); 3]; N];
        for i in 0..N {
            rows[i] = Minimal::gather(load_each(at.wrapping_add(N * i * pairs), pairs));
        }
        let mut columns = [[V::splat(V::Elem::ZERO); 3]; 3];
        for j in 0..3 {
            columns[j] = Minimal::gather(each(rows, j));
        }
        for i in 0..3 {
            store_each(each(columns, i), at.wrapping_add(3 * i * pairs), pairs);
        }
    }
}
