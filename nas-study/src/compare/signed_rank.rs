//! Wilcoxon's test for pairs.

use statrs::function::erf::erfc;

/// Up to so many differences the distribution is counted out; above, the normal one is as good.
const EXACT: usize = 200;

/// The two-sided p-value of Wilcoxon's signed-rank test (1945) for the differences of pairs: how often ranks of these sizes
/// would be as unevenly spread over the signs if each sign were a toss of a coin.
///
/// Differences of 0 are left out, as Wilcoxon did; equal sizes share their mean rank. Up to 200 differences the distribution
/// of the ranks at hand is counted out exactly, ties included; above it is taken to be normal, with the variance that ties
/// leave and a correction for continuity. 1 where no difference is left.
pub fn signed_rank(differences: &[f64]) -> f64 {
    let mut sizes: Vec<(f64, bool)> = differences
        .iter()
        .filter(|d| **d != 0.0)
        .map(|d| (d.abs(), *d > 0.0))
        .collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    if sizes.is_empty() {
        return 1.0;
    }
    let ranks = twice_ranks(&sizes);
    let positive: usize = ranks
        .iter()
        .zip(&sizes)
        .filter(|(_, size)| size.1)
        .map(|(rank, _)| rank)
        .sum();
    let all: usize = ranks.iter().sum();
    let smaller = positive.min(all - positive);
    if sizes.len() <= EXACT {
        exact(&ranks, smaller)
    } else {
        normal(&ranks, smaller)
    }
}

/// By all choices of signs. Ranks and the smaller of the two sums are twice what they are.
fn exact(ranks: &[usize], smaller: usize) -> f64 {
    (2.0 * share_up_to(ranks, smaller)).min(1.0)
}

/// The same by the normal distribution.
fn normal(ranks: &[usize], smaller: usize) -> f64 {
    let all: usize = ranks.iter().sum();
    // The sum of ranks r, each taken with probability a half, has the variance Σ r²/4.
    let variance = ranks.iter().map(|&rank| (rank as f64).powi(2)).sum::<f64>() / 4.0;
    // Half a step of the sum of ranks is 1 of twice the ranks.
    let distance = (all as f64 / 2.0 - smaller as f64 - 1.0).max(0.0);
    erfc(distance / variance.sqrt() / std::f64::consts::SQRT_2)
}

/// Twice the rank of each, from 1; equal sizes share the mean of theirs.
fn twice_ranks(sizes: &[(f64, bool)]) -> Vec<usize> {
    let mut ranks = Vec::with_capacity(sizes.len());
    for group in sizes.chunk_by(|a, b| a.0 == b.0) {
        let first = ranks.len() + 1;
        let last = ranks.len() + group.len();
        ranks.resize(last, first + last);
    }
    ranks
}

/// The share of all choices of signs in which the positive ranks sum up to `limit` or less.
fn share_up_to(ranks: &[usize], limit: usize) -> f64 {
    let mut share = vec![0.0; limit + 1];
    share[0] = 1.0;
    for &rank in ranks {
        for sum in (0..=limit).rev() {
            let with = if sum >= rank { share[sum - rank] } else { 0.0 };
            share[sum] = 0.5 * (share[sum] + with);
        }
    }
    share.iter().sum()
}

#[cfg(test)]
mod tests {
    use nas_space::seed::Seed;
    use rand::RngExt;

    use super::*;
    use crate::compare::SIGNIFICANCE;

    /// Sample sizes and p-values.
    const LARGE: [(i32, f64); 3] = [
        (250, 1.604_571_081_510_918_3e-6),
        (500, 4.178_370_972_801_155e-12),
        (1_000, 1.017_215_277_457_132_5e-22),
    ];

    fn assert_close(got: f64, expected: f64) {
        assert!(
            (got - expected).abs() <= 1e-9 * expected,
            "{got}, expected {expected}"
        );
    }

