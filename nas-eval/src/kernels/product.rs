//! Products of small matrices, all stored row by row.
//!
//! Products are added up in an order that depends on the shapes and the processor alone.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over registers: what iterators over arrays call is not always inlined"
)]
#![allow(unsafe_code, reason = "vector loads and stores through pointers")]

use super::float::Float;
use super::simd::Level;
use super::vector::{Task, Vector};

/// The most lanes that a vector has.
const MOST_LANES: usize = 16;

/// `out` \[m, n\] = `a` \[m, k\] times the transpose of `b` \[n, k\].
///
/// # Panics
/// If a slice has another length.
pub(crate) fn times_transposed<T: Float>(level: Level, k: usize, a: &[T], b: &[T], out: &mut [T]) {
    assert!(k > 0, "the inner dimension is 0");
    let (m, n) = (a.len() / k, b.len() / k);
    assert_eq!((a.len(), b.len(), out.len()), (m * k, n * k, m * n));
    T::dispatch(level, Dots { k, a, b, out });
}

/// `out` \[m, n\] = `a` times `b` \[k, n\]; `a` is \[m, k\], or its transpose \[k, m\] where
/// `transposed`.
///
/// # Panics
/// If a slice has another length.
pub(crate) fn times<T: Float>(level: Level, n: usize, transposed: bool, a: &[T], b: &[T], out: &mut [T]) {
    assert!(n > 0, "the number of columns is 0");
    let (m, k) = (out.len() / n, b.len() / n);
    assert_eq!((a.len(), b.len(), out.len()), (m * k, k * n, m * n));
    let steps = if transposed { [1, m] } else { [k, 1] };
    T::dispatch(level, Rows { n, steps, a, b, out });
}

struct Dots<'a, T> {
    k: usize,
    a: &'a [T],
    b: &'a [T],
    out: &'a mut [T],
}

impl<T: Float> Task<T> for Dots<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(mut self) {
        let rows = self.a.len() / self.k;
        let mut row = 0;
        // SAFETY: the caller's; all rows lie in `a`.
        unsafe {
            while row + 4 <= rows {
                self.rows::<V, 4>(row);
                row += 4;
            }
            while row < rows {
                self.rows::<V, 1>(row);
                row += 1;
            }
        }
    }
}

impl<T: Float> Dots<'_, T> {
    /// The products of `M` rows of `a`, from `row` on, with all of `b`.
    #[inline(always)]
    unsafe fn rows<V: Vector<Elem = T>, const M: usize>(&mut self, row: usize) {
        let columns = self.b.len() / self.k;
        let mut column = 0;
        // SAFETY: the caller's; all columns lie in `b`.
        unsafe {
            while column + 2 <= columns {
                self.block::<V, M, 2>(row, column, columns);
                column += 2;
            }
            if column < columns {
                self.block::<V, M, 1>(row, column, columns);
            }
        }
    }

    /// The products of `M` rows of `a` with `N` of `b`.
    #[inline(always)]
    unsafe fn block<V: Vector<Elem = T>, const M: usize, const N: usize>(
        &mut self,
        row: usize,
        column: usize,
        columns: usize,
    ) {
        let k = self.k;
        let (a, b) = (
            &self.a[row * k..(row + M) * k],
            &self.b[column * k..(column + N) * k],
        );
        let whole = k - k % V::LANES;
        // SAFETY: the caller's; `at` + LANES is at most k, and each row has k elements.
        let sums = unsafe {
            let mut sums = [[V::splat(T::ZERO); N]; M];
            let mut at = 0;
            while at < whole {
                let mut vectors = [V::splat(T::ZERO); N];
                for j in 0..N {
                    vectors[j] = V::load(b.as_ptr().add(j * k + at));
                }
                for i in 0..M {
                    let vector = V::load(a.as_ptr().add(i * k + at));
                    for j in 0..N {
                        sums[i][j] = vector.mul_add(vectors[j], sums[i][j]);
                    }
                }
                at += V::LANES;
            }
            sums
        };
        for i in 0..M {
            for j in 0..N {
                let mut lanes = [T::ZERO; MOST_LANES];
                // SAFETY: a vector has at most that many lanes.
                unsafe { sums[i][j].store(lanes.as_mut_ptr()) };
                let mut sum = T::ZERO;
                for &lane in &lanes[..V::LANES] {
                    sum += lane;
                }
                for at in whole..k {
                    sum += a[i * k + at] * b[j * k + at];
                }
                self.out[(row + i) * columns + column + j] = sum;
            }
        }
    }
}

