//! What the tests of kernels share.

use super::float::Float;
use super::simd::{Level, level};

/// The instruction sets that this processor has.
pub(super) fn levels() -> impl Iterator<Item = Level> {
    [Level::Plain, Level::Avx2, Level::Avx512]
        .into_iter()
        .filter(|&found| found <= level())
}

/// So many numbers between −1 and 1, all different.
pub(super) fn numbers<T: Float>(count: usize, start: usize) -> Vec<T> {
    (start..start + count)
        .map(|i| T::from_f64((i as f64 * 0.7).sin()))
        .collect()
}

#[track_caller]
pub(super) fn assert_close<T: Float, U: Float>(got: &[T], expected: &[U], tolerance: f64, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        let (got, expected) = (got.to_f64(), expected.to_f64());
        let difference = (got - expected).abs();
        assert!(
            difference <= tolerance,
            "{what}: element {i}: {got} and {expected}"
        );
    }
}
