//! Where the elements of padded images lie in memory, so that a convolution becomes sums of shifted vectors.
//!
//! A plane (one channel of one image) is copied once into scratch memory with its padding around it, and where the
//! stride is `s` it is sorted into `s` × `s` *phases*: phase (a, b) holds the rows a, a + s, a + 2s, … and the columns
//! b, b + s, …. Then output position (i, j) is at `i * pitch + j` of every phase, and the input that a tap of the kernel
//! multiplies for this position is at the same place plus an offset that depends on the tap alone. So the output is
//! computed in vectors that run across the ends of rows, whatever the stride, the dilation and the width of the image;
//! the few positions between rows are dropped when the vectors are stored. Rows share their padding: the zeros at the
//! left of a row are also those at the right of the row above.

use super::spec::Geometry;

/// How a plane lies in scratch memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Rows and columns of the plane as it comes.
    pub(super) size: [usize; 2],
    /// The step between the rows and between the columns of a phase.
    pub(super) step: [usize; 2],
    /// Row and column of the plane at which each phase starts; negative: in the padding.
    pub(super) phases: Vec<[isize; 2]>,
    /// Rows of a phase.
    pub(super) rows: usize,
    /// Elements from one row of a phase to the next.
    pub(super) pitch: usize,
    /// Zeros after the last row of a phase.
    pub(super) tail: usize,
}

/// A tap of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tap {
    /// Its position in the kernel, row by row.
    pub(super) index: usize,
    /// Where, in the laid out plane, is what it multiplies for the first position of the region.
    pub(super) offset: usize,
}

/// Positions that are computed with the same taps: rows and columns of a grid in the destination plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region {
    /// Rows and columns of the grid.
    pub(super) size: [usize; 2],
    /// Row and column of its first position in the destination plane.
    pub(super) first: [usize; 2],
    /// The step between its rows and between its columns in the destination plane.
    pub(super) step: [usize; 2],
    pub(super) taps: Vec<Tap>,
}

/// One vector of positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Where it starts in a laid out plane.
    pub(super) source: usize,
    /// Where its first position is among the positions of the region, counted row by row.
    pub(super) dest: usize,
    /// Which of its lanes are positions at all.
    pub(super) mask: u32,
}

/// One vector of a laid out plane: the selected lanes are consecutive elements of the plane as it comes, the others zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) source: usize,
    pub(super) mask: u32,
}

/// The part of a layout that concerns one axis.
struct Axis {
    /// The position at which each phase starts.
    first: Vec<isize>,
    /// Zeros that every phase starts with, at least.
    leading: usize,
    /// Rows (or columns) up to and with the last that holds data that is needed.
    data: usize,
    /// Rows (or columns) that are read.
    extent: usize,
    regions: Vec<AxisRegion>,
}

struct AxisRegion {
    size: usize,
    first: usize,
    step: usize,
    taps: Vec<AxisTap>,
}

struct AxisTap {
    index: usize,
    phase: usize,
    shift: usize,
}

impl Axis {
    /// The input as the output sees it.
    fn of_input(g: &Geometry, axis: usize) -> Self {
        let (size, padding, stride) = (g.input[axis], g.spec.padding[axis], g.spec.stride[axis]);
        let mut phases: Vec<usize> = Vec::new();
        let mut taps = Vec::new();
        let (mut leading, mut data, mut extent) = (usize::MAX, 0, 0);
        for index in 0..g.kernel[axis] {
            let at = index * g.spec.dilation[axis];
            let (start, shift) = (at % stride, at / stride);
            let phase = phases.iter().position(|&p| p == start).unwrap_or_else(|| {
                phases.push(start);
                phases.len() - 1
            });
            taps.push(AxisTap { index, phase, shift });
            leading = leading.min(padding.saturating_sub(start).div_ceil(stride));
            data = data.max((size + padding).saturating_sub(start).div_ceil(stride));
            extent = extent.max(g.output[axis] + shift);
        }
        let first = phases
            .into_iter()
            .map(|p| p as isize - padding as isize)
            .collect();
        let region = AxisRegion {
            size: g.output[axis],
            first: 0,
            step: 1,
            taps,
        };
        Self {
            first,
            leading,
            data: data.min(extent),
            extent,
            regions: vec![region],
        }
    }

