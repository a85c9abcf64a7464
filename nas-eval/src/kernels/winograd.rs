//! Dense 3×3 convolution of stride 1 with fewer products: Winograd's minimal filtering F(2×2, 3×3)
//! and F(4×4, 3×3), as Lavin & Gray (2016, arXiv:1509.09308) take it to convolutions.
//!
//! Outputs are computed in [tiles](Tile) of 2×2 or 4×4, of 4×4 or 6×6 inputs each:
//! `Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A`, where d are the inputs, g the weights of a pair of channels.
//! Sixteen products replace 36, or 36 replace 144, and over all channels they are the same number
//! of matrix products. The gradient of the weight is the transpose of that:
//! `Gᵀ [Σ (A y Aᵀ) ⊙ (Bᵀ d B)] G`, where y are the gradients of the outputs of a tile.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over registers: what iterators over arrays call is not always inlined"
)]
#![allow(unsafe_code, reason = "vector loads and stores through pointers")]

mod tile;
mod weights;

pub(crate) use tile::Tile;
pub(crate) use weights::{gather_gradient, plain_weight, transform_weights};

use self::tile::{Lines, Minimal};
use super::Grid;
use super::aligned::Aligned;
use super::dense::{Apart, Dense, dense_weight_gradient_within, dense_within};
use super::float::Float;
use super::simd::Level;
use super::vector::{Task, Vector};

/// Elements of transformed inputs and outputs that are worked on at a time: few enough to stay in a
/// cache between transform and product.
const TOGETHER: usize = 1 << 15;
/// The least and the most tiles that are: fewer would not share what they read of the weights, more
/// need not.
const TILES: [usize; 2] = [16, 64];
/// Vectors from one transformed tile to the next: one more than there are positions in a large
/// tile, so that those of one position in all tiles do not fall on the same few lines of a cache.
/// It is the same for small tiles as products are faster where it is a constant.
const APART: usize = Tile::Four.positions() + 1;

/// What both directions know of a convolution of some images.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Winograd {
    /// What it is computed in.
    pub(crate) tile: Tile,
    /// How many images: what is read of the weights is shared by the tiles of all of them.
    pub(crate) images: usize,
    /// Elements from one image to the next, of the input and of the output.
    pub(crate) next_image: [usize; 2],
    /// Where the windows start in the input of an image, one pixel apart. Where tiles do not fill
    /// the output, what lies beyond it on the right and below is read too, of inputs and of
    /// gradients: it has to be zeros.
    pub(crate) windows: Grid,
    /// Input channels.
    pub(crate) channels: usize,
    /// Output channels, padded.
    pub(crate) filters: usize,
}

impl Winograd {
    /// Rows and columns of tiles of an image.
    fn rows_and_columns(&self) -> [usize; 2] {
        self.windows
            .size
            .map(|pixels| pixels.div_ceil(self.tile.outputs()))
    }

    /// Tiles of all images.
    fn tiles(&self) -> usize {
        let [rows, columns] = self.rows_and_columns();
        self.images * rows * columns
    }

    /// Tiles that are worked on at a time.
    fn together(&self) -> usize {
        let fit = TOGETHER / (self.tile.positions() * (self.padded_channels() + self.filters));
        (fit / 8 * 8).clamp(TILES[0], TILES[1]).min(self.tiles())
    }

    /// A grid of one pixel for each output, with those that tiles take beyond.
    fn filled(&self, grid: Grid) -> Grid {
        Grid {
            size: self.tile.filled(grid.size),
            ..grid
        }
    }

    fn padded_channels(&self) -> usize {
        self.channels.next_multiple_of(8)
    }

    /// Elements of the room for transformed tiles of inputs and outputs, \[vectors of channels,
    /// tiles, 37, lanes\].
    fn room(&self) -> [usize; 2] {
        [self.padded_channels(), self.filters].map(|channels| channels * self.together() * APART)
    }

    /// Whether vectors of this number of lanes divide inputs and outputs.
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
        assert!(self.windows.size.iter().all(|&pixels| pixels > 0), "pixels");
        assert_eq!(self.filters % 8, 0, "padded filters");
        assert!(self.images > 0, "images");
        let last = 2 * self.windows.row + 2 * self.windows.pixel;
        let [input, output] = self.next_image.map(|next| (self.images - 1) * next);
        assert!(
            input + self.filled(self.windows).end(self.padded_channels()) + last <= x.len(),
            "input"
        );
        assert!(output + out_grid.end(self.filters) <= out, "output");
        assert!(
            self.tile.positions() * self.padded_channels() * self.filters <= weight,
            "transformed weights"
        );
    }
}

