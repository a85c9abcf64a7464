//! Methods by their ranks over blocks of runs that belong together.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Continuous, ContinuousCDF, FisherSnedecor, Normal};

use super::SIGNIFICANCE;

/// The ranks of methods over blocks: in each block the best method has rank 1, equal ones share the
/// mean of theirs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ranks {
    /// Mean rank of each method, in the order given.
    pub mean: Vec<f64>,
    /// Number of blocks.
    pub blocks: usize,
    /// The p-value of Friedman's test in the form of Iman and Davenport (1980): that all methods
    /// have the same rank.
    pub p_value: f64,
    /// Mean ranks that differ by at least this do so significantly, by Nemenyi's test (1963) at 5
    /// %.
    pub critical_difference: f64,
    /// The largest sets of methods, by their places, none of which differs significantly from
    /// another of the same set; those of one method are left out. All are one set where Friedman's
    /// test finds nothing.
    pub groups: Vec<Vec<usize>>,
}

impl Ranks {
    /// The ranks of methods by one figure from each in each block, a higher one being better;
    /// figures that are to be equal are equal to the bit. None for fewer than two methods or two
    /// blocks, or for blocks of different sizes.
    pub fn new(blocks: &[Vec<f64>]) -> Option<Self> {
        let methods = blocks.first()?.len();
        if methods < 2 || blocks.len() < 2 || blocks.iter().any(|block| block.len() != methods) {
            return None;
        }
        let (n, k) = (blocks.len() as f64, methods as f64);
        let ranked: Vec<Vec<f64>> = blocks.iter().map(|block| ranks(block)).collect();
        let mean: Vec<f64> = (0..methods)
            .map(|method| ranked.iter().map(|ranks| ranks[method]).sum::<f64>() / n)
            .collect();
        let p_value = friedman(&ranked, &mean);
        let critical_difference =
            studentized_range(methods, 1.0 - SIGNIFICANCE) / 2f64.sqrt() * (k * (k + 1.0) / (6.0 * n)).sqrt();
        let groups = if p_value < SIGNIFICANCE {
            groups(&mean, critical_difference)
        } else {
            vec![sorted(&mean)]
        };
        Some(Self {
            mean,
            blocks: blocks.len(),
            p_value,
            critical_difference,
            groups,
        })
    }
}

/// The rank of each, the highest first; equal ones share the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let above = values.iter().filter(|other| *other > value).count();
        let equal = values.iter().filter(|other| *other == value).count();
        above as f64 + (equal as f64 + 1.0) / 2.0
    };
    values.iter().map(rank).collect()
}

/// Places by mean rank, the best first.
fn sorted(mean: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..mean.len()).collect();
    order.sort_by(|&a, &b| mean[a].total_cmp(&mean[b]));
    order
}

/// With the variance that ties leave (Conover 1999): T = (k − 1) Σ (Rⱼ − n (k + 1)/2)² / (A − C),
/// F = (n − 1) T / (n (k − 1) − T).
fn friedman(ranked: &[Vec<f64>], mean: &[f64]) -> f64 {
    let (n, k) = (ranked.len() as f64, mean.len() as f64);
    let squares: f64 = ranked.iter().flatten().map(|rank| rank * rank).sum();
    let spread = squares - n * k * (k + 1.0).powi(2) / 4.0;
    if spread <= 0.0 {
        // All are equal in every block.
        return 1.0;
    }
    let between: f64 = mean
        .iter()
        .map(|mean| (n * (mean - (k + 1.0) / 2.0)).powi(2))
        .sum();
    let t = (k - 1.0) * between / spread;
    let left = n * (k - 1.0) - t;
    if left <= 1e-9 {
        // The same order in every block, which F cannot tell: one of (k!)ⁿ⁻¹ ways.
        let orders: f64 = (1..=mean.len()).map(|i| i as f64).product();
        return orders.powf(1.0 - n);
    }
    match FisherSnedecor::new(k - 1.0, (n - 1.0) * (k - 1.0)) {
        Ok(distribution) => distribution.sf((n - 1.0) * t / left),
        Err(_) => 1.0,
    }
}

/// The sets of neighbours in the order of ranks that span less than the critical difference, none
/// within another.
fn groups(mean: &[f64], critical_difference: f64) -> Vec<Vec<usize>> {
    let order = sorted(mean);
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut end_before = 0;
    for start in 0..order.len() {
        let near = |&&place: &&usize| mean[place] - mean[order[start]] < critical_difference;
        let end = start + order[start..].iter().take_while(near).count();
        if end > end_before && end - start > 1 {
            groups.push(order[start..end].to_vec());
        }
        end_before = end_before.max(end);
    }
    groups
}

