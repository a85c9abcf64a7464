//! Scores of any size for strategies that learn from accuracies.

use super::{Ask, Outcome, Strategy, StrategyError};

/// A strategy that receives scores as shares of a range, from 0 for the worst to 1 for the best;
/// without a range, unchanged.
///
/// For strategies that use the size of an accuracy and not only its rank, such as a controller that
/// uses it as its reward, or a surrogate whose predictions end in a sigmoid. Scores of other
/// metrics may be negative or large. The range is fixed before the first trial, so the same score
/// always gives the same share. Scores outside the range become 0 or 1.
#[derive(Debug)]
pub struct Scaled<S> {
    strategy: S,
    range: Option<ScoreRange>,
}

/// Scores from the worst to the best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreRange {
    worst: f64,
    best: f64,
}

impl ScoreRange {
    /// From the least to the largest of these scores; nothing where there are none, or one that is
    /// not finite.
    pub fn over(scores: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut scores = scores.into_iter();
        let first = scores.next()?;
        let range = scores.fold((first, first), |(worst, best), score| {
            (worst.min(score), best.max(score))
        });
        let (worst, best) = range;
        (worst.is_finite() && best.is_finite()).then_some(Self { worst, best })
    }

    /// Where in the range a score lies, from 0 to 1; the middle where the range is a single score.
    pub fn share(&self, score: f64) -> f64 {
        if self.best > self.worst {
            ((score - self.worst) / (self.best - self.worst)).clamp(0.0, 1.0)
        } else {
            0.5
        }
    }

    /// The score at this share of the range: the inverse of [`share`](Self::share), up to rounding.
    pub fn score(&self, share: f64) -> f64 {
        self.worst + share * (self.best - self.worst)
    }
}

impl<S> Scaled<S> {
    /// `strategy`, told shares of this range.
    pub const fn new(strategy: S, range: Option<ScoreRange>) -> Self {
        Self { strategy, range }
    }

    /// The strategy.
    pub const fn strategy(&self) -> &S {
        &self.strategy
    }

    /// The range.
    pub const fn range(&self) -> Option<ScoreRange> {
        self.range
    }
}

impl<S: Strategy> Strategy for Scaled<S> {
    fn name(&self) -> &str {
        self.strategy.name()
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        self.strategy.ask()
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        let (Some(range), Ok(evaluation)) = (self.range, &outcome.result) else {
            return self.strategy.tell(outcome);
        };
        let share = range.share(evaluation.valid_accuracy);
        self.strategy.tell(&outcome.with_accuracy(share))
    }

    fn any_order(&self) -> bool {
        self.strategy.any_order()
    }

    fn report(&self) -> Option<serde_json::Value> {
        self.strategy.report()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_0_at_the_worst_and_1_at_the_best_and_nothing_lies_beyond() {
        let range = ScoreRange::over([-6.0, -2.0, -4.0]).unwrap();
        let shares = [-6.0, -4.0, -2.0, -9.0, 3.0].map(|score| range.share(score));
        assert_eq!(shares, [0.0, 0.5, 1.0, 0.0, 1.0]);
        for score in [-6.0, -3.5, -2.0] {
            assert_eq!(range.score(range.share(score)), score);
        }
        assert_eq!(ScoreRange::over([7.0, 7.0]).unwrap().share(7.0), 0.5);
        assert_eq!(ScoreRange::over([]), None);
        assert_eq!(ScoreRange::over([0.0, f64::INFINITY]), None);
    }
}
