//! The gradient of the weight where there are many filters: a lane is a filter.
//!
//! The gradient of the output is transposed, so that the filters of one position are a vector. For each position the
//! vector is multiplied with what each of a dozen terms sees there, one number each: a tile of filters times terms is
//! kept in registers over all positions of several images.

#![allow(
    clippy::needless_range_loop,
    reason = "loops over registers: what iterators over arrays call is not always inlined"
)]
#![allow(unsafe_code, reason = "vector loads and stores through pointers")]

use super::padded::{lay_out_images, transpose};
use super::weight_gradient::Plan;
use crate::ops::float::Float;
use crate::ops::simd::Level;
use crate::ops::vector::{Task, Vector};

pub(super) struct OuterProducts<'a> {
    plan: &'a Plan,
    /// Where the positions of the output are in a laid out plane.
    positions: Vec<usize>,
    /// Positions rounded up to whole vectors.
    dy_rows: usize,
    filter_vectors: usize,
    lanes: usize,
}

impl<'a> OuterProducts<'a> {
    pub(super) fn new(plan: &'a Plan, lanes: usize) -> Self {
        let [rows, cols] = plan.region.size;
        let positions = (0..rows)
            .flat_map(|r| (0..cols).map(move |c| r * plan.layout.pitch + c))
            .collect::<Vec<_>>();
        let dy_rows = positions.len().next_multiple_of(lanes);
        Self {
            plan,
            positions,
            dy_rows,
            filter_vectors: plan.g.group_filters().div_ceil(lanes),
            lanes,
        }
    }

    /// The sums over `count` images: [groups, vectors of filters, terms, filters of a vector].
    pub(super) fn sums<T: Float>(&self, level: Level, count: usize, x: &[T], dy: &[T]) -> Vec<T> {
        let len = self.plan.g.spec.groups * self.filter_vectors * self.plan.offsets.len() * self.lanes;
        let mut sums = vec![T::ZERO; len];
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
    job: &'a OuterProducts<'a>,
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
        let positions = job.positions.len();
        let terms = plan.offsets.len();
        // One vector of filters at all positions, and all of them.
        let dy_block = job.dy_rows * V::LANES;
        let dy_room = job.filter_vectors * dy_block;
        let mut x_scratch: Vec<T> = Vec::new();
        if !plan.in_place {
            x_scratch.reserve_exact(plan.together * plan.x_image_stride() + V::LANES);
        }
        let mut dy_scratch: Vec<T> = Vec::with_capacity(plan.together * dy_room);
        let dy_at = dy_scratch.as_mut_ptr();
        for first in (0..self.count).step_by(plan.together) {
            let count = plan.together.min(self.count - first);
            for group in 0..plan.g.spec.groups {
                // SAFETY: scratch has room for `together` images of one group, all of which is written before it is
                // read. Terms are read at the positions of the output, which lie within the laid out planes.
                unsafe {
                    let from = self.x.as_ptr().wrapping_add(
                        first * plan.x_image() + group * channels * plan.g.input[0] * plan.g.input[1],
                    );
                    let x = lay_out_images::<V>(plan, count, from, x_scratch.as_mut_ptr());
                    let dy = self
                        .dy
                        .as_ptr()
                        .wrapping_add(first * plan.dy_image() + group * filters * positions);
                    for image in 0..count {
                        let mut vector = 0;
                        while vector < job.filter_vectors {
                            let wide = width::<V>(job.filter_vectors - vector);
                            for part in 0..wide {
                                let filter = (vector + part) * V::LANES;
                                transpose::<V>(
                                    dy.wrapping_add(image * plan.dy_image() + filter * positions),
                                    (filters - filter).min(V::LANES),
                                    positions,
                                    dy_at.wrapping_add(image * dy_room + vector * dy_block + part * V::LANES),
                                    wide * V::LANES,
                                );
                            }
                            vector += wide;
                        }
                    }
                    let sums = &mut self.sums[group * job.filter_vectors * terms * V::LANES..];
                    let mut vector = 0;
                    while vector < job.filter_vectors {
                        let s = Sweep {
                            x,
                            dy: dy_at.wrapping_add(vector * dy_block).cast_const(),
                            x_stride: plan.x_image_stride(),
                            dy_stride: dy_room,
                            offsets: &plan.offsets,
                            positions: &job.positions,
                            images: count,
                        };
                        let sums = &mut sums[vector * terms * V::LANES..];
                        vector += match width::<V>(job.filter_vectors - vector) {
                            4 => s.all_terms::<V, 4, 6>(sums),
                            2 => s.all_terms::<V, 2, 8>(sums),
                            _ => s.all_terms::<V, 1, 12>(sums),
                        };
                    }
                }
            }
        }
    }
}

