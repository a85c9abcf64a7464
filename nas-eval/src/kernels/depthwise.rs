//! Depthwise convolution: every channel has a kernel of its own.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over registers: what iterators over arrays call is not always inlined"
)]
#![allow(unsafe_code, reason = "vector loads and stores through pointers")]

use super::Grid;
use super::float::Float;
use super::simd::Level;
use super::vector::{Task, Vector};

/// `out` = the convolution of `x` with `weight` \[taps, channels\], `channels` being padded.
///
/// # Panics
/// If a slice is too short.
#[expect(clippy::too_many_arguments, reason = "three maps and where their pixels lie")]
pub(crate) fn depthwise<T: Float>(
    level: Level,
    channels: usize,
    taps: &[usize],
    x: &[T],
    windows: Grid,
    weight: &[T],
    out: &mut [T],
    out_grid: Grid,
) {
    check(channels, taps, x, windows, weight.len(), out.len(), out_grid);
    T::dispatch(
        level,
        Forward {
            channels,
            taps,
            x,
            windows,
            weight,
            out,
            out_grid,
        },
    );
}

/// `dw` \[taps, channels\] += the gradient of the weight, from the input and the gradient of the output.
///
/// # Panics
/// If a slice is too short.
#[expect(clippy::too_many_arguments, reason = "three maps and where their pixels lie")]
pub(crate) fn depthwise_weight_gradient<T: Float>(
    level: Level,
    channels: usize,
    taps: &[usize],
    x: &[T],
    windows: Grid,
    dy: &[T],
    dy_grid: Grid,
    dw: &mut [T],
) {
    check(channels, taps, x, windows, dw.len(), dy.len(), dy_grid);
    T::dispatch(
        level,
        Weights {
            channels,
            taps,
            x,
            windows,
            dy,
            dy_grid,
            dw,
        },
    );
}

fn check<T>(
    channels: usize,
    taps: &[usize],
    x: &[T],
    windows: Grid,
    weight: usize,
    out: usize,
    out_grid: Grid,
) {
    let last = taps.iter().copied().max().unwrap_or(0);
    assert_eq!(windows.size, out_grid.size, "windows and outputs");
    assert_eq!(channels % 8, 0, "padded channels");
    assert!(windows.end(channels) + last <= x.len(), "input");
    assert!(out_grid.end(channels) <= out, "output");
    assert!(taps.len() * channels <= weight, "weights");
}

struct Forward<'a, T> {
    channels: usize,
    taps: &'a [usize],
    x: &'a [T],
    windows: Grid,
    weight: &'a [T],
    out: &'a mut [T],
    out_grid: Grid,
}

impl<T: Float> Task<T> for Forward<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(mut self) {
        // SAFETY: the caller's; `check` has seen that all positions lie in their slices.
        unsafe {
            if self.channels.is_multiple_of(V::LANES) {
                self.rows::<V>();
            } else {
                self.rows::<V::Narrow>();
            }
        }
    }
}

impl<T: Float> Forward<'_, T> {
    #[inline(always)]
    unsafe fn rows<V: Vector<Elem = T>>(&mut self) {
        let columns = self.windows.size[1];
        for channel in (0..self.channels).step_by(V::LANES) {
            for row in 0..self.windows.size[0] {
                // SAFETY: the caller's.
                unsafe {
                    if columns >= 8 {
                        self.row::<V, 8>(row, channel);
                    } else if columns >= 4 {
                        self.row::<V, 4>(row, channel);
                    } else {
                        self.row::<V, 1>(row, channel);
                    }
                }
            }
        }
    }

    /// A row in tiles of `P` pixels; the last one is moved back to where it fits, and computes some pixels again, alike.
    #[inline(always)]
    unsafe fn row<V: Vector<Elem = T>, const P: usize>(&mut self, row: usize, channel: usize) {
        let columns = self.windows.size[1];
        for column in (0..columns).step_by(P) {
            let column = column.min(columns - P);
            let x = self
                .x
                .as_ptr()
                .wrapping_add(self.windows.at(row, column) + channel);
            let out = self
                .out
                .as_mut_ptr()
                .wrapping_add(self.out_grid.at(row, column) + channel);
            // SAFETY: all positions lie in their slices: see `check`.
            unsafe {
                let mut sums = [V::splat(T::ZERO); P];
                let mut weight = self.weight.as_ptr().wrapping_add(channel);
                for &tap in self.taps {
                    let w = V::load(weight);
                    let x = x.wrapping_add(tap);
                    for p in 0..P {
                        sums[p] = V::load(x.wrapping_add(p * self.windows.pixel)).mul_add(w, sums[p]);
                    }
                    weight = weight.wrapping_add(self.channels);
                }
                for p in 0..P {
                    sums[p].store(out.wrapping_add(p * self.out_grid.pixel));
                }
            }
        }
    }
}

struct Weights<'a, T> {
    channels: usize,
    taps: &'a [usize],
    x: &'a [T],
    windows: Grid,
    dy: &'a [T],
    dy_grid: Grid,
    dw: &'a mut [T],
}

impl<T: Float> Task<T> for Weights<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(mut self) {
        // SAFETY: the caller's; `check` has seen that all positions lie in their slices.
        unsafe {
            if self.channels.is_multiple_of(V::LANES) {
                self.groups::<V>();
            } else {
                self.groups::<V::Narrow>();
            }
        }
    }
}

impl<T: Float> Weights<'_, T> {
    /// The taps in groups of about the same size, at most nine, whose sums stay in registers.
    #[inline(always)]
    unsafe fn groups<V: Vector<Elem = T>>(&mut self) {
        let taps = self.taps.len();
        let groups = taps.div_ceil(9);
        for channel in (0..self.channels).step_by(V::LANES) {
            let mut first = 0;
            for group in 0..groups {
                let end = taps * (group + 1) / groups;
                // SAFETY: the caller's.
                unsafe {
                    match end - first {
                        9 => self.group::<V, 9>(first, channel),
                        8 => self.group::<V, 8>(first, channel),
                        7 => self.group::<V, 7>(first, channel),
                        6 => self.group::<V, 6>(first, channel),
                        5 => self.group::<V, 5>(first, channel),
                        4 => self.group::<V, 4>(first, channel),
                        3 => self.group::<V, 3>(first, channel),
                        2 => self.group::<V, 2>(first, channel),
                        _ => self.group::<V, 1>(first, channel),
                    }
                }
                first = end;
            }
        }
    }

    #[inline(always)]
    unsafe fn group<V: Vector<Elem = T>, const G: usize>(&mut self, first: usize, channel: usize) {
        let mut taps = [0; G];
        taps.copy_from_slice(&self.taps[first..first + G]);
        // SAFETY: all positions lie in their slices: see `check`.
        unsafe {
            let mut sums = [V::splat(T::ZERO); G];
            for row in 0..self.windows.size[0] {
                let mut x = self.x.as_ptr().wrapping_add(self.windows.at(row, 0) + channel);
                let mut dy = self.dy.as_ptr().wrapping_add(self.dy_grid.at(row, 0) + channel);
                for _ in 0..self.windows.size[1] {
                    let d = V::load(dy);
                    for g in 0..G {
                        sums[g] = V::load(x.wrapping_add(taps[g])).mul_add(d, sums[g]);
                    }
                    x = x.wrapping_add(self.windows.pixel);
                    dy = dy.wrapping_add(self.dy_grid.pixel);
                }
            }
            for g in 0..G {
                let at = self
                    .dw
                    .as_mut_ptr()
                    .wrapping_add((first + g) * self.channels + channel);
                sums[g].add(V::load(at)).store(at);
            }
        }
    }
}
