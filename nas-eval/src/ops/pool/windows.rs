//! The windows of a pooling, laid out so that any kernel and stride is a sum over shifted, contiguous slices.
//!
//! A plane is copied into a padded scratch whose rows and columns are sorted by their remainder modulo the stride
//! (its phases). There, one tap of the kernel (one offset inside the window) of all outputs is one contiguous slice:
//! output `(y, x)` finds it at `start + y · pitch + x`. A slice of `flat_len` elements covers all outputs; between the
//! rows lie `pitch − width` elements that belong to no output and are skipped when the rows are read. Kernels are
//! therefore plain loops over equally long slices, which the compiler vectorises, for any stride.

use std::mem::MaybeUninit;

use candle_core::Result;

use super::PoolSpec;
use crate::ops::float::Float;

/// The columns of one phase that are inside the image.
struct Columns {
    /// The phase.
    phase: usize,
    /// First column in the scratch.
    first: usize,
    /// How many.
    count: usize,
    /// The image's column of the first.
    source: usize,
}

/// The windows of a pooling over planes of one size.
pub(super) struct Windows {
    pub(super) spec: PoolSpec,
    /// `[height, width]` of the input.
    pub(super) input: [usize; 2],
    /// `[height, width]` of the output.
    pub(super) output: [usize; 2],
    /// Where in the scratch the slice of each tap starts, in the row-major order of the kernel.
    pub(super) taps: Vec<usize>,
    columns: Vec<Columns>,
    phases: [usize; 2],
    rows: usize,
    pitch: usize,
}

impl Windows {
    /// # Errors
    /// Those of [`PoolSpec::output_size`].
    pub(super) fn new(spec: PoolSpec, input: [usize; 2]) -> Result<Self> {
        let output = spec.output_size(input)?;
        let ([kh, kw], [sh, sw], [_, pad]) = (spec.kernel, spec.stride, spec.padding);
        let phases = [sh.min(kh), sw.min(kw)];
        let rows = output[0] + (kh - 1) / sh;
        let pitch = output[1] + (kw - 1) / sw;
        let start = |y: usize, x: usize| ((y % sh * phases[1] + x % sw) * rows + y / sh) * pitch + x / sw;
        let taps = (0..kh).flat_map(|y| (0..kw).map(move |x| start(y, x))).collect();
        let columns = (0..phases[1])
            .map(|phase| {
                let first = pad.saturating_sub(phase).div_ceil(sw);
                let end = (input[1] + pad).saturating_sub(phase).div_ceil(sw).min(pitch);
                let source = (first * sw + phase).saturating_sub(pad);
                Columns {
                    phase,
                    first,
                    count: end.saturating_sub(first),
                    source,
                }
            })
            .filter(|columns| columns.count > 0)
            .collect();
        Ok(Self {
            spec,
            input,
            output,
            taps,
            columns,
            phases,
            rows,
            pitch,
        })
    }

    /// Elements of the scratch.
    pub(super) fn scratch_len(&self) -> usize {
        self.phases[0] * self.phases[1] * self.rows * self.pitch
    }

    /// Elements of the slice of one tap.
    pub(super) fn flat_len(&self) -> usize {
        (self.output[0] - 1) * self.pitch + self.output[1]
    }

    /// Elements of an input plane.
    pub(super) fn input_len(&self) -> usize {
        self.input[0] * self.input[1]
    }

    /// Elements of an output plane.
    pub(super) fn output_len(&self) -> usize {
        self.output[0] * self.output[1]
    }

    /// About how many elementary operations a plane costs.
    pub(super) fn work(&self) -> usize {
        self.input_len() + self.output_len() * self.taps.len() / 4
    }

    /// The first row of each phase that the image's row `y` is in, if any window reads it.
    #[inline(always)]
    fn scratch_row(&self, y: usize) -> Option<(usize, usize)> {
        let padded = y + self.spec.padding[0];
        let (row, phase) = (padded / self.spec.stride[0], padded % self.spec.stride[0]);
        (phase < self.phases[0] && row < self.rows).then_some((phase, row))
    }

    #[inline(always)]
    fn scratch_start(&self, (phase, row): (usize, usize), columns: &Columns) -> usize {
        ((phase * self.phases[1] + columns.phase) * self.rows + row) * self.pitch + columns.first
    }

    /// Copies a plane into the scratch. The padding there is left as it is: fill the scratch once, before.
    #[inline(always)]
    pub(super) fn lay<T: Float>(&self, plane: &[T], scratch: &mut [T]) {
        for (y, row) in plane.chunks_exact(self.input[1]).enumerate() {
            let Some(place) = self.scratch_row(y) else {
                continue;
            };
            for columns in &self.columns {
                let to = &mut scratch[self.scratch_start(place, columns)..][..columns.count];
                let from = &row[columns.source..];
                match self.spec.stride[1] {
                    1 => to.copy_from_slice(&from[..to.len()]),
                    2 => every_second(from, to),
                    stride => to
                        .iter_mut()
                        .zip(from.iter().step_by(stride))
                        .for_each(|(t, f)| *t = *f),
                }
            }
        }
    }

