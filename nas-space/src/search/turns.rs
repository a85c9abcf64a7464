//! Whose outcome a strategy is due to be told.

use super::{Outcome, StrategyError, TrialId};

/// The numbers of a strategy's proposals and outcomes: both are counted from 0, outcomes come in
/// the order of the proposals, each once, and none before it was asked for.
///
/// # Example
/// ```
/// use nas_space::search::Turns;
///
/// let mut turns = Turns::default();
/// assert_eq!((turns.ask(), turns.ask()), (0, 1));
/// assert_eq!((turns.asked(), turns.told(), turns.outstanding()), (2, 0, 2));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turns {
    asked: TrialId,
    told: TrialId,
}

impl Turns {
    /// How many proposals were made, which is the number of the next one.
    pub const fn asked(&self) -> TrialId {
        self.asked
    }

    /// How many outcomes were told, which is the number of the trial whose outcome is due.
    pub const fn told(&self) -> TrialId {
        self.told
    }

    /// How many proposals have no outcome yet.
    pub const fn outstanding(&self) -> u64 {
        self.asked - self.told
    }

    /// Counts a proposal and gives its number.
    pub const fn ask(&mut self) -> TrialId {
        self.asked += 1;
        self.asked - 1
    }

    /// Counts an outcome.
    ///
    /// # Errors
    /// [`StrategyError::Unexpected`] for one that is not due; nothing is counted then.
    pub fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        let (expected, got) = (self.told, outcome.trial.id);
        if got != expected || got >= self.asked {
            return Err(StrategyError::Unexpected { expected, got });
        }
        self.told += 1;
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
    fn outcomes_come_in_the_order_of_the_proposals_and_each_once() {
        let mut turns = Turns::default();
        assert!(turns.tell(&outcome(0)).is_err(), "not asked for");
        turns.ask();
        turns.ask();
        let refused = turns.tell(&outcome(1));
        assert!(matches!(
            refused,
            Err(StrategyError::Unexpected { expected: 0, got: 1 })
        ));
        turns.tell(&outcome(0)).unwrap();
        assert!(turns.tell(&outcome(0)).is_err(), "told twice");
        turns.tell(&outcome(1)).unwrap();
        assert_eq!(turns.outstanding(), 0);
        assert!(turns.tell(&outcome(2)).is_err(), "not asked for");
    }
}
