//! Whether shared weights rank architectures in the same way as separate trainings.

use nas_space::arch::Architecture;

/// One architecture, judged twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Audited {
    /// The architecture.
    pub architecture: Architecture,
    /// Accuracy of the shared weights on all validation images, in \[0, 1\].
    pub shared: f64,
    /// Accuracy after a training of its own, in \[0, 1\].
    pub alone: f64,
}

/// A sample of architectures, judged by the shared weights and alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    /// The architectures.
    pub sample: Vec<Audited>,
    /// Kendall's τ-b of the two accuracies: 1 where all pairs are in the same order, −1 where none
    /// is; pairs that are equal in one of them count for neither. None where all are equal in one.
    pub kendall_tau: Option<f64>,
}

impl Audit {
    /// Of these.
    pub fn new(sample: Vec<Audited>) -> Self {
        let pairs: Vec<(f64, f64)> = sample.iter().map(|one| (one.shared, one.alone)).collect();
        Self {
            kendall_tau: kendall_tau(&pairs),
            sample,
        }
    }
}

fn kendall_tau(pairs: &[(f64, f64)]) -> Option<f64> {
    let (mut balance, mut in_first, mut in_second) = (0_i64, 0_u64, 0_u64);
    for (i, a) in pairs.iter().enumerate() {
        for b in &pairs[i + 1..] {
            let (first, second) = (sign(a.0 - b.0), sign(a.1 - b.1));
            balance += first * second;
            in_first += first.unsigned_abs();
            in_second += second.unsigned_abs();
        }
    }
    let norm = (in_first as f64 * in_second as f64).sqrt();
    (norm > 0.0).then(|| balance as f64 / norm)
}

fn sign(difference: f64) -> i64 {
    i64::from(difference > 0.0) - i64::from(difference < 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counted by hand.
    #[test]
    fn tau_is_that_of_pairs_in_order() {
        let close = |pairs: &[(f64, f64)], expected: f64| {
            let tau = kendall_tau(pairs).unwrap();
            assert!((tau - expected).abs() < 1e-12, "{tau}, expected {expected}");
        };
        close(&[(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)], 1.0);
        close(&[(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)], -1.0);
        // 5 pairs in order, 1 not.
        close(&[(1.0, 1.0), (2.0, 3.0), (3.0, 2.0), (4.0, 4.0)], 4.0 / 6.0);
        // Two equal in the first: of 3 pairs, 2 count there, 3 in the second.
        close(&[(1.0, 1.0), (1.0, 2.0), (2.0, 3.0)], 2.0 / 6f64.sqrt());
        assert_eq!(kendall_tau(&[(1.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(kendall_tau(&[]), None);
    }
}
