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
use super::aligned::Aligned;
use super::dense::{Apart, Dense, dense_weight_gradient_within, dense_within};
use super::float::Float;
use super::simd::Level;
use super::vector::{Task, Vector};

/// Positions in a tile of inputs.
pub(crate) const POSITIONS: usize = 16;
/// Elements of transformed inputs and outputs that are worked on at a time: few enough to stay in a cache between transform and product.
const TOGETHER: usize = 1 << 14;
/// The least and the most tiles that are: fewer would not share what they read of the weights, more need not.
const TILES: [usize; 2] = [16, 64];
/// Vectors from one transformed tile to the next: one more than there are positions, so that those of one position in all tiles do not
/// fall on the same few lines of a cache.
const APART: usize = POSITIONS + 1;

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
    /// Tiles of the map.
    fn tiles(&self) -> usize {
        self.windows.size[0] / 2 * (self.windows.size[1] / 2)
    }

    /// Tiles that are worked on at a time.
    fn together(&self) -> usize {
        let fit = TOGETHER / (POSITIONS * (self.padded_channels() + self.filters));
        (fit / 8 * 8).clamp(TILES[0], TILES[1]).min(self.tiles())
    }

    fn padded_channels(&self) -> usize {
        self.channels.next_multiple_of(8)
    }

    /// Elements of the room for transformed tiles of inputs and outputs, \[vectors of channels, tiles, 17, lanes\].
    fn room(&self) -> [usize; 2] {
        [self.padded_channels(), self.filters].map(|channels| channels * self.together() * APART)
    }

    /// Whether vectors of so many lanes divide inputs and outputs.
    fn fits(&self, lanes: usize) -> bool {
        self.padded_channels().is_multiple_of(lanes) && self.filters.is_multiple_of(lanes)
    }

    /// Where the vectors of input channels begin, one after the other, in the room for a tile.
    fn input_vectors(&self, lanes: usize) -> Vec<usize> {
        let vectors = self.padded_channels() / lanes;
        (0..vectors)
            .map(|vector| vector * self.together() * APART * lanes)
            .collect()
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
            POSITIONS * self.padded_channels() * self.filters <= weight,
            "transformed weights"
        );
    }
}

/// `out` = the convolution of `x` with the weight \[16, padded channels, filters\] of [`transform_weights`], plus `bias` \[filters\].
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
    room: &mut Aligned<T>,
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

/// `dw` \[16, padded channels, filters\] += what [`gather_gradient`] makes the gradient of the weight of, from the input and the gradient of
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
    room: &mut Aligned<T>,
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

fn rooms<T: Float>(room: &mut Aligned<T>, [inputs, outputs]: [usize; 2]) -> (&mut [T], &mut [T]) {
    room.first(inputs + outputs).split_at_mut(inputs)
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
    unsafe fn run<V: Vector<Elem = T>>(self) {
        // SAFETY: the caller's; `Winograd::check` has seen that all positions lie in their slices.
        unsafe {
            if self.conv.fits(V::LANES) {
                self.all::<V>();
            } else {
                self.all::<V::Narrow>();
            }
        }
    }
}

