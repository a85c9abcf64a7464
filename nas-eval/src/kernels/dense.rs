//! Dense convolution: every output channel sees every input channel.
//!
//! A tile of a few pixels times a few vectors of output channels stays in registers while taps and
//! input channels are gone through; an input value is spread over a vector, the weights of its
//! output channels are read. Of 16 registers a tile takes at most fifteen: six pixels times two
//! vectors, the two vectors of weights and the input value. With one more some are kept in memory.
//! Where the last output channels fill half a vector, half a register of each pixel is added to a
//! tile: the input value is there already.
//!
//! A processor takes in four instructions at a time, or two while the other half of its core is
//! busy; two of them may be products. So tiles are as large as they can be, and the pixels of one
//! have a pointer each (see [`of_its_own`]).

#![allow(
    clippy::needless_range_loop,
    reason = "loops over registers: what iterators over arrays call is not always inlined"
)]
#![allow(unsafe_code, reason = "vector loads and stores through pointers")]

use super::Grid;
use super::float::Float;
use super::simd::Level;
use super::vector::{Task, Vector, of_its_own};

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

/// `out` = the convolution of `x` with `weight` \[taps, channels, filters\], plus `bias`
/// \[filters\].
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

/// `dw` \[taps, channels, filters\] += the gradient of the weight, from the input and the gradient
/// of the output.
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

/// Outputs whose channels are not contiguous: one vector at each position of the grid, and the next
/// vector this number of elements further on.
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
    unsafe { task.blocks::<V, false>(vector) }
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
    unsafe { task.blocks::<V, false>(vector) }
}

fn check<T>(conv: &Dense<'_>, x: &[T], out: usize, out_grid: Grid, weight: usize) {
    check_all(conv, x, out, out_grid, conv.filters, weight);
}

/// Checks the lengths of slices. The last output is this number of elements after the start of its
/// pixel.
fn check_all<T>(conv: &Dense<'_>, x: &[T], out: usize, out_grid: Grid, end: usize, weight: usize) {
    let last = conv.taps.iter().copied().max().unwrap_or(0);
    // One by one: read as one vector, what has just been written as two numbers would be waited
    // for.
    let ([rows, columns], size) = (conv.windows.size, out_grid.size);
    assert!(rows == size[0] && columns == size[1], "windows and outputs");
    assert_eq!(conv.filters % 8, 0, "padded filters");
    assert!(conv.windows.end(conv.channels) + last <= x.len(), "input");
    assert!(out_grid.end(end) <= out, "output");
    assert!(
        conv.taps.len() * conv.channels * conv.filters <= weight,
        "weights"
    );
}

/// Some vectors of output channels: the number of the first channel, where it is in an output
/// pixel, and elements from one vector to the next there.
type Filter = (usize, usize, usize);

/// How many vectors of output channels the next tiles take, and whether half a one besides, of the
/// vectors and the half one that are left.
fn next_vectors<V: Vector>(left: usize, half: bool, many_columns: bool) -> (usize, bool) {
    match left {
        1 => (1, half),
        2 => (2, half),
        _ if !V::MANY_REGISTERS => (2, false),
        4 if half && many_columns => (4, true),
        4 if !many_columns => (2, false),
        4 | 7 | 8 if many_columns => (4, false),
        _ => (3, false),
    }
}

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
            if V::NARROWER {
                self.blocks::<V, true>(V::LANES);
            } else {
                self.blocks::<V, false>(V::LANES);
            }
        }
    }
}