    /// The reverse of [`lay`](Self::lay): writes a whole plane, with zeros where no window reads it.
    #[inline(always)]
    pub(super) fn collect<T: Float>(&self, scratch: &[T], plane: &mut [MaybeUninit<T>]) {
        for (y, row) in plane.chunks_exact_mut(self.input[1]).enumerate() {
            let place = self.scratch_row(y);
            if let (Some(place), 1, [columns]) = (place, self.spec.stride[1], self.columns.as_slice()) {
                // Without a stride there is one phase, and it starts with the image's first column.
                let (inside, outside) = row.split_at_mut(columns.count);
                inside.write_copy_of_slice(&scratch[self.scratch_start(place, columns)..][..columns.count]);
                outside.fill(MaybeUninit::new(T::ZERO));
                continue;
            }
            row.fill(MaybeUninit::new(T::ZERO));
            let Some(place) = place else { continue };
            for columns in &self.columns {
                let from = &scratch[self.scratch_start(place, columns)..][..columns.count];
                let to = row[columns.source..].iter_mut().step_by(self.spec.stride[1]);
                to.zip(from).for_each(|(t, f)| *t = MaybeUninit::new(*f));
            }
        }
    }

    /// The rows of an output plane with where each lies in a slice of `flat_len` elements.
    #[inline(always)]
    pub(super) fn flat_rows(&self) -> impl Iterator<Item = (std::ops::Range<usize>, std::ops::Range<usize>)> {
        let (width, pitch) = (self.output[1], self.pitch);
        (0..self.output[0]).map(move |y| (y * width..(y + 1) * width, y * pitch..y * pitch + width))
    }

    /// The part of the plane that the window of output `(y, x)` covers: rows and columns.
    pub(super) fn covered(&self, y: usize, x: usize) -> [std::ops::Range<usize>; 2] {
        let range = |axis: usize, at: usize| {
            let start = at * self.spec.stride[axis];
            let end = (start + self.spec.kernel[axis]).saturating_sub(self.spec.padding[axis]);
            start.saturating_sub(self.spec.padding[axis])..end.min(self.input[axis])
        };
        [range(0, y), range(1, x)]
    }

    /// Folds the taps of all windows: `out` gets `flat_len` elements.
    #[inline(always)]
    pub(super) fn fold<T: Float>(&self, scratch: &[T], out: &mut [T], f: impl Fn(T, T) -> T + Copy) {
        let n = out.len();
        if let Ok(starts) = <[usize; 9]>::try_from(self.taps.as_slice()) {
            let taps: [&[T]; 9] = starts.map(|start| &scratch[start..][..n]);
            for (i, out) in out.iter_mut().enumerate() {
                let mut folded = taps[0][i];
                for tap in &taps[1..] {
                    folded = f(folded, tap[i]);
                }
                *out = folded;
            }
            return;
        }
        out.copy_from_slice(&scratch[self.taps[0]..][..n]);
        for start in &self.taps[1..] {
            for (out, tap) in out.iter_mut().zip(&scratch[*start..][..n]) {
                *out = f(*out, *tap);
            }
        }
    }
}

/// `to[i] = from[2 i]`, in a form that is vectorised.
#[inline(always)]
fn every_second<T: Copy>(from: &[T], to: &mut [T]) {
    let (pairs, rest) = from.as_chunks::<2>();
    let whole = pairs.len().min(to.len());
    for (to, [even, _]) in to.iter_mut().zip(pairs) {
        *to = *even;
    }
    if let (Some(to), Some(last)) = (to.get_mut(whole), rest.first()) {
        *to = *last;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tap_of_each_window_is_where_the_layout_says() {
        for (kernel, stride, padding) in [
            ([3, 3], [1, 1], [1, 1]),
            ([3, 3], [2, 2], [1, 1]),
            ([2, 5], [3, 2], [1, 0]),
            ([1, 2], [4, 3], [0, 1]),
        ] {
            let windows = Windows::new(
                PoolSpec {
                    kernel,
                    stride,
                    padding,
                },
                [7, 8],
            )
            .unwrap();
            let plane: Vec<f64> = (1..=56).map(f64::from).collect();
            let mut scratch = vec![0.0; windows.scratch_len()];
            windows.lay(&plane, &mut scratch);
            for (y, (_, flat)) in windows.flat_rows().enumerate() {
                for x in 0..windows.output[1] {
                    for (tap, start) in windows.taps.iter().enumerate() {
                        let iy = (y * stride[0] + tap / kernel[1])
                            .checked_sub(padding[0])
                            .filter(|i| *i < 7);
                        let ix = (x * stride[1] + tap % kernel[1])
                            .checked_sub(padding[1])
                            .filter(|i| *i < 8);
                        let expected = iy.zip(ix).map_or(0.0, |(iy, ix)| plane[iy * 8 + ix]);
                        assert_eq!(
                            scratch[start + flat.start + x],
                            expected,
                            "{kernel:?} {stride:?} {padding:?}"
                        );
                    }
                }
            }
        }
    }
}
