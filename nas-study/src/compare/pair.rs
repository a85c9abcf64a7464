//! Two methods against each other.

use serde::Serialize;

use super::comparison::Standing;
use super::{Grid, SIGNIFICANCE, ShiftInterval, SignedRank, pairs_needed};

/// Two methods against each other, by the differences of their test accuracies with the same seeds.
/// All that is said here is said by one test of these differences, [`SignedRank`]: which is better,
/// by how much, and how sure that is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// One.
    pub a: String,
    /// The other.
    pub b: String,
    /// By how much `a` is better in a typical seed of those in which the two differ: Hodges and
    /// Lehmann's estimate, the median of the means of two differences. None where that is a seed in
    /// which one of the two has no result.
    pub difference: Option<f64>,
    /// Lower end of the interval around it that the test leaves; none where it has no end. It
    /// excludes 0, in the direction of the effect, exactly where the corrected p-value is
    /// significant.
    pub low: Option<f64>,
    /// Upper end of it.
    pub high: Option<f64>,
    /// The interval's level: 0.95 for one pair. For several that of Bonferroni's correction, by
    /// which all intervals hold at once, or for a difference that is significant by a further step
    /// of Holm's correction alone, that of the step.
    pub confidence: f64,
    /// Two-sided p-value of Wilcoxon's signed-rank test, corrected by Holm's method for all pairs
    /// of all tasks.
    pub p_value: f64,
    /// The share of the sum of ranks that the seeds won by `a` have, in [0, 1]: 0.5 where there is
    /// no difference, 1 where `a` is better in every seed in which they differ; see
    /// [`SignedRank::effect`].
    pub effect: f64,
    /// Seeds with which `a` is better.
    pub won: u64,
    /// Seeds with which `b` is better.
    pub lost: u64,
    /// Seeds with which both are equal.
    pub equal: u64,
    /// Seeds with which a difference like this would be found, see [`pairs_needed`]; none where a
    /// run has no result.
    pub seeds_needed: Option<u64>,
    /// What is needed until all pairs are known.
    #[serde(skip)]
    tested: Tested,
}

#[derive(Debug, Clone, PartialEq)]
struct Tested {
    grid: Grid,
    test: SignedRank,
    /// None where a run has no result.
    differences: Option<Vec<f64>>,
}

/// Which of two is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The first, significantly.
    First,
    /// The second, significantly.
    Second,
    /// No difference could be shown.
    Open,
}

impl Pair {
    /// Two methods, by their runs with the same seeds, as if no others were tested.
    pub(super) fn new(a: (&String, &Standing), b: (&String, &Standing), grid: Grid) -> Self {
        let runs = || a.1.tested().zip(b.1.tested());
        let steps: Vec<i64> = runs().map(|(a, b)| grid.between(a, b)).collect();
        let test = SignedRank::new(&steps);
        let mut pair = Self {
            a: a.0.clone(),
            b: b.0.clone(),
            difference: None,
            low: None,
            high: None,
            confidence: 0.0,
            p_value: test.p_value(),
            effect: test.effect(),
            won: test.won,
            lost: test.lost,
            equal: test.equal,
            seeds_needed: None,
            tested: Tested {
                grid,
                test,
                differences: runs().map(|(a, b)| Some(a? - b?)).collect(),
            },
        };
        pair.correct(pair.p_value, 1, 1);
        pair
    }

    /// Sets the p-value, corrected for `all` pairs, and the interval, corrected for this number of
    /// tests.
    pub(super) fn correct(&mut self, p_value: f64, tests: usize, all: usize) {
        let Tested {
            grid,
            test,
            differences,
        } = &self.tested;
        let ShiftInterval { estimate, low, high } = test.interval(tests);
        self.difference = grid.difference(estimate);
        self.low = grid.difference(low);
        self.high = grid.difference(high);
        self.confidence = 1.0 - SIGNIFICANCE / tests as f64;
        self.p_value = p_value;
        self.seeds_needed = differences.as_ref().and_then(|d| pairs_needed(d, all));
    }

    /// What the test says.
    pub fn finding(&self) -> Finding {
        if self.p_value >= SIGNIFICANCE {
            Finding::Open
        } else if self.effect > 0.5 {
            Finding::First
        } else {
            Finding::Second
        }
    }

    /// Seeds that would settle what is open, beyond those that there are.
    pub fn would_settle(&self) -> Option<u64> {
        let seeds = self.won + self.lost + self.equal;
        self.seeds_needed
            .filter(|needed| self.finding() == Finding::Open && *needed > seeds)
    }

    /// The pair with `a` first, where it is one of these two.
    pub fn seen_from(&self, a: &str, b: &str) -> Option<Self> {
        if self.a == a && self.b == b {
            return Some(self.clone());
        }
        let turned = |end: Option<f64>| end.map(|end| -end);
        (self.a == b && self.b == a).then(|| Self {
            a: a.to_owned(),
            b: b.to_owned(),
            difference: turned(self.difference),
            low: turned(self.high),
            high: turned(self.low),
            effect: 1.0 - self.effect,
            won: self.lost,
            lost: self.won,
            ..self.clone()
        })
    }
}