impl<T: Float> Forward<'_, T> {
    /// All output channels; `HALF` if they may end in half a vector.
    #[inline(always)]
    unsafe fn blocks<V: Vector<Elem = T>, const HALF: bool>(&mut self, vector: usize) {
        let vectors = self.conv.filters / V::LANES;
        let mut half = HALF && !self.conv.filters.is_multiple_of(V::LANES);
        let many_columns = self.conv.windows.size[1] >= 16;
        let mut first = 0;
        while first < vectors {
            let at = (first * V::LANES, first * vector, vector);
            let (next, with_half) = next_vectors::<V>(vectors - first, half, many_columns);
            // SAFETY: the caller's.
            unsafe {
                match next {
                    1 if HALF && with_half => self.rows::<V, 1, true>(at),
                    1 => self.rows::<V, 1, false>(at),
                    2 if HALF && with_half => self.rows::<V, 2, true>(at),
                    2 => self.rows::<V, 2, false>(at),
                    _ if !V::MANY_REGISTERS => unreachable!("two vectors at most"),
                    3 => self.rows::<V, 3, false>(at),
                    _ if HALF && with_half => {
                        for row in 0..self.conv.windows.size[0] {
                            self.row::<V, 4, true, 5>(row, at);
                        }
                    }
                    _ => self.rows_of_sixes::<V, 4>(at),
                }
            }
            first += next;
            half &= !with_half;
        }
        if HALF && half {
            let at = (vectors * V::LANES, vectors * vector, vector);
            // SAFETY: the caller's.
            unsafe { self.rows::<V::Narrow, 1, false>(at) }
        }
    }

    #[inline(always)]
    unsafe fn rows<V: Vector<Elem = T>, const B: usize, const HALF: bool>(&mut self, filter: Filter) {
        let columns = self.conv.windows.size[1];
        if const { B == 2 && !V::MANY_REGISTERS } && columns >= 6 {
            // SAFETY: the caller's.
            unsafe { self.rows_of_sixes::<V, B>(filter) };
            return;
        }
        for row in 0..self.conv.windows.size[0] {
            // SAFETY: the caller's.
            unsafe {
                if const { V::MANY_REGISTERS && B == 1 && !HALF } && columns >= 16 {
                    self.row::<V, B, HALF, 16>(row, filter);
                } else if const { V::MANY_REGISTERS || B == 1 } && columns >= 8 {
                    self.row::<V, B, HALF, 8>(row, filter);
                } else if columns >= 4 {
                    self.row::<V, B, HALF, 4>(row, filter);
                } else if columns >= 2 {
                    self.row::<V, B, HALF, 2>(row, filter);
                } else {
                    self.row::<V, B, HALF, 1>(row, filter);
                }
            }
        }
    }

    /// Rows of at least six pixels in tiles of six, and of four where it comes out even so; else
    /// the last one is moved back as in [`Self::row`].
    #[inline(always)]
    unsafe fn rows_of_sixes<V: Vector<Elem = T>, const B: usize>(&mut self, filter: Filter) {
        let columns = self.conv.windows.size[1];
        for row in 0..self.conv.windows.size[0] {
            let mut column = 0;
            while column < columns {
                // SAFETY: the caller's.
                column += unsafe {
                    if matches!(columns - column, 4 | 8) {
                        self.tile::<V, B, false, 4>(row, column, filter);
                        4
                    } else {
                        self.tile::<V, B, false, 6>(row, column.min(columns - 6), filter);
                        6
                    }
                };
            }
        }
    }

    /// A row in tiles of `P` pixels. The last tile is moved back until it fits, and computes some
    /// pixels again with the same result.
    #[inline(always)]
    unsafe fn row<V: Vector<Elem = T>, const B: usize, const HALF: bool, const P: usize>(
        &mut self,
        row: usize,
        filter: Filter,
    ) {
        let columns = self.conv.windows.size[1];
        for column in (0..columns).step_by(P) {
            // SAFETY: the caller's.
            unsafe { self.tile::<V, B, HALF, P>(row, column.min(columns - P), filter) }
        }
    }

    #[inline(always)]
    unsafe fn tile<V: Vector<Elem = T>, const B: usize, const HALF: bool, const P: usize>(
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
            let mut half_sums = [V::splat(T::ZERO).narrow(); P];
            if let Some(bias) = self.bias {
                let bias = bias.as_ptr().wrapping_add(filter);
                for p in 0..P {
                    for b in 0..B {
                        sums[p][b] = V::load(bias.wrapping_add(b * V::LANES));
                    }
                    if HALF {
                        half_sums[p] = V::Narrow::load(bias.wrapping_add(B * V::LANES));
                    }
                }
            }
            let mut weight = self.weight.as_ptr().wrapping_add(filter);
            // In few channels it does not pay; more pointers than this do not fit into registers.
            let own = (5..=8).contains(&P);
            for &tap in taps {
                let x = x.wrapping_add(tap);
                let mut pixels = [x; P];
                for p in 0..P {
                    pixels[p] = x.wrapping_add(p * windows.pixel);
                    if own && channels >= 16 {
                        pixels[p] = of_its_own(pixels[p]);
                    }
                }
                for channel in 0..channels {
                    let mut w = [V::splat(T::ZERO); B];
                    for b in 0..B {
                        w[b] = V::load(weight.wrapping_add(b * V::LANES));
                    }
                    let mut half_w = V::splat(T::ZERO).narrow();
                    if HALF {
                        half_w = V::Narrow::load(weight.wrapping_add(B * V::LANES));
                    }
                    for p in 0..P {
                        let pixel = if own {
                            pixels[p]
                        } else {
                            x.wrapping_add(p * windows.pixel)
                        };
                        let value = V::splat(pixel.wrapping_add(channel).read());
                        for b in 0..B {
                            sums[p][b] = value.mul_add(w[b], sums[p][b]);
                        }
                        if HALF {
                            half_sums[p] = value.narrow().mul_add(half_w, half_sums[p]);
                        }
                    }
                    weight = weight.wrapping_add(filters);
                }
            }
            for p in 0..P {
                let out = out.wrapping_add(p * self.out_grid.pixel);
                for b in 0..B {
                    sums[p][b].store(out.wrapping_add(b * vector));
                }
                if HALF {
                    half_sums[p].store(out.wrapping_add(B * vector));
                }
            }
        }
    }
}

