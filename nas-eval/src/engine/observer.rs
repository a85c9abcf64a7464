//! What can be seen of a pass beside its result: signs that ReLUs read, statistics of batch norms,
//! products of maps with their gradients, the seconds and the work of each step.
//!
//! A pass without an observer does nothing for it. An observer changes nothing that a pass computes,
//! unless it moves values away from 0 ([`Observer::moves`]).

use std::sync::Arc;

use rayon::prelude::*;

use super::arena::Arena;
use super::plan::Op;
use super::run::Run;
use super::schedule::{Source, Wave};
use super::timing::{Clocks, Way};
use super::work::Work;
use crate::kernels::{Affine, Float, add_products, signs, words_of_signs};

/// Sees the maps of a pass, and their gradients, before their memory is reused. It is told in a
/// fixed order, by one thread.
pub(crate) trait Observer: Send {
    /// Whether it wants to see signs.
    fn wants_signs(&self) -> bool {
        false
    }

    /// The signs of what some ReLU layers read.
    fn signs(&mut self, _signs: &Signs) {}

    /// Whether it wants to see values near 0, and up to which distance.
    fn wants_near_zero(&self) -> Option<f64> {
        None
    }

    /// The values of this map, by the step of the plan that writes it, of which ReLU layers read
    /// something near 0.
    fn near_zero(&mut self, _step: usize, _values: Vec<NearZero>) {}

    /// What it wants to move values of this map by, and which ones. The ReLU layers read them moved.
    fn moves(&self, _step: usize) -> Option<(f64, &[NearZero])> {
        None
    }

    /// The biased variance of each channel over the batch, of what this batch norm reads.
    fn batch_norm(&mut self, _name: &str, _variance: &[f64]) {}

    /// Whether it wants to see seconds. The steps of a pass then run one after the other.
    fn wants_seconds(&self) -> bool {
        false
    }

    /// The seconds that the thread of a step computed, by its index in the plan.
    fn seconds(&mut self, _step: usize, _seconds: f64) {}

    /// To which the threads of a pass with gradients add the seconds of its steps. The steps run as
    /// they always do.
    fn clocks(&self) -> Option<Arc<Clocks>> {
        None
    }

    /// What a step has done in a pass with gradients, for an observer that has clocks.
    fn work(&mut self, _way: Way, _step: usize, _work: Work) {}

    /// Whether it wants to see products.
    fn wants_products(&self) -> bool {
        false
    }

    /// Σ z · ∂loss/∂z over the pixels of each channel of each image, \[N, channels\], for the
    /// output z of this convolution or linear layer (by its index in the network). Only passes with
    /// gradients of weights have it, and those of [`Engine::unfused`](super::Engine::unfused) for
    /// each such layer.
    fn products(&mut self, _layer: usize, _channels: usize, _products: &[f64]) {}
}

/// A value of which ReLU layers read something near 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NearZero {
    /// Its place among the values of the map, of all images.
    place: usize,
    /// Whether what is read is above 0.
    above: bool,
}

/// The signs of a map that ReLU layers read.
#[derive(Debug)]
pub(crate) struct Signs {
    /// How many ReLU layers read it.
    pub(crate) layers: usize,
    /// Values of an image.
    pub(crate) values: usize,
    /// Words of an image.
    pub(crate) words: usize,
    /// For each image, whether each value is above 0. More bits than there are values are 0.
    pub(crate) bits: Vec<u64>,
}

