//! The correction of p-values for the number of tests.

use super::SIGNIFICANCE;

/// Holm's step-down correction (1979): the `i`-th smallest of m p-values, counted from 0, times m −
/// i, made not to decrease and at most 1. In the order given.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    steps(p_values)
        .into_iter()
        .map(|(corrected, _)| corrected)
        .collect()
}

/// The corrected p-values, each with the number of tests that an interval is to be corrected for if
/// it is to hold 0 exactly where the corrected p-value is not significant.
///
/// That number is m, by which intervals hold for all tests at once (Bonferroni), but for a test
/// that only a further step of Holm's finds significant: then it is the number of that step.
pub(super) fn steps(p_values: &[f64]) -> Vec<(f64, usize)> {
    let all = p_values.len();
    let mut order: Vec<usize> = (0..all).collect();
    order.sort_by(|&i, &j| p_values[i].total_cmp(&p_values[j]));
    let mut corrected = vec![(0.0, all); all];
    let mut largest: f64 = 0.0;
    for (rank, &i) in order.iter().enumerate() {
        largest = largest.max(p_values[i] * (all - rank) as f64);
        let by_step = largest < SIGNIFICANCE && p_values[i] * all as f64 >= SIGNIFICANCE;
        corrected[i] = (largest.min(1.0), if by_step { all - rank } else { all });
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As R's `p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")`: 0.03, 0.06, 0.06, 0.02.
    #[test]
    fn it_is_holms() {
        let corrected = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (got, expected) in corrected.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((got - expected).abs() < 1e-15, "{corrected:?}");
        }
        assert_eq!(holm(&[0.7, 0.9]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }

    #[test]
    fn an_interval_is_corrected_as_its_p_value_is() {
        // 0.04 < 0.05, 0.02 · 2 < 0.05 though 0.02 · 3 is not, 0.2.
        let found = steps(&[0.02, 0.01, 0.2]);
        assert_eq!(
            found.iter().map(|(_, tests)| *tests).collect::<Vec<_>>(),
            [2, 3, 3]
        );
        let p_values = [0.001, 0.012, 0.013, 0.02, 0.03, 0.5];
        for (p, (corrected, tests)) in p_values.iter().zip(steps(&p_values)) {
            assert_eq!(corrected < SIGNIFICANCE, p * (tests as f64) < SIGNIFICANCE, "{p}");
        }
    }
}