/// How many of the vectors of filters that are left are taken together.
#[inline(always)]
fn width<V: Vector>(left: usize) -> usize {
    match left {
        4.. if V::MANY_REGISTERS => 4,
        2..=3 if V::MANY_REGISTERS => 2,
        _ => 1,
    }
}

struct Sweep<'a, T> {
    x: *const T,
    dy: *const T,
    /// From one image to the next.
    x_stride: usize,
    dy_stride: usize,
    offsets: &'a [usize],
    positions: &'a [usize],
    images: usize,
}

impl<T: Float> Sweep<'_, T> {
    /// Adds the sums of all terms for `VECTORS` vectors of filters, and returns how many vectors these are.
    #[inline(always)]
    unsafe fn all_terms<V: Vector<Elem = T>, const VECTORS: usize, const TERMS: usize>(
        &self,
        sums: &mut [T],
    ) -> usize {
        let terms = self.offsets.len();
        let mut term = 0;
        while term < terms {
            // SAFETY: the caller's.
            unsafe {
                term += match terms - term {
                    0..=3 => self.tile::<V, VECTORS, 3>(term, sums),
                    _ => self.tile::<V, VECTORS, TERMS>(term, sums),
                };
            }
        }
        VECTORS
    }

    /// Adds the sums of `TERMS` terms from `first` on, and returns how many terms these are.
    #[inline(always)]
    unsafe fn tile<V: Vector<Elem = T>, const VECTORS: usize, const TERMS: usize>(
        &self,
        first: usize,
        sums: &mut [T],
    ) -> usize {
        let terms = self.offsets.len();
        let mut x = [self.x; TERMS];
        for t in 0..TERMS {
            // A tile that reaches past the end computes the last term again, and drops it.
            x[t] = self.x.wrapping_add(self.offsets[(first + t).min(terms - 1)]);
        }
        // SAFETY: the caller's; each vector of filters has LANES sums for each term.
        unsafe {
            let tile = self.outer_tile::<V, VECTORS, TERMS>(x);
            for t in 0..TERMS {
                for v in 0..VECTORS {
                    if first + t < terms {
                        let at = (v * terms + first + t) * V::LANES;
                        let to = sums[at..at + V::LANES].as_mut_ptr();
                        V::splat(T::ONE).mul_add(tile[t][v], V::load(to)).store(to);
                    }
                }
            }
        }
        TERMS
    }

    #[inline(always)]
    unsafe fn outer_tile<V: Vector<Elem = T>, const VECTORS: usize, const TERMS: usize>(
        &self,
        mut x: [*const T; TERMS],
    ) -> [[V; VECTORS]; TERMS] {
        // SAFETY: the caller's.
        unsafe {
            let zero = V::splat(T::ZERO);
            let mut sums = [[zero; VECTORS]; TERMS];
            for image in 0..self.images {
                let mut dy = self.dy.wrapping_add(image * self.dy_stride);
                for &at in self.positions {
                    let mut up = [zero; VECTORS];
                    for v in 0..VECTORS {
                        up[v] = V::load(dy.wrapping_add(v * V::LANES));
                    }
                    for t in 0..TERMS {
                        let x = V::splat(*x[t].wrapping_add(at));
                        for v in 0..VECTORS {
                            sums[t][v] = up[v].mul_add(x, sums[t][v]);
                        }
                    }
                    dy = dy.wrapping_add(VECTORS * V::LANES);
                }
                for t in 0..TERMS {
                    x[t] = x[t].wrapping_add(self.x_stride);
                }
            }
            sums
        }
    }
}