/// The number that the range of `count` independent standard normal numbers stays below with this
/// probability: the studentized range with infinitely many degrees of freedom.
fn studentized_range(count: usize, probability: f64) -> f64 {
    let normal = Normal::standard();
    // P(range ≤ q) = k ∫ φ(z) (Φ(z) − Φ(z − q))ᵏ⁻¹ dz, by Simpson's rule.
    let below = |q: f64| {
        const STEPS: usize = 800;
        let (from, to) = (-8.0, 8.0 + q);
        let width = (to - from) / STEPS as f64;
        let value = |i: usize| {
            let z = from + width * i as f64;
            normal.pdf(z) * (normal.cdf(z) - normal.cdf(z - q)).powi(count as i32 - 1)
        };
        let weight = |i: usize| match i {
            0 | STEPS => 1.0,
            i if i % 2 == 1 => 4.0,
            _ => 2.0,
        };
        count as f64 * width / 3.0 * (0..=STEPS).map(|i| weight(i) * value(i)).sum::<f64>()
    };
    let (mut low, mut high) = (0.0, 20.0);
    while high - low > 1e-9 {
        let middle = (low + high) / 2.0;
        if below(middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Demšar 2006 (JMLR 7), table 5: critical values for the two-tailed Nemenyi test at 5 %, for 2
    /// to 10 methods.
    #[test]
    fn critical_values_are_the_published_ones() {
        let published = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164];
        for (count, expected) in (2..).zip(published) {
            let got = studentized_range(count, 0.95) / 2f64.sqrt();
            assert!(
                (got - expected).abs() < 1e-3,
                "{count}: {got}, expected {expected}"
            );
        }
    }

    /// ```python
    /// rng = [[(7 * i + 3 * j * i) % 11 + j for j in range(4)] for i in range(12)]
    /// t = scipy.stats.friedmanchisquare(*zip(*rng)).statistic; f = 11 * t / (12 * 3 - t); scipy.stats.f.sf(f, 3, 33)
    /// ```
    #[test]
    fn friedmans_test_is_as_scipys() {
        let block = |i: u32| (0..4).map(|j| f64::from((7 * i + 3 * j * i) % 11 + j)).collect();
        let blocks: Vec<Vec<f64>> = (0..12).map(block).collect();
        let ranks = Ranks::new(&blocks).unwrap();
        assert!((ranks.p_value - FRIEDMAN).abs() < 1e-9, "{}", ranks.p_value);
        let sum: f64 = ranks.mean.iter().sum();
        assert!((sum - 10.0).abs() < 1e-12, "ranks 1 to 4");
    }

    const FRIEDMAN: f64 = 0.070_917_558_844_121_08;

    #[test]
    fn methods_that_differ_are_in_no_common_group() {
        // The first is always best, the other two take turns.
        let blocks: Vec<Vec<f64>> = (0..30)
            .map(|i| vec![3.0, 1.0 + f64::from(i % 2), 2.0 - f64::from(i % 2)])
            .collect();
        let ranks = Ranks::new(&blocks).unwrap();
        assert_eq!(ranks.mean, [1.0, 2.5, 2.5]);
        assert!(ranks.p_value < 1e-9, "{}", ranks.p_value);
        assert_eq!(ranks.groups, [vec![1, 2]]);
        // CD = 2.343 √(3·4/(6·30)).
        assert!((ranks.critical_difference - 0.605).abs() < 1e-3);
    }

    #[test]
    fn equal_and_constant_orders_are_known() {
        let equal = Ranks::new(&[vec![1.0, 1.0], vec![2.0, 2.0]]).unwrap();
        assert_eq!((equal.p_value, &equal.mean[..]), (1.0, &[1.5, 1.5][..]));
        assert_eq!(equal.groups, [vec![0, 1]]);
        let constant = Ranks::new(&vec![vec![3.0, 2.0, 1.0]; 5]).unwrap();
        assert!((constant.p_value - 6f64.powi(-4)).abs() < 1e-15);
        assert_eq!(Ranks::new(&[vec![1.0, 2.0]]), None, "one block");
        assert_eq!(Ranks::new(&[vec![1.0], vec![1.0]]), None, "one method");
        assert_eq!(Ranks::new(&[vec![1.0, 2.0], vec![1.0]]), None);
    }

    #[test]
    fn groups_are_the_largest_and_may_overlap() {
        assert_eq!(groups(&[1.0, 2.0, 3.0, 6.0], 1.5), [vec![0, 1], vec![1, 2]]);
        assert_eq!(groups(&[3.0, 1.0, 2.0], 2.5), [vec![1, 2, 0]]);
        assert!(groups(&[1.0, 3.0], 1.0).is_empty());
    }
}
