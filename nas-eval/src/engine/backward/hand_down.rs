//! The gradients that each operation passes to the maps that it reads, and those of its weights.

use std::ops::Range;

use super::{Arrives, ForWeights, Receiver};
use crate::engine::arena::{Arena, Rooms};
use crate::engine::geometry::Convolution;
use crate::engine::plan::Op;
use crate::engine::run::Run;
use crate::kernels::{
    Dense, End, Float, Grid, accumulate, average_pool_backward, copy_gradient, dense, dense_weight_gradient,
    depthwise, depthwise_weight_gradient, max_pool_backward, winograd, winograd_weight_gradient,
};

impl<T: Float> Run<'_, T> {
    /// What a step that reads a map hands down to it for some images, and the gradients of the
    /// weights in between.
    pub(super) fn hand_down(
        &self,
        arena: &Arena<T>,
        rooms: &mut Rooms<T>,
        at: (usize, usize),
        images: Range<usize>,
        mut to: Option<Receiver<'_, T>>,
        mut weights: Option<&mut ForWeights<T>>,
    ) {
        match &self.plan.steps[at.0].op {
            Op::Convolution(conv) if conv.tile.is_some() => {
                self.tiles_back(arena, rooms, at, conv, images, to, weights);
            }
            _ => {
                let len = self.source(at.0, at.1).len();
                for (number, image) in images.enumerate() {
                    let to = to.as_mut().map(|to| Receiver {
                        map: &mut to.map[number * len..(number + 1) * len],
                        ..*to
                    });
                    self.hand_down_image(arena, rooms, at, image, to, weights.as_deref_mut());
                }
            }
        }
    }

    fn hand_down_image(
        &self,
        arena: &Arena<T>,
        rooms: &mut Rooms<T>,
        (index, position): (usize, usize),
        image: usize,
        to: Option<Receiver<'_, T>>,
        weights: Option<&mut ForWeights<T>>,
    ) {
        let step = &self.plan.steps[index];
        let source = self.source(index, position);
        let pixel = source.pixel();
        let whole = Grid::whole(source.size(), pixel);
        let give = |dx: &[T], from: Grid, to: Receiver<'_, T>, share: T| {
            let (z, mut gate) = self.read(arena, (index, position), image);
            gate.factor *= share;
            accumulate(self.level, pixel, gate, z, (dx, from), to.map, to.first);
        };
        let held = &arena.steps[index];
        match &step.op {
            Op::Image | Op::Zero => {}
            Op::Convolution(_) | Op::Separable(_) => {
                let Some(to) = to else {
                    self.convolutions_back(arena, rooms, index, image, weights, None);
                    return;
                };
                if let Arrives::Added { last } = to.arrives {
                    let (z, affine) = self.read(arena, (index, position), image);
                    let gate = (last && affine.rectified).then_some((affine, z));
                    let end = End {
                        adds: !to.first,
                        gate,
                    };
                    self.convolutions_back(arena, rooms, index, image, weights, Some((to.map, end)));
                } else {
                    let mut output = std::mem::take(&mut rooms.output);
                    let dx = output.first(source.len());
                    self.convolutions_back(arena, rooms, index, image, weights, Some((dx, End::PUT)));
                    give(dx, whole.flat(), to, T::ONE);
                    rooms.output = output;
                }
            }
            Op::Sum(terms) => {
                let Some(to) = to else { return };
                let weight = match terms {
                    Some(_) => T::from_f64(self.term_weights[index][position]),
                    None => T::ONE,
                };
                let dy = self.map_gradient(arena, index, image, &mut rooms.gradient);
                give(dy, whole.flat(), to, weight);
            }
            Op::Pooling(pool) => {
                let Some(to) = to else { return };
                let dy = self.map_gradient(arena, index, image, &mut rooms.gradient);
                let dx = rooms.output.first(pool.frame.len());
                dx.fill(T::ZERO);
                if pool.max {
                    let x = rooms.input.first(pool.frame.len());
                    self.frame(arena, (index, 0), image, &pool.frame, T::NEG_INFINITY, x);
                    let y = &arena.places.maps[index][image * step.len()..][..step.len()];
                    max_pool_backward(self.level, pixel, &pool.taps, x, pool.windows, y, dy, dx);
                } else {
                    average_pool_backward(self.level, pixel, &pool.taps, pool.windows, &held.share, dy, dx);
                }
                give(dx, pool.frame.inner, to, T::ONE);
            }
            Op::GlobalAverage => {
                let Some(to) = to else { return };
                let dy = self.map_gradient(arena, index, image, &mut rooms.gradient);
                let everywhere = Grid {
                    start: 0,
                    size: source.size(),
                    row: 0,
                    pixel: 0,
                };
                give(dy, everywhere, to, T::from_f64(1.0 / source.pixels() as f64));
            }
            Op::Crop(frame) => {
                let Some(to) = to else { return };
                let dx = rooms.output.first(frame.len());
                frame.clear(dx, T::ZERO);
                let (g, back) = self.back(arena, index, image);
                copy_gradient(self.level, pixel, back, g, (dx, frame.inner));
                give(dx, whole, to, T::ONE);
            }
            Op::Pad(frame) => {
                let Some(to) = to else { return };
                let dy = self.map_gradient(arena, index, image, &mut rooms.gradient);
                give(dy, frame.inner, to, T::ONE);
            }
            Op::Concat => {
                let Some(to) = to else { return };
                let start: usize = (0..position)
                    .map(|before| self.source(index, before).shape.channels)
                    .sum();
                let channels = source.shape.channels;
                let dy = self.map_gradient(arena, index, image, &mut rooms.gradient);
                if start.is_multiple_of(8) && channels == pixel {
                    let part = Grid::whole(source.size(), step.pixel()).moved(start);
                    give(dy, part, to, T::ONE);
                    return;
                }
                let dx = rooms.output.first(source.len());
                for (dx, dy) in dx.chunks_exact_mut(pixel).zip(dy.chunks_exact(step.pixel())) {
                    dx[..channels].copy_from_slice(&dy[start..start + channels]);
                    dx[channels..].fill(T::ZERO);
                }
                give(dx, whole.flat(), to, T::ONE);
            }
            Op::Channels { .. } | Op::Shuffle { .. } => {
                let Some(to) = to else { return };
                let dy = self.map_gradient(arena, index, image, &mut rooms.gradient);
                let dx = rooms.output.first(source.len());
                let channels = step.channel_map();
                for (dx, dy) in dx.chunks_exact_mut(pixel).zip(dy.chunks_exact(step.pixel())) {
                    dx.fill(T::ZERO);
                    for (&channel, dy) in channels.iter().zip(dy) {
                        dx[channel] = *dy;
                    }
                }
                give(dx, whole.flat(), to, T::ONE);
            }
            Op::Dropout { .. } => {
                let Some(to) = to else { return };
                let dy = self.map_gradient(arena, index, image, &mut rooms.gradient);
                let dx = rooms.output.first(step.len());
                dx.copy_from_slice(&dy[..step.len()]);
                if let Some(mask) = held.mask.get(image * step.len()..(image + 1) * step.len()) {
                    for (dx, factor) in dx.iter_mut().zip(mask) {
                        *dx *= *factor;
                    }
                }
                give(dx, whole, to, T::ONE);
            }
            Op::Copy => {
                let Some(to) = to else { return };
                let dy = self.map_gradient(arena, index, image, &mut rooms.gradient);
                give(dy, whole.flat(), to, T::ONE);
            }
        }
    }

    /// The gradients of the convolutions of a step: of what it reads, and of their weights.
    fn convolutions_back(
        &self,
        arena: &Arena<T>,
        rooms: &mut Rooms<T>,
        index: usize,
        image: usize,
        weights: Option<&mut ForWeights<T>>,
        input: Option<(&mut [T], End<'_, T>)>,
    ) {
        match &self.plan.steps[index].op {
            Op::Convolution(conv) => self.convolution_back(arena, rooms, index, conv, image, weights, input),
            Op::Separable(convs) => self.separable_back(arena, rooms, index, convs, image, weights, input),
            _ => {}
        }
    }

    /// The gradients of a convolution.
    #[expect(clippy::too_many_arguments, reason = "a step, an image, and what is wanted")]
    fn convolution_back(
        &self,
        arena: &Arena<T>,
        rooms: &mut Rooms<T>,
        index: usize,
        conv: &Convolution,
        image: usize,
        weights: Option<&mut ForWeights<T>>,
        input: Option<(&mut [T], End<'_, T>)>,
    ) {
        let Rooms {
            framed,
            gradient,
            back: framed_back,
            ..
        } = rooms;
        let (dy, grid) = if conv.in_place {
            let dy = self.map_gradient(arena, index, image, gradient);
            (dy, Grid::whole(conv.output, conv.back.pixel).flat())
        } else {
            let dy = framed_back.frame(&conv.back);
            let (g, back) = self.back(arena, index, image);
            copy_gradient(self.level, conv.back.pixel, back, g, (dy, conv.back.inner));
            (&*dy, conv.back.inner)
        };
        if let Some(given) = weights {
            let x = self.framed(arena, index, image, conv, framed);
            self.weight_gradient(conv, x, (dy, grid), &mut given.weights[0]);
            bias_gradient(conv.back.pixel, (dy, grid), &mut given.bias);
        }
        if let Some((dx, end)) = input {
            self.convolve_back(conv, dy, &arena.steps[index].weights[0][1], dx, end);
        }
    }

    /// The gradients of a convolution that is computed tile by tile, for some images.
    #[expect(
        clippy::too_many_arguments,
        reason = "a step, some images, and what is wanted"
    )]
    fn tiles_back(
        &self,
        arena: &Arena<T>,
        rooms: &mut Rooms<T>,
        (index, position): (usize, usize),
        conv: &Convolution,
        images: Range<usize>,
        to: Option<Receiver<'_, T>>,
        weights: Option<&mut ForWeights<T>>,
    ) {
        let Some(tile) = conv.tile else { return };
        let dy = rooms.back.frames(&conv.back, images.len());
        let (next, grid) = (conv.back.len(), conv.back.inner);
        for (image, dy) in images.clone().zip(dy.chunks_exact_mut(next)) {
            let (g, back) = self.back(arena, index, image);
            copy_gradient(self.level, conv.back.pixel, back, g, (dy, grid));
        }
        if let Some(given) = weights {
            let x = self.all_framed(arena, index, images.clone(), conv, &mut rooms.framed);
            let tiled = conv.tiled(tile, images.len(), next);
            let (dw, tiles) = (&mut given.weights[0], &mut rooms.tiles);
            winograd_weight_gradient(self.level, tiled, x, dy, grid, dw, tiles);
            for dy in dy.chunks_exact(next) {
                bias_gradient(conv.back.pixel, (dy, grid), &mut given.bias);
            }
        }
        if let Some(to) = to {
            let (pixel, len) = (conv.frame.pixel, self.source(index, position).len());
            let whole = Grid::whole(conv.frame.inner.size, pixel);
            let tiled = conv.tiled_back(tile, images.len());
            let (weight, tiles) = (&arena.steps[index].weights[0][1], &mut rooms.tiles);
            let dx = rooms.output.first(images.len() * len);
            winograd(self.level, tiled, dy, weight, None, dx, whole, tiles);
            let maps = to.map.chunks_exact_mut(len);
            for ((image, map), dx) in images.zip(maps).zip(dx.chunks_exact(len)) {
                let (z, gate) = self.read(arena, (index, position), image);
                accumulate(self.level, pixel, gate, z, (dx, whole.flat()), map, to.first);
            }
        }
    }

    /// The gradients of a depthwise and a pointwise convolution after it. What is between them is
    /// computed again.
    #[expect(clippy::too_many_arguments, reason = "a step, an image, and what is wanted")]
    fn separable_back(
        &self,
        arena: &Arena<T>,
        rooms: &mut Rooms<T>,
        index: usize,
        [first, second]: &[Convolution; 2],
        image: usize,
        weights: Option<&mut ForWeights<T>>,
        input: Option<(&mut [T], End<'_, T>)>,
    ) {
        let Rooms {
            framed,
            between,
            gradient,
            inner,
            ..
        } = rooms;
        let held = &arena.steps[index];
        let dy = self.map_gradient(arena, index, image, gradient);
        let whole = Grid::whole(second.output, second.back.pixel);
        // The gradient of what is between them, in the frame of the first one.
        let d_between = inner.frame(&first.back);
        let windows = Grid::whole(first.output, second.back.pixel);
        let (windows, to) = if first.back.inner.flat().size == windows.flat().size {
            (windows.flat(), first.back.inner.flat())
        } else {
            (windows, first.back.inner)
        };
        let back = Dense {
            windows,
            ..second.dense_back()
        };
        dense(self.level, back, dy, &held.weights[1][1], None, d_between, to);
        if let Some(given) = weights {
            let x = self.framed(arena, index, image, first, framed);
            let between = between.first(second.frame.len());
            self.convolve(first, x, &held.weights[0][0], None, between);
            let (dy, d_between) = ((dy, whole.flat()), (&*d_between, first.back.inner));
            self.weight_gradient(second, between, dy, &mut given.weights[1]);
            self.weight_gradient(first, x, d_between, &mut given.weights[0]);
            bias_gradient(second.back.pixel, dy, &mut given.bias);
        }
        if let Some((dx, end)) = input {
            self.convolve_back(first, d_between, &held.weights[0][1], dx, end);
        }
    }

    fn weight_gradient(&self, conv: &Convolution, x: &[T], (dy, grid): (&[T], Grid), dw: &mut [T]) {
        let grid = conv.output_grid(grid);
        if conv.depthwise {
            depthwise_weight_gradient(
                self.level,
                conv.frame.pixel,
                &conv.taps,
                x,
                conv.windows,
                dy,
                grid,
                dw,
            );
        } else {
            dense_weight_gradient(self.level, conv.dense(), x, dy, grid, dw);
        }
    }

    /// The gradient of what a convolution reads, from that of what it gives in the frame for it.
    /// Only depthwise ones know another `end` than to put it to `dx`.
    fn convolve_back(&self, conv: &Convolution, dy: &[T], weight: &[T], dx: &mut [T], end: End<'_, T>) {
        let grid = conv.output_grid(Grid::whole(conv.frame.inner.size, conv.frame.pixel));
        if conv.depthwise {
            depthwise(
                self.level,
                conv.frame.pixel,
                &conv.back_taps,
                dy,
                conv.back_windows,
                weight,
                dx,
                grid,
                end,
            );
        } else {
            dense(self.level, conv.dense_back(), dy, weight, None, dx, grid);
        }
    }
}

fn bias_gradient<T: Float>(pixel: usize, (dy, grid): (&[T], Grid), sums: &mut [f64]) {
    if sums.is_empty() {
        return;
    }
    for row in 0..grid.size[0] {
        for column in 0..grid.size[1] {
            let at = grid.at(row, column);
            for (sum, value) in sums.iter_mut().zip(&dy[at..at + pixel]) {
                *sum += value.to_f64();
            }
        }
    }
}