/// `out` = the convolution of `x` with the weight \[positions, padded channels, filters\] of
/// [`transform_weights`], plus `bias` \[filters\]. `room` grows to what is needed.
///
/// # Panics
/// If a slice is too short.
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
    assert_eq!(conv.windows.size, out_grid.size, "windows and outputs");
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

/// `dw` \[positions, padded channels, filters\] += what [`gather_gradient`] makes the gradient of
/// the weight of, from the input and the gradient of the output. `room` grows to what is needed.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn winograd_weight_gradient<T: Float>(
    level: Level,
    conv: Winograd,
    x: &[T],
    dy: &[T],
    dy_grid: Grid,
    dw: &mut [T],
    room: &mut Aligned<T>,
) {
    assert_eq!(conv.windows.size, dy_grid.size, "windows and outputs");
    conv.check(x, dy.len(), conv.filled(dy_grid), dw.len());
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
            if V::NARROWER && !self.conv.fits(V::LANES) {
                self.all::<V::Narrow>();
            } else {
                self.all::<V>();
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
                for position in 0..conv.tile.positions() {
                    let (product, to) = conv.product(&vectors, position, block, V::LANES);
                    let weight = &self.weight[position * conv.padded_channels() * conv.filters..];
                    dense_within::<V>(product, self.inputs, weight, self.outputs, to);
                }
                match conv.tile {
                    Tile::Two => self.transform_outputs::<V, 2, 4>(block),
                    Tile::Four => self.transform_outputs::<V, 4, 6>(block),
                }
            }
        }
    }

    /// `Aᵀ m A` of the tiles of a block, plus the bias.
    #[inline(always)]
    unsafe fn transform_outputs<V: Vector<Elem = T>, const M: usize, const N: usize>(&mut self, block: Block)
    where
        Minimal: Lines<M, N>,
    {
        let Grid { row, pixel, size, .. } = self.out_grid;
        let apart = APART * V::LANES;
        for vector in 0..self.conv.filters / V::LANES {
            for run in self.conv.runs(block) {
                let tile = vector * self.conv.together() + run.number;
                let mut from = self.outputs.as_ptr().wrapping_add(tile * apart);
                let at = self.out_grid.at(M * run.row, M * run.column) + vector * V::LANES;
                let image = run.image * self.conv.next_image[1];
                let mut out = self.out.as_mut_ptr().wrapping_add(image + at);
                // SAFETY: the caller's; the tiles' positions and pixels lie in their slices.
                unsafe {
                    let bias = match self.bias {
                        Some(bias) => V::load(bias.as_ptr().wrapping_add(vector * V::LANES)),
                        None => V::splat(T::ZERO),
                    };
                    let rows = size[0] - M * run.row;
                    for tile in 0..run.tiles {
                        let mut columns = [[bias; M]; N];
                        for j in 0..N {
                            let column = load_each(from.wrapping_add(j * V::LANES), N * V::LANES);
                            columns[j] = Minimal::output(column);
                        }
                        let left = size[1] - M * (run.column + tile);
                        let whole = rows >= M && left >= M;
                        for i in 0..M {
                            let mut line = Minimal::output(each(columns, i));
                            for j in 0..M {
                                line[j] = line[j].add(bias);
                            }
                            let out = out.wrapping_add(i * row);
                            if whole {
                                store_each(line, out, pixel);
                            } else if i < rows {
                                for j in 0..M {
                                    if j < left {
                                        line[j].store(out.wrapping_add(j * pixel));
                                    }
                                }
                            }
                        }
                        from = from.wrapping_add(apart);
                        out = out.wrapping_add(M * pixel);
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
            if V::NARROWER && !self.conv.fits(V::LANES) {
                self.all::<V::Narrow>();
            } else {
                self.all::<V>();
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
                match conv.tile {
                    Tile::Two => self.transform_gradients::<V, 2, 4>(block),
                    Tile::Four => self.transform_gradients::<V, 4, 6>(block),
                }
                for position in 0..conv.tile.positions() {
                    let (product, from) = conv.product(&vectors, position, block, V::LANES);
                    let dw = &mut self.dw[position * conv.padded_channels() * conv.filters..];
                    dense_weight_gradient_within::<V>(product, self.inputs, self.outputs, from, dw);
                }
            }
        }
    }

    /// `A y Aᵀ` of the tiles of a block.
    #[inline(always)]
    unsafe fn transform_gradients<V: Vector<Elem = T>, const M: usize, const N: usize>(
        &mut self,
        block: Block,
    ) where
        Minimal: Lines<M, N>,
    {
        let Grid { row, pixel, .. } = self.dy_grid;
        let apart = APART * V::LANES;
        for vector in 0..self.conv.filters / V::LANES {
            for run in self.conv.runs(block) {
                let at = self.dy_grid.at(M * run.row, M * run.column) + vector * V::LANES;
                let image = run.image * self.conv.next_image[1];
                let mut from = self.dy.as_ptr().wrapping_add(image + at);
                let tile = vector * self.conv.together() + run.number;
                let mut to = self.outputs.as_mut_ptr().wrapping_add(tile * apart);
                for _ in 0..run.tiles {
                    // SAFETY: the caller's; the tile's pixels and positions lie in their slices.
                    unsafe {
                        let mut columns = [[V::splat(T::ZERO); N]; M];
                        for j in 0..M {
                            columns[j] = Minimal::gradient(load_each(from.wrapping_add(j * pixel), row));
                        }
                        for i in 0..N {
                            let line = Minimal::gradient(each(columns, i));
                            store_each(line, to.wrapping_add(N * i * V::LANES), V::LANES);
                        }
                    }
                    from = from.wrapping_add(M * pixel);
                    to = to.wrapping_add(apart);
                }
            }
        }
    }
}

/// Some tiles, image by image and row by row.
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
    /// Where that is among the tiles of the maps.
    image: usize,
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

    /// The tiles of a block, image by image and row by row.
    fn runs(self, block: Block) -> impl Iterator<Item = Tiles> {
        let [rows, columns] = self.rows_and_columns();
        let mut next = 0;
        std::iter::from_fn(move || {
            let tile = block.first + next;
            let run = Tiles {
                number: next,
                image: tile / (rows * columns),
                row: tile / columns % rows,
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
        // SAFETY: the caller's.
        unsafe {
            match self.tile {
                Tile::Two => self.transform_inputs_of::<V, 2, 4>(x, block, to),
                Tile::Four => self.transform_inputs_of::<V, 4, 6>(x, block, to),
            }
        }
    }

    #[inline(always)]
    unsafe fn transform_inputs_of<V: Vector, const M: usize, const N: usize>(
        self,
        x: &[V::Elem],
        block: Block,
        to: &mut [V::Elem],
    ) where
        Minimal: Lines<M, N>,
    {
        let Grid { row, pixel, .. } = self.windows;
        let apart = APART * V::LANES;
        for vector in 0..self.padded_channels() / V::LANES {
            for run in self.runs(block) {
                let at = self.windows.at(M * run.row, M * run.column) + vector * V::LANES;
                let mut x = x.as_ptr().wrapping_add(run.image * self.next_image[0] + at);
                let tile = vector * self.together() + run.number;
                let mut to = to.as_mut_ptr().wrapping_add(tile * apart);
                // SAFETY: the caller's; the tiles' pixels and positions lie in their slices.
                unsafe {
                    let column = |x: *const V::Elem| Minimal::input(load_each(x, row));
                    // Two columns are shared by a tile and the next.
                    let mut columns = [[V::splat(V::Elem::ZERO); N]; N];
                    columns[M] = column(x);
                    columns[M + 1] = column(x.wrapping_add(pixel));
                    for _ in 0..run.tiles {
                        columns[0] = columns[M];
                        columns[1] = columns[M + 1];
                        for j in 2..N {
                            columns[j] = column(x.wrapping_add(j * pixel));
                        }
                        for i in 0..N {
                            let line = Minimal::input(each(columns, i));
                            store_each(line, to.wrapping_add(N * i * V::LANES), V::LANES);
                        }
                        x = x.wrapping_add(M * pixel);
                        to = to.wrapping_add(apart);
                    }
                }
            }
        }
    }
}

/// # Safety
/// That of [`Vector`], for this function and those below.
#[inline(always)]
unsafe fn load_each<V: Vector, const N: usize>(from: *const V::Elem, apart: usize) -> [V; N] {
    // SAFETY: the caller's.
    unsafe {
        let mut values = [V::splat(V::Elem::ZERO); N];
        for i in 0..N {
            values[i] = V::load(from.wrapping_add(i * apart));
        }
        values
    }
}

#[inline(always)]
unsafe fn store_each<V: Vector, const N: usize>(values: [V; N], to: *mut V::Elem, apart: usize) {
    for i in 0..N {
        // SAFETY: the caller's.
        unsafe { values[i].store(to.wrapping_add(i * apart)) };
    }
}

/// The element of this number of each array.
#[inline(always)]
fn each<V: Copy, const N: usize, const M: usize>(arrays: [[V; M]; N], number: usize) -> [V; N] {
    let mut line = [arrays[0][number]; N];
    for i in 0..N {
        line[i] = arrays[i][number];
    }
    line
}

#[cfg(test)]
mod tests;
