//! Depthwise convolution: every channel has a kernel of its own.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over registers: what iterators over arrays call is not always inlined"
)]
#![allow(unsafe_code, reason = "vector loads and stores through pointers")]

use super::Grid;
use super::float::Float;
use super::map::Affine;
use super::simd::Level;
use super::vector::{Task, Vector, of_its_own};

/// What becomes of results.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End<'a, T> {
    /// Whether they are added to what is in `out`.
    pub(crate) adds: bool,
    /// Whether the sum is put where this map, whose pixels lie as those of `out` do, is above 0 as
    /// it is read, and 0 elsewhere.
    pub(crate) gate: Option<(Affine<'a, T>, &'a [T])>,
}

impl<T> End<'_, T> {
    /// They are put to `out`.
    pub(crate) const PUT: Self = Self {
        adds: false,
        gate: None,
    };
}

/// `out` = the convolution of `x` with `weight` \[taps, channels\], `channels` being padded, or
/// what `end` says.
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
    end: End<'_, T>,
) {
    check(channels, taps, x, windows, weight.len(), out.len(), out_grid);
    if let Some((affine, z)) = end.gate {
        affine.check(channels);
        assert!(out_grid.end(channels) <= z.len(), "gate");
    }
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
            end,
            beside: taps_beside(taps, windows.pixel),
        },
    );
}

/// `dw` \[taps, channels\] += the gradient of the weight, from the input and the gradient of the
/// output.
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
    end: End<'a, T>,
    /// Taps of a row of the kernel, and pixels from one to the next, where windows are a pixel
    /// apart: see [`taps_beside`].
    beside: Option<[usize; 2]>,
}

/// How many taps lie beside each other in each row of a kernel, and how many pixels apart: if that
/// is the same everywhere.
fn taps_beside(taps: &[usize], pixel: usize) -> Option<[usize; 2]> {
    let step = taps.get(1)?.checked_sub(taps[0])?;
    let evenly = |row: &[usize]| row.windows(2).all(|pair| pair[0] + step == pair[1]);
    let in_row = 1 + taps.windows(2).take_while(|pair| evenly(pair)).count();
    let rows = taps.chunks(in_row);
    let alike = taps.len().is_multiple_of(in_row) && rows.clone().all(evenly);
    (alike && step.is_multiple_of(pixel)).then_some([in_row, step / pixel])
}

impl<T: Float> Task<T> for Forward<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(self) {
        // SAFETY: the caller's; `check` has seen that all positions lie in their slices.
        unsafe {
            match (self.end.adds, self.end.gate.is_some()) {
                (false, false) => self.rows::<V, false, false>(),
                (false, true) => self.rows::<V, false, true>(),
                (true, false) => self.rows::<V, true, false>(),
                (true, true) => self.rows::<V, true, true>(),
            }
        }
    }
}