    /// The output as the input sees it when gradients flow back.
    fn of_output(g: &Geometry, axis: usize) -> Self {
        let (size, padding, stride) = (g.input[axis], g.spec.padding[axis], g.spec.stride[axis]);
        // Per phase of the padded input: the first of its positions that are input, how many there are, and the taps.
        let mut found = Vec::new();
        for start in 0..stride {
            let begin = padding.saturating_sub(start).div_ceil(stride);
            let end = (size + padding).saturating_sub(start).div_ceil(stride);
            let taps: Vec<_> = (0..g.kernel[axis])
                .map(|index| (index, index * g.spec.dilation[axis]))
                .filter(|(_, at)| at % stride == start)
                .map(|(index, at)| (index, at / stride))
                .collect();
            if end > begin && !taps.is_empty() {
                found.push((start, begin, end, taps));
            }
        }
        let leading = found
            .iter()
            .flat_map(|(_, begin, _, taps)| taps.iter().map(move |(_, shift)| shift.saturating_sub(*begin)))
            .max()
            .unwrap_or(0);
        let extent = found
            .iter()
            .flat_map(|(_, _, end, taps)| {
                taps.iter()
                    .map(move |(_, shift)| (leading + end).saturating_sub(*shift))
            })
            .max()
            .unwrap_or(0);
        let regions = found
            .into_iter()
            .map(|(start, begin, end, taps)| AxisRegion {
                size: end - begin,
                first: begin * stride + start - padding,
                step: stride,
                taps: taps
                    .into_iter()
                    .map(|(index, shift)| AxisTap {
                        index,
                        phase: 0,
                        shift: begin + leading - shift,
                    })
                    .collect(),
            })
            .collect();
        let data = (leading + g.output[axis]).min(extent);
        Self {
            first: vec![-(leading as isize)],
            leading,
            data,
            extent,
            regions,
        }
    }

    /// The least distance between two rows whose columns are laid out so.
    fn pitch(&self) -> usize {
        let widest = self.regions.iter().map(|r| r.size).max().unwrap_or(0);
        self.data
            .max(self.extent.saturating_sub(self.leading))
            .max(widest)
    }
}

impl Layout {
    /// The layout of the input of a convolution, and the one region its output is.
    pub(super) fn of_input(g: &Geometry) -> (Self, Vec<Region>) {
        let step = g.spec.stride;
        Self::combine(g, g.input, step, [Axis::of_input(g, 0), Axis::of_input(g, 1)])
    }

    /// The layout of the output's gradient, and the regions of the input's gradient: one for each phase that any tap sees.
    pub(super) fn of_output(g: &Geometry) -> (Self, Vec<Region>) {
        Self::combine(
            g,
            g.output,
            [1, 1],
            [Axis::of_output(g, 0), Axis::of_output(g, 1)],
        )
    }

    fn combine(
        g: &Geometry,
        size: [usize; 2],
        step: [usize; 2],
        [rows, cols]: [Axis; 2],
    ) -> (Self, Vec<Region>) {
        let pitch = cols.pitch();
        let phases = rows
            .first
            .iter()
            .flat_map(|&row| cols.first.iter().map(move |&col| [row, col]))
            .collect::<Vec<_>>();
        let layout = Self {
            size,
            step,
            phases,
            rows: rows.extent,
            pitch,
            tail: cols.extent.saturating_sub(pitch),
        };
        let mut regions = Vec::new();
        for row in &rows.regions {
            for col in &cols.regions {
                let mut taps = Vec::new();
                for r in &row.taps {
                    for c in &col.taps {
                        let phase = r.phase * cols.first.len() + c.phase;
                        taps.push(Tap {
                            index: r.index * g.kernel[1] + c.index,
                            offset: phase * layout.phase_len() + r.shift * pitch + c.shift,
                        });
                    }
                }
                regions.push(Region {
                    size: [row.size, col.size],
                    first: [row.first, col.first],
                    step: [row.step, col.step],
                    taps,
                });
            }
        }
        (layout, regions)
    }