/// Elements of the gradient of the output whose part in that of the weight is added up before the
/// next ones: what is read of a few vectors of output channels should stay in the first-level cache
/// while the input channels are gone through.
const TOGETHER: usize = 2048;
/// The fewest and the most pixels that these are.
const PIXELS: [usize; 2] = [64, 256];

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
        let (windows, dy_grid) = (self.conv.windows, self.dy_grid);
        let pixels = (TOGETHER / self.conv.filters).clamp(PIXELS[0], PIXELS[1]);
        for part in windows.parts(pixels) {
            self.conv.windows = windows.part(part);
            self.dy_grid = dy_grid.part(part);
            // SAFETY: the caller's; `check` has seen that all positions lie in their slices.
            unsafe {
                if V::NARROWER {
                    self.blocks::<V, true>(V::LANES);
                } else {
                    self.blocks::<V, false>(V::LANES);
                }
            }
        }
    }
}

impl<T: Float> Weights<'_, T> {
    /// As [`Forward::blocks`].
    #[inline(always)]
    unsafe fn blocks<V: Vector<Elem = T>, const HALF: bool>(&mut self, vector: usize) {
        let vectors = self.conv.filters / V::LANES;
        let mut half = HALF && !self.conv.filters.is_multiple_of(V::LANES);
        let mut first = 0;
        while first < vectors {
            let at = (first * V::LANES, first * vector, vector);
            let (next, with_half) = next_vectors::<V>(vectors - first, half, false);
            // SAFETY: the caller's.
            unsafe {
                match next {
                    1 if HALF && with_half => self.channels::<V, 1, true>(at),
                    1 => self.channels::<V, 1, false>(at),
                    2 if HALF && with_half => self.channels::<V, 2, true>(at),
                    2 => self.channels::<V, 2, false>(at),
                    _ if !V::MANY_REGISTERS => unreachable!("two vectors at most"),
                    _ => self.channels::<V, 3, false>(at),
                }
            }
            first += next;
            half &= !with_half;
        }
        if HALF && half {
            let at = (vectors * V::LANES, vectors * vector, vector);
            // SAFETY: the caller's.
            unsafe { self.channels::<V::Narrow, 1, false>(at) }
        }
    }

    #[inline(always)]
    unsafe fn channels<V: Vector<Elem = T>, const B: usize, const HALF: bool>(&mut self, filter: Filter) {
        for tap in 0..self.conv.taps.len() {
            let mut channel = 0;
            while channel < self.conv.channels {
                let left = self.conv.channels - channel;
                // SAFETY: the caller's.
                channel += unsafe {
                    if const { V::MANY_REGISTERS && B == 1 && !HALF } && left >= 16 {
                        self.tile::<V, B, HALF, 16>(tap, channel, filter)
                    } else if const { V::MANY_REGISTERS || B == 1 } && left >= 8 {
                        self.tile::<V, B, HALF, 8>(tap, channel, filter)
                    } else if const { B == 2 } && left >= 6 && left != 8 {
                        self.tile::<V, B, HALF, 6>(tap, channel, filter)
                    } else if left >= 4 {
                        self.tile::<V, B, HALF, 4>(tap, channel, filter)
                    } else {
                        self.tile::<V, B, HALF, 1>(tap, channel, filter)
                    }
                };
            }
        }
    }

    #[inline(always)]
    unsafe fn tile<V: Vector<Elem = T>, const B: usize, const HALF: bool, const C: usize>(
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
            let mut half_sums = [V::splat(T::ZERO).narrow(); C];
            for row in 0..windows.size[0] {
                let mut x = x.wrapping_add(windows.at(row, 0));
                let mut dy = dy.wrapping_add(self.dy_grid.at(row, 0));
                for _ in 0..windows.size[1] {
                    let mut d = [V::splat(T::ZERO); B];
                    for b in 0..B {
                        d[b] = V::load(dy.wrapping_add(b * vector));
                    }
                    let mut half_d = V::splat(T::ZERO).narrow();
                    if HALF {
                        half_d = V::Narrow::load(dy.wrapping_add(B * vector));
                    }
                    for c in 0..C {
                        let value = V::splat(x.wrapping_add(c).read());
                        for b in 0..B {
                            sums[c][b] = value.mul_add(d[b], sums[c][b]);
                        }
                        if HALF {
                            half_sums[c] = value.narrow().mul_add(half_d, half_sums[c]);
                        }
                    }
                    x = x.wrapping_add(windows.pixel);
                    dy = dy.wrapping_add(self.dy_grid.pixel);
                }
            }
            for c in 0..C {
                let dw = dw.wrapping_add(c * filters);
                for b in 0..B {
                    let at = dw.wrapping_add(b * V::LANES);
                    sums[c][b].add(V::load(at)).store(at);
                }
                if HALF {
                    let at = dw.wrapping_add(B * V::LANES);
                    half_sums[c].add(V::Narrow::load(at)).store(at);
                }
            }
        }
        C
    }
}

#[cfg(test)]
mod tests;
