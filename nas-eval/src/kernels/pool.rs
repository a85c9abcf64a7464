//! Pooling. The input lies in a frame whose border cannot win a maximum, or counts nothing in a
//! mean.

#![allow(unsafe_code, reason = "vector loads and stores through pointers")]

use super::Grid;
use super::float::Float;
use super::simd::Level;
use super::vector::{Task, Vector};

/// `out` = the largest value of each window of `x`, whose border is −∞.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn max_pool<T: Float>(
    level: Level,
    channels: usize,
    taps: &[usize],
    x: &[T],
    windows: Grid,
    out: &mut [T],
) {
    check(channels, taps, x.len(), windows, out.len());
    pool(level, channels, taps, windows, What::Max { x, out });
}

/// `dx` += the gradient of the input: each window's goes to the first of its largest values.
///
/// # Panics
/// If a slice is too short.
#[expect(clippy::too_many_arguments, reason = "four maps and where their pixels lie")]
pub(crate) fn max_pool_backward<T: Float>(
    level: Level,
    channels: usize,
    taps: &[usize],
    x: &[T],
    windows: Grid,
    y: &[T],
    dy: &[T],
    dx: &mut [T],
) {
    check(
        channels,
        taps,
        x.len().min(dx.len()),
        windows,
        y.len().min(dy.len()),
    );
    pool(level, channels, taps, windows, What::MaxBack { x, y, dy, dx });
}

/// `out` = the sum of each window of `x`, whose border is 0, times that window's `share`.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn average_pool<T: Float>(
    level: Level,
    channels: usize,
    taps: &[usize],
    x: &[T],
    windows: Grid,
    share: &[T],
    out: &mut [T],
) {
    check(channels, taps, x.len(), windows, out.len());
    assert!(windows.size[0] * windows.size[1] <= share.len());
    pool(level, channels, taps, windows, What::Average { x, share, out });
}

/// `dx` += the gradient of the input.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn average_pool_backward<T: Float>(
    level: Level,
    channels: usize,
    taps: &[usize],
    windows: Grid,
    share: &[T],
    dy: &[T],
    dx: &mut [T],
) {
    check(channels, taps, dx.len(), windows, dy.len());
    assert!(windows.size[0] * windows.size[1] <= share.len());
    pool(
        level,
        channels,
        taps,
        windows,
        What::AverageBack { share, dy, dx },
    );
}

fn pool<T: Float>(level: Level, channels: usize, taps: &[usize], windows: Grid, what: What<'_, T>) {
    T::dispatch(
        level,
        Pool {
            channels,
            taps,
            windows,
            what,
        },
    );
}

fn check(channels: usize, taps: &[usize], x: usize, windows: Grid, out: usize) {
    let last = taps.iter().copied().max().unwrap_or(0);
    assert_eq!(channels % 8, 0, "padded channels");
    assert!(windows.end(channels) + last <= x, "input");
    assert!(windows.size[0] * windows.size[1] * channels <= out, "output");
}

enum What<'a, T> {
    Max {
        x: &'a [T],
        out: &'a mut [T],
    },
    MaxBack {
        x: &'a [T],
        y: &'a [T],
        dy: &'a [T],
        dx: &'a mut [T],
    },
    Average {
        x: &'a [T],
        share: &'a [T],
        out: &'a mut [T],
    },
    AverageBack {
        share: &'a [T],
        dy: &'a [T],
        dx: &'a mut [T],
    },
}

struct Pool<'a, T> {
    channels: usize,
    taps: &'a [usize],
    windows: Grid,
    what: What<'a, T>,
}

impl<T: Float> Task<T> for Pool<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(mut self) {
        // SAFETY: the caller's; `check` has seen that all positions lie in their slices.
        unsafe {
            self.all::<V>();
        }
    }
}

impl<T: Float> Pool<'_, T> {
    #[inline(always)]
    unsafe fn all<V: Vector<Elem = T>>(&mut self) {
        let [rows, columns] = self.windows.size;
        let wide = self.channels / V::LANES * V::LANES;
        for row in 0..rows {
            for column in 0..columns {
                let window = self.windows.at(row, column);
                let pixel = row * columns + column;
                let at = pixel * self.channels;
                // SAFETY: the caller's.
                unsafe {
                    for channel in (0..wide).step_by(V::LANES) {
                        self.window::<V>(window + channel, pixel, at + channel);
                    }
                    if V::NARROWER {
                        for channel in (wide..self.channels).step_by(V::Narrow::LANES) {
                            self.window::<V::Narrow>(window + channel, pixel, at + channel);
                        }
                    }
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn window<V: Vector<Elem = T>>(&mut self, window: usize, pixel: usize, at: usize) {
        // SAFETY: the caller's.
        unsafe {
            match &mut self.what {
                What::Max { x, out } => {
                    let x = x.as_ptr().wrapping_add(window);
                    let mut largest = V::splat(T::NEG_INFINITY);
                    for &tap in self.taps {
                        largest = largest.max(V::load(x.wrapping_add(tap)));
                    }
                    largest.store(out.as_mut_ptr().wrapping_add(at));
                }
                What::MaxBack { x, y, dy, dx } => {
                    let x = x.as_ptr().wrapping_add(window);
                    let dx = dx.as_mut_ptr().wrapping_add(window);
                    let y = V::load(y.as_ptr().wrapping_add(at));
                    let mut left = V::load(dy.as_ptr().wrapping_add(at));
                    for &tap in self.taps {
                        let value = V::load(x.wrapping_add(tap));
                        let to = dx.wrapping_add(tap);
                        V::load(to).add(left.where_equal(value, y)).store(to);
                        left = left.where_different(value, y);
                    }
                }
                What::Average { x, share, out } => {
                    let x = x.as_ptr().wrapping_add(window);
                    let mut sum = V::splat(T::ZERO);
                    for &tap in self.taps {
                        sum = sum.add(V::load(x.wrapping_add(tap)));
                    }
                    sum.mul(V::splat(share[pixel]))
                        .store(out.as_mut_ptr().wrapping_add(at));
                }
                What::AverageBack { share, dy, dx } => {
                    let dx = dx.as_mut_ptr().wrapping_add(window);
                    let given = V::load(dy.as_ptr().wrapping_add(at)).mul(V::splat(share[pixel]));
                    for &tap in self.taps {
                        let to = dx.wrapping_add(tap);
                        V::load(to).add(given).store(to);
                    }
                }
            }
        }
    }
}
