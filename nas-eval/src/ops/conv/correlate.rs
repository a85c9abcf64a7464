//! Sums of shifted planes: the forward pass, and the gradient of the input.
//!
//! Both have the same form: each destination plane is a sum over source planes and taps of a weight times the source
//! plane at an offset. A tile of a few filters times a few vectors of positions is kept in registers over the whole sum.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over registers: what iterators over arrays call is not always inlined"
)]
#![allow(unsafe_code, reason = "vector loads and stores through pointers")]

use std::mem::MaybeUninit;

use super::layout::{Layout, Region, Run, Span};
use super::padded::{lay_out, zero};
use super::spec::Geometry;
use crate::ops::float::Float;
use crate::ops::parallel::{fill_new, items_per_chunk};
use crate::ops::simd::Level;
use crate::ops::vector::{Task, Vector, first_lanes};

/// Elements of laid out source planes that a thread works on at a time: they should stay in its second-level cache.
const SCRATCH_TARGET: usize = 1 << 15;

/// The forward pass: output from input and weight.
pub(super) fn output<T: Float>(level: Level, g: &Geometry, x: &[T], weight: &[T]) -> Vec<T> {
    let (layout, regions) = Layout::of_input(g);
    let (sources, dests, taps) = (g.group_channels(), g.group_filters(), g.kernel[0] * g.kernel[1]);
    // The weight of (group, destination, source, tap) in [groups * filters, channels, taps].
    let at = |group: usize, dest: usize, source: usize| ((group * dests + dest) * sources + source) * taps;
    Correlation::new(
        level,
        g,
        (layout, regions),
        [sources, dests],
        g.output,
        weight,
        at,
    )
    .run(level, x)
}

/// The gradient of the input, from that of the output and the weight.
pub(super) fn input_gradient<T: Float>(level: Level, g: &Geometry, dy: &[T], weight: &[T]) -> Vec<T> {
    let (layout, regions) = Layout::of_output(g);
    let (sources, dests, taps) = (g.group_filters(), g.group_channels(), g.kernel[0] * g.kernel[1]);
    let at = |group: usize, dest: usize, source: usize| ((group * sources + source) * dests + dest) * taps;
    Correlation::new(level, g, (layout, regions), [sources, dests], g.input, weight, at).run(level, dy)
}

/// How many destination planes are computed together.
fn block_size<T: Float>(level: Level, dests: usize) -> usize {
    match dests {
        1 => 1,
        5.. if T::many_registers(level) => 8,
        _ => 4,
    }
}

struct Correlation<T> {
    batch: usize,
    groups: usize,
    /// Source and destination planes of one group of one image.
    sources: usize,
    dests: usize,
    /// Rows and columns of a destination plane.
    plane: [usize; 2],
    layout: Layout,
    /// Whether the source is read where it is.
    in_place: bool,
    /// Elements from one source plane to the next as the kernel reads them.
    source_stride: usize,
    block: usize,
    parts: Vec<Part<T>>,
}

/// A region with its weights.
struct Part<T> {
    region: Region,
    /// Where the planes of (source, tap) start, for each term of the sum.
    offsets: Vec<usize>,
    /// [groups, blocks of destinations, terms, destinations of a block].
    weights: Vec<T>,
}

impl<T: Float> Correlation<T> {
    fn new(
        level: Level,
        g: &Geometry,
        (layout, regions): (Layout, Vec<Region>),
        [sources, dests]: [usize; 2],
        plane: [usize; 2],
        weight: &[T],
        at: impl Fn(usize, usize, usize) -> usize,
    ) -> Self {
        let block = block_size::<T>(level, dests);
        let source_len = layout.size[0] * layout.size[1];
        // Read in place only if a vector never reaches past the end of the plane: a whole one fits, and the last can
        // be moved back.
        let in_place =
            layout.is_trivial() && source_len >= MAX_LANES && regions.iter().all(|r| r.covers(layout.size));
        let source_stride = if in_place { source_len } else { layout.plane_len() };
        let parts = regions
            .into_iter()
            .map(|region| {
                let offsets = (0..sources)
                    .flat_map(|s| region.taps.iter().map(move |tap| s * source_stride + tap.offset))
                    .collect();
                let mut weights = Vec::with_capacity(g.spec.groups * dests.next_multiple_of(block) * sources);
                for group in 0..g.spec.groups {
                    for first in (0..dests).step_by(block) {
                        for source in 0..sources {
                            for tap in &region.taps {
                                weights.extend((first..first + block).map(|dest| {
                                    if dest < dests {
                                        weight[at(group, dest, source) + tap.index]
                                    } else {
                                        T::ZERO
                                    }
                                }));
                            }
                        }
                    }
                }
                Part {
                    region,
                    offsets,
                    weights,
                }
            })
            .collect();
        let (batch, groups) = (g.batch, g.spec.groups);
        Self {
            batch,
            groups,
            sources,
            dests,
            plane,
            layout,
            in_place,
            source_stride,
            block,
            parts,
        }
    }