struct Rows<'a, T> {
    n: usize,
    /// From one element of `a` to the next of its column and of its row.
    steps: [usize; 2],
    a: &'a [T],
    b: &'a [T],
    out: &'a mut [T],
}

impl<T: Float> Task<T> for Rows<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(self) {
        let (n, [down, along]) = (self.n, self.steps);
        for (row, out) in self.out.chunks_exact_mut(n).enumerate() {
            out.fill(T::ZERO);
            let factor = |i: usize| self.a[row * down + i * along];
            let mut blocks = self.b.chunks_exact(4 * n);
            let mut next = 0;
            for block in blocks.by_ref() {
                let f = [0, 1, 2, 3].map(|i| factor(next + i));
                next += 4;
                let (first, rest) = block.split_at(n);
                let (second, rest) = rest.split_at(n);
                let (third, fourth) = rest.split_at(n);
                let rows = first.iter().zip(second).zip(third).zip(fourth);
                for (out, (((&b0, &b1), &b2), &b3)) in out.iter_mut().zip(rows) {
                    *out += (f[0] * b0 + f[1] * b1) + (f[2] * b2 + f[3] * b3);
                }
            }
            for b in blocks.remainder().chunks_exact(n) {
                let f = factor(next);
                next += 1;
                for (out, &b) in out.iter_mut().zip(b) {
                    *out += f * b;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::level;
    use super::super::testing::numbers;
    use super::*;

    #[test]
    fn products_are_sums_of_products_at_every_level() {
        for (m, k, n) in [(1, 1, 1), (1, 33, 20), (4, 16, 3), (5, 7, 9), (9, 100, 37)] {
            let (a, b) = (numbers::<f64>(m * k, 0), numbers::<f64>(k * n, 5));
            let sum = |a: &dyn Fn(usize, usize) -> f64, b: &dyn Fn(usize, usize) -> f64| -> Vec<f64> {
                let of = |i: usize| (0..k).map(|j| a(i / n, j) * b(j, i % n)).sum();
                (0..m * n).map(of).collect()
            };
            let close = |got: &[f64], expected: &[f64]| {
                let near = |(got, expected): (&f64, &f64)| (got - expected).abs() < 1e-12;
                assert!(got.iter().zip(expected).all(near), "{m}×{k}×{n}");
            };
            let [mut dots, mut rows, mut transposed] = [0.0, 1.0, 2.0].map(|start| vec![start; m * n]);
            times_transposed(level(), k, &a, &b, &mut dots);
            close(&dots, &sum(&|i, j| a[i * k + j], &|j, i| b[i * k + j]));
            times(level(), n, false, &a, &b, &mut rows);
            close(&rows, &sum(&|i, j| a[i * k + j], &|j, i| b[j * n + i]));
            times(level(), n, true, &a, &b, &mut transposed);
            close(&transposed, &sum(&|i, j| a[j * m + i], &|j, i| b[j * n + i]));
            let [mut plain_dots, mut plain_rows] = [0.0, 1.0].map(|start| vec![start; m * n]);
            times_transposed(Level::Plain, k, &a, &b, &mut plain_dots);
            times(Level::Plain, n, false, &a, &b, &mut plain_rows);
            close(&plain_dots, &dots);
            close(&plain_rows, &rows);
        }
    }
}
