//! Work split over rayon's threads so that the number of threads cannot change a result.
//!
//! Where chunks begin and end is decided by the size of the problem alone; a chunk is computed by one thread; and
//! sums over chunks are taken in the order of the chunks, after all are done. So one thread and sixty-four give
//! the same bits.

#![allow(
    unsafe_code,
    reason = "output buffers are handed out uninitialised and declared full once they are written"
)]

use std::mem::MaybeUninit;
use std::ops::Range;

use rayon::prelude::*;

/// About how many elementary operations (multiply-adds, or elements moved) a chunk should hold: enough to hide what
/// handing it to a thread costs, few enough that all threads get their share.
const CHUNK_WORK: usize = 1 << 18;

/// The most chunks a problem is cut into, however large it is.
const MAX_CHUNKS: usize = 64;

/// How many of `items` go into one chunk when each costs about `work_per_item` elementary operations; at least 1.
/// It depends on nothing but the arguments.
pub(crate) fn items_per_chunk(items: usize, work_per_item: usize) -> usize {
    let chunks = items
        .saturating_mul(work_per_item)
        .div_ceil(CHUNK_WORK)
        .clamp(1, MAX_CHUNKS);
    items.div_ceil(chunks).max(1)
}

/// Calls `f(chunk index, chunk)` for consecutive chunks of `out`, `chunk_len` elements each (the last may be shorter).
pub(crate) fn for_each_chunk<T: Send>(
    out: &mut [T],
    chunk_len: usize,
    f: impl Fn(usize, &mut [T]) + Sync + Send,
) {
    let chunk_len = chunk_len.max(1);
    if out.len() <= chunk_len {
        if !out.is_empty() {
            f(0, out);
        }
        return;
    }
    out.par_chunks_mut(chunk_len)
        .enumerate()
        .for_each(|(i, chunk)| f(i, chunk));
}

/// Calls `f` for each chunk of `0..items` and returns what it returned, in the order of the chunks.
pub(crate) fn map_chunks<R: Send>(
    items: usize,
    items_per_chunk: usize,
    f: impl Fn(Range<usize>) -> R + Sync + Send,
) -> Vec<R> {
    let per_chunk = items_per_chunk.max(1);
    let chunks = items.div_ceil(per_chunk);
    let range = |i: usize| i * per_chunk..((i + 1) * per_chunk).min(items);
    if chunks <= 1 {
        return (0..chunks).map(|i| f(range(i))).collect();
    }
    (0..chunks).into_par_iter().map(|i| f(range(i))).collect()
}

/// Sums equally long partial results element by element, in their order; empty if there are none.
pub(crate) fn sum_in_order<T: Copy + std::ops::AddAssign>(parts: Vec<Vec<T>>) -> Vec<T> {
    let mut parts = parts.into_iter();
    let Some(mut total) = parts.next() else {
        return Vec::new();
    };
    for part in parts {
        debug_assert_eq!(part.len(), total.len());
        for (t, p) in total.iter_mut().zip(&part) {
            *t += *p;
        }
    }
    total
}

/// A new vector of `len` elements, filled in parallel without being zeroed first: `fill(chunk index, chunk)` is
/// called for consecutive chunks of `chunk_len` elements (the last may be shorter).
///
/// # Safety
/// `fill` writes every element of every chunk it is given.
pub(crate) unsafe fn fill_new<T: Copy + Send>(
    len: usize,
    chunk_len: usize,
    fill: impl Fn(usize, &mut [MaybeUninit<T>]) + Sync + Send,
) -> Vec<T> {
    let mut out: Vec<T> = Vec::with_capacity(len);
    for_each_chunk(&mut out.spare_capacity_mut()[..len], chunk_len, fill);
    // SAFETY: the caller vouches that `fill` has written all `len` elements, and `len` is within the capacity.
    unsafe { out.set_len(len) };
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_everything_once_and_keep_their_order() {
        for (items, per_chunk) in [(0, 3), (1, 3), (3, 3), (10, 3), (64, 1)] {
            let ranges = map_chunks(items, per_chunk, |r| r);
            assert_eq!(
                ranges.into_iter().flatten().collect::<Vec<_>>(),
                (0..items).collect::<Vec<_>>()
            );
        }
    }

    #[test]
    fn a_chunk_holds_enough_work_and_there_are_never_too_many() {
        assert_eq!(items_per_chunk(64, 1), 64);
        assert_eq!(items_per_chunk(64, CHUNK_WORK), 1);
        assert_eq!(items_per_chunk(1000, CHUNK_WORK), 1000usize.div_ceil(MAX_CHUNKS));
        assert_eq!(items_per_chunk(0, 7), 1);
    }

    #[test]
    fn filled_vectors_hold_what_was_written() {
        // SAFETY: the closure writes every element of its chunk.
        let v = unsafe {
            fill_new(10, 4, |i, chunk| {
                for (k, c) in chunk.iter_mut().enumerate() {
                    c.write(i * 100 + k);
                }
            })
        };
        assert_eq!(v, [0, 1, 2, 3, 100, 101, 102, 103, 200, 201]);
    }

    #[test]
    fn sums_do_not_depend_on_the_number_of_threads() {
        let sum = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                sum_in_order(map_chunks(1000, 7, |r| {
                    vec![r.map(|i| 1.0 / (1.0 + i as f32)).sum::<f32>()]
                }))
            })
        };
        assert_eq!(sum(1)[0].to_bits(), sum(3)[0].to_bits());
    }
}