    /// Elements of one phase.
    pub(super) fn phase_len(&self) -> usize {
        self.rows * self.pitch + self.tail
    }

    /// Elements of one laid out plane.
    pub(super) fn plane_len(&self) -> usize {
        self.phases.len() * self.phase_len()
    }

    /// The vectors that make up a laid out plane, if in each of them the data is consecutive in the plane as it comes:
    /// so it is where the stride is 1 and no columns are left out.
    pub(super) fn runs(&self, lanes: usize) -> Option<Vec<Run>> {
        let &[[first_row, first_col]] = self.phases.as_slice() else {
            return None;
        };
        if self.step != [1, 1] {
            return None;
        }
        let mut runs = Vec::with_capacity(self.plane_len().div_ceil(lanes));
        for start in (0..self.plane_len()).step_by(lanes) {
            let mut run: Option<Run> = None;
            for lane in 0..lanes {
                let (row, col) = ((start + lane) / self.pitch, (start + lane) % self.pitch);
                let inside = |at: usize, first: isize, size: usize| {
                    at.checked_add_signed(first).filter(|&at| at < size)
                };
                if row >= self.rows {
                    continue;
                }
                let (Some(row), Some(col)) = (
                    inside(row, first_row, self.size[0]),
                    inside(col, first_col, self.size[1]),
                ) else {
                    continue;
                };
                let at = row * self.size[1] + col;
                let run = run.get_or_insert(Run { source: at, mask: 0 });
                if run.source + run.mask.count_ones() as usize != at {
                    return None;
                }
                run.mask |= 1 << lane;
            }
            runs.push(run.unwrap_or(Run { source: 0, mask: 0 }));
        }
        Some(runs)
    }

    /// Whether a plane is laid out as it comes, so that it need not be copied at all.
    pub(super) fn is_trivial(&self) -> bool {
        self.phases == [[0, 0]]
            && self.step == [1, 1]
            && self.pitch == self.size[1]
            && self.rows <= self.size[0]
            && self.tail == 0
    }
}

