//! Backward through the steps of a plan.
//!
//! A step fetches its gradient from those that read it: image by image, while the map is in the
//! cache. On the way the weight gradients of those steps are made, and the sums that batch norms
//! and weighted sums need. A map that is only added up with others has no gradient of its own: it
//! is that of the sum, times a factor.
//!
//! This module decides which step gets which gradient; [`hand_down`] computes the gradient of each
//! operation's input from that of its output, and [`gradients`] processes the sums.

mod gradients;
mod hand_down;

use std::ops::Range;

use rayon::prelude::*;

use super::arena::{Arena, Rooms};
use super::plan::Op;
use super::run::Run;
use super::schedule::{Source, Wave};
use super::timing::Way;
use crate::kernels::{
    Aligned, Back, Float, Grid, add_products, add_sums, add_sums_and_products, copy_gradient,
};

/// What a thread finds for some images of one step.
#[derive(Debug)]
struct Part<T> {
    step: usize,
    /// Σ g and Σ g · (z − center), for the batch norm of the step.
    norm: Option<[Vec<f64>; 2]>,
    /// The same for each term of a sum, of the terms' maps; empty where it is not wanted.
    terms: Vec<[Vec<f64>; 2]>,
    /// For each reader that has weights, those of its gradients.
    weights: Vec<ForWeights<T>>,
}

/// The gradients of the weights of a step, as the kernels make them.
#[derive(Debug)]
pub(super) struct ForWeights<T> {
    pub(super) step: usize,
    pub(super) weights: [Vec<T>; 2],
    pub(super) bias: Vec<f64>,
}

/// What a wave gives beside the gradients of maps.
#[derive(Debug)]
pub(super) struct Found<T> {
    /// Σ g and Σ g · (z − center) by the step that has the batch norm.
    pub(super) norms: Vec<(usize, [Vec<f64>; 2])>,
    /// For the terms of each sum: the step, the position, Σ g and Σ g · (z − center) of the term's
    /// map.
    pub(super) terms: Vec<(usize, usize, [Vec<f64>; 2])>,
    pub(super) weights: Vec<ForWeights<T>>,
}

/// A step that reads a map and hands a gradient down to it.
#[derive(Debug, Clone, Copy)]
struct Giver {
    /// The step, and the position among what it reads.
    reader: (usize, usize),
    arrives: Arrives,
}

/// How a gradient arrives at a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrives {
    /// Made elsewhere, read through the gate of the reader and then added.
    Through,
    /// Added by the convolution that makes it, what has arrived before being none or from the same
    /// kind of reader. If it is the `last` of several that read through one ReLU, all goes through
    /// that.
    Added { last: bool },
}

/// The gradients of a map of some images, where others are handed down to them.
struct Receiver<'a, T> {
    map: &'a mut [T],
    /// Whether nothing is there yet.
    first: bool,
    arrives: Arrives,
}

/// Some images of one step.
struct Job<'a, T> {
    step: usize,
    first: usize,
    images: usize,
    /// The gradient, where it is wanted; it starts with what the loss has given.
    gradient: Option<&'a mut [T]>,
}

