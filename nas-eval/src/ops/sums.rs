//! Sums over one plane, in an order that depends on its length alone.
//!
//! A block of at most 4096 elements is summed in 32 lanes of the element type, the lanes are added as a tree, and
//! the blocks are added in `f64`: fast, and the rounding error does not grow with the size of the image.

use super::float::Float;

/// Independent partial sums: a multiple of every vector width, and enough to hide the latency of an addition.
const LANES: usize = 32;

/// Elements summed in the element type before the sum is carried over to `f64`.
const BLOCK: usize = 4096;

/// The sums of `K` quantities over the elements of `a` and `b` (equally long).
#[inline(always)]
fn sums<T: Float, const K: usize>(a: &[T], b: &[T], f: impl Fn(T, T) -> [T; K] + Copy) -> [f64; K] {
    let mut total = [0.0; K];
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
        let mut lanes = [[T::ZERO; LANES]; K];
        let (a, a_rest) = a.as_chunks::<LANES>();
        let (b, b_rest) = b.as_chunks::<LANES>();
        for (a, b) in a.iter().zip(b) {
            for i in 0..LANES {
                let terms = f(a[i], b[i]);
                for (lanes, term) in lanes.iter_mut().zip(terms) {
                    lanes[i] += term;
                }
            }
        }
        for (i, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
            let terms = f(*a, *b);
            for (lanes, term) in lanes.iter_mut().zip(terms) {
                lanes[i] += term;
            }
        }
        for (total, mut lanes) in total.iter_mut().zip(lanes) {
            let mut width = LANES / 2;
            while width > 0 {
                for i in 0..width {
                    let other = lanes[i + width];
                    lanes[i] += other;
                }
                width /= 2;
            }
            *total += lanes[0].to_f64();
        }
    }
    total
}

/// Σ x.
#[inline(always)]
pub(crate) fn sum<T: Float>(x: &[T]) -> f64 {
    sums(x, x, |x, _| [x])[0]
}

/// Σ (x − center) and Σ (x − center)².
#[inline(always)]
pub(crate) fn sum_deviations<T: Float>(x: &[T], center: T) -> [f64; 2] {
    sums(x, x, |x, _| {
        let d = x - center;
        [d, d * d]
    })
}

/// Σ g and Σ g · (x − center).
#[inline(always)]
pub(crate) fn sum_against<T: Float>(g: &[T], x: &[T], center: T) -> [f64; 2] {
    sums(g, x, |g, x| [g, g * (x - center)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_counted_once_at_any_length() {
        for len in [0usize, 1, 31, 32, 33, 4095, 4096, 4097, 10_000] {
            let x: Vec<f64> = (0..len).map(|i| i as f64).collect();
            let n = len as f64;
            assert_eq!(sum(&x), n * (n - 1.0) / 2.0);
            let [d, squares] = sum_deviations(&x, 1.0);
            assert_eq!(d, n * (n - 1.0) / 2.0 - n);
            assert_eq!(squares, x.iter().map(|x| (x - 1.0) * (x - 1.0)).sum::<f64>());
            assert_eq!(sum_against(&x, &x, 1.0), [sum(&x), squares + d]);
        }
    }
}
