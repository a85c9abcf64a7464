//! How much a study may spend.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Upper limits on what a study spends; the first one reached ends it.
///
/// A limit is checked before a proposal is asked for: trials that run are finished, so `epochs` and
/// `seconds` may be exceeded by the trials then in flight.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `trials` | none | trials asked for | ≥ 1 |
/// | `epochs` | none | training epochs of all trials together; of one that continues another, those it adds | ≥ 1 |
/// | `seconds` | none | cost of all trials together, in seconds | > 0, finite |
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Budget {
    /// Most trials.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub trials: Option<u64>,
    /// Most training epochs of all trials together; of a trial that continues another one, those
    /// that it adds.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub epochs: Option<u64>,
    /// Most seconds that all trials take together, by the cost that each has on record.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub seconds: Option<f64>,
}

/// A budget that cannot be.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum BudgetError {
    /// No limit is set.
    #[error("the budget has no limit; set at least one of trials, epochs or seconds")]
    Unlimited,
    /// A limit allows nothing, or is no number.
    #[error("the budget's {limit} is {got}; expected more than 0")]
    NotPositive {
        /// Which limit.
        limit: &'static str,
        /// Its value.
        got: f64,
    },
}

/// What a study has spent so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// Trials asked for.
    pub trials: u64,
    /// Epochs that the trials asked for add.
    pub epochs: u64,
    /// Seconds of the trials told.
    pub seconds: f64,
}

impl Budget {
    /// A budget of this number of trials.
    pub const fn trials(trials: u64) -> Self {
        Self {
            trials: Some(trials),
            epochs: None,
            seconds: None,
        }
    }

    /// Checks that there is a limit and that each allows something.
    ///
    /// # Errors
    /// [`BudgetError`] says which limit is wrong.
    pub fn validate(&self) -> Result<(), BudgetError> {
        let limits = [
            ("trials", self.trials.map(|n| n as f64)),
            ("epochs", self.epochs.map(|n| n as f64)),
            ("seconds", self.seconds),
        ];
        if limits.iter().all(|(_, value)| value.is_none()) {
            return Err(BudgetError::Unlimited);
        }
        for (limit, value) in limits {
            if let Some(got) = value.filter(|&v| !v.is_finite() || v <= 0.0) {
                return Err(BudgetError::NotPositive { limit, got });
            }
        }
        Ok(())
    }

    /// Whether another trial may be asked for.
    pub fn allows(&self, spent: &Spent) -> bool {
        self.trials.is_none_or(|limit| spent.trials < limit)
            && self.epochs.is_none_or(|limit| spent.epochs < limit)
            && self.seconds.is_none_or(|limit| spent.seconds < limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_limit_reached_ends_it() {
        let budget = Budget {
            trials: Some(3),
            epochs: Some(10),
            seconds: Some(1.5),
        };
        assert!(budget.allows(&Spent {
            trials: 2,
            epochs: 9,
            seconds: 1.4
        }));
        assert!(!budget.allows(&Spent {
            trials: 3,
            epochs: 0,
            seconds: 0.0
        }));
        assert!(!budget.allows(&Spent {
            trials: 0,
            epochs: 10,
            seconds: 0.0
        }));
        assert!(!budget.allows(&Spent {
            trials: 0,
            epochs: 0,
            seconds: 1.5
        }));
    }

    #[test]
    fn budgets_that_cannot_be_are_refused() {
        assert_eq!(Budget::default().validate(), Err(BudgetError::Unlimited));
        assert!(Budget::trials(0).validate().is_err());
        assert!(
            Budget {
                seconds: Some(f64::NAN),
                ..Budget::default()
            }
            .validate()
            .is_err()
        );
        assert!(
            Budget {
                epochs: Some(0),
                ..Budget::default()
            }
            .validate()
            .is_err()
        );
        assert!(Budget::trials(1).validate().is_ok());
    }
}
