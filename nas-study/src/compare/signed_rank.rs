//! Wilcoxon's test for pairs.

use statrs::function::erf::erfc;

use super::{Grid, SIGNIFICANCE, Shifts};

/// Up to this number of differences, the exact distribution is computed. Above it, the normal
/// approximation is accurate enough.
const EXACT: usize = 200;

/// The two-sided p-value of Wilcoxon's signed-rank test (1945) for the differences of pairs,
/// rounded to 1e-9; see [`SignedRank`].
pub fn signed_rank(differences: &[f64]) -> f64 {
    let grid = Grid::default();
    let steps: Vec<i64> = differences.iter().map(|d| grid.steps(*d)).collect();
    SignedRank::new(&steps).p_value()
}

/// Wilcoxon's signed-rank test (1945) of the differences of pairs: how often ranks of these sizes
/// would be as unevenly spread over the signs if each sign were a toss of a coin.
///
/// Differences are whole numbers of steps of a [`Grid`], so that equal ones are equal. Those of 0
/// are left out, as Wilcoxon did; equal sizes share their mean rank. Up to 200 differences the
/// distribution of the ranks at hand is counted out exactly, ties included; above it is taken to be
/// normal, with the variance that ties leave and a correction for continuity.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedRank {
    /// Twice the ranks of the sizes, growing.
    ranks: Vec<usize>,
    /// Twice the sum of the ranks of positive differences.
    positive: usize,
    shifts: Shifts,
    /// Positive differences.
    pub won: u64,
    /// Negative ones.
    pub lost: u64,
    /// Those of 0.
    pub equal: u64,
}

/// What the test tells about the size of a difference, in steps. An end that is not known is
/// infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShiftInterval {
    /// Hodges and Lehmann's estimate.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl SignedRank {
    /// The test of these differences, in steps.
    pub fn new(steps: &[i64]) -> Self {
        let mut there: Vec<i64> = steps.iter().copied().filter(|d| *d != 0).collect();
        there.sort_by_key(|d| d.unsigned_abs());
        let ranks = twice_ranks(&there);
        let signed = || ranks.iter().zip(&there);
        let positive = signed().filter(|(_, d)| **d > 0).map(|(rank, _)| rank).sum();
        let won = there.iter().filter(|d| **d > 0).count();
        Self {
            positive,
            won: won as u64,
            lost: (there.len() - won) as u64,
            equal: (steps.len() - there.len()) as u64,
            ranks,
            shifts: Shifts::new(there),
        }
    }

    /// The two-sided p-value; 1 where no difference is left.
    pub fn p_value(&self) -> f64 {
        let smaller = self.positive.min(self.all() - self.positive);
        if self.is_exact() {
            two_sided(shares(&self.ranks, smaller).iter().sum())
        } else {
            normal(&self.ranks, smaller)
        }
    }

    /// The share of the sum of ranks that positive differences have, in [0, 1]: 1 where all are
    /// positive, 0.5 where both sides weigh the same. The same number is the share of the means of
    /// two differences that are above 0, those of 0 left out of the differences and counted by half
    /// among the means; twice it less 1 is the matched-pairs rank-biserial correlation (Kerby
    /// 2014).
    ///
    /// It is above 0.5 exactly where the test leans to the positive side.
    pub fn effect(&self) -> f64 {
        match self.all() {
            0 => 0.5,
            all => self.positive as f64 / all as f64,
        }
    }

    /// Hodges and Lehmann's estimate (1963) of the differences that are not 0, and the interval
    /// that this test leaves around it at the level of significance, corrected for this number of
    /// tests: all shifts of the differences that the test would not reject.
    ///
    /// It is the inversion of this very test: a shift's sum of ranks is the number of means of two
    /// differences above it, an equal one counted by half, and the distribution of the sum is that
    /// of the ranks at hand. Within a step the sum is interpolated. So the interval excludes 0
    /// exactly where the p-value times `tests` is below the level of significance, and it lies on
    /// the side that [`effect`](Self::effect) leans to. Where no sum of ranks could be significant
    /// it has no ends.
    pub fn interval(&self, tests: usize) -> ShiftInterval {
        let all = self.all();
        let estimate = self.shifts.at(all as f64 / 4.0);
        let estimate = (estimate.0 + estimate.1) / 2.0;
        match self.least_accepted(tests) {
            None => ShiftInterval {
                estimate,
                low: f64::NEG_INFINITY,
                high: f64::INFINITY,
            },
            Some(sum) => ShiftInterval {
                estimate,
                low: self.shifts.at(all as f64 / 2.0 - sum).0,
                high: self.shifts.at(sum).1,
            },
        }
    }

    /// The sum of ranks half-way between the largest that is significant and the next; none where
    /// no sum is.
    fn least_accepted(&self, tests: usize) -> Option<f64> {
        let significant = |p: f64| p * (tests as f64) < SIGNIFICANCE;
        // All sums are multiples of this.
        let step = self.ranks.iter().copied().reduce(gcd)?;
        let most = self.all() / 2 / step;
        let count = if self.is_exact() {
            let mut sum = 0.0;
            let sums = shares(&self.ranks, most * step).into_iter().map(|share| {
                sum += share;
                sum
            });
            let p_values = sums.step_by(step).map(two_sided);
            p_values.take_while(|p| significant(*p)).count()
        } else {
            let (mut significant_below, mut accepted_from) = (0, most + 1);
            while significant_below < accepted_from {
                let middle = usize::midpoint(significant_below, accepted_from);
                if middle <= most && significant(normal(&self.ranks, middle * step)) {
                    significant_below = middle + 1;
                } else {
                    accepted_from = middle;
                }
            }
            accepted_from
        };
        // The sums 0, 1, …, count − 1 steps are significant; all of them are twice what they are.
        (count > 0).then(|| (count as f64 - 0.5) * step as f64 / 2.0)
    }

    fn is_exact(&self) -> bool {
        self.ranks.len() <= EXACT
    }

    /// Twice the sum of all ranks.
    fn all(&self) -> usize {
        self.ranks.iter().sum()
    }
}

