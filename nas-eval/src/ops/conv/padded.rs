//! Copies planes into the layout the kernels read, and gradients of the output into whole vectors.

#![allow(unsafe_code, reason = "vector loads and stores through pointers")]

use super::layout::{Layout, Run, Span};
use super::weight_gradient::Plan;
use crate::ops::float::Float;
use crate::ops::vector::{Vector, first_lanes};

/// Lays out one plane; every element of its place in scratch memory is written, and perhaps some after it, fewer than a
/// vector: lay out what follows later. `runs` is [`Layout::runs`] for the vector.
///
/// # Safety
/// That of [`Vector`]; `from` is valid for the plane, `to` for `layout.plane_len()` elements and one vector.
#[inline(always)]
pub(super) unsafe fn lay_out<V: Vector>(
    layout: &Layout,
    runs: Option<&[Run]>,
    from: *const V::Elem,
    to: *mut V::Elem,
) {
    if let Some(runs) = runs {
        for (i, run) in runs.iter().enumerate() {
            // SAFETY: runs stay within the plane on the side of `from` and cover its place on the side of `to`.
            unsafe {
                let from = from.wrapping_add(run.source);
                let vector = if run.mask == V::FULL {
                    V::load(from)
                } else {
                    V::load_selected(run.mask, from)
                };
                vector.store(to.wrapping_add(i * V::LANES));
            }
        }
        return;
    }
    let [rows, cols] = layout.size;
    let [row_step, col_step] = layout.step;
    for (phase, &[first_row, first_col]) in layout.phases.iter().enumerate() {
        let mut at = to.wrapping_add(phase * layout.phase_len());
        // The columns of the phase that hold data: `begin..end`.
        let begin = to_size(-first_col).div_ceil(col_step).min(layout.pitch);
        let end = to_size(cols as isize - first_col)
            .div_ceil(col_step)
            .clamp(begin, layout.pitch);
        let source_col = to_size(first_col + (begin * col_step) as isize);
        let whole = (end - begin).next_multiple_of(V::LANES);
        // SAFETY: rows and columns are clipped to the plane on the side of `from`, and to `rows`, `pitch` and `tail`,
        // which make up `phase_len`, on the side of `to`. Whole vectors are written from the front to the back, so what
        // one writes too far is written again; the last goes no further than a vector after the end.
        unsafe {
            for r in 0..layout.rows {
                let row = first_row + (r * row_step) as isize;
                if row < 0 || row >= rows as isize || begin == end {
                    zero::<V>(at, layout.pitch);
                } else {
                    let source = from.wrapping_add(row as usize * cols + source_col);
                    zero::<V>(at, begin);
                    let data = at.wrapping_add(begin);
                    match col_step {
                        1 => copy::<V>(source, data, end - begin),
                        2 => copy_every_second::<V>(source, data, end - begin),
                        step => copy_every::<V>(step, source, data, end - begin),
                    }
                    zero::<V>(
                        data.wrapping_add(whole),
                        layout.pitch.saturating_sub(begin + whole),
                    );
                }
                at = at.wrapping_add(layout.pitch);
            }
            zero::<V>(at, layout.tail);
        }
    }
}

/// Lays out the planes of one group of `count` images of the input, if they have to be; returns where they are then.
/// `from` is the first plane of the group in the first image.
///
/// # Safety
/// That of [`Vector`]; `from` is valid for the images, and `to` for them as the plan lays them out and one vector more.
#[inline(always)]
pub(super) unsafe fn lay_out_images<V: Vector>(
    plan: &Plan,
    count: usize,
    from: *const V::Elem,
    to: *mut V::Elem,
) -> *const V::Elem {
    if plan.in_place {
        return from;
    }
    let plane = plan.g.input[0] * plan.g.input[1];
    // SAFETY: the caller's.
    unsafe {
        for image in 0..count {
            for c in 0..plan.g.group_channels() {
                lay_out::<V>(
                    &plan.layout,
                    plan.runs.as_deref(),
                    from.wrapping_add(image * plan.x_image() + c * plane),
                    to.wrapping_add(image * plan.x_image_stride() + c * plan.x_stride),
                );
            }
        }
        zero::<V>(to.wrapping_add(count * plan.x_image_stride()), V::LANES);
    }
    to.cast_const()
}

