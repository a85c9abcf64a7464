//! Dense 3×3 convolution of stride 1 with fewer products: Winograd's minimal filtering F(2×2, 3×3), as Lavin & Gray
//! (2016, arXiv:1509.09308) take it to convolutions.
//!
//! Outputs are computed in tiles of 2×2, of 4×4 inputs each: `Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A`, where d are the inputs, g the weights of a pair
//! of channels. Sixteen products take the place of 36, and over all channels they are sixteen matrix products.
//! The gradient of the weight is the transpose of that: `Gᵀ [Σ (A y Aᵀ) ⊙ (Bᵀ d B)] G`, where y are the gradients of the outputs of a tile.
//!
//! ```text
//!      ⎡1  0 −1  0⎤       ⎡1   0   0⎤       ⎡1  0⎤
//! Bᵀ = ⎢0  1  1  0⎥   G = ⎢½   ½   ½⎥   A = ⎢1  1⎥
//!      ⎢0 −1  1  0⎥       ⎢½  −½   ½⎥       ⎢1 −1⎥
//!      ⎣0 −1  0  1⎦       ⎣0   0   1⎦       ⎣0  1⎦
//! ```

#![allow(
    clippy::needless_range_loop,
    reason = "loops over registers: what iterators over arrays call is not always inlined"
)]
#![allow(unsafe_code, reason = "vector loads and stores through pointers")]

mod weights;

pub(crate) use weights::{gather_gradient, plain_weight, transform_weights};

use super::Grid;
use super::dense::{Dense, dense_weight_gradient_within, dense_within};
use super::float::Float;
use super::simd::Level;
use super::vector::{Task, Vector};

/// Positions in a tile of inputs.
pub(crate) const POSITIONS: usize = 16;
/// Tiles that are transformed at a time, where a row of them has no more: few enough to stay in the cache between transform and product.
const TILES: usize = 32;
/// Elements between the matrices of two positions, so that they do not all fall on the same lines of a cache.
const GAP: usize = 16;

/// What both directions know of a convolution of one image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Winograd {
    /// Where the windows start in the input: an even number of rows and columns, one pixel apart.
    pub(crate) windows: Grid,
    /// Input channels.
    pub(crate) channels: usize,
    /// Output channels, padded.
    pub(crate) filters: usize,
}

impl Winograd {
    /// Rows and columns of tiles.
    fn tiles(&self) -> [usize; 2] {
        self.windows.size.map(|pixels| pixels / 2)
    }

    /// Rows of tiles that are worked on at a time.
    fn rows_together(&self) -> usize {
        (TILES / self.tiles()[1]).clamp(1, self.tiles()[0])
    }

    /// Elements of the matrix of one position, with so many channels, and the gap after it.
    fn matrix(&self, channels: usize) -> usize {
        self.rows_together() * self.tiles()[1] * channels + GAP
    }

    fn padded_channels(&self) -> usize {
        self.channels.next_multiple_of(8)
    }

    /// Elements of the room for transformed tiles of inputs and outputs.
    fn room(&self) -> [usize; 2] {
        [self.padded_channels(), self.filters].map(|channels| POSITIONS * self.matrix(channels))
    }

    fn check<T>(&self, x: &[T], out: usize, out_grid: Grid, weight: usize) {
        assert_eq!(self.windows.size, out_grid.size, "windows and outputs");
        assert!(
            self.windows
                .size
                .iter()
                .all(|&pixels| pixels > 0 && pixels % 2 == 0),
            "tiles"
        );
        assert_eq!(self.filters % 8, 0, "padded filters");
        let last = 2 * self.windows.row + 2 * self.windows.pixel;
        assert!(
            self.windows.end(self.padded_channels()) + last <= x.len(),
            "input"
        );
        assert!(out_grid.end(self.filters) <= out, "output");
        assert!(
            POSITIONS * self.channels * self.filters <= weight,
            "transformed weights"
        );
    }
}

