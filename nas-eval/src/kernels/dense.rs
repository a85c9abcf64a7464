//! Dense convolution: every output channel sees every input channel.
//!
//! A tile of a few pixels times a few vectors of output channels stays in registers while taps and input channels are gone
//! through; an input value is spread over a vector, the weights of its output channels are read. Of 16 registers a tile takes at most
//! fifteen: six pixels times two vectors, the two vectors of weights and the input value. With one more some are kept in memory.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over registers: what iterators over arrays call is not always inlined"
)]
#![allow(unsafe_code, reason = "vector loads and stores through pointers")]

use super::Grid;
use super::float::Float;
use super::simd::Level;
use super::vector::{Task, Vector};

/// What both directions know of a convolution of one image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dense<'a> {
    /// Where the windows start in the input.
    pub(crate) windows: Grid,
    /// The taps of a window.
    pub(crate) taps: &'a [usize],
    /// Input channels.
    pub(crate) channels: usize,
    /// Output channels, padded.
    pub(crate) filters: usize,
}

/// `out` = the convolution of `x` with `weight` \[taps, channels, filters\], plus `bias` \[filters\].
///
/// # Panics
/// If a slice is too short.
pub(crate) fn dense<T: Float>(
    level: Level,
    conv: Dense<'_>,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    out: &mut [T],
    out_grid: Grid,
) {
    check(&conv, x, out.len(), out_grid, weight.len());
    assert!(bias.is_none_or(|bias| bias.len() >= conv.filters));
    T::dispatch(
        level,
        Forward {
            conv,
            x,
            weight,
            bias,
            out,
            out_grid,
        },
    );
}

/// `dw` \[taps, channels, filters\] += the gradient of the weight, from the input and the gradient of the output.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn dense_weight_gradient<T: Float>(
    level: Level,
    conv: Dense<'_>,
    x: &[T],
    dy: &[T],
    dy_grid: Grid,
    dw: &mut [T],
) {
    check(&conv, x, dy.len(), dy_grid, dw.len());
    T::dispatch(
        level,
        Weights {
            conv,
            x,
            dy,
            dy_grid,
            dw,
        },
    );
}

/// Outputs whose channels do not lie together: one vector of them at each position of the grid, the next one so many elements
/// further on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Apart {
    pub(super) grid: Grid,
    pub(super) vector: usize,
}

/// [`dense`] within a task. Vectors of `V` divide the filters.
///
/// # Panics
/// If a slice is too short.
///
/// # Safety
/// That of [`Vector`].
#[inline(always)]
pub(super) unsafe fn dense_within<V: Vector>(
    conv: Dense<'_>,
    x: &[V::Elem],
    weight: &[V::Elem],
    out: &mut [V::Elem],
    Apart { grid, vector }: Apart,
) {
    let last_vector = (conv.filters / V::LANES - 1) * vector;
    check_all(&conv, x, out.len(), grid, V::LANES + last_vector, weight.len());
    let mut task = Forward {
        conv,
        x,
        weight,
        bias: None,
        out,
        out_grid: grid,
    };
    // SAFETY: the caller's; `check_all` has seen that all positions lie in their slices.
    unsafe { task.blocks::<V>(0, conv.filters, vector) }
}

/// [`dense_weight_gradient`] within a task. Vectors of `V` divide the filters.
///
/// # Panics
/// If a slice is too short.
///
/// # Safety
/// That of [`Vector`].
#[inline(always)]
pub(super) unsafe fn dense_weight_gradient_within<V: Vector>(
    conv: Dense<'_>,
    x: &[V::Elem],
    dy: &[V::Elem],
    Apart { grid, vector }: Apart,
    dw: &mut [V::Elem],
) {
    let last_vector = (conv.filters / V::LANES - 1) * vector;
    check_all(&conv, x, dy.len(), grid, V::LANES + last_vector, dw.len());
    let mut task = Weights {
        conv,
        x,
        dy,
        dy_grid: grid,
        dw,
    };
    // SAFETY: the caller's; `check_all` has seen that all positions lie in their slices.
    unsafe { task.blocks::<V>(0, conv.filters, vector) }
}

fn check<T>(conv: &Dense<'_>, x: &[T], out: usize, out_grid: Grid, weight: usize) {
    check_all(conv, x, out, out_grid, conv.filters, weight);
}

/// Checks the lengths of slices, the last output being so many elements after the start of its pixel.
fn check_all<T>(conv: &Dense<'_>, x: &[T], out: usize, out_grid: Grid, end: usize, weight: usize) {
    let last = conv.taps.iter().copied().max().unwrap_or(0);
    assert_eq!(conv.windows.size, out_grid.size, "windows and outputs");
    assert_eq!(conv.filters % 8, 0, "padded filters");
    assert!(conv.windows.end(conv.channels) + last <= x.len(), "input");
    assert!(out_grid.end(end) <= out, "output");
    assert!(
        conv.taps.len() * conv.channels * conv.filters <= weight,
        "weights"
    );
}