/// Transposes `filters` planes of `positions` each, one after another in `from`, so that the filters of a position are a
/// vector (with zeros for those that are missing), `to_stride` from that of the next.
///
/// # Safety
/// That of [`Vector`]; `to` has room for the positions rounded up to a multiple of LANES.
#[inline(always)]
pub(super) unsafe fn transpose<V: Vector>(
    from: *const V::Elem,
    filters: usize,
    positions: usize,
    to: *mut V::Elem,
    to_stride: usize,
) {
    for first in (0..positions).step_by(V::LANES) {
        let count = V::LANES.min(positions - first);
        // SAFETY: the caller's.
        unsafe {
            let from = from.wrapping_add(first);
            V::transpose(
                from,
                positions,
                filters,
                count,
                to.wrapping_add(first * to_stride),
                to_stride,
            );
        }
    }
}

/// Writes the positions of `from` that the spans select into whole vectors, with zeros in the lanes between rows.
///
/// # Safety
/// That of [`Vector`]; `from` holds all positions, `to` a vector for each span.
#[inline(always)]
pub(super) unsafe fn expand<V: Vector>(spans: &[Span], from: *const V::Elem, to: *mut V::Elem) {
    for (i, span) in spans.iter().enumerate() {
        // SAFETY: the caller's.
        unsafe {
            V::load_selected(span.mask, from.wrapping_add(span.dest)).store(to.wrapping_add(i * V::LANES));
        }
    }
}

/// Writes `len` zeros, rounded up to whole vectors.
///
/// # Safety
/// That of [`Vector`]; `to` is valid for as many elements.
#[inline(always)]
pub(super) unsafe fn zero<V: Vector>(to: *mut V::Elem, len: usize) {
    for i in (0..len).step_by(V::LANES) {
        // SAFETY: the caller's.
        unsafe { V::splat(V::Elem::ZERO).store(to.wrapping_add(i)) }
    }
}

/// Copies `len` elements, and writes zeros after them up to a whole vector.
///
/// # Safety
/// That of [`Vector`]; `from` is valid for `len` elements, `to` for `len` rounded up to whole vectors.
#[inline(always)]
unsafe fn copy<V: Vector>(from: *const V::Elem, to: *mut V::Elem, len: usize) {
    for i in (0..len).step_by(V::LANES) {
        let from = from.wrapping_add(i);
        // SAFETY: the caller's.
        unsafe {
            let vector = if i + V::LANES <= len {
                V::load(from)
            } else {
                V::load_selected(first_lanes(len - i), from)
            };
            vector.store(to.wrapping_add(i));
        }
    }
}

/// Copies every second of the elements, `len` of them, and writes zeros after them up to a whole vector.
///
/// # Safety
/// That of [`Vector`]; `from` is valid for `2 * len - 1` elements, `to` for `len` rounded up to whole vectors.
#[inline(always)]
unsafe fn copy_every_second<V: Vector>(from: *const V::Elem, to: *mut V::Elem, len: usize) {
    for i in (0..len).step_by(V::LANES) {
        // SAFETY: the caller's.
        unsafe {
            V::load_every_second(V::LANES.min(len - i), from.wrapping_add(2 * i)).store(to.wrapping_add(i));
        }
    }
}

/// Copies every `step`-th of the elements, `len` of them, and writes zeros after them up to a whole vector.
///
/// # Safety
/// That of [`Vector`]; `from` is valid for `step * (len - 1) + 1` elements, `to` for `len` rounded up to whole vectors.
#[inline(always)]
unsafe fn copy_every<V: Vector>(step: usize, from: *const V::Elem, to: *mut V::Elem, len: usize) {
    // SAFETY: the caller's.
    unsafe {
        zero::<V>(to, len);
        for i in 0..len {
            to.wrapping_add(i).write(from.wrapping_add(i * step).read());
        }
    }
}

/// Negative numbers become zero.
#[inline(always)]
fn to_size(n: isize) -> usize {
    n.max(0) as usize
}