/// `out` = the convolution of `x` with the weight \[16, channels, filters\] of [`transform_weights`], plus `bias` \[filters\].
/// `room` grows to what is needed.
///
/// # Panics
/// If a slice is too short, or rows or columns are odd.
#[expect(clippy::too_many_arguments, reason = "two maps and what lies between them")]
pub(crate) fn winograd<T: Float>(
    level: Level,
    conv: Winograd,
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    out: &mut [T],
    out_grid: Grid,
    room: &mut Vec<T>,
) {
    conv.check(x, out.len(), out_grid, weight.len());
    assert!(bias.is_none_or(|bias| bias.len() >= conv.filters));
    let (inputs, outputs) = rooms(room, conv.room());
    T::dispatch(
        level,
        Forward {
            conv,
            x,
            weight,
            bias,
            out,
            out_grid,
            inputs,
            outputs,
        },
    );
}

/// `dw` \[16, channels, filters\] += what [`gather_gradient`] makes the gradient of the weight of, from the input and the gradient of
/// the output. `room` grows to what is needed.
///
/// # Panics
/// If a slice is too short, or rows or columns are odd.
pub(crate) fn winograd_weight_gradient<T: Float>(
    level: Level,
    conv: Winograd,
    x: &[T],
    dy: &[T],
    dy_grid: Grid,
    dw: &mut [T],
    room: &mut Vec<T>,
) {
    conv.check(x, dy.len(), dy_grid, dw.len());
    let (inputs, outputs) = rooms(room, conv.room());
    T::dispatch(
        level,
        Weights {
            conv,
            x,
            dy,
            dy_grid,
            dw,
            inputs,
            outputs,
        },
    );
}

fn rooms<T: Float>(room: &mut Vec<T>, [inputs, outputs]: [usize; 2]) -> (&mut [T], &mut [T]) {
    if room.len() < inputs + outputs {
        room.resize(inputs + outputs, T::ZERO);
    }
    room[..inputs + outputs].split_at_mut(inputs)
}

struct Forward<'a, T> {
    conv: Winograd,
    x: &'a [T],
    weight: &'a [T],
    bias: Option<&'a [T]>,
    out: &'a mut [T],
    out_grid: Grid,
    inputs: &'a mut [T],
    outputs: &'a mut [T],
}

impl<T: Float> Task<T> for Forward<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(mut self) {
        let conv = self.conv;
        let wide = conv.filters.is_multiple_of(V::LANES);
        for block in conv.blocks() {
            // SAFETY: the caller's; `Winograd::check` has seen that all positions lie in their slices.
            unsafe {
                conv.transform_inputs::<V>(self.x, block, self.inputs);
                for position in 0..POSITIONS {
                    let (product, inputs, outputs) = conv.product(position, block);
                    let weight = &self.weight[position * conv.channels * conv.filters..];
                    let (x, out) = (&self.inputs[inputs..], &mut self.outputs[outputs..]);
                    dense_within::<V>(product, x, weight, out);
                }
                if wide {
                    self.transform_outputs::<V>(block);
                } else {
                    self.transform_outputs::<V::Narrow>(block);
                }
            }
        }
    }
}

