//! The gradient of the weight where there are few filters: a lane is a position.
//!
//! The gradient of the output is brought into whole vectors with zeros in the lanes between rows. A tile of a few filters
//! times a few terms is kept in registers, one partial sum per lane, over all positions of several images.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over registers: what iterators over arrays call is not always inlined"
)]
#![allow(unsafe_code, reason = "vector loads and stores through pointers")]

use super::layout::Span;
use super::padded::{expand, lay_out_images};
use super::weight_gradient::Plan;
use crate::ops::float::Float;
use crate::ops::simd::Level;
use crate::ops::vector::{Task, Vector, first_lanes};

pub(super) struct DotProducts<'a> {
    plan: &'a Plan,
    /// The vectors of one image.
    spans: Vec<Span>,
    /// Whether the gradient of the output is whole vectors as it comes.
    dy_in_place: bool,
    /// Elements from one filter to the next as the kernel reads them.
    dy_stride: usize,
    /// The vectors of `together` images.
    pairs: Vec<Pair>,
}

/// Where a vector of the gradient is, and the vector of the input that a term of offset zero pairs it with.
#[derive(Clone, Copy)]
struct Pair {
    x: usize,
    dy: usize,
}

impl<'a> DotProducts<'a> {
    pub(super) fn new(plan: &'a Plan, lanes: usize) -> Self {
        let spans = plan.region.spans(plan.layout.pitch, lanes);
        let dy_in_place = spans.iter().all(|s| s.mask == first_lanes(lanes));
        let dy_stride = if dy_in_place {
            plan.region.len()
        } else {
            plan.together * spans.len() * lanes
        };
        let mut pairs = Vec::with_capacity(plan.together * spans.len());
        for image in 0..plan.together {
            for (i, span) in spans.iter().enumerate() {
                let in_scratch = (image * spans.len() + i) * lanes;
                pairs.push(Pair {
                    x: image * plan.x_image_stride() + span.source,
                    dy: if dy_in_place {
                        image * plan.dy_image() + span.dest
                    } else {
                        in_scratch
                    },
                });
            }
        }
        Self {
            plan,
            spans,
            dy_in_place,
            dy_stride,
            pairs,
        }
    }

    /// The sums over `count` images: [filters, terms].
    pub(super) fn sums<T: Float>(&self, level: Level, count: usize, x: &[T], dy: &[T]) -> Vec<T> {
        let mut sums = vec![T::ZERO; self.plan.g.filters * self.plan.offsets.len()];
        T::dispatch(
            level,
            Images {
                job: self,
                count,
                x,
                dy,
                sums: &mut sums,
            },
        );
        sums
    }
}

/// Some images, on one thread.
struct Images<'a, T> {
    job: &'a DotProducts<'a>,
    count: usize,
    x: &'a [T],
    dy: &'a [T],
    sums: &'a mut [T],
}