    /// All 2ⁿ signs, one by one.
    fn counted_out(differences: &[f64]) -> f64 {
        let mut sizes: Vec<f64> = differences
            .iter()
            .filter(|d| **d != 0.0)
            .map(|d| d.abs())
            .collect();
        sizes.sort_by(f64::total_cmp);
        let rank = |size: f64| {
            let of: Vec<f64> = (1..)
                .zip(&sizes)
                .filter(|(_, s)| **s == size)
                .map(|(i, _)| f64::from(i))
                .collect();
            of.iter().sum::<f64>() / of.len() as f64
        };
        let ranks: Vec<f64> = sizes.iter().map(|&size| rank(size)).collect();
        let all: f64 = ranks.iter().sum();
        let positive: f64 = differences.iter().filter(|d| **d > 0.0).map(|d| rank(*d)).sum();
        let extreme = |sum: f64| (sum - all / 2.0).abs() >= (positive - all / 2.0).abs();
        let signs = 1_u32 << ranks.len();
        let as_extreme = (0..signs).filter(|signs| {
            let chosen = ranks.iter().enumerate().filter(|(i, _)| signs >> i & 1 == 1);
            extreme(chosen.map(|(_, rank)| rank).sum())
        });
        as_extreme.count() as f64 / f64::from(signs)
    }

    #[test]
    fn small_samples_are_counted_out_with_ties_and_zeros() {
        let samples: [&[f64]; 5] = [
            &[1.0, 2.0, 3.0, 4.0, 5.0],
            &[1.0, -2.0, 3.0, -4.0, 5.0, 6.0, 7.0],
            &[0.5, 0.5, -0.5, 1.0, 1.0, 2.0, 0.0, 0.0],
            &[-1.0, -1.0, -1.0, 2.0],
            &[0.1, -0.2, 0.3, 0.4, -0.4, 0.9, 1.1, -1.2, 1.3, 2.0, 2.0],
        ];
        for sample in samples {
            assert_close(signed_rank(sample), counted_out(sample));
        }
        assert_eq!(signed_rank(&[0.0, 0.0]), 1.0);
        assert_eq!(signed_rank(&[]), 1.0);
    }

    /// ```python
    /// d = [((i * 37) % 101 - 40) / 7 for i in range(n)]
    /// scipy.stats.wilcoxon(d, correction=True, method="approx").pvalue
    /// ```
    #[test]
    fn large_samples_are_as_scipys() {
        let differences =
            |n: i32| -> Vec<f64> { (0..n).map(|i| f64::from((i * 37) % 101 - 40) / 7.0).collect() };
        for (n, expected) in LARGE {
            assert_close(signed_rank(&differences(n)), expected);
        }
    }

    /// Two methods that are the same but for their random numbers, with accuracies rounded as those of a table are. With twelve
    /// pairs the levels that there are leave 4.25 %.
    #[test]
    fn chance_is_significant_in_no_more_than_five_percent() {
        let mut rng = Seed::new(0).rng();
        let mut accuracy = || (rng.random::<f64>() * 2e4).round() / 1e6 + 0.92;
        let found = (0..20_000)
            .filter(|_| {
                let differences: Vec<f64> = (0..12).map(|_| accuracy() - accuracy()).collect();
                signed_rank(&differences) < SIGNIFICANCE
            })
            .count();
        // Not never, either: a test that finds nothing is no test.
        assert!((700..=1000).contains(&found), "{found} of 20000");
    }

    #[test]
    fn both_ways_agree_where_they_meet() {
        let ranks: Vec<usize> = (1..=60).map(|rank| 2 * rank).collect();
        let all: usize = ranks.iter().sum();
        for share in [0.25, 0.3, 0.35, 0.4, 0.5] {
            let smaller = 2 * (share * all as f64 / 2.0) as usize;
            let (exact, normal) = (exact(&ranks, smaller), normal(&ranks, smaller));
            assert!((exact - normal).abs() < 2e-3, "{exact} and {normal}");
        }
    }
}