impl<T: Float> Forward<'_, T> {
    /// `Aᵀ m A` of the tiles of a block, plus the bias.
    #[inline(always)]
    unsafe fn transform_outputs<V: Vector<Elem = T>>(&mut self, block: Block) {
        let filters = self.conv.filters;
        let matrix = self.conv.matrix(filters);
        let Grid { row, pixel, .. } = self.out_grid;
        for (number, [tile_row, tile_column]) in self.conv.tiles_of(block).enumerate() {
            let from = self.outputs.as_ptr().wrapping_add(number * filters);
            let at = self.out_grid.at(2 * tile_row, 2 * tile_column);
            let to = self.out.as_mut_ptr().wrapping_add(at);
            for filter in (0..filters).step_by(V::LANES) {
                let from = from.wrapping_add(filter);
                // SAFETY: the caller's; the tile's positions and pixels lie in their slices.
                unsafe {
                    let bias = match self.bias {
                        Some(bias) => V::load(bias.as_ptr().wrapping_add(filter)),
                        None => V::splat(T::ZERO),
                    };
                    let line = |i: usize| load_each::<V>(from.wrapping_add(4 * i * matrix), matrix);
                    let (second, third) = (line(1), line(2));
                    let upper = add_each(add_each(line(0), second), third);
                    let lower = add_each(sub_each(second, third), line(3));
                    for (i, [a, b, c, d]) in [upper, lower].into_iter().enumerate() {
                        let to = to.wrapping_add(i * row + filter);
                        a.add(b).add(c).add(bias).store(to);
                        b.sub(c).add(d).add(bias).store(to.wrapping_add(pixel));
                    }
                }
            }
        }
    }
}

struct Weights<'a, T> {
    conv: Winograd,
    x: &'a [T],
    dy: &'a [T],
    dy_grid: Grid,
    dw: &'a mut [T],
    inputs: &'a mut [T],
    outputs: &'a mut [T],
}

impl<T: Float> Task<T> for Weights<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(mut self) {
        let conv = self.conv;
        let wide = conv.filters.is_multiple_of(V::LANES);
        for block in conv.blocks() {
            // SAFETY: the caller's; `Winograd::check` has seen that all positions lie in their slices.
            unsafe {
                conv.transform_inputs::<V>(self.x, block, self.inputs);
                if wide {
                    self.transform_gradients::<V>(block);
                } else {
                    self.transform_gradients::<V::Narrow>(block);
                }
                for position in 0..POSITIONS {
                    let (product, inputs, outputs) = conv.product(position, block);
                    let dw = &mut self.dw[position * conv.channels * conv.filters..];
                    let (x, dy) = (&self.inputs[inputs..], &self.outputs[outputs..]);
                    dense_weight_gradient_within::<V>(product, x, dy, dw);
                }
            }
        }
    }
}

impl<T: Float> Weights<'_, T> {
    /// `A y Aᵀ` of the tiles of a block.
    #[inline(always)]
    unsafe fn transform_gradients<V: Vector<Elem = T>>(&mut self, block: Block) {
        let filters = self.conv.filters;
        let matrix = self.conv.matrix(filters);
        let Grid { row, pixel, .. } = self.dy_grid;
        for (number, [tile_row, tile_column]) in self.conv.tiles_of(block).enumerate() {
            let at = self.dy_grid.at(2 * tile_row, 2 * tile_column);
            let from = self.dy.as_ptr().wrapping_add(at);
            let to = self.outputs.as_mut_ptr().wrapping_add(number * filters);
            for filter in (0..filters).step_by(V::LANES) {
                let (from, to) = (from.wrapping_add(filter), to.wrapping_add(filter));
                // SAFETY: the caller's; the tile's pixels and positions lie in their slices.
                unsafe {
                    let upper = [V::load(from), V::load(from.wrapping_add(pixel))];
                    let from = from.wrapping_add(row);
                    let lower = [V::load(from), V::load(from.wrapping_add(pixel))];
                    let lines = [upper, add_each(upper, lower), sub_each(upper, lower), lower];
                    for (i, [a, b]) in lines.into_iter().enumerate() {
                        let to = to.wrapping_add(4 * i * matrix);
                        store_each([a, a.add(b), a.sub(b), b], to, matrix);
                    }
                }
            }
        }
    }
}

/// Some rows of tiles.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: usize,
    rows: usize,
}

impl Winograd {
    fn blocks(self) -> impl Iterator<Item = Block> {
        let (all, together) = (self.tiles()[0], self.rows_together());
        (0..all).step_by(together).map(move |first| Block {
            first,
            rows: together.min(all - first),
        })
    }

