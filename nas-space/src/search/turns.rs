//! Which outcomes a strategy is still to be told.

use std::collections::BTreeSet;

use super::{Outcome, StrategyError, TrialId};

/// The numbers of a strategy's proposals and outcomes. Proposals are counted from 0. Each outcome
/// comes once, and none before it was asked for; in which order they come is up to the study.
///
/// # Example
/// ```
/// use nas_space::search::Turns;
///
/// let mut turns = Turns::default();
/// assert_eq!((turns.ask(), turns.ask()), (0, 1));
/// assert_eq!((turns.asked(), turns.told(), turns.outstanding()), (2, 0, 2));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Turns {
    asked: TrialId,
    /// The lowest number of a trial whose outcome was not told.
    lowest: TrialId,
    /// Higher numbers of trials whose outcomes were told.
    early: BTreeSet<TrialId>,
}

impl Turns {
    /// How many proposals were made, which is the number of the next one.
    pub const fn asked(&self) -> TrialId {
        self.asked
    }

    /// How many outcomes were told.
    pub fn told(&self) -> TrialId {
        self.lowest + self.early.len() as u64
    }

    /// How many proposals have no outcome yet.
    pub fn outstanding(&self) -> u64 {
        self.asked - self.told()
    }

    /// Counts a proposal and gives its number.
    pub const fn ask(&mut self) -> TrialId {
        self.asked += 1;
        self.asked - 1
    }

    /// Counts an outcome.
    ///
    /// # Errors
    /// [`StrategyError::Unexpected`] for one that was told before, or not asked for; nothing is
    /// counted then.
    pub fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        let (expected, got) = (self.lowest, outcome.trial.id);
        if got < expected || got >= self.asked || !self.early.insert(got) {
            return Err(StrategyError::Unexpected { expected, got });
        }
        while self.early.remove(&self.lowest) {
            self.lowest += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Architecture;
    use crate::search::{Failure, FailureKind, Fidelity, Trial};
    use crate::seed::Seed;

    fn outcome(id: TrialId) -> Outcome {
        Outcome {
            trial: Trial::new(id, Architecture::new([]), Fidelity { epochs: 1 }, Seed::new(0)),
            result: Err(Failure::new(FailureKind::Other, "none")),
        }
    }

    #[test]
    fn outcomes_come_in_any_order_each_once_and_none_before_it_was_asked_for() {
        let mut turns = Turns::default();
        assert!(turns.tell(&outcome(0)).is_err(), "not asked for");
        for _ in 0..4 {
            turns.ask();
        }
        let refused = |turns: &mut Turns, id| {
            let before = turns.clone();
            let error = turns.tell(&outcome(id)).unwrap_err();
            assert_eq!(*turns, before);
            match error {
                StrategyError::Unexpected { expected, got } => (expected, got),
                other => panic!("{other}"),
            }
        };
        turns.tell(&outcome(2)).unwrap();
        assert_eq!(refused(&mut turns, 2), (0, 2), "told twice");
        turns.tell(&outcome(0)).unwrap();
        assert_eq!(refused(&mut turns, 0), (1, 0), "told twice");
        assert_eq!((turns.told(), turns.outstanding()), (2, 2));
        turns.tell(&outcome(1)).unwrap();
        turns.tell(&outcome(3)).unwrap();
        assert_eq!(turns.outstanding(), 0);
        assert_eq!(refused(&mut turns, 4), (4, 4), "not asked for");
    }
}