impl<T: Float> Run<'_, T> {
    /// Whether a step that reads a map hands a gradient down.
    pub(super) fn hands_down(&self, at: (usize, usize)) -> bool {
        let counts = |step, position| self.counts(step, position);
        self.plan.hands_down(&self.sources, at, counts)
    }

    /// Computes the gradients of a wave of steps, which has its places, all at the same time, when
    /// those of later waves are done.
    pub(super) fn backward_wave(&self, arena: &mut Arena<T>, wave: &Wave<'_>) -> Found<T> {
        let steps = &self.plan.steps;
        let mut filled: Vec<(usize, Aligned<T>)> = wave
            .steps
            .iter()
            .filter(|&&index| self.sources[index] == Source::Own)
            .map(|&index| (index, std::mem::take(&mut arena.places.gradients[index])))
            .collect();
        let mut jobs = Vec::new();
        for (index, gradient) in &mut filled {
            let step = &steps[*index];
            let per_chunk = self.plan.images_per_part(*index, self.batch);
            let wanted = self.useful[*index] && !matches!(step.op, Op::Zero);
            let used = gradient.len().min(self.batch * step.len());
            let mut parts = gradient[..used].chunks_mut(per_chunk * step.len());
            for first in (0..self.batch).step_by(per_chunk) {
                let images = per_chunk.min(self.batch - first);
                jobs.push(Job {
                    step: *index,
                    first,
                    images,
                    gradient: if wanted { parts.next() } else { None },
                });
            }
        }
        let shared: &Arena<T> = arena;
        let run = |job: Job<'_, T>| shared.with_rooms(|rooms| self.backward_images(shared, rooms, job));
        let parts: Vec<Part<T>> = if jobs.len() == 1 {
            jobs.into_iter().map(run).collect()
        } else {
            jobs.into_par_iter().map(run).collect()
        };
        for (index, gradient) in filled {
            arena.places.gradients[index] = gradient;
        }
        self.together(parts)
    }

    /// Adds up what the chunks have found, in their order.
    fn together(&self, parts: Vec<Part<T>>) -> Found<T> {
        let mut found = Found {
            norms: Vec::new(),
            terms: Vec::new(),
            weights: Vec::new(),
        };
        let mut of_step: Vec<Vec<Part<T>>> = Vec::new();
        for part in parts {
            match of_step.last_mut() {
                Some(parts) if parts[0].step == part.step => parts.push(part),
                _ => of_step.push(vec![part]),
            }
        }
        let summed: Vec<Part<T>> = of_step
            .into_par_iter()
            .filter_map(|parts| parts.into_iter().reduce(|sum, more| self.add_parts(sum, &more)))
            .collect();
        for part in summed {
            if let Some(sums) = part.norm {
                found.norms.push((part.step, sums));
            }
            for (position, sums) in part.terms.into_iter().enumerate() {
                if !sums[0].is_empty() {
                    let read = &self.plan.steps[part.step].reads[position];
                    let through = Source::Sum {
                        step: part.step,
                        position,
                    };
                    if self.sources[read.step] == through && self.plan.steps[read.step].norm.is_some() {
                        let weight = self.term_weights[part.step].get(position).copied().unwrap_or(1.0);
                        let scaled = |sums: &[f64]| sums.iter().map(|sum| sum * weight).collect();
                        found
                            .norms
                            .push((read.step, [scaled(&sums[0]), scaled(&sums[1])]));
                    }
                    found.terms.push((part.step, position, sums));
                }
            }
            found.weights.extend(part.weights);
        }
        found
    }

    /// The steps that pass a gradient to this one, in their order.
    ///
    /// First come those that read it through a ReLU and have a depthwise convolution to go through:
    /// what these give is added up where it shall be, and the ReLU, the same for all, is gone
    /// through once.
    fn givers(&self, index: usize) -> Vec<Giver> {
        let step = &self.plan.steps[index];
        let adds = |&(reader, position): &(usize, usize)| {
            let reader = &self.plan.steps[reader];
            let first = reader.convolutions().first();
            first.is_some_and(|conv| conv.depthwise) && reader.reads[position].drop.is_none()
        };
        let rectified =
            |&(reader, position): &(usize, usize)| self.plan.steps[reader].reads[position].rectified;
        let readers = step.readers.iter().copied().filter(|&at| self.hands_down(at));
        // Where the loss has given something, that does not go through the ReLU.
        let empty = !self.outputs.contains(&index);
        let (together, rest): (Vec<_>, Vec<_>) = readers.partition(|at| empty && adds(at) && rectified(at));
        let count = together.len();
        let together = together.into_iter().enumerate().map(|(i, reader)| Giver {
            reader,
            arrives: Arrives::Added { last: i + 1 == count },
        });
        let rest = rest.into_iter().map(|reader| Giver {
            reader,
            arrives: if adds(&reader) && !rectified(&reader) {
                Arrives::Added { last: false }
            } else {
                Arrives::Through
            },
        });
        together.chain(rest).collect()
    }

    fn backward_images(&self, arena: &Arena<T>, rooms: &mut Rooms<T>, mut job: Job<'_, T>) -> Part<T> {
        let index = job.step;
        let step = &self.plan.steps[index];
        let pixel = step.pixel();
        let mut part = Part {
            step: index,
            norm: None,
            terms: Vec::new(),
            weights: Vec::new(),
        };
        let givers = self.givers(index);
        if self.wants_weights {
            for &Giver {
                reader: (reader, _), ..
            } in &givers
            {
                let convs = self.plan.steps[reader].convolutions();
                if convs.is_empty() {
                    continue;
                }
                let mut given = ForWeights {
                    step: reader,
                    weights: [Vec::new(), Vec::new()],
                    bias: Vec::new(),
                };
                self.timed(Way::Backward, reader, || {
                    for (conv, weights) in convs.iter().zip(&mut given.weights) {
                        *weights = vec![T::ZERO; conv.packed_len()];
                    }
                });
                if convs.last().is_some_and(|conv| conv.bias) {
                    given.bias = vec![0.0; self.plan.steps[reader].pixel()];
                }
                part.weights.push(given);
            }
        }
        if step.norm.is_some() && job.gradient.is_some() {
            part.norm = Some([vec![0.0; pixel], vec![0.0; pixel]]);
        }
        // What the loss has given is there already.
        let empty = !self.outputs.contains(&index);
        let together = givers
            .iter()
            .map(|giver| self.plan.steps[giver.reader.0].images_together());
        let together = together.max().unwrap_or(1);
        for start in (0..job.images).step_by(together) {
            let images = job.first + start..job.first + (start + together).min(job.images);
            let at = start * step.len()..(start + images.len()) * step.len();
            let mut gradient = job.gradient.as_mut().map(|all| &mut all[at]);
            let mut weights = part.weights.iter_mut();
            for (number, &Giver { reader, arrives }) in givers.iter().enumerate() {
                let has_weights = !self.plan.steps[reader.0].convolutions().is_empty();
                let for_weights = if has_weights { weights.next() } else { None };
                if gradient.is_none() && for_weights.is_none() {
                    continue;
                }
                let to = gradient.as_deref_mut().map(|map| Receiver {
                    map,
                    first: empty && number == 0,
                    arrives,
                });
                self.timed(Way::Backward, reader.0, || {
                    self.hand_down(arena, rooms, reader, images.clone(), to, for_weights);
                });
            }
            let Some(gradient) = gradient else { continue };
            if empty && givers.is_empty() {
                gradient.fill(T::ZERO);
            }
            let sums_terms = matches!(step.op, Op::Sum(_)) && step.norm.is_none();
            if part.norm.is_some() || sums_terms {
                self.timed(Way::Backward, index, || {
                    self.sums(arena, rooms, images, gradient, &mut part);
                });
            }
        }
        part
    }

    /// The sums that the batch norm of a step, or the terms of a sum, need of the gradients of some
    /// images.
    fn sums(
        &self,
        arena: &Arena<T>,
        rooms: &mut Rooms<T>,
        images: Range<usize>,
        gradients: &[T],
        part: &mut Part<T>,
    ) {
        let index = part.step;
        let step = &self.plan.steps[index];
        for (image, gradient) in images.zip(gradients.chunks_exact(step.len())) {
            if let Some([sums, products]) = &mut part.norm {
                let z = &arena.places.maps[index][image * step.len()..][..step.len()];
                let center = &arena.steps[index].norm.center[..];
                add_sums_and_products(
                    self.level,
                    step.pixel(),
                    gradient,
                    (z, center),
                    step.pixels(),
                    [sums, products],
                );
            }
            if matches!(step.op, Op::Sum(_)) && step.norm.is_none() {
                self.term_sums(arena, rooms, index, image, gradient, &mut part.terms);
            }
        }
    }

    /// Σ g and Σ g · (z − center) for the maps of the terms of a sum, where the terms' batch norms
    /// or weights need them.
    fn term_sums(
        &self,
        arena: &Arena<T>,
        rooms: &mut Rooms<T>,
        index: usize,
        image: usize,
        gradient: &[T],
        terms: &mut Vec<[Vec<f64>; 2]>,
    ) {
        let step = &self.plan.steps[index];
        let (pixel, pixels) = (step.pixel(), step.pixels());
        let weighted = matches!(step.op, Op::Sum(Some(_))) && self.wants_mixture;
        terms.resize_with(step.reads.len(), || [Vec::new(), Vec::new()]);
        let mut total = Vec::new();
        for (position, [sums, products]) in terms.iter_mut().enumerate() {
            let read = &step.reads[position];
            let source = &self.plan.steps[read.step];
            let through = self.sources[read.step]
                == Source::Sum {
                    step: index,
                    position,
                };
            if !(weighted || through && source.norm.is_some()) {
                continue;
            }
            if total.is_empty() {
                total = vec![0.0; pixel];
                add_sums(self.level, pixel, gradient, pixels, &mut total);
            }
            sums.resize(pixel, 0.0);
            products.resize(pixel, 0.0);
            if !self.counts(index, position) {
                add_to(sums, &total, 1.0);
                continue;
            }
            if !self.is_something(index, position) {
                continue;
            }
            let (z, affine) = self.read(arena, (index, position), image);
            let factor = affine.factor.to_f64();
            add_to(sums, &total, factor);
            let mut found = vec![0.0; pixel];
            let norm = &arena.steps[read.step].norm;
            let zeros;
            let center = if source.norm.is_some() && !affine.rectified {
                &norm.center[..]
            } else {
                zeros = vec![T::ZERO; pixel];
                &zeros[..]
            };
            let z = if affine.rectified {
                let values = rooms.input.first(step.len());
                let whole = Grid::whole(step.size(), pixel);
                self.copy_read(arena, (index, position), image, (values, whole));
                &*values
            } else {
                z
            };
            add_products(self.level, pixel, gradient, (z, center), pixels, &mut found);
            // The factor is in what has been copied.
            add_to(products, &found, if affine.rectified { 1.0 } else { factor });
        }
    }

    /// The gradient of what is read of a map, and what makes that of the map of it.
    fn back<'a>(&self, arena: &'a Arena<T>, index: usize, image: usize) -> (&'a [T], Back<'a, T>) {
        let step = &self.plan.steps[index];
        let range = image * step.len()..(image + 1) * step.len();
        let (holder, factor) = match self.sources[index] {
            Source::Sum { step: sum, position } => {
                let weight = self.term_weights[sum].get(position).copied().unwrap_or(1.0);
                let drop = match self.plan.steps[sum].reads[position].drop {
                    Some(_) => arena.steps[sum].factors[position].get(image).copied(),
                    None => None,
                };
                (sum, T::from_f64(weight) * drop.unwrap_or(T::ONE))
            }
            _ => (index, T::ONE),
        };
        let norm = step.norm.as_ref().map(|_| {
            let [a, b, c] = &arena.steps[index].norm.back;
            ([&a[..], &b[..], &c[..]], &arena.places.maps[index][range.clone()])
        });
        (&arena.places.gradients[holder][range], Back { norm, factor })
    }

    /// The gradient of the map of a step, where it is if it need not be made, else in `out`.
    pub(super) fn map_gradient<'a>(
        &self,
        arena: &'a Arena<T>,
        index: usize,
        image: usize,
        out: &'a mut Aligned<T>,
    ) -> &'a [T] {
        let step = &self.plan.steps[index];
        let (g, back) = self.back(arena, index, image);
        if back.norm.is_none() && back.factor == T::ONE {
            return g;
        }
        let out = out.first(step.len());
        let to = Grid::whole(step.size(), step.pixel()).flat();
        copy_gradient(self.level, step.pixel(), back, g, (out, to));
        out
    }

    /// What two chunks of a step have found, added up.
    fn add_parts(&self, mut sum: Part<T>, more: &Part<T>) -> Part<T> {
        if let (Some(sums), Some(more)) = (&mut sum.norm, &more.norm) {
            for (sums, more) in sums.iter_mut().zip(more) {
                add_to(sums, more, 1.0);
            }
        }
        for (sums, more) in sum.terms.iter_mut().zip(&more.terms) {
            for (sums, more) in sums.iter_mut().zip(more) {
                add_to(sums, more, 1.0);
            }
        }
        for (sums, more) in sum.weights.iter_mut().zip(&more.weights) {
            self.timed(Way::Backward, sums.step, || {
                for (sums, more) in sums.weights.iter_mut().zip(&more.weights) {
                    for (sum, more) in sums.iter_mut().zip(more) {
                        *sum += *more;
                    }
                }
                add_to(&mut sums.bias, &more.bias, 1.0);
            });
        }
        sum
    }
}

fn add_to(sums: &mut [f64], more: &[f64], factor: f64) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += factor * more;
    }
}