    /// The tiles of a block, as rows and columns of tiles.
    #[inline(always)]
    fn tiles_of(self, block: Block) -> impl Iterator<Item = [usize; 2]> {
        let columns = self.tiles()[1];
        (block.first..block.first + block.rows)
            .flat_map(move |row| (0..columns).map(move |column| [row, column]))
    }

    /// The product of the matrices of a position, and where those of inputs and outputs begin.
    fn product(&self, position: usize, block: Block) -> (Dense<'static>, usize, usize) {
        let pixel = self.padded_channels();
        let product = Dense {
            windows: Grid::whole([1, block.rows * self.tiles()[1]], pixel),
            taps: &[0],
            channels: self.channels,
            filters: self.filters,
        };
        (
            product,
            position * self.matrix(pixel),
            position * self.matrix(self.filters),
        )
    }

    /// `Bᵀ d B` of the tiles of a block.
    ///
    /// # Safety
    /// That of [`Vector`]; `check` has seen `x`.
    #[inline(always)]
    unsafe fn transform_inputs<V: Vector>(self, x: &[V::Elem], block: Block, to: &mut [V::Elem]) {
        // SAFETY: the caller's.
        unsafe {
            if self.padded_channels().is_multiple_of(V::LANES) {
                self.transform_inputs_by::<V>(x, block, to);
            } else {
                self.transform_inputs_by::<V::Narrow>(x, block, to);
            }
        }
    }

    #[inline(always)]
    unsafe fn transform_inputs_by<V: Vector>(self, x: &[V::Elem], block: Block, to: &mut [V::Elem]) {
        let channels = self.padded_channels();
        let matrix = self.matrix(channels);
        let Grid { row, pixel, .. } = self.windows;
        for (number, [tile_row, tile_column]) in self.tiles_of(block).enumerate() {
            let x = x
                .as_ptr()
                .wrapping_add(self.windows.at(2 * tile_row, 2 * tile_column));
            let to = to.as_mut_ptr().wrapping_add(number * channels);
            for channel in (0..channels).step_by(V::LANES) {
                let (x, to) = (x.wrapping_add(channel), to.wrapping_add(channel));
                // SAFETY: the caller's; the tile's pixels and positions lie in their slices.
                unsafe {
                    let line = |i: usize| {
                        let [a, b, c, d] = load_each::<V>(x.wrapping_add(i * row), pixel);
                        [a.sub(c), b.add(c), c.sub(b), d.sub(b)]
                    };
                    let to = |i: usize| to.wrapping_add(4 * i * matrix);
                    let (second, third) = (line(1), line(2));
                    store_each(add_each(second, third), to(1), matrix);
                    store_each(sub_each(third, second), to(2), matrix);
                    store_each(sub_each(line(0), third), to(0), matrix);
                    store_each(sub_each(line(3), second), to(3), matrix);
                }
            }
        }
    }
}

/// # Safety
/// That of [`Vector`], for this function and those below.
#[inline(always)]
unsafe fn load_each<V: Vector>(from: *const V::Elem, apart: usize) -> [V; 4] {
    // SAFETY: the caller's.
    unsafe {
        [
            V::load(from),
            V::load(from.wrapping_add(apart)),
            V::load(from.wrapping_add(2 * apart)),
            V::load(from.wrapping_add(3 * apart)),
        ]
    }
}

#[inline(always)]
unsafe fn store_each<V: Vector, const N: usize>(values: [V; N], to: *mut V::Elem, apart: usize) {
    for i in 0..N {
        // SAFETY: the caller's.
        unsafe { values[i].store(to.wrapping_add(i * apart)) };
    }
}

#[inline(always)]
unsafe fn add_each<V: Vector, const N: usize>(mut a: [V; N], b: [V; N]) -> [V; N] {
    for i in 0..N {
        // SAFETY: the caller's.
        a[i] = unsafe { a[i].add(b[i]) };
    }
    a
}

#[inline(always)]
unsafe fn sub_each<V: Vector, const N: usize>(mut a: [V; N], b: [V; N]) -> [V; N] {
    for i in 0..N {
        // SAFETY: the caller's.
        a[i] = unsafe { a[i].sub(b[i]) };
    }
    a
}