impl<T: Float> Forward<'_, T> {
    #[inline(always)]
    unsafe fn rows<V: Vector<Elem = T>, const ADDS: bool, const GATED: bool>(mut self) {
        let wide = self.channels / V::LANES * V::LANES;
        let rows = self.windows.size[0];
        // SAFETY: the caller's.
        unsafe {
            for channel in (0..wide).step_by(V::LANES) {
                for row in 0..rows {
                    self.row::<V, ADDS, GATED>(row, channel);
                }
            }
            if V::NARROWER {
                for channel in (wide..self.channels).step_by(V::Narrow::LANES) {
                    for row in 0..rows {
                        self.row::<V::Narrow, ADDS, GATED>(row, channel);
                    }
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn row<V: Vector<Elem = T>, const ADDS: bool, const GATED: bool>(
        &mut self,
        row: usize,
        channel: usize,
    ) {
        let columns = self.windows.size[1];
        let mut column = 0;
        while column < columns {
            let left = columns - column;
            // The last tile is moved back until it fits, and computes some pixels again with the
            // same result. This does not work if results are added.
            let fits = |pixels: usize| left >= pixels || !ADDS && columns >= pixels;
            // SAFETY: the caller's.
            column += unsafe {
                if fits(8) {
                    self.tile::<V, 8, ADDS, GATED>(row, column.min(columns - 8), channel);
                    8
                } else if fits(4) {
                    self.tile::<V, 4, ADDS, GATED>(row, column.min(columns - 4), channel);
                    4
                } else {
                    self.tile::<V, 1, ADDS, GATED>(row, column, channel);
                    1
                }
            };
        }
    }

    /// Adds the products of each tap with `P` windows that start at `x`.
    #[inline(always)]
    unsafe fn add_taps<V: Vector<Elem = T>, const P: usize>(
        &self,
        x: *const T,
        channel: usize,
        sums: &mut [V; P],
    ) {
        let mut pixels = [x; P];
        for p in 0..P {
            pixels[p] = of_its_own(x.wrapping_add(p * self.windows.pixel));
        }
        let mut weight = self.weight.as_ptr().wrapping_add(channel);
        for &tap in self.taps {
            // SAFETY: the caller's.
            unsafe {
                let w = V::load(weight);
                for p in 0..P {
                    sums[p] = V::load(pixels[p].wrapping_add(tap)).mul_add(w, sums[p]);
                }
            }
            weight = weight.wrapping_add(self.channels);
        }
    }

    /// The same result for `W` taps in a row of the kernel, `D` pixels apart: each input is added
    /// to all of its windows when it is read.
    #[inline(always)]
    unsafe fn add_rows<V: Vector<Elem = T>, const P: usize, const W: usize, const D: usize>(
        &self,
        x: *const T,
        channel: usize,
        sums: &mut [V; P],
    ) {
        let mut weight = self.weight.as_ptr().wrapping_add(channel);
        for row in self.taps.chunks_exact(W) {
            let x = x.wrapping_add(row[0]);
            // SAFETY: the caller's.
            unsafe {
                let mut w = [V::splat(T::ZERO); W];
                for k in 0..W {
                    w[k] = V::load(weight.wrapping_add(k * self.channels));
                }
                // Each by itself: the compiler unrolls a loop only where what comes of that is
                // short.
                macro_rules! inputs {
                    ($($j:literal)+) => {$(
                        if $j < P + (W - 1) * D {
                            let value = V::load(x.wrapping_add($j * self.windows.pixel));
                            for k in 0..W {
                                if (k * D..k * D + P).contains(&$j) {
                                    sums[$j - k * D] = value.mul_add(w[k], sums[$j - k * D]);
                                }
                            }
                        }
                    )+};
                }
                inputs!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
            }
            weight = weight.wrapping_add(W * self.channels);
        }
    }

    #[inline(always)]
    unsafe fn tile<V: Vector<Elem = T>, const P: usize, const ADDS: bool, const GATED: bool>(
        &mut self,
        row: usize,
        column: usize,
        channel: usize,
    ) {
        let x = self
            .x
            .as_ptr()
            .wrapping_add(self.windows.at(row, column) + channel);
        let at = self.out_grid.at(row, column) + channel;
        let out = self.out.as_mut_ptr().wrapping_add(at);
        // SAFETY: all positions lie in their slices: see `check`.
        unsafe {
            let mut sums = [V::splat(T::ZERO); P];
            if ADDS {
                for p in 0..P {
                    sums[p] = V::load(out.wrapping_add(p * self.out_grid.pixel));
                }
            }
            match self.beside {
                Some([3, 1]) if P == 8 => self.add_rows::<V, P, 3, 1>(x, channel, &mut sums),
                Some([3, 2]) if P == 8 => self.add_rows::<V, P, 3, 2>(x, channel, &mut sums),
                Some([5, 1]) if P == 8 => self.add_rows::<V, P, 5, 1>(x, channel, &mut sums),
                Some([5, 2]) if P == 8 => self.add_rows::<V, P, 5, 2>(x, channel, &mut sums),
                _ => self.add_taps::<V, P>(x, channel, &mut sums),
            }
            if let (true, Some((affine, z))) = (GATED, self.end.gate) {
                let [scale, shift] = affine.line_at::<V>(channel);
                let z = z.as_ptr().wrapping_add(at);
                for p in 0..P {
                    let read = V::load(z.wrapping_add(p * self.out_grid.pixel)).mul_add(scale, shift);
                    sums[p] = sums[p].where_positive(read);
                }
            }
            for p in 0..P {
                sums[p].store(out.wrapping_add(p * self.out_grid.pixel));
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
            let wide = self.channels / V::LANES * V::LANES;
            self.groups::<V>(0, wide);
            if V::NARROWER {
                self.groups::<V::Narrow>(wide, self.channels);
            }
        }
    }
}

impl<T: Float> Weights<'_, T> {
    /// The taps in groups of about the same size, at most nine, whose sums stay in registers.
    #[inline(always)]
    unsafe fn groups<V: Vector<Elem = T>>(&mut self, from: usize, to: usize) {
        let taps = self.taps.len();
        let groups = taps.div_ceil(9);
        for channel in (from..to).step_by(V::LANES) {
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

#[cfg(test)]
mod tests {
    use super::super::Frame;
    use super::super::testing::{assert_close, levels, numbers};
    use super::*;

    /// Rows and columns, dilation and stride.
    type Kernel = ([usize; 2], usize, usize);

    /// Against the definition, in double precision, whatever becomes of the results.
    fn check<T: Float>(
        level: Level,
        size: [usize; 2],
        (kernel, dilation, stride): Kernel,
        channels: usize,
        tolerance: f64,
    ) {
        let what = format!("{size:?}, {kernel:?}, {dilation}, {stride}, {channels} channels, {level:?}");
        let around = [0, 1].map(|axis| (size[axis] - 1) * stride + (kernel[axis] - 1) * dilation + 1);
        let frame = Frame::new(around, channels, around, [0, 0], [1, 1]);
        let windows = frame.windows(size, [stride, stride]);
        let taps = frame.taps(kernel, [dilation, dilation]);
        let x = numbers::<T>(frame.len(), 0);
        let weight = numbers::<T>(taps.len() * channels, 9);
        // Output pixels with something between the rows.
        let grid = Grid {
            start: 8,
            size,
            row: (size[1] + 1) * channels,
            pixel: channels,
        };
        let before = numbers::<T>(grid.end(channels), 5);
        let z = numbers::<T>(grid.end(channels), 2);
        let (scale, shift) = (numbers::<T>(channels, 1), numbers::<T>(channels, 4));
        let affine = Affine {
            line: Some([&scale, &shift]),
            rectified: true,
            factor: T::ONE,
        };
        for (adds, gated) in [(false, false), (false, true), (true, false), (true, true)] {
            let end = End {
                adds,
                gate: gated.then_some((affine, &z[..])),
            };
            let mut out = before.clone();
            depthwise(level, channels, &taps, &x, windows, &weight, &mut out, grid, end);
            let mut expected: Vec<f64> = before.iter().map(|value| value.to_f64()).collect();
            for row in 0..size[0] {
                for column in 0..size[1] {
                    for channel in 0..channels {
                        let (from, to) = (windows.at(row, column) + channel, grid.at(row, column) + channel);
                        let product = |(number, &tap): (usize, &usize)| {
                            x[from + tap].to_f64() * weight[number * channels + channel].to_f64()
                        };
                        let sum: f64 = taps.iter().enumerate().map(product).sum();
                        let sum = if adds { sum + expected[to] } else { sum };
                        let read = scale[channel].to_f64() * z[to].to_f64() + shift[channel].to_f64();
                        expected[to] = if gated && read <= 0.0 { 0.0 } else { sum };
                    }
                }
            }
            let what = format!("{what}, adds {adds}, gated {gated}");
            assert_close(&out, &expected, tolerance, &what);
        }
        let mut dw = weight.clone();
        depthwise_weight_gradient(level, channels, &taps, &x, windows, &before, grid, &mut dw);
        let gradient = |(i, before_it): (usize, &T)| {
            let (tap, channel) = (taps[i / channels], i % channels);
            let mut expected = before_it.to_f64();
            for row in 0..size[0] {
                for column in 0..size[1] {
                    let from = windows.at(row, column) + tap + channel;
                    expected += x[from].to_f64() * before[grid.at(row, column) + channel].to_f64();
                }
            }
            expected
        };
        let expected: Vec<f64> = weight.iter().enumerate().map(gradient).collect();
        assert_close(&dw, &expected, 9.0 * tolerance, &what);
    }

    #[test]
    fn it_is_the_sum_over_the_taps() {
        for level in levels() {
            for size in [[1, 1], [3, 2], [5, 7], [2, 12], [8, 16]] {
                for channels in [8, 16, 24, 40] {
                    let kernel = ([3, 3], 2, 1);
                    check::<f64>(level, size, kernel, channels, 1e-13);
                    check::<f32>(level, size, kernel, channels, 1e-5);
                }
                for kernel in [
                    ([3, 3], 1, 1),
                    ([5, 5], 1, 1),
                    ([5, 5], 2, 1),
                    ([7, 7], 1, 1),
                    ([3, 3], 3, 1),
                    ([1, 1], 1, 1),
                    ([1, 5], 1, 1),
                    ([3, 1], 1, 1),
                    ([2, 3], 1, 1),
                    ([3, 3], 1, 2),
                    ([3, 3], 2, 2),
                ] {
                    check::<f64>(level, size, kernel, 24, 1e-13);
                    check::<f32>(level, size, kernel, 24, 1e-5);
                }
            }
        }
    }

    #[test]
    fn rows_of_taps_are_found() {
        let frame = Frame::new([12, 12], 8, [12, 12], [0, 0], [1, 1]);
        let found = |kernel, dilation| taps_beside(&frame.taps(kernel, dilation), frame.pixel);
        assert_eq!(found([3, 3], [1, 1]), Some([3, 1]));
        assert_eq!(found([5, 5], [2, 2]), Some([5, 2]));
        assert_eq!(found([2, 3], [3, 1]), Some([3, 1]));
        assert_eq!(found([1, 1], [1, 1]), None);
        // A column is one row of taps that lie far apart.
        assert_eq!(found([3, 1], [1, 1]), Some([3, 12]));
        // Two pixels from a window to the next, one from a tap to the next.
        assert_eq!(taps_beside(&frame.taps([3, 3], [1, 1]), 2 * frame.pixel), None);
        assert_eq!(taps_beside(&[0, 8, 16, 96, 104], 8), None);
    }
}
