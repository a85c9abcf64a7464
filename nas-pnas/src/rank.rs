//! How well one list of numbers ranks things as another does.
//!
//! Equal numbers share the mean of their ranks, so their order never matters.

/// Spearman's ρ: the correlation of the ranks. `None` for fewer than two pairs, or where all of one
/// list are equal.
///
/// # Panics
/// Where the lists differ in length.
pub fn spearman(a: &[f64], b: &[f64]) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "pairs have two members");
    let (a, b) = (ranks(a), ranks(b));
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let (mut both, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(&b) {
        let (a, b) = (a - mean, b - mean);
        both += a * b;
        of_a += a * a;
        of_b += b * b;
    }
    (of_a > 0.0 && of_b > 0.0).then(|| both / (of_a * of_b).sqrt())
}

/// Kendall's τ-b: pairs in the same order minus pairs in the other, over the root of the pairs
/// untied in each list. `None` for fewer than two pairs, or where all of one list are equal.
///
/// # Panics
/// Where the lists differ in length.
///
/// # Complexity
/// Quadratic.
pub fn kendall(a: &[f64], b: &[f64]) -> Option<f64> {
    assert_eq!(a.len(), b.len(), "pairs have two members");
    let (mut balance, mut untied_a, mut untied_b) = (0_i64, 0_u64, 0_u64);
    for i in 0..a.len() {
        for j in 0..i {
            let (of_a, of_b) = (a[i].total_cmp(&a[j]) as i64, b[i].total_cmp(&b[j]) as i64);
            balance += of_a * of_b;
            untied_a += of_a.unsigned_abs();
            untied_b += of_b.unsigned_abs();
        }
    }
    (untied_a > 0 && untied_b > 0).then(|| balance as f64 / (untied_a as f64 * untied_b as f64).sqrt())
}

/// Of the `k` with the largest predictions, the share that are among the `k` with the largest
/// values. Of equals the first count as larger. `None` where `k` is 0 or more than there are.
///
/// # Panics
/// Where the lists differ in length.
pub fn precision_at(k: usize, predictions: &[f64], values: &[f64]) -> Option<f64> {
    assert_eq!(predictions.len(), values.len(), "pairs have two members");
    if k == 0 || k > values.len() {
        return None;
    }
    let largest = |of: &[f64]| {
        let mut order: Vec<usize> = (0..of.len()).collect();
        // The sort is stable.
        order.sort_by(|&i, &j| of[j].total_cmp(&of[i]));
        order.truncate(k);
        order
    };
    let (predicted, valued) = (largest(predictions), largest(values));
    let common = predicted.iter().filter(|place| valued.contains(place)).count();
    Some(common as f64 / k as f64)
}

/// The rank of each number from 1 for the smallest; equal ones have the mean of theirs.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    for tied in order.chunk_by(|&i, &j| values[i].total_cmp(&values[j]).is_eq()) {
        let mean = start as f64 + (tied.len() as f64 + 1.0) / 2.0;
        for &place in tied {
            ranks[place] = mean;
        }
        start += tied.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_share_the_mean_of_their_ranks() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0, 3.0]), [4.0, 1.0, 4.0, 2.0, 4.0]);
        assert_eq!(ranks(&[]), [] as [f64; 0]);
    }

    #[test]
    fn any_increasing_function_correlates_perfectly() {
        let a = [0.1, 0.5, 0.2, 0.9, 0.3];
        let b = a.map(|x: f64| x.exp());
        let c = a.map(|x| -x);
        assert_eq!(spearman(&a, &b), Some(1.0));
        assert_eq!(kendall(&a, &c), Some(-1.0));
        assert!((spearman(&a, &c).unwrap() + 1.0).abs() < 1e-15);
    }

    /// The numbers are SciPy's:
    /// ```python
    /// from scipy.stats import kendalltau, spearmanr
    /// a, b = [1, 2, 2, 3, 5, 4, 4, 7], [2, 1, 3, 3, 4, 6, 4, 4]
    /// spearmanr(a, b).statistic, kendalltau(a, b).statistic
    /// ```
    #[test]
    fn ties_are_handled_as_elsewhere() {
        let a = [1.0, 2.0, 2.0, 3.0, 5.0, 4.0, 4.0, 7.0];
        let b = [2.0, 1.0, 3.0, 3.0, 4.0, 6.0, 4.0, 4.0];
        assert!((spearman(&a, &b).unwrap() - 0.801_381_371_446_062_5).abs() < 1e-12);
        assert!((kendall(&a, &b).unwrap() - 0.640_512_615_220_348_5).abs() < 1e-12);
    }

    #[test]
    fn nothing_to_rank_has_no_correlation() {
        for (a, b) in [(&[][..], &[][..]), (&[1.0], &[2.0]), (&[1.0, 1.0], &[1.0, 2.0])] {
            assert_eq!((spearman(a, b), kendall(a, b)), (None, None));
        }
    }

    #[test]
    fn precision_counts_what_is_among_the_best_of_both() {
        let (predicted, valued) = ([0.9, 0.8, 0.1, 0.7], [0.5, 0.1, 0.9, 0.8]);
        let precision = |k| precision_at(k, &predicted, &valued);
        assert_eq!(precision(1), Some(0.0));
        assert_eq!(precision(2), Some(0.0));
        assert_eq!(precision(3), Some(2.0 / 3.0));
        assert_eq!(precision(4), Some(1.0));
        assert_eq!((precision(0), precision(5)), (None, None));
        assert_eq!(
            precision_at(1, &[1.0, 1.0], &[2.0, 2.0]),
            Some(1.0),
            "of equals the first"
        );
    }
}