#[inline(always)]
unsafe fn scale_each<V: Vector, const N: usize>(mut a: [V; N], factor: V) -> [V; N] {
    for i in 0..N {
        // SAFETY: the caller's.
        a[i] = unsafe { a[i].mul(factor) };
    }
    a
}

#[cfg(test)]
mod tests {
    use super::super::{Frame, dense, dense_weight_gradient, padded_channels};
    use super::*;

    fn numbers<T: Float>(count: usize, start: usize) -> Vec<T> {
        (start..start + count)
            .map(|i| T::from_f64((i as f64 * 0.7).sin()))
            .collect()
    }

    fn assert_close<T: Float>(got: &[T], expected: &[T], tolerance: f64, what: &str) {
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

    /// Against the convolution that goes through all nine taps: forward, and the gradient of the weight of two images.
    fn check<T: Float>(level: Level, size: [usize; 2], channels: usize, filters: usize, tolerance: f64) {
        let what = format!("{size:?}, {channels} to {filters}, {level:?}");
        let pixel = padded_channels(channels);
        let padded = padded_channels(filters);
        let frame = Frame::new([size[0] + 4, size[1] + 3], pixel, size, [1, 1], [1, 1]);
        let windows = frame.windows(size, [1, 1]).moved(pixel);
        let taps = frame.taps([3, 3], [1, 1]);
        let (x, dy) = (
            numbers::<T>(frame.len(), 0),
            numbers(2 * size[0] * size[1] * padded + 8, 3),
        );
        // Output pixels with something between them.
        let grid = Grid {
            start: 8,
            size,
            row: 2 * size[1] * padded,
            pixel: padded,
        };
        let mut plain = numbers::<T>(taps.len() * channels * padded, 9);
        for weight in plain.chunks_exact_mut(padded) {
            weight[filters..].fill(T::ZERO);
        }
        let bias = numbers::<T>(padded, 5);
        let direct = Dense {
            windows,
            taps: &taps,
            channels,
            filters: padded,
        };
        let fast = Winograd {
            windows,
            channels,
            filters: padded,
        };
        let mut weight = vec![T::ZERO; POSITIONS * channels * padded];
        let at = plain_weight(weight.len());
        weight[at..].copy_from_slice(&plain);
        transform_weights(level, &mut weight);
        let mut room = Vec::new();
        for bias in [None, Some(&bias[..])] {
            let [mut expected, mut got] = [0, 0].map(|_| vec![T::ONE; dy.len()]);
            dense(level, direct, &x, &plain, bias, &mut expected, grid);
            winograd(level, fast, &x, &weight, bias, &mut got, grid, &mut room);
            assert_close(&got, &expected, tolerance, &what);
        }
        let mut expected = vec![T::ZERO; plain.len()];
        let mut got = vec![T::ZERO; weight.len()];
        for _ in 0..2 {
            dense_weight_gradient(level, direct, &x, &dy, grid, &mut expected);
            winograd_weight_gradient(level, fast, &x, &dy, grid, &mut got, &mut room);
        }
        gather_gradient(level, &mut got);
        let many = (size[0] * size[1]) as f64;
        assert_close(&got[..plain.len()], &expected, many * tolerance, &what);
    }

    #[test]
    fn it_is_the_convolution_tap_by_tap() {
        for level in [Level::Plain, Level::Avx2, Level::Avx512] {
            if level > super::super::level() {
                continue;
            }
            for size in [[2, 2], [2, 6], [4, 10], [8, 8], [6, 40], [32, 32]] {
                for (channels, filters) in [(1, 3), (8, 8), (5, 16), (20, 24), (16, 40), (36, 36)] {
                    check::<f64>(level, size, channels, filters, 1e-13 * channels as f64);
                    check::<f32>(level, size, channels, filters, 1e-5 * channels as f64);
                }
            }
        }
    }
}
