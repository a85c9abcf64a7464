//! Kernels of the CPU, on one image or a few whose channels lie together: \[rows, columns,
//! channels\].
//!
//! With the channels innermost, a vector holds channels of one pixel. An operation that treats all
//! channels in the same way then needs no shuffling, for any window, stride or dilation: a tap of a
//! kernel is an offset, a stride is a longer step. The channels of a map are
//! [padded](padded_channels) with zeros so that vectors come out even; kernels keep them zero.
//!
//! Padding is stored: maps are copied into a frame ([`Frame`]) that contains it, and the copy also
//! normalises, rectifies and scales.
//!
//! Apart from images, there are products of small matrices, for controllers, and the fastest
//! multiply-adds of the processor, to compare with ([`peak`]).
//!
//! All take slices and check their lengths. None starts threads: the callers divide images among
//! threads. Each is compiled for several instruction sets, of which the best one is chosen at run
//! time ([`simd`]).
//!
//! **Invariant:** outside the CUDA launches and the mapping of a file, this is the only module of
//! the workspace with `unsafe` code.

mod aligned;
mod bits;
mod dense;
mod depthwise;
mod float;
mod map;
mod parallel;
mod peak;
mod pool;
mod product;
mod simd;
mod sums;
#[cfg(test)]
mod testing;
mod vector;
mod winograd;

pub(crate) use aligned::Aligned;
pub(crate) use bits::{differing_bits, signs, words_of_signs};
pub(crate) use dense::{Dense, dense, dense_weight_gradient};
pub(crate) use depthwise::{End, depthwise, depthwise_weight_gradient};
pub(crate) use float::Float;
pub(crate) use map::{Affine, Back, Term, accumulate, add_terms, copy, copy_gradient};
pub(crate) use parallel::items_per_chunk;
pub(crate) use peak::multiply_adds;
pub(crate) use pool::{average_pool, average_pool_backward, max_pool, max_pool_backward};
pub(crate) use product::{times, times_transposed};
pub(crate) use simd::{Level, level};
pub(crate) use sums::{add_products, add_sums, add_sums_and_products, moments};
pub(crate) use winograd::{
    Tile, Winograd, gather_gradient, plain_weight, transform_weights, winograd, winograd_weight_gradient,
};

/// How many channels a map of `channels` is stored with.
pub(crate) const fn padded_channels(channels: usize) -> usize {
    channels.next_multiple_of(8)
}

/// Where the pixels of a map lie in a slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Of the first pixel.
    pub(crate) start: usize,
    /// Rows and columns.
    pub(crate) size: [usize; 2],
    /// Elements from one row to the next.
    pub(crate) row: usize,
    /// Elements from one pixel to the next.
    pub(crate) pixel: usize,
}

impl Grid {
    /// A map of this size without gaps, `pixel` elements to a pixel.
    pub(crate) const fn whole(size: [usize; 2], pixel: usize) -> Self {
        Self {
            start: 0,
            size,
            row: size[1] * pixel,
            pixel,
        }
    }

    /// The same pixels as one row, if the rows are contiguous.
    pub(crate) const fn flat(self) -> Self {
        if self.row == self.size[1] * self.pixel {
            let pixels = self.size[0] * self.size[1];
            Self {
                size: [1, pixels],
                row: pixels * self.pixel,
                ..self
            }
        } else {
            self
        }
    }

    /// The same, this many elements further on.
    pub(crate) const fn moved(self, by: usize) -> Self {
        Self {
            start: self.start + by,
            ..self
        }
    }

    /// Its pixels in parts of whole rows, or in parts of rows if a row has more than this number of
    /// pixels.
    pub(crate) fn parts(self, pixels: usize) -> impl Iterator<Item = Part> {
        let [rows, columns] = self.size;
        let together = [(pixels / columns.max(1)).max(1), pixels];
        (0..rows).step_by(together[0]).flat_map(move |row| {
            (0..columns).step_by(together[1]).map(move |column| Part {
                from: [row, column],
                size: [together[0].min(rows - row), together[1].min(columns - column)],
            })
        })
    }

    /// The pixels of this part alone.
    pub(crate) const fn part(self, part: Part) -> Self {
        Self {
            start: self.at(part.from[0], part.from[1]),
            size: part.size,
            ..self
        }
    }

    /// How long a slice must be that holds `channels` elements at each pixel.
    pub(crate) const fn end(&self, channels: usize) -> usize {
        if self.size[0] == 0 || self.size[1] == 0 {
            return 0;
        }
        self.start + (self.size[0] - 1) * self.row + (self.size[1] - 1) * self.pixel + channels
    }

    /// Where this pixel starts.
    pub(crate) const fn at(&self, row: usize, column: usize) -> usize {
        self.start + row * self.row + column * self.pixel
    }
}

/// Some pixels of a grid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    /// The row and column of the first one.
    from: [usize; 2],
    /// Rows and columns.
    size: [usize; 2],
}

/// A map with room around it, and between its pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Rows and columns of all.
    pub(crate) size: [usize; 2],
    /// Elements of a pixel.
    pub(crate) pixel: usize,
    /// The map in it.
    pub(crate) inner: Grid,
}

impl Frame {
    /// A frame of this size with a map of `inner` pixels, the first of them at `at`, each `step`
    /// from the next.
    pub(crate) const fn new(
        size: [usize; 2],
        pixel: usize,
        inner: [usize; 2],
        at: [usize; 2],
        step: [usize; 2],
    ) -> Self {
        let row = size[1] * pixel;
        Self {
            size,
            pixel,
            inner: Grid {
                start: at[0] * row + at[1] * pixel,
                size: inner,
                row: step[0] * row,
                pixel: step[1] * pixel,
            },
        }
    }

    /// Elements of all.
    pub(crate) const fn len(&self) -> usize {
        self.size[0] * self.size[1] * self.pixel
    }

    /// The pixels that `output` windows start at, `stride` apart.
    pub(crate) const fn windows(&self, output: [usize; 2], stride: [usize; 2]) -> Grid {
        Grid {
            start: 0,
            size: output,
            row: stride[0] * self.size[1] * self.pixel,
            pixel: stride[1] * self.pixel,
        }
    }

    /// The offsets of the taps of a kernel from the first one, row by row.
    pub(crate) fn taps(&self, kernel: [usize; 2], dilation: [usize; 2]) -> Vec<usize> {
        let row = self.size[1] * self.pixel;
        (0..kernel[0] * kernel[1])
            .map(|tap| tap / kernel[1] * dilation[0] * row + tap % kernel[1] * dilation[1] * self.pixel)
            .collect()
    }

    /// Sets what is not the map in `room` to `value`; the map too where pixels have gaps between
    /// them.
    pub(crate) fn clear<T: Copy>(&self, room: &mut [T], value: T) {
        let room = &mut room[..self.len()];
        let row = self.size[1] * self.pixel;
        if self.inner.row != row || self.inner.pixel != self.pixel {
            room.fill(value);
            return;
        }
        let [rows, columns] = self.inner.size;
        let top = self.inner.start / row;
        let left = self.inner.start % row;
        room[..top * row].fill(value);
        room[(top + rows) * row..].fill(value);
        for line in room[top * row..(top + rows) * row].chunks_exact_mut(row) {
            line[..left].fill(value);
            line[left + columns * self.pixel..].fill(value);
        }
    }
}