    /// Elements of the source and of the destination, of one image.
    fn image_lens(&self) -> [usize; 2] {
        [
            self.groups * self.sources * self.layout.size[0] * self.layout.size[1],
            self.groups * self.dests * self.plane[0] * self.plane[1],
        ]
    }

    fn run(&self, level: Level, source: &[T]) -> Vec<T> {
        let [source_len, dest_len] = self.image_lens();
        let work: usize = self
            .parts
            .iter()
            .map(|p| p.weights.len() * p.region.len() / MAX_LANES)
            .sum();
        let per_chunk = items_per_chunk(self.batch, 2 * work + source_len + dest_len);
        // As many images at a time as fit the cache: small planes alone would not fill the tiles.
        let group_len = self.sources * self.source_stride;
        let together = (SCRATCH_TARGET / group_len.max(1)).clamp(1, per_chunk);
        let direct = self.parts.len() == 1 && self.parts[0].region.covers(self.plane);
        let strides = [
            if self.in_place { source_len } else { group_len },
            if direct { dest_len } else { 0 },
        ];
        let lanes = T::lanes(level);
        let spans: Vec<_> = self
            .parts
            .iter()
            .map(|part| self.spans(part, lanes, together, strides))
            .collect();
        let runs = if self.in_place {
            None
        } else {
            self.layout.runs(lanes)
        };
        let job = Job {
            plan: self,
            together,
            direct,
            spans: &spans,
            runs: runs.as_deref(),
        };
        // SAFETY: `Images::run` writes every element of the images it is given: each region writes all of its
        // positions, and where the regions do not cover the plane it is zeroed first.
        unsafe {
            fill_new(self.batch * dest_len, per_chunk * dest_len, |chunk, dest| {
                let first = chunk * per_chunk;
                let images = dest.len() / dest_len;
                let source = &source[first * source_len..(first + images) * source_len];
                T::dispatch(
                    level,
                    Images {
                        job: &job,
                        images,
                        source,
                        dest,
                    },
                );
            })
        }
    }

    /// The vectors of `images` images, which are that far apart in source and destination.
    fn spans(&self, part: &Part<T>, lanes: usize, images: usize, [source, dest]: [usize; 2]) -> Vec<Span> {
        let mut one = part.region.spans(self.layout.pitch, lanes);
        if self.in_place
            && let Some(last) = one.last_mut()
        {
            // The last vector ends where the plane does; what it shares with the one before is computed twice, alike.
            let start = part.region.len() - lanes;
            *last = Span {
                source: start,
                dest: start,
                mask: first_lanes(lanes),
            };
        }
        let moved = |s: &Span, i: usize| Span {
            source: s.source + i * source,
            dest: s.dest + i * dest,
            mask: s.mask,
        };
        (0..images)
            .flat_map(|i| one.iter().map(move |s| moved(s, i)))
            .collect()
    }
}

/// The most lanes a vector has.
const MAX_LANES: usize = 16;

/// What the threads share.
struct Job<'a, T> {
    plan: &'a Correlation<T>,
    /// How many images are laid out and computed at a time.
    together: usize,
    /// Whether results go straight to their places: one region, which is the whole plane.
    direct: bool,
    /// The vectors of each part for `together` images.
    spans: &'a [Vec<Span>],
    runs: Option<&'a [Run]>,
}

