//! The gradient of the weight: for each filter and each term (channel and tap), the sum over images and positions of the
//! output's gradient times what the tap sees.
//!
//! With many filters a vector holds filters ([`outer`](super::outer)); with few, as in a depthwise convolution, it holds
//! positions ([`dot`](super::dot)). Each chunk of the batch gives a partial gradient; they are summed in their order.

use super::dot::DotProducts;
use super::layout::{Layout, Region, Run};
use super::outer::OuterProducts;
use super::spec::Geometry;
use crate::ops::float::Float;
use crate::ops::parallel::{map_chunks, sum_in_order};
use crate::ops::simd::Level;

/// Elements of laid out planes and gradients that a thread works on at a time: they should stay in its second-level cache.
const SCRATCH_TARGET: usize = 1 << 16;

/// The most parts the batch is cut into: each has a gradient of its own.
const MAX_CHUNKS: usize = 16;

/// Multiply-adds that are worth a chunk.
const CHUNK_WORK: usize = 1 << 20;

/// The gradient of the weight, from the input and the gradient of the output.
pub(super) fn weight_gradient<T: Float>(level: Level, g: &Geometry, x: &[T], dy: &[T]) -> Vec<T> {
    let [all_filters, channels, rows, cols] = g.weight_dims();
    let terms = channels * rows * cols;
    let (layout, mut regions) = Layout::of_input(g);
    let (Some(region), true) = (regions.pop(), g.batch > 0) else {
        return vec![T::ZERO; all_filters * terms];
    };
    let work = (all_filters * terms * region.len()).saturating_mul(g.batch);
    let chunks = work.div_ceil(CHUNK_WORK).clamp(1, MAX_CHUNKS);
    let per_chunk = g.batch.div_ceil(chunks);
    let lanes = T::lanes(level);
    let filters = g.group_filters();
    // Vectors of filters waste the lanes beyond the last filter, vectors of positions those between rows.
    let of_filters = 5 * filters >= 3 * lanes;
    let in_place = layout.is_trivial()
        && region.covers(layout.size)
        && (of_filters || region.len().is_multiple_of(lanes));
    let x_stride = if in_place {
        g.input[0] * g.input[1]
    } else {
        layout.plane_len()
    };
    let offsets = (0..channels)
        .flat_map(|c| region.taps.iter().map(move |tap| c * x_stride + tap.offset))
        .collect::<Vec<_>>();
    let runs = if in_place { None } else { layout.runs(lanes) };
    let filter_vectors = filters.div_ceil(lanes);
    let dy_room = if of_filters {
        filter_vectors * lanes * region.len().next_multiple_of(lanes)
    } else {
        filters * region.spans(layout.pitch, lanes).len() * lanes
    };
    let together = (SCRATCH_TARGET / (channels * x_stride + dy_room)).clamp(1, per_chunk);
    let plan = Plan {
        g: *g,
        layout,
        region,
        in_place,
        x_stride,
        offsets,
        runs,
        together,
    };
    let outer = of_filters.then(|| OuterProducts::new(&plan, lanes));
    let dot = (!of_filters).then(|| DotProducts::new(&plan, lanes));
    let parts = map_chunks(g.batch, per_chunk, |images| {
        let count = images.len();
        let x = &x[images.start * plan.x_image()..images.end * plan.x_image()];
        let dy = &dy[images.start * plan.dy_image()..images.end * plan.dy_image()];
        match (&outer, &dot) {
            (Some(outer), _) => outer.sums(level, count, x, dy),
            (_, Some(dot)) => dot.sums(level, count, x, dy),
            _ => Vec::new(),
        }
    });
    let sums = sum_in_order(parts);
    if !of_filters {
        return sums;
    }
    // From [groups, vectors of filters, terms, filters of a vector] to [filters, terms].
    let mut gradient = Vec::with_capacity(all_filters * terms);
    for group in 0..g.spec.groups {
        for filter in 0..filters {
            let vector = group * filter_vectors + filter / lanes;
            gradient.extend((0..terms).map(|t| sums[(vector * terms + t) * lanes + filter % lanes]));
        }
    }
    gradient
}

/// What both ways share.
pub(super) struct Plan {
    pub(super) g: Geometry,
    pub(super) layout: Layout,
    pub(super) region: Region,
    /// Whether the input is read where it is.
    pub(super) in_place: bool,
    /// Elements from one channel to the next as the kernel reads them.
    pub(super) x_stride: usize,
    /// Where the planes of the terms start.
    pub(super) offsets: Vec<usize>,
    pub(super) runs: Option<Vec<Run>>,
    /// How many images are worked on at a time.
    pub(super) together: usize,
}

impl Plan {
    /// Elements of an image of the input.
    pub(super) fn x_image(&self) -> usize {
        self.g.channels * self.g.input[0] * self.g.input[1]
    }

    /// Elements of an image of the output.
    pub(super) fn dy_image(&self) -> usize {
        self.g.filters * self.region.len()
    }

    /// Elements from one image of the input to the next as the kernel reads them.
    pub(super) fn x_image_stride(&self) -> usize {
        if self.in_place {
            self.x_image()
        } else {
            self.g.group_channels() * self.x_stride
        }
    }
}