/// Some vectors of output channels: the number of the first channel, where it is in an output pixel, and elements from one vector to the
/// next there.
type Filter = (usize, usize, usize);

struct Forward<'a, T> {
    conv: Dense<'a>,
    x: &'a [T],
    weight: &'a [T],
    bias: Option<&'a [T]>,
    out: &'a mut [T],
    out_grid: Grid,
}

impl<T: Float> Task<T> for Forward<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(mut self) {
        // SAFETY: the caller's; `check` has seen that all positions lie in their slices.
        unsafe {
            let wide = self.conv.filters / V::LANES * V::LANES;
            self.blocks::<V>(0, wide, V::LANES);
            self.blocks::<V::Narrow>(wide, self.conv.filters, V::Narrow::LANES);
        }
    }
}

impl<T: Float> Forward<'_, T> {
    #[inline(always)]
    unsafe fn blocks<V: Vector<Elem = T>>(&mut self, from: usize, to: usize, vector: usize) {
        let mut first = from / V::LANES;
        while first < to / V::LANES {
            let at = (first * V::LANES, first * vector, vector);
            // SAFETY: the caller's.
            unsafe {
                match to / V::LANES - first {
                    1 => {
                        self.rows::<V, 1>(at);
                        first += 1;
                    }
                    left if left == 2 || left == 4 || !V::MANY_REGISTERS => {
                        self.rows::<V, 2>(at);
                        first += 2;
                    }
                    _ => {
                        self.rows::<V, 3>(at);
                        first += 3;
                    }
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn rows<V: Vector<Elem = T>, const B: usize>(&mut self, filter: Filter) {
        let columns = self.conv.windows.size[1];
        for row in 0..self.conv.windows.size[0] {
            // SAFETY: the caller's.
            unsafe {
                if columns >= 16 && V::MANY_REGISTERS && B == 1 {
                    self.row::<V, B, 16>(row, filter);
                } else if columns >= 8 && (V::MANY_REGISTERS || B == 1) {
                    self.row::<V, B, 8>(row, filter);
                } else if columns >= 6 && B == 2 {
                    self.row_of_sixes::<V, B>(row, filter);
                } else if columns >= 4 {
                    self.row::<V, B, 4>(row, filter);
                } else if columns >= 2 {
                    self.row::<V, B, 2>(row, filter);
                } else {
                    self.row::<V, B, 1>(row, filter);
                }
            }
        }
    }

    /// A row in tiles of six pixels, and of four where it comes out even so; else the last one is moved back as in [`Self::row`].
    #[inline(always)]
    unsafe fn row_of_sixes<V: Vector<Elem = T>, const B: usize>(&mut self, row: usize, filter: Filter) {
        let columns = self.conv.windows.size[1];
        let mut column = 0;
        while column < columns {
            // SAFETY: the caller's.
            column += unsafe {
                if matches!(columns - column, 4 | 8) {
                    self.tile::<V, B, 4>(row, column, filter);
                    4
                } else {
                    self.tile::<V, B, 6>(row, column.min(columns - 6), filter);
                    6
                }
            };
        }
    }

    /// A row in tiles of `P` pixels; the last one is moved back to where it fits, and computes some pixels again, alike.
    #[inline(always)]
    unsafe fn row<V: Vector<Elem = T>, const B: usize, const P: usize>(
        &mut self,
        row: usize,
        filter: Filter,
    ) {
        let columns = self.conv.windows.size[1];
        for column in (0..columns).step_by(P) {
            // SAFETY: the caller's.
            unsafe { self.tile::<V, B, P>(row, column.min(columns - P), filter) }
        }
    }

    #[inline(always)]
    unsafe fn tile<V: Vector<Elem = T>, const B: usize, const P: usize>(
        &mut self,
        row: usize,
        column: usize,
        (filter, at, vector): Filter,
    ) {
        let Dense {
            windows,
            taps,
            channels,
            filters,
        } = self.conv;
        let x = self.x.as_ptr().wrapping_add(windows.at(row, column));
        let out = self
            .out
            .as_mut_ptr()
            .wrapping_add(self.out_grid.at(row, column) + at);
        // SAFETY: all positions lie in their slices: see `check`.
        unsafe {
            let mut sums = [[V::splat(T::ZERO); B]; P];
            if let Some(bias) = self.bias {
                for b in 0..B {
                    let bias = V::load(bias.as_ptr().wrapping_add(filter + b * V::LANES));
                    for p in 0..P {
                        sums[p][b] = bias;
                    }
                }
            }
            let mut weight = self.weight.as_ptr().wrapping_add(filter);
            for &tap in taps {
                let x = x.wrapping_add(tap);
                for channel in 0..channels {
                    let mut w = [V::splat(T::ZERO); B];
                    for b in 0..B {
                        w[b] = V::load(weight.wrapping_add(b * V::LANES));
                    }
                    for p in 0..P {
                        let value = V::splat(x.wrapping_add(p * windows.pixel + channel).read());
                        for b in 0..B {
                            sums[p][b] = value.mul_add(w[b], sums[p][b]);
                        }
                    }
                    weight = weight.wrapping_add(filters);
                }
            }
            for p in 0..P {
                for b in 0..B {
                    sums[p][b].store(out.wrapping_add(p * self.out_grid.pixel + b * vector));
                }
            }
        }
    }
}

struct Weights<'a, T> {
    conv: Dense<'a>,
    x: &'a [T],
    dy: &'a [T],
    dy_grid: Grid,
    dw: &'a mut [T],
}

impl<T: Float> Task<T> for Weights<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(mut self) {
        // SAFETY: the caller's; `check` has seen that all positions lie in their slices.
        unsafe {
            let wide = self.conv.filters / V::LANES * V::LANES;
            self.blocks::<V>(0, wide, V::LANES);
            self.blocks::<V::Narrow>(wide, self.conv.filters, V::Narrow::LANES);
        }
    }
}

impl<T: Float> Weights<'_, T> {
    #[inline(always)]
    unsafe fn blocks<V: Vector<Elem = T>>(&mut self, from: usize, to: usize, vector: usize) {
        let mut first = from / V::LANES;
        while first < to / V::LANES {
            let at = (first * V::LANES, first * vector, vector);
            // SAFETY: the caller's.
            unsafe {
                match to / V::LANES - first {
                    1 => {
                        self.channels::<V, 1>(at);
                        first += 1;
                    }
                    left if left == 2 || left == 4 || !V::MANY_REGISTERS => {
                        self.channels::<V, 2>(at);
                        first += 2;
                    }
                    _ => {
                        self.channels::<V, 3>(at);
                        first += 3;
                    }
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn channels<V: Vector<Elem = T>, const B: usize>(&mut self, filter: Filter) {
        for tap in 0..self.conv.taps.len() {
            let mut channel = 0;
            while channel < self.conv.channels {
                let left = self.conv.channels - channel;
                // SAFETY: the caller's.
                channel += unsafe {
                    if left >= 16 && V::MANY_REGISTERS && B == 1 {
                        self.tile::<V, B, 16>(tap, channel, filter)
                    } else if left >= 8 && (V::MANY_REGISTERS || B == 1) {
                        self.tile::<V, B, 8>(tap, channel, filter)
                    } else if left >= 6 && left != 8 && B == 2 {
                        self.tile::<V, B, 6>(tap, channel, filter)
                    } else if left >= 4 {
                        self.tile::<V, B, 4>(tap, channel, filter)
                    } else {
                        self.tile::<V, B, 1>(tap, channel, filter)
                    }
                };
            }
        }
    }

    #[inline(always)]
    unsafe fn tile<V: Vector<Elem = T>, const B: usize, const C: usize>(
        &mut self,
        tap: usize,
        channel: usize,
        (filter, at, vector): Filter,
    ) -> usize {
        let Dense {
            windows,
            taps,
            channels,
            filters,
        } = self.conv;
        let x = self.x.as_ptr().wrapping_add(taps[tap] + channel);
        let dy = self.dy.as_ptr().wrapping_add(at);
        let dw = self
            .dw
            .as_mut_ptr()
            .wrapping_add((tap * channels + channel) * filters + filter);
        // SAFETY: all positions lie in their slices: see `check`.
        unsafe {
            let mut sums = [[V::splat(T::ZERO); B]; C];
            for row in 0..windows.size[0] {
                let mut x = x.wrapping_add(windows.at(row, 0));
                let mut dy = dy.wrapping_add(self.dy_grid.at(row, 0));
                for _ in 0..windows.size[1] {
                    let mut d = [V::splat(T::ZERO); B];
                    for b in 0..B {
                        d[b] = V::load(dy.wrapping_add(b * vector));
                    }
                    for c in 0..C {
                        let value = V::splat(x.wrapping_add(c).read());
                        for b in 0..B {
                            sums[c][b] = value.mul_add(d[b], sums[c][b]);
                        }
                    }
                    x = x.wrapping_add(windows.pixel);
                    dy = dy.wrapping_add(self.dy_grid.pixel);
                }
            }
            for c in 0..C {
                for b in 0..B {
                    let at = dw.wrapping_add(c * filters + b * V::LANES);
                    sums[c][b].add(V::load(at)).store(at);
                }
            }
        }
        C
    }
}