fn two_sided(share: f64) -> f64 {
    (2.0 * share).min(1.0)
}

/// The same by the normal distribution. Ranks and the smaller of the two sums are twice what they
/// are.
fn normal(ranks: &[usize], smaller: usize) -> f64 {
    let all: usize = ranks.iter().sum();
    // The sum of ranks r, each taken with probability a half, has the variance Σ r²/4.
    let variance = ranks.iter().map(|&rank| (rank as f64).powi(2)).sum::<f64>() / 4.0;
    // Half a step of the sum of ranks is 1 of twice the ranks.
    let distance = (all as f64 / 2.0 - smaller as f64 - 1.0).max(0.0);
    erfc(distance / variance.sqrt() / std::f64::consts::SQRT_2)
}

/// Twice the rank of each, from 1; equal sizes share the mean of theirs.
fn twice_ranks(sorted: &[i64]) -> Vec<usize> {
    let mut ranks = Vec::with_capacity(sorted.len());
    for group in sorted.chunk_by(|a, b| a.unsigned_abs() == b.unsigned_abs()) {
        let first = ranks.len() + 1;
        let last = ranks.len() + group.len();
        ranks.resize(last, first + last);
    }
    ranks
}

/// The share of all choices of signs in which the positive ranks sum up to 0, 1, …, `limit`.
fn shares(ranks: &[usize], limit: usize) -> Vec<f64> {
    let mut share = vec![0.0; limit + 1];
    share[0] = 1.0;
    let mut most = 0;
    for &rank in ranks {
        most = (most + rank).min(limit);
        for sum in (0..=most).rev() {
            let with = if sum >= rank { share[sum - rank] } else { 0.0 };
            share[sum] = 0.5 * (share[sum] + with);
        }
    }
    share
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
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

    /// Two methods that are the same but for their random numbers, with accuracies rounded as those
    /// of a table are. With twelve pairs the levels that there are leave 4.25 %.
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

    fn of_counts(images: u64, a: &[u64], b: &[u64]) -> (f64, SignedRank) {
        let share = |count: &u64| *count as f64 / images as f64;
        let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| share(a) - share(b)).collect();
        let grid = Grid::new(Some(images), a.iter().chain(b).map(share));
        let pairs = a.iter().zip(b);
        let steps: Vec<i64> = pairs
            .map(|(a, b)| grid.between(Some(share(a)), Some(share(b))))
            .collect();
        (signed_rank(&differences), SignedRank::new(&steps))
    }

    /// `scipy.stats.wilcoxon` of the whole numbers, by its permutation test: 1.0 and 0.109375.
    #[test]
    fn differences_of_as_many_images_are_equal_however_they_are_computed() {
        let (a, b) = (
            [357, 353, 353, 356, 357, 353, 353, 357],
            [357, 353, 355, 354, 355, 355, 353, 355],
        );
        let (rounded, counted) = of_counts(359, &a, &b);
        assert_eq!((rounded, counted.p_value()), (1.0, 1.0));
        assert_eq!((counted.won, counted.lost, counted.equal), (3, 2, 3));
        let a = [353, 351, 356, 352, 353, 351, 355, 358, 351, 358];
        let b = [354, 350, 355, 351, 352, 350, 354, 357, 352, 357];
        let (rounded, counted) = of_counts(359, &a, &b);
        assert_eq!((rounded, counted.p_value()), (0.109_375, 0.109_375));
    }

    /// Neither the unit of accuracies nor what is added to all of them changes a p-value.
    #[test]
    fn p_values_do_not_depend_on_units() {
        let mut rng = Seed::new(5).rng();
        for _ in 0..2_000 {
            let images = rng.random_range(2..2_000_u64);
            let spread = rng.random_range(1..12_u64).min(images);
            let mut count = || images - rng.random_range(0..spread);
            let (a, b): (Vec<u64>, Vec<u64>) = (0..30).map(|_| (count(), count())).unzip();
            let constant = rng.random::<f64>();
            let p = |unit: f64, constant: f64| {
                let accuracy = |count: u64| count as f64 / images as f64 * unit + constant;
                let pairs = a.iter().zip(&b);
                signed_rank(
                    &pairs
                        .map(|(a, b)| accuracy(*a) - accuracy(*b))
                        .collect::<Vec<_>>(),
                )
            };
            let expected = p(1.0, 0.0);
            for got in [
                p(images as f64, 0.0),
                p(100.0, 0.0),
                p(1.0, constant),
                p(images as f64, constant),
            ] {
                assert_eq!(got, expected, "{images} images: {a:?}, {b:?}");
            }
            assert_eq!(of_counts(images, &a, &b).1.p_value(), expected);
        }
    }

    /// Over random differences with and without ties, zeros and runs without a result, few and more
    /// than are counted out.
    #[test]
    fn interval_estimate_and_effect_say_what_the_p_value_says() {
        let mut rng = Seed::new(6).rng();
        let mut seen = [0; 3];
        for round in 0..2_000 {
            let many = round % 200 == 0;
            let n = if many {
                rng.random_range(201..260)
            } else {
                rng.random_range(0..40)
            };
            let spread = [1_i64, 3, 20, 1 << 40][rng.random_range(0..4)];
            let shift = rng.random_range(-spread..=spread) * i64::from(rng.random_range(0..3_u8)) / 3;
            let steps: Vec<i64> = (0..n)
                .map(|_| match rng.random_range(0..20) {
                    0 => Grid::default().between(Some(0.5), None),
                    1 => Grid::default().between(None, Some(0.5)),
                    2 => 0,
                    _ => rng.random_range(-spread..=spread) + shift,
                })
                .collect();
            let tests = rng.random_range(1..20);
            let test = SignedRank::new(&steps);
            let significant = test.p_value() * (tests as f64) < SIGNIFICANCE;
            let ShiftInterval { estimate, low, high } = test.interval(tests);
            assert!(low <= estimate && estimate <= high, "{steps:?}");
            assert_eq!(significant, low > 0.0 || high < 0.0, "{low} to {high}: {steps:?}");
            let effect = test.effect();
            assert!((0.0..=1.0).contains(&effect));
            if significant {
                assert_eq!((low > 0.0, high < 0.0), (effect > 0.5, effect < 0.5), "{steps:?}");
            }
            if effect != 0.5 {
                assert_eq!(
                    (estimate > 0.0, estimate < 0.0),
                    (effect > 0.5, effect < 0.5),
                    "{steps:?}"
                );
            }
            // The other way round all of it turns.
            let turned = SignedRank::new(&steps.iter().map(|d| -d).collect::<Vec<_>>());
            assert_eq!(turned.p_value(), test.p_value());
            assert!((turned.effect() + effect - 1.0).abs() < 1e-12);
            let other = turned.interval(tests);
            for (turned, end) in [(other.low, -high), (other.high, -low)] {
                let near = turned == end || (turned - end).abs() <= 1e-9 * end.abs().max(1.0);
                assert!(near, "{turned}, expected {end}: {steps:?}");
            }
            seen[match (significant, low == f64::NEG_INFINITY) {
                (true, _) => 0,
                (false, true) => 1,
                (false, false) => 2,
            }] += 1;
        }
        assert!(seen.iter().all(|&count| count > 100), "{seen:?}");
    }

    /// ```r
    /// d <- c(1.1, -0.4, 2.3, 0.7, 3.9, -1.6, 0.2, 5.5, 2.9, 1.4)
    /// wilcox.test(d, exact = TRUE, conf.int = TRUE, conf.level = 0.95)
    /// ```
    /// By hand: the sums of ranks 0 to 8 are significant, so the ends are the ninth means from
    /// below and above.
    #[test]
    fn without_ties_the_interval_is_between_means_of_two_differences() {
        let d = [1.1, -0.4, 2.3, 0.7, 3.9, -1.6, 0.2, 5.5, 2.9, 1.4];
        let mut means: Vec<f64> = Vec::new();
        for (i, a) in d.iter().enumerate() {
            means.extend(d[..=i].iter().map(|b| (a + b) / 2.0));
        }
        means.sort_by(f64::total_cmp);
        let grid = Grid::default();
        let found = SignedRank::new(&d.map(|d| grid.steps(d))).interval(1);
        let expected = [means[8], means[27], means[46]];
        for (got, expected) in [found.low, found.estimate, found.high].into_iter().zip(expected) {
            assert!(
                (grid.difference(got).unwrap() - expected).abs() < 2e-9,
                "{found:?}, {expected}"
            );
        }
    }

    /// Of 600 samples of 15 from a normal distribution around 0.3, about 95 in 100 intervals hold
    /// it.
    #[test]
    fn the_interval_covers_as_often_as_it_says() {
        let mut rng = Seed::new(7).rng();
        let grid = Grid::default();
        let covered = (0..600)
            .filter(|_| {
                let mut normal = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 5.7;
                let steps: Vec<i64> = (0..15).map(|_| grid.steps(normal())).collect();
                let found = SignedRank::new(&steps).interval(1);
                (found.low..=found.high).contains(&(grid.steps(0.3) as f64))
            })
            .count();
        assert!((555..=588).contains(&covered), "{covered}");
    }

    #[test]
    fn few_differences_leave_an_interval_without_ends() {
        let found = SignedRank::new(&[1, 2, 3, 4, 0]).interval(1);
        assert_eq!(
            (found.low, found.estimate, found.high),
            (f64::NEG_INFINITY, 2.5, f64::INFINITY)
        );
        let none = SignedRank::new(&[0, 0]);
        assert_eq!(
            (none.p_value(), none.effect(), none.interval(1).estimate),
            (1.0, 0.5, 0.0)
        );
    }

    #[test]
    fn both_ways_agree_where_they_meet() {
        let ranks: Vec<usize> = (1..=60).map(|rank| 2 * rank).collect();
        let all: usize = ranks.iter().sum();
        for share in [0.25, 0.3, 0.35, 0.4, 0.5] {
            let smaller = 2 * (share * all as f64 / 2.0) as usize;
            let exact = two_sided(shares(&ranks, smaller).iter().sum());
            let normal = normal(&ranks, smaller);
            assert!((exact - normal).abs() < 2e-3, "{exact} and {normal}");
        }
    }
}