impl<T: Float> Run<'_, T> {
    /// Shows the maps of a wave, and moves values that an observer wants to be moved.
    pub(super) fn observe_maps(&self, arena: &mut Arena<T>, wave: &Wave<'_>, observer: &mut dyn Observer) {
        for &index in wave.steps {
            let step = &self.plan.steps[index];
            if !self.needed[index] || step.relus == 0 {
                continue;
            }
            if observer.wants_signs() {
                observer.signs(&self.signs(arena, index));
            }
            if matches!(step.op, Op::Zero) {
                continue;
            }
            if let Some(distance) = observer.wants_near_zero() {
                observer.near_zero(index, self.near_zero(arena, index, distance));
            }
            if let Some((distance, values)) = observer.moves(index) {
                self.move_away(arena, index, distance, values);
            }
        }
    }

    /// Scale and shift of each padded channel of a map, as it is read.
    fn line(&self, arena: &Arena<T>, index: usize) -> Vec<(f64, f64)> {
        let step = &self.plan.steps[index];
        let [scale, shift] = &arena.steps[index].norm.line;
        match step.norm {
            Some(_) => {
                let line = scale.iter().zip(shift);
                line.map(|(scale, shift)| (scale.to_f64(), shift.to_f64()))
                    .collect()
            }
            None => vec![(1.0, 0.0); step.pixel()],
        }
    }

    fn near_zero(&self, arena: &Arena<T>, index: usize, distance: f64) -> Vec<NearZero> {
        let step = &self.plan.steps[index];
        let line = self.line(arena, index);
        let maps = arena.places.maps[index].chunks_exact(step.len());
        let pixels = maps
            .take(self.batch)
            .flat_map(|map| map.chunks_exact(step.pixel()));
        let channels = step.shape.channels;
        let mut found = Vec::new();
        for (pixel, values) in pixels.enumerate() {
            for (channel, (value, (scale, shift))) in values.iter().zip(&line).take(channels).enumerate() {
                let read = scale * value.to_f64() + shift;
                if read.abs() < distance {
                    found.push(NearZero {
                        place: pixel * step.pixel() + channel,
                        above: read > 0.0,
                    });
                }
            }
        }
        found
    }

    /// Moves values away from 0, so far as they are read.
    fn move_away(&self, arena: &mut Arena<T>, index: usize, distance: f64, values: &[NearZero]) {
        let pixel = self.plan.steps[index].pixel();
        let line = self.line(arena, index);
        let map = &mut arena.places.maps[index];
        for near in values {
            let (scale, _) = line[near.place % pixel];
            if scale != 0.0 {
                let by = if near.above { distance } else { -distance };
                let value = &mut map[near.place];
                *value = T::from_f64(value.to_f64() + by / scale);
            }
        }
    }

    fn signs(&self, arena: &Arena<T>, index: usize) -> Signs {
        let step = &self.plan.steps[index];
        let words = words_of_signs(step.len());
        let mut bits = vec![0; self.batch * words];
        if !matches!(step.op, Op::Zero) {
            let [scale, shift] = &arena.steps[index].norm.line;
            let affine = Affine {
                line: step.norm.as_ref().map(|_| [&scale[..], &shift[..]]),
                rectified: true,
                factor: T::ONE,
            };
            let maps = arena.places.maps[index].par_chunks_exact(step.len());
            bits.par_chunks_exact_mut(words)
                .zip(maps)
                .for_each(|(bits, map)| signs(self.level, step.pixel(), affine, map, bits));
        }
        Signs {
            layers: step.relus,
            values: step.shape.numel(),
            words,
            bits,
        }
    }

    /// Shows the gradients of a wave.
    pub(super) fn observe_gradients(&self, arena: &Arena<T>, wave: &Wave<'_>, observer: &mut dyn Observer) {
        if !observer.wants_products() {
            return;
        }
        for &index in wave.steps {
            let step = &self.plan.steps[index];
            let is_seen = matches!(step.op, Op::Convolution(_)) && self.useful[index];
            if is_seen && self.sources[index] != Source::Nowhere {
                observer.products(step.layer, step.shape.channels, &self.products(arena, index));
            }
        }
    }

    fn products(&self, arena: &Arena<T>, index: usize) -> Vec<f64> {
        let step = &self.plan.steps[index];
        let channels = step.shape.channels;
        let zeros = vec![T::ZERO; step.pixel()];
        let mut products = vec![0.0; self.batch * channels];
        products
            .par_chunks_exact_mut(channels)
            .enumerate()
            .for_each(|(image, out)| {
                let mut sums = vec![0.0; step.pixel()];
                arena.with_rooms(|rooms| {
                    let gradient = self.map_gradient(arena, index, image, &mut rooms.gradient);
                    let map = &arena.places.maps[index][image * step.len()..][..step.len()];
                    add_products(
                        self.level,
                        step.pixel(),
                        &gradient[..step.len()],
                        (map, &zeros),
                        step.pixels(),
                        &mut sums,
                    );
                });
                out.copy_from_slice(&sums[..channels]);
            });
        products
    }
}
