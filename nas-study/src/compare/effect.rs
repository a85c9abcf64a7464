//! How large a difference is.

/// The probability that a value drawn from `a` is larger than one drawn from `b`, equal ones counted by half: Vargha and
/// Delaney's A (2000). 0.5 where there is no difference, 1 where every value of `a` is larger; `None` where a side is empty.
pub fn superiority(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let mut sorted = b.to_vec();
    sorted.sort_by(f64::total_cmp);
    // Twice the count, so that it stays whole.
    let twice: usize = a
        .iter()
        .map(|value| {
            let below = sorted.partition_point(|other| other < value);
            let not_above = sorted.partition_point(|other| other <= value);
            below + not_above
        })
        .sum();
    Some(twice as f64 / (2 * a.len() * b.len()) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_share_of_pairs_that_a_wins() {
        assert_eq!(superiority(&[3.0, 4.0], &[1.0, 2.0]), Some(1.0));
        assert_eq!(superiority(&[1.0, 2.0], &[3.0, 4.0]), Some(0.0));
        // Of six pairs: 2 > 1, 2 = 2, 2 < 3, 3 > 1, 3 > 2, 3 = 3.
        assert_eq!(superiority(&[2.0, 3.0], &[1.0, 2.0, 3.0]), Some(4.0 / 6.0));
        assert_eq!(superiority(&[], &[1.0]), None);
    }
}