/// Some images, on one thread.
struct Images<'a, T> {
    job: &'a Job<'a, T>,
    images: usize,
    source: &'a [T],
    dest: &'a mut [MaybeUninit<T>],
}

impl<T: Float> Task<T> for Images<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(self) {
        let &Job {
            plan: p,
            together,
            direct,
            spans,
            runs,
        } = self.job;
        let images = self.images;
        let [source_len, dest_len] = p.image_lens();
        let source_plane = p.layout.size[0] * p.layout.size[1];
        let dest_plane = p.plane[0] * p.plane[1];
        let group_len = p.sources * p.source_stride;
        let image_stride = if p.in_place { source_len } else { group_len };
        let mut scratch: Vec<T> = Vec::new();
        let mut scattered: Vec<T> = Vec::new();
        if !p.in_place {
            scratch.reserve_exact(together * group_len + V::LANES);
        }
        let dest = self.dest.as_mut_ptr().cast::<T>();
        // SAFETY: scratch has room for `together` groups of laid out planes and one more vector, all of which are
        // written before they are read (by `lay_out` and `zero`); a span with an offset ends at most one vector after
        // the end of its plane. Destinations are written at the positions of the regions, which lie in the plane.
        unsafe {
            let room = scratch.as_mut_ptr();
            for first in (0..images).step_by(together) {
                let count = together.min(images - first);
                for group in 0..p.groups {
                    let from = self
                        .source
                        .as_ptr()
                        .wrapping_add(first * source_len + group * p.sources * source_plane);
                    let source = if p.in_place {
                        from
                    } else {
                        for image in 0..count {
                            for s in 0..p.sources {
                                lay_out::<V>(
                                    &p.layout,
                                    runs,
                                    from.wrapping_add(image * source_len + s * source_plane),
                                    room.wrapping_add(image * group_len + s * p.source_stride),
                                );
                            }
                        }
                        zero::<V>(room.wrapping_add(count * group_len), V::LANES);
                        room.cast_const()
                    };
                    let to = dest.wrapping_add(first * dest_len + group * p.dests * dest_plane);
                    if direct {
                        let part = &p.parts[0];
                        let spans = &spans[0][..spans[0].len() / together * count];
                        sweep::<V>(p, part, group, source, spans, to, dest_plane);
                        continue;
                    }
                    for image in 0..count {
                        let to = to.wrapping_add(image * dest_len);
                        let source = source.wrapping_add(image * image_stride);
                        if p.parts.iter().map(|part| part.region.len()).sum::<usize>() < dest_plane {
                            to.write_bytes(0, p.dests * dest_plane);
                        }
                        for (part, spans) in p.parts.iter().zip(spans) {
                            let len = part.region.len();
                            scattered.reserve(p.dests * len);
                            let at = scattered.as_mut_ptr();
                            sweep::<V>(p, part, group, source, &spans[..spans.len() / together], at, len);
                            for d in 0..p.dests {
                                scatter(
                                    &part.region,
                                    at.wrapping_add(d * len),
                                    to.wrapping_add(d * dest_plane),
                                    p.plane,
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Moves the positions of a region to their places in the plane.
///
/// # Safety
/// `from` holds the positions, `to` a plane of that size.
#[inline(always)]
unsafe fn scatter<T: Copy>(region: &Region, from: *const T, to: *mut T, plane: [usize; 2]) {
    let [rows, cols] = region.size;
    for r in 0..rows {
        let row = to.wrapping_add((region.first[0] + r * region.step[0]) * plane[1] + region.first[1]);
        let from = from.wrapping_add(r * cols);
        for c in 0..cols {
            // SAFETY: the grid of the region lies in the plane.
            unsafe {
                row.wrapping_add(c * region.step[1])
                    .write(from.wrapping_add(c).read())
            }
        }
    }
}

/// Computes all destinations of one group at all spans.
///
/// # Safety
/// That of [`Vector`]; `source` is readable at all spans plus all offsets, `to` writable at all spans of all destinations.
#[inline(always)]
unsafe fn sweep<V: Vector>(
    p: &Correlation<V::Elem>,
    part: &Part<V::Elem>,
    group: usize,
    source: *const V::Elem,
    spans: &[Span],
    to: *mut V::Elem,
    dest_plane: usize,
) {
    let group_weights = p.dests.next_multiple_of(p.block) * part.offsets.len();
    let weights = &part.weights[group * group_weights..(group + 1) * group_weights];
    let s = Sweep {
        source,
        offsets: &part.offsets,
        weights,
        to,
        dest_plane,
        dests: p.dests,
    };
    // SAFETY: the caller's.
    unsafe {
        match p.block {
            1 => {
                let mut rest = spans;
                rest = s.tiles::<V, 1, 8>(rest);
                rest = s.tiles::<V, 1, 4>(rest);
                rest = s.tiles::<V, 1, 2>(rest);
                s.tiles::<V, 1, 1>(rest);
            }
            8 if V::MANY_REGISTERS => {
                let mut rest = spans;
                rest = s.tiles::<V, 8, 3>(rest);
                rest = s.tiles::<V, 8, 2>(rest);
                s.tiles::<V, 8, 1>(rest);
            }
            _ => {
                let mut rest = spans;
                if V::MANY_REGISTERS {
                    rest = s.tiles::<V, 4, 6>(rest);
                }
                rest = s.tiles::<V, 4, 3>(rest);
                rest = s.tiles::<V, 4, 2>(rest);
                s.tiles::<V, 4, 1>(rest);
            }
        }
    }
}

struct Sweep<'a, T> {
    source: *const T,
    offsets: &'a [usize],
    weights: &'a [T],
    to: *mut T,
    dest_plane: usize,
    dests: usize,
}

impl<T: Float> Sweep<'_, T> {
    /// Takes as many spans as fill tiles of `VECTORS`, and returns the rest.
    #[inline(always)]
    unsafe fn tiles<'s, V: Vector<Elem = T>, const BLOCK: usize, const VECTORS: usize>(
        &self,
        mut spans: &'s [Span],
    ) -> &'s [Span] {
        while let Some((tile, rest)) = spans.split_first_chunk::<VECTORS>() {
            let source = tile.map(|s| self.source.wrapping_add(s.source));
            let full = tile.iter().all(|s| s.mask == V::FULL);
            let mut weights = self.weights.as_ptr();
            let mut to = self.to;
            let mut left = self.dests;
            while left > 0 {
                // SAFETY: the caller's, and the weights hold BLOCK destinations for each offset, padded with zeros.
                unsafe {
                    let sums = sum_tile::<V, BLOCK, VECTORS>(source, self.offsets, weights);
                    for d in 0..BLOCK {
                        if d < left {
                            let to = to.wrapping_add(d * self.dest_plane);
                            for v in 0..VECTORS {
                                let to = to.wrapping_add(tile[v].dest);
                                if full {
                                    sums[d][v].store(to)
                                } else {
                                    sums[d][v].store_selected(tile[v].mask, to)
                                }
                            }
                        }
                    }
                }
                weights = weights.wrapping_add(BLOCK * self.offsets.len());
                to = to.wrapping_add(BLOCK * self.dest_plane);
                left = left.saturating_sub(BLOCK);
            }
            spans = rest;
        }
        spans
    }
}

/// The heart of it: sums over all terms for `BLOCK` destinations at `VECTORS` vectors of positions, in registers.
#[inline(always)]
unsafe fn sum_tile<V: Vector, const BLOCK: usize, const VECTORS: usize>(
    source: [*const V::Elem; VECTORS],
    offsets: &[usize],
    weights: *const V::Elem,
) -> [[V; VECTORS]; BLOCK] {
    // SAFETY: the caller's.
    unsafe {
        let zero = V::splat(V::Elem::ZERO);
        let mut sums = [[zero; VECTORS]; BLOCK];
        let mut weights = weights;
        for &offset in offsets {
            let mut x = [zero; VECTORS];
            for v in 0..VECTORS {
                x[v] = V::load(source[v].wrapping_add(offset));
            }
            for d in 0..BLOCK {
                let weight = V::splat(*weights.wrapping_add(d));
                for v in 0..VECTORS {
                    sums[d][v] = weight.mul_add(x[v], sums[d][v]);
                }
            }
            weights = weights.wrapping_add(BLOCK);
        }
        sums
    }
}