impl<T: Float> Forward<'_, T> {
    #[inline(always)]
    unsafe fn all<V: Vector<Elem = T>>(mut self) {
        let conv = self.conv;
        let vectors = conv.input_vectors(V::LANES);
        for block in conv.blocks() {
            // SAFETY: the caller's.
            unsafe {
                conv.transform_inputs::<V>(self.x, block, self.inputs);
                for position in 0..POSITIONS {
                    let (product, to) = conv.product(&vectors, position, block, V::LANES);
                    let weight = &self.weight[position * conv.padded_channels() * conv.filters..];
                    dense_within::<V>(product, self.inputs, weight, self.outputs, to);
                }
                self.transform_outputs::<V>(block);
            }
        }
    }

    /// `Aᵀ m A` of the tiles of a block, plus the bias.
    #[inline(always)]
    unsafe fn transform_outputs<V: Vector<Elem = T>>(&mut self, block: Block) {
        let Grid { row, pixel, .. } = self.out_grid;
        for vector in 0..self.conv.filters / V::LANES {
            for run in self.conv.runs(block) {
                let tile = vector * self.conv.together() + run.number;
                let mut from = self.outputs.as_ptr().wrapping_add(tile * APART * V::LANES);
                let at = self.out_grid.at(2 * run.row, 2 * run.column) + vector * V::LANES;
                let mut upper = self.out.as_mut_ptr().wrapping_add(at);
                // SAFETY: the caller's; the tiles' positions and pixels lie in their slices.
                unsafe {
                    let bias = match self.bias {
                        Some(bias) => V::load(bias.as_ptr().wrapping_add(vector * V::LANES)),
                        None => V::splat(T::ZERO),
                    };
                    for _ in 0..run.tiles {
                        let line = |i: usize| load_each::<V>(from.wrapping_add(4 * i * V::LANES), V::LANES);
                        let (second, third) = (line(1), line(2));
                        let [a, b, c, d] = add_each(add_each(line(0), second), third);
                        a.add(b).add(c).add(bias).store(upper);
                        b.sub(c).add(d).add(bias).store(upper.wrapping_add(pixel));
                        let lower = upper.wrapping_add(row);
                        let [a, b, c, d] = add_each(sub_each(second, third), line(3));
                        a.add(b).add(c).add(bias).store(lower);
                        b.sub(c).add(d).add(bias).store(lower.wrapping_add(pixel));
                        from = from.wrapping_add(APART * V::LANES);
                        upper = upper.wrapping_add(2 * pixel);
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
    unsafe fn run<V: Vector<Elem = T>>(self) {
        // SAFETY: the caller's; `Winograd::check` has seen that all positions lie in their slices.
        unsafe {
            if self.conv.fits(V::LANES) {
                self.all::<V>();
            } else {
                self.all::<V::Narrow>();
            }
        }
    }
}

impl<T: Float> Weights<'_, T> {
    #[inline(always)]
    unsafe fn all<V: Vector<Elem = T>>(mut self) {
        let conv = self.conv;
        let vectors = conv.input_vectors(V::LANES);
        for block in conv.blocks() {
            // SAFETY: the caller's.
            unsafe {
                conv.transform_inputs::<V>(self.x, block, self.inputs);
                self.transform_gradients::<V>(block);
                for position in 0..POSITIONS {
                    let (product, from) = conv.product(&vectors, position, block, V::LANES);
                    let dw = &mut self.dw[position * conv.padded_channels() * conv.filters..];
                    dense_weight_gradient_within::<V>(product, self.inputs, self.outputs, from, dw);
                }
            }
        }
    }

    /// `A y Aᵀ` of the tiles of a block.
    #[inline(always)]
    unsafe fn transform_gradients<V: Vector<Elem = T>>(&mut self, block: Block) {
        let Grid { row, pixel, .. } = self.dy_grid;
        for vector in 0..self.conv.filters / V::LANES {
            for run in self.conv.runs(block) {
                let at = self.dy_grid.at(2 * run.row, 2 * run.column) + vector * V::LANES;
                let mut from = self.dy.as_ptr().wrapping_add(at);
                let tile = vector * self.conv.together() + run.number;
                let mut to = self.outputs.as_mut_ptr().wrapping_add(tile * APART * V::LANES);
                for _ in 0..run.tiles {
                    // SAFETY: the caller's; the tile's pixels and positions lie in their slices.
                    unsafe {
                        let upper = [V::load(from), V::load(from.wrapping_add(pixel))];
                        let below = from.wrapping_add(row);
                        let lower = [V::load(below), V::load(below.wrapping_add(pixel))];
                        let lines = [upper, add_each(upper, lower), sub_each(upper, lower), lower];
                        for i in 0..4 {
                            let [a, b] = lines[i];
                            let line = [a, a.add(b), a.sub(b), b];
                            store_each(line, to.wrapping_add(4 * i * V::LANES), V::LANES);
                        }
                    }
                    from = from.wrapping_add(2 * pixel);
                    to = to.wrapping_add(APART * V::LANES);
                }
            }
        }
    }
}

/// Some tiles, row by row.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: usize,
    tiles: usize,
}

/// Tiles of a block beside each other.
#[derive(Debug, Clone, Copy)]
struct Tiles {
    /// Of the first one in the block.
    number: usize,
    /// Where that is among the tiles of the map.
    row: usize,
    column: usize,
    tiles: usize,
}

impl Winograd {
    fn blocks(self) -> impl Iterator<Item = Block> {
        let (all, together) = (self.tiles(), self.together());
        (0..all).step_by(together).map(move |first| Block {
            first,
            tiles: together.min(all - first),
        })
    }

    /// The tiles of a block, row by row.
    fn runs(self, block: Block) -> impl Iterator<Item = Tiles> {
        let columns = self.windows.size[1] / 2;
        let mut next = 0;
        std::iter::from_fn(move || {
            let tile = block.first + next;
            let run = Tiles {
                number: next,
                row: tile / columns,
                column: tile % columns,
                tiles: (columns - tile % columns).min(block.tiles - next),
            };
            next += run.tiles;
            (run.tiles > 0).then_some(run)
        })
    }

    /// The product of the matrices of a position, and where its outputs lie.
    #[inline(always)]
    fn product<'a>(
        &self,
        vectors: &'a [usize],
        position: usize,
        block: Block,
        lanes: usize,
    ) -> (Dense<'a>, Apart) {
        let grid = Grid {
            start: position * lanes,
            size: [1, block.tiles],
            row: 0,
            pixel: APART * lanes,
        };
        let product = Dense {
            windows: grid,
            taps: vectors,
            channels: lanes,
            filters: self.filters,
        };
        let vector = self.together() * APART * lanes;
        (product, Apart { grid, vector })
    }

    /// `Bᵀ d B` of the tiles of a block.
    ///
    /// # Safety
    /// That of [`Vector`]; `check` has seen `x`.
    #[inline(always)]
    unsafe fn transform_inputs<V: Vector>(self, x: &[V::Elem], block: Block, to: &mut [V::Elem]) {
        let Grid { row, pixel, .. } = self.windows;
        for vector in 0..self.padded_channels() / V::LANES {
            for run in self.runs(block) {
                let at = self.windows.at(2 * run.row, 2 * run.column) + vector * V::LANES;
                let mut x = x.as_ptr().wrapping_add(at);
                let tile = vector * self.together() + run.number;
                let mut to = to.as_mut_ptr().wrapping_add(tile * APART * V::LANES);
                // SAFETY: the caller's; the tiles' pixels and positions lie in their slices.
                unsafe {
                    let column = |x: *const V::Elem| {
                        let [a, b, c, d] = load_each::<V>(x, row);
                        [a.sub(c), b.add(c), c.sub(b), d.sub(b)]
                    };
                    // Two columns are shared by a tile and the next.
                    let mut left = [column(x), column(x.wrapping_add(pixel))];
                    for _ in 0..run.tiles {
                        x = x.wrapping_add(2 * pixel);
                        let right = [column(x), column(x.wrapping_add(pixel))];
                        for i in 0..4 {
                            let [a, b, c, d] = [left[0][i], left[1][i], right[0][i], right[1][i]];
                            let line = [a.sub(c), b.add(c), c.sub(b), d.sub(b)];
                            store_each(line, to.wrapping_add(4 * i * V::LANES), V::LANES);
                        }
                        left = right;
                        to = to.wrapping_add(APART * V::LANES);
                    }
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
    use super::super::testing::{assert_close, levels, numbers};
    use super::super::{Frame, dense, dense_weight_gradient, padded_channels};
    use super::*;

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
        // The channels are padded, too.
        let pairs = pixel * padded;
        let mut weight = vec![T::ZERO; POSITIONS * pairs];
        let at = plain_weight(weight.len());
        for (tap, plain) in plain.chunks_exact(channels * padded).enumerate() {
            weight[at + tap * pairs..][..plain.len()].copy_from_slice(plain);
        }
        transform_weights(level, &mut weight);
        let mut room = Aligned::default();
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
        for (got, expected) in got
            .chunks_exact(pairs)
            .zip(expected.chunks_exact(channels * padded))
        {
            assert_close(&got[..expected.len()], expected, many * tolerance, &what);
        }
    }

    #[test]
    fn it_is_the_convolution_tap_by_tap() {
        for level in levels() {
            for size in [[2, 2], [2, 6], [4, 10], [8, 8], [6, 40], [32, 32]] {
                for (channels, filters) in [(1, 3), (8, 8), (5, 16), (20, 24), (16, 40), (36, 36)] {
                    check::<f64>(level, size, channels, filters, 1e-13 * channels as f64);
                    check::<f32>(level, size, channels, filters, 1e-5 * channels as f64);
                }
            }
        }
    }
}
