//! The best of several scores.

/// The place of the largest value; of equal ones, the first.
pub(crate) fn largest<T: PartialOrd>(scores: &[T]) -> usize {
    let mut best = 0;
    for (place, score) in scores.iter().enumerate() {
        if score > &scores[best] {
            best = place;
        }
    }
    best
}
