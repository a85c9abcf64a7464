//! Divides work by the size of the problem only, so that the number of threads cannot change a
//! result.

/// About how many elementary operations (multiply-adds, or elements moved) a chunk should hold:
/// enough to hide what handing it to a thread costs, few enough that all threads get their share.
const CHUNK_WORK: usize = 1 << 14;

/// The most chunks a problem is cut into, however large it is.
const MAX_CHUNKS: usize = 64;

/// How many of `items` go into one chunk when each costs about `work_per_item` elementary
/// operations; at least 1. It depends on nothing but the arguments.
pub(crate) fn items_per_chunk(items: usize, work_per_item: usize) -> usize {
    let chunks = items
        .saturating_mul(work_per_item)
        .div_ceil(CHUNK_WORK)
        .clamp(1, MAX_CHUNKS);
    items.div_ceil(chunks).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_holds_enough_work_and_there_are_never_too_many() {
        assert_eq!(items_per_chunk(64, 1), 64);
        assert_eq!(items_per_chunk(64, CHUNK_WORK), 1);
        assert_eq!(items_per_chunk(1000, CHUNK_WORK), 1000usize.div_ceil(MAX_CHUNKS));
        assert_eq!(items_per_chunk(0, 7), 1);
    }
}
