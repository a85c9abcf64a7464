//! Forward through the steps of a plan.

use std::ops::Range;

use rayon::prelude::*;

use super::arena::{Arena, Framed, Rooms};
use super::geometry::Convolution;
use super::plan::{Op, Read, Step};
use super::run::Run;
use super::schedule::Wave;
use super::timing::Way;
use crate::kernels::Float;
use crate::kernels::items_per_chunk;
use crate::kernels::{
    Affine, Aligned, End, Frame, Grid, Term, add_sums, add_terms, average_pool, copy, dense, depthwise,
    max_pool, moments, winograd,
};

/// The most parts a batch is cut into.
const MAX_CHUNKS: usize = 16;

/// How many images of a batch go to a thread at a time; it depends on nothing but the arguments.
pub(super) fn images_per_chunk(batch: usize, work: usize) -> usize {
    items_per_chunk(batch, work).max(batch.div_ceil(MAX_CHUNKS))
}

/// A step of a wave, with its maps and moments.
type Filled<T> = (usize, Aligned<T>, Vec<f64>);

/// Some images of some steps, which read the same.
struct Job<'a, T> {
    /// The number of the first image.
    first: usize,
    images: usize,
    outputs: Vec<Output<'a, T>>,
}

/// What a step fills for some images.
struct Output<'a, T> {
    step: usize,
    maps: &'a mut [T],
    /// Mean and squared deviations of each image, where statistics are taken.
    moments: &'a mut [f64],
}