impl<T: Float> Task<T> for Images<'_, T> {
    #[inline(always)]
    unsafe fn run<V: Vector<Elem = T>>(self) {
        let job = self.job;
        let plan = job.plan;
        let (channels, filters) = (plan.g.group_channels(), plan.g.group_filters());
        let (positions, terms, vectors) = (plan.region.len(), plan.offsets.len(), job.spans.len());
        let mut x_scratch: Vec<T> = Vec::new();
        if !plan.in_place {
            x_scratch.reserve_exact(plan.together * plan.x_image_stride() + V::LANES);
        }
        let mut dy_scratch: Vec<T> = Vec::new();
        if !job.dy_in_place {
            dy_scratch.reserve_exact(filters * job.dy_stride);
        }
        for first in (0..self.count).step_by(plan.together) {
            let count = plan.together.min(self.count - first);
            for group in 0..plan.g.spec.groups {
                // SAFETY: scratch has room for `together` images of one group and, for x, one more vector; all of it
                // that is read is written first. In place, whole vectors cover the planes exactly.
                unsafe {
                    let from = self.x.as_ptr().wrapping_add(
                        first * plan.x_image() + group * channels * plan.g.input[0] * plan.g.input[1],
                    );
                    let x = lay_out_images::<V>(plan, count, from, x_scratch.as_mut_ptr());
                    let mut dy = self
                        .dy
                        .as_ptr()
                        .wrapping_add(first * plan.dy_image() + group * filters * positions);
                    if !job.dy_in_place {
                        let room = dy_scratch.as_mut_ptr();
                        for image in 0..count {
                            for f in 0..filters {
                                let from = dy.wrapping_add(image * plan.dy_image() + f * positions);
                                let to = f * job.dy_stride + image * vectors * V::LANES;
                                expand::<V>(&job.spans, from, room.wrapping_add(to));
                            }
                        }
                        dy = room.cast_const();
                    }
                    let sums = &mut self.sums[group * filters * terms..(group + 1) * filters * terms];
                    let pairs = &job.pairs[..count * vectors];
                    let s = Sweep {
                        x,
                        dy,
                        dy_stride: job.dy_stride,
                        offsets: &plan.offsets,
                        pairs,
                        filters,
                    };
                    match (filters, V::MANY_REGISTERS) {
                        (1, _) if terms.next_multiple_of(13) < terms.next_multiple_of(9) => {
                            s.tiles::<V, 1, 13>(sums)
                        }
                        (1, _) => s.tiles::<V, 1, 9>(sums),
                        (_, true) => s.tiles::<V, 4, 6>(sums),
                        (_, false) => s.tiles::<V, 3, 4>(sums),
                    }
                }
            }
        }
    }
}

struct Sweep<'a, T> {
    x: *const T,
    dy: *const T,
    /// From one filter to the next.
    dy_stride: usize,
    offsets: &'a [usize],
    pairs: &'a [Pair],
    filters: usize,
}

impl<T: Float> Sweep<'_, T> {
    /// Adds the sums of all filters and terms to `sums` [filters, terms].
    #[inline(always)]
    unsafe fn tiles<V: Vector<Elem = T>, const FILTERS: usize, const TERMS: usize>(&self, sums: &mut [T]) {
        let terms = self.offsets.len();
        for filter in (0..self.filters).step_by(FILTERS) {
            // A tile that reaches past the end computes the last filter or term again, and drops it.
            let mut dy = [self.dy; FILTERS];
            for f in 0..FILTERS {
                dy[f] = self
                    .dy
                    .wrapping_add((filter + f).min(self.filters - 1) * self.dy_stride);
            }
            for term in (0..terms).step_by(TERMS) {
                let mut x = [self.x; TERMS];
                for t in 0..TERMS {
                    x[t] = self.x.wrapping_add(self.offsets[(term + t).min(terms - 1)]);
                }
                // SAFETY: the caller's.
                let tile = unsafe { dot_tile::<V, FILTERS, TERMS>(dy, x, self.pairs) };
                for f in 0..FILTERS {
                    for t in 0..TERMS {
                        if filter + f < self.filters && term + t < terms {
                            // SAFETY: the caller's.
                            sums[(filter + f) * terms + term + t] += unsafe { tile[f][t].sum() };
                        }
                    }
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn dot_tile<V: Vector, const FILTERS: usize, const TERMS: usize>(
    dy: [*const V::Elem; FILTERS],
    x: [*const V::Elem; TERMS],
    pairs: &[Pair],
) -> [[V; TERMS]; FILTERS] {
    // SAFETY: the caller's.
    unsafe {
        let zero = V::splat(V::Elem::ZERO);
        let mut sums = [[zero; TERMS]; FILTERS];
        for pair in pairs {
            let mut up = [zero; FILTERS];
            for f in 0..FILTERS {
                up[f] = V::load(dy[f].wrapping_add(pair.dy));
            }
            for t in 0..TERMS {
                let x = V::load(x[t].wrapping_add(pair.x));
                for f in 0..FILTERS {
                    sums[f][t] = up[f].mul_add(x, sums[f][t]);
                }
            }
        }
        sums
    }
}
