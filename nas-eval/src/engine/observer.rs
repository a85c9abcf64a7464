//! What can be seen of a pass beside its result: signs that ReLUs read, statistics of batch norms,
//! products of maps with their gradients, the seconds of each step.
//!
//! A pass without an observer does nothing for it.

use rayon::prelude::*;

use super::arena::Arena;
use super::plan::Op;
use super::run::Run;
use super::schedule::{Source, Wave};
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

    /// The biased variance of each channel over the batch, of what this batch norm reads.
    fn batch_norm(&mut self, _name: &str, _variance: &[f64]) {}

    /// Whether it wants to see seconds. The steps of a pass then run one after the other.
    fn wants_seconds(&self) -> bool {
        false
    }

    /// The seconds that the thread of a step computed, by its index in the plan.
    fn seconds(&mut self, _step: usize, _seconds: f64) {}

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
    /// Shows the maps of a wave.
    pub(super) fn observe_maps(&self, arena: &Arena<T>, wave: &Wave<'_>, observer: &mut dyn Observer) {
        if !observer.wants_signs() {
            return;
        }
        for &index in wave.steps {
            let step = &self.plan.steps[index];
            if self.needed[index] && step.relus > 0 {
                observer.signs(&self.signs(arena, index));
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