impl<T: Float> Run<'_, T> {
    /// Computes the maps of a wave, which has its places, all at the same time, and gives the
    /// moments of those that want statistics.
    pub(super) fn forward_wave(&self, arena: &mut Arena<T>, wave: &Wave<'_>) -> Vec<(usize, Vec<f64>)> {
        let steps = &self.plan.steps;
        let mut filled: Vec<Filled<T>> = wave
            .takes
            .iter()
            .map(|&index| {
                let step = &steps[index];
                let map = std::mem::take(&mut arena.places.maps[index]);
                let wants_moments = self.by_batch && step.norm.is_some();
                let moments = if wants_moments {
                    self.batch * 2 * step.pixel()
                } else {
                    0
                };
                (index, map, vec![0.0; moments])
            })
            .collect();
        let mut jobs = Vec::new();
        for group in self.groups(&mut filled) {
            let work = group.iter().map(|(index, ..)| steps[*index].work()).sum();
            let per_chunk = if self.alone {
                self.batch
            } else {
                images_per_chunk(self.batch, work)
            };
            let mut parts: Vec<_> = group
                .iter_mut()
                .map(|(index, map, moments)| {
                    let step = &steps[*index];
                    let maps = map[..self.batch * step.len()].chunks_mut(per_chunk * step.len());
                    (*index, maps, moments.chunks_mut(per_chunk * 2 * step.pixel()))
                })
                .collect();
            for first in (0..self.batch).step_by(per_chunk) {
                let outputs = parts.iter_mut().filter_map(|(step, maps, moments)| {
                    Some(Output {
                        step: *step,
                        maps: maps.next()?,
                        moments: moments.next().unwrap_or_default(),
                    })
                });
                jobs.push(Job {
                    first,
                    images: per_chunk.min(self.batch - first),
                    outputs: outputs.collect(),
                });
            }
        }
        let shared: &Arena<T> = arena;
        let run = |job: Job<'_, T>| shared.with_rooms(|rooms| self.forward_images(shared, rooms, job));
        if jobs.len() == 1 || self.alone {
            jobs.into_iter().for_each(run);
        } else {
            jobs.into_par_iter().for_each(run);
        }
        let mut taken = Vec::new();
        for (index, map, moments) in filled {
            arena.places.maps[index] = map;
            if !moments.is_empty() {
                taken.push((index, moments));
            }
        }
        taken
    }

    /// The steps of a wave, those that read the same map beside each other, in one group each.
    fn groups<'a>(&self, filled: &'a mut [Filled<T>]) -> impl Iterator<Item = &'a mut [Filled<T>]> {
        let key = |index: usize| match &self.plan.steps[index] {
            step if matches!(step.op, Op::Convolution(_) | Op::Separable(_) | Op::Pooling(_)) => {
                (step.reads[0].step, 0)
            }
            _ => (usize::MAX, index),
        };
        filled.sort_by_key(|(index, ..)| (key(*index), *index));
        let keys: Vec<_> = filled.iter().map(|(index, ..)| key(*index)).collect();
        let mut lengths: Vec<usize> = keys.chunk_by(|a, b| a == b).map(<[_]>::len).collect();
        lengths.reverse();
        let mut rest = filled;
        std::iter::from_fn(move || {
            let (group, after) = std::mem::take(&mut rest).split_at_mut(lengths.pop()?);
            rest = after;
            Some(group)
        })
    }

    fn forward_images(&self, arena: &Arena<T>, rooms: &mut Rooms<T>, mut job: Job<'_, T>) {
        let steps = &self.plan.steps;
        let together = job
            .outputs
            .iter()
            .map(|output| steps[output.step].images_together());
        let together = together.max().unwrap_or(1);
        for start in (0..job.images).step_by(together) {
            let images = start..(start + together).min(job.images);
            for output in &mut job.outputs {
                self.timed(Way::Forward, output.step, || {
                    self.forward_output(arena, rooms, output, job.first, images.clone());
                });
            }
        }
    }

    /// Fills a step's maps of some of the images of a job that starts at image `first`.
    fn forward_output(
        &self,
        arena: &Arena<T>,
        rooms: &mut Rooms<T>,
        output: &mut Output<'_, T>,
        first: usize,
        images: Range<usize>,
    ) {
        let step = &self.plan.steps[output.step];
        let maps = &mut output.maps[images.start * step.len()..images.end * step.len()];
        let of_batch = first + images.start..first + images.end;
        match &step.op {
            Op::Convolution(conv) if conv.tile.is_some() => {
                self.forward_tiles(arena, rooms, output.step, conv, of_batch, maps);
            }
            _ => {
                for (image, map) in of_batch.zip(maps.chunks_exact_mut(step.len())) {
                    self.forward_image(arena, rooms, output.step, image, map);
                }
            }
        }
        if !output.moments.is_empty() {
            let size = 2 * step.pixel();
            let of_images = &mut output.moments[images.start * size..images.end * size];
            for (map, of_image) in maps
                .chunks_exact(step.len())
                .zip(of_images.chunks_exact_mut(size))
            {
                moments(self.level, step.pixel(), map, step.pixels(), of_image);
            }
        }
    }

    /// The map of a step, and how it is read by `read` for this image.
    pub(super) fn read<'a>(
        &self,
        arena: &'a Arena<T>,
        (step, position): (usize, usize),
        image: usize,
    ) -> (&'a [T], Affine<'a, T>) {
        let read: &Read = &self.plan.steps[step].reads[position];
        let source = &self.plan.steps[read.step];
        let len = source.len();
        let factor = match &read.drop {
            Some(_) => arena.steps[step].factors[position].get(image).copied(),
            None => None,
        };
        let line = &arena.steps[read.step].norm.line;
        (
            &arena.places.maps[read.step][image * len..(image + 1) * len],
            Affine {
                line: source.norm.as_ref().map(|_| [&line[0][..], &line[1][..]]),
                rectified: read.rectified,
                factor: factor.unwrap_or(T::ONE),
            },
        )
    }

    /// The step that is read at this place.
    pub(super) fn source(&self, step: usize, position: usize) -> &Step {
        &self.plan.steps[self.plan.steps[step].reads[position].step]
    }

    /// Whether there is anything to be read at this place, and not zeros.
    pub(super) fn is_something(&self, step: usize, position: usize) -> bool {
        let source = self.plan.steps[step].reads[position].step;
        self.needed[source] && !matches!(self.plan.steps[source].op, Op::Zero)
    }

    /// Writes what is read to the inner part of a frame, whose border becomes `border`.
    pub(super) fn frame(
        &self,
        arena: &Arena<T>,
        at: (usize, usize),
        image: usize,
        frame: &Frame,
        border: T,
        out: &mut [T],
    ) {
        frame.clear(out, border);
        self.copy_read(arena, at, image, (out, frame.inner));
    }

    /// Writes what is read to these pixels.
    pub(super) fn copy_read(
        &self,
        arena: &Arena<T>,
        at: (usize, usize),
        image: usize,
        (out, to): (&mut [T], Grid),
    ) {
        let source = self.source(at.0, at.1);
        if !self.is_something(at.0, at.1) {
            let zeros = vec![T::ZERO; source.len()];
            let affine = Affine {
                line: None,
                rectified: false,
                factor: T::ONE,
            };
            let from = Grid::whole(source.size(), source.pixel());
            copy(self.level, source.pixel(), affine, (&zeros, from), (out, to));
            return;
        }
        let (map, affine) = self.read(arena, at, image);
        let from = Grid::whole(source.size(), source.pixel());
        let (from, to) = if to.flat().size == from.flat().size {
            (from.flat(), to.flat())
        } else {
            (from, to)
        };
        copy(self.level, source.pixel(), affine, (map, from), (out, to));
    }

    /// What a convolution reads of an image, in its frame: where it is, if it can be read there,
    /// else in `framed`.
    pub(super) fn framed<'a>(
        &self,
        arena: &'a Arena<T>,
        step: usize,
        image: usize,
        conv: &Convolution,
        framed: &'a mut Framed<T>,
    ) -> &'a [T] {
        if conv.in_place && self.is_something(step, 0) {
            let (map, affine) = self.read(arena, (step, 0), image);
            if affine.is_identity() {
                return map;
            }
        }
        self.all_framed(arena, step, image..image + 1, conv, framed)
    }

    /// What a convolution reads of some images, in a frame for each.
    pub(super) fn all_framed<'a>(
        &self,
        arena: &Arena<T>,
        step: usize,
        images: Range<usize>,
        conv: &Convolution,
        framed: &'a mut Framed<T>,
    ) -> &'a [T] {
        let len = conv.frame.len();
        let read = &self.plan.steps[step].reads[0];
        if let Some((of, there, frame)) = &framed.key
            && of == read
            && *frame == conv.frame
            && there.start <= images.start
            && images.end <= there.end
        {
            let frames = framed.room.frames(&conv.frame, there.len());
            return &frames[(images.start - there.start) * len..(images.end - there.start) * len];
        }
        let out = framed.room.frames(&conv.frame, images.len());
        for (image, out) in images.clone().zip(out.chunks_exact_mut(len)) {
            self.copy_read(arena, (step, 0), image, (out, conv.frame.inner));
        }
        framed.key = Some((read.clone(), images, conv.frame));
        out
    }

    /// A convolution that is computed tile by tile, of some images.
    fn forward_tiles(
        &self,
        arena: &Arena<T>,
        rooms: &mut Rooms<T>,
        index: usize,
        conv: &Convolution,
        images: Range<usize>,
        out: &mut [T],
    ) {
        let Some(tile) = conv.tile else { return };
        let held = &arena.steps[index];
        let bias = Some(&held.bias[..]).filter(|bias| !bias.is_empty());
        let tiled = conv.tiled(tile, images.len(), self.plan.steps[index].len());
        let grid = Grid::whole(conv.output, conv.back.pixel);
        let x = self.all_framed(arena, index, images, conv, &mut rooms.framed);
        let (weight, tiles) = (&held.weights[0][0], &mut rooms.tiles);
        winograd(self.level, tiled, x, weight, bias, out, grid, tiles);
    }

    /// A convolution of what is in its frame, window by window.
    pub(super) fn convolve(
        &self,
        conv: &Convolution,
        x: &[T],
        weight: &[T],
        bias: Option<&[T]>,
        out: &mut [T],
    ) {
        let grid = conv.output_grid(Grid::whole(conv.output, conv.back.pixel));
        if conv.depthwise {
            depthwise(
                self.level,
                conv.back.pixel,
                &conv.taps,
                x,
                conv.windows,
                weight,
                out,
                grid,
                End::PUT,
            );
            if let Some(bias) = bias {
                for pixel in out.chunks_exact_mut(conv.back.pixel) {
                    for (value, bias) in pixel.iter_mut().zip(bias) {
                        *value += *bias;
                    }
                }
            }
        } else {
            dense(self.level, conv.dense(), x, weight, bias, out, grid);
        }
    }

    fn forward_image(
        &self,
        arena: &Arena<T>,
        rooms: &mut Rooms<T>,
        index: usize,
        image: usize,
        out: &mut [T],
    ) {
        let step = &self.plan.steps[index];
        let held = &arena.steps[index];
        let bias = Some(&held.bias[..]).filter(|bias| !bias.is_empty());
        match &step.op {
            Op::Image => self.image(image, out),
            Op::Zero => {}
            Op::Convolution(conv) => {
                let x = self.framed(arena, index, image, conv, &mut rooms.framed);
                self.convolve(conv, x, &held.weights[0][0], bias, out);
            }
            Op::Separable(convs) => {
                let [first, second] = &**convs;
                let x = self.framed(arena, index, image, first, &mut rooms.framed);
                let between = rooms.between.first(second.frame.len());
                self.convolve(first, x, &held.weights[0][0], None, between);
                self.convolve(second, between, &held.weights[1][0], bias, out);
            }
            Op::Pooling(pool) => {
                let border = if pool.max { T::NEG_INFINITY } else { T::ZERO };
                let x = rooms.input.first(pool.frame.len());
                self.frame(arena, (index, 0), image, &pool.frame, border, x);
                if pool.max {
                    max_pool(self.level, step.pixel(), &pool.taps, x, pool.windows, out);
                } else {
                    average_pool(
                        self.level,
                        step.pixel(),
                        &pool.taps,
                        x,
                        pool.windows,
                        &held.share,
                        out,
                    );
                }
            }
            Op::GlobalAverage => {
                let source = self.source(index, 0);
                let x = rooms.input.first(source.len());
                self.copy_read(
                    arena,
                    (index, 0),
                    image,
                    (x, Grid::whole(source.size(), source.pixel())),
                );
                let mut sums = vec![0.0; source.pixel()];
                add_sums(self.level, source.pixel(), x, source.pixels(), &mut sums);
                for (out, sum) in out.iter_mut().zip(sums) {
                    *out = T::from_f64(sum / source.pixels() as f64);
                }
            }
            Op::Crop(frame) => {
                let x = rooms.input.first(frame.len());
                let whole = Grid::whole(frame.size, frame.pixel);
                self.copy_read(arena, (index, 0), image, (x, whole));
                let to = Grid::whole(step.size(), step.pixel());
                let plain = Affine {
                    line: None,
                    rectified: false,
                    factor: T::ONE,
                };
                copy(self.level, step.pixel(), plain, (x, frame.inner), (out, to));
            }
            Op::Pad(frame) => self.frame(arena, (index, 0), image, frame, T::ZERO, out),
            Op::Sum(terms) => {
                let mut read = Vec::with_capacity(step.reads.len());
                for position in 0..step.reads.len() {
                    if !self.is_something(index, position) {
                        continue;
                    }
                    let (z, mut affine) = self.read(arena, (index, position), image);
                    if terms.is_some() {
                        let weight = self.term_weights[index][position];
                        if weight == 0.0 {
                            continue;
                        }
                        affine.factor *= T::from_f64(weight);
                    }
                    read.push(Term { z, affine });
                }
                add_terms(self.level, step.pixel(), step.pixels(), &read, out);
            }
            Op::Concat => {
                let mut start = 0;
                for position in 0..step.reads.len() {
                    let source = self.source(index, position);
                    if start % 8 == 0 {
                        // The next part takes the place of what is padding here.
                        let part = Grid::whole(source.size(), step.pixel()).moved(start);
                        self.copy_read(arena, (index, position), image, (out, part));
                        start += source.shape.channels;
                        continue;
                    }
                    let x = rooms.input.first(source.len());
                    let whole = Grid::whole(source.size(), source.pixel());
                    self.copy_read(arena, (index, position), image, (x, whole));
                    let channels = source.shape.channels;
                    let to = out.chunks_exact_mut(step.pixel());
                    for (to, from) in to.zip(x.chunks_exact(source.pixel())) {
                        to[start..start + channels].copy_from_slice(&from[..channels]);
                    }
                    start += channels;
                }
                for pixel in out.chunks_exact_mut(step.pixel()) {
                    pixel[start..].fill(T::ZERO);
                }
            }
            Op::Channels { .. } | Op::Shuffle { .. } => {
                let source = self.source(index, 0);
                let x = rooms.input.first(source.len());
                let whole = Grid::whole(source.size(), source.pixel());
                self.copy_read(arena, (index, 0), image, (x, whole));
                let channel = step.channel_map();
                for (to, from) in out
                    .chunks_exact_mut(step.pixel())
                    .zip(x.chunks_exact(source.pixel()))
                {
                    for (to, &channel) in to.iter_mut().zip(&channel) {
                        *to = from[channel];
                    }
                    to[channel.len()..].fill(T::ZERO);
                }
            }
            Op::Dropout { .. } => {
                let whole = Grid::whole(step.size(), step.pixel());
                self.copy_read(arena, (index, 0), image, (out, whole));
                if let Some(mask) = held.mask.get(image * step.len()..(image + 1) * step.len()) {
                    for (out, factor) in out.iter_mut().zip(mask) {
                        *out *= *factor;
                    }
                }
            }
            Op::Copy => {
                let whole = Grid::whole(step.size(), step.pixel());
                self.copy_read(arena, (index, 0), image, (out, whole));
            }
        }
    }

    /// An image of the batch, its channels put together.
    fn image(&self, image: usize, out: &mut [T]) {
        let step = &self.plan.steps[0];
        let (channels, pixels) = (step.shape.channels, step.pixels());
        let planes = &self.images[image * channels * pixels..][..channels * pixels];
        for (pixel, out) in out.chunks_exact_mut(step.pixel()).enumerate() {
            for channel in 0..channels {
                out[channel] = planes[channel * pixels + pixel];
            }
            out[channels..].fill(T::ZERO);
        }
    }
}

impl Step {
    /// Which channel of what is read each channel is, for steps that only choose or permute.
    pub(super) fn channel_map(&self) -> Vec<usize> {
        let channels = self.shape.channels;
        match self.op {
            Op::Channels { start } => (start..start + channels).collect(),
            // The first of each group, then the second of each, and so on.
            Op::Shuffle { groups } => {
                let each = channels / groups;
                (0..channels).map(|c| c % groups * each + c / groups).collect()
            }
            _ => (0..channels).collect(),
        }
    }
}