impl Region {
    /// The number of positions.
    pub(super) fn len(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Whether the positions are all of a plane of that size, in order.
    pub(super) fn covers(&self, plane: [usize; 2]) -> bool {
        self.size == plane && self.first == [0, 0] && (self.step == [1, 1] || self.len() == 1)
    }

    /// Cuts the positions into vectors of `lanes`, each position in exactly one.
    pub(super) fn spans(&self, pitch: usize, lanes: usize) -> Vec<Span> {
        let [rows, cols] = self.size;
        let mut spans = Vec::new();
        let (mut row, mut col, mut dest) = (0, 0, 0);
        while row < rows && cols > 0 {
            let source = row * pitch + col;
            let (mut mask, mut count) = (0u32, 0);
            while row < rows {
                let lane = row * pitch + col - source;
                if lane >= lanes {
                    break;
                }
                mask |= 1 << lane;
                count += 1;
                col += 1;
                if col == cols {
                    (row, col) = (row + 1, 0);
                }
            }
            spans.push(Span { source, dest, mask });
            dest += count;
        }
        spans
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::conv::ConvSpec;

    fn geometry(input: [usize; 2], kernel: [usize; 2], spec: ConvSpec) -> Geometry {
        let mut output = [0; 2];
        for a in 0..2 {
            output[a] = (input[a] + 2 * spec.padding[a] - (kernel[a] - 1) * spec.dilation[a] - 1)
                / spec.stride[a]
                + 1;
        }
        Geometry {
            batch: 1,
            channels: 1,
            input,
            filters: 1,
            kernel,
            output,
            spec,
        }
    }

    #[test]
    fn rows_share_their_padding() {
        let g = geometry(
            [8, 8],
            [3, 3],
            ConvSpec {
                padding: [1, 1],
                ..ConvSpec::default()
            },
        );
        let (layout, regions) = Layout::of_input(&g);
        assert_eq!((layout.rows, layout.pitch, layout.tail), (10, 9, 1));
        assert_eq!(regions.len(), 1);
        assert_eq!(
            regions[0].taps[5],
            Tap {
                index: 5,
                offset: 9 + 2
            }
        );
        let (back, regions) = Layout::of_output(&g);
        assert_eq!((back.rows, back.pitch, back.tail), (10, 9, 1));
        assert_eq!(regions[0].taps[5], Tap { index: 5, offset: 9 });
    }

    #[test]
    fn a_pointwise_convolution_needs_no_copy() {
        let (layout, regions) = Layout::of_input(&geometry([7, 5], [1, 1], ConvSpec::default()));
        assert!(layout.is_trivial() && regions[0].covers([7, 5]));
        let strided = ConvSpec {
            stride: [2, 2],
            ..ConvSpec::default()
        };
        let (layout, _) = Layout::of_input(&geometry([7, 5], [1, 1], strided));
        assert!(!layout.is_trivial());
        assert_eq!((layout.phases.len(), layout.rows, layout.pitch), (1, 4, 3));
    }

    #[test]
    fn the_vectors_of_a_laid_out_plane_hold_it_with_its_padding() {
        let g = geometry(
            [3, 4],
            [3, 3],
            ConvSpec {
                padding: [1, 1],
                ..ConvSpec::default()
            },
        );
        let runs = Layout::of_input(&g).0.runs(8).unwrap();
        // Five to a row, the first of them padding; a row of padding above and one below, and one zero more.
        let masks: Vec<u32> = runs.iter().map(|r| r.mask).collect();
        assert_eq!(masks, [0b1100_0000, 0b0111_1011, 0b0000_1111, 0]);
        assert_eq!(runs[1].source, 2);
        let strided = ConvSpec {
            stride: [2, 2],
            ..g.spec
        };
        assert!(
            Layout::of_input(&geometry([3, 4], [3, 3], strided))
                .0
                .runs(8)
                .is_none()
        );
    }

    #[test]
    fn rows_that_fill_vectors_leave_no_lane_idle() {
        let g = geometry(
            [16, 32],
            [3, 3],
            ConvSpec {
                padding: [1, 1],
                ..ConvSpec::default()
            },
        );
        let (layout, regions) = Layout::of_input(&g);
        let spans = regions[0].spans(layout.pitch, 16);
        assert_eq!(spans.len(), 32);
        assert!(
            spans
                .iter()
                .enumerate()
                .all(|(i, s)| s.mask == 0xffff && s.dest == 16 * i)
        );
    }

    #[test]
    fn spans_hold_every_position_once() {
        for (rows, cols, pitch, lanes) in [
            (4, 4, 5, 16),
            (7, 7, 8, 16),
            (3, 33, 34, 8),
            (5, 1, 6, 4),
            (1, 1, 1, 16),
        ] {
            let region = Region {
                size: [rows, cols],
                first: [0, 0],
                step: [1, 1],
                taps: Vec::new(),
            };
            let mut seen = Vec::new();
            for s in region.spans(pitch, lanes) {
                assert_eq!(s.dest, seen.len());
                seen.extend((0..lanes).filter(|l| s.mask >> l & 1 == 1).map(|l| s.source + l));
            }
            let all: Vec<_> = (0..rows)
                .flat_map(|r| (0..cols).map(move |c| r * pitch + c))
                .collect();
            assert_eq!(seen, all);
        }
    }
}
