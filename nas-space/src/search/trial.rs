//! What is to be evaluated.

use serde::{Deserialize, Serialize};

use crate::arch::Architecture;
use crate::seed::Seed;

/// Number of a trial in its study, counted from 0 in the order of the proposals.
pub type TrialId = u64;

/// How much work an evaluation may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fidelity {
    /// Training epochs: passes over the training split. At least 1.
    pub epochs: u32,
}

/// What a strategy asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The architecture to evaluate.
    pub architecture: Architecture,
    /// How thoroughly; `None` leaves it to the study's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fidelity: Option<Fidelity>,
    /// The trial whose training continues; none for a new training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<TrialId>,
}

impl Proposal {
    /// A proposal at the study's own fidelity, trained from the start.
    pub fn new(architecture: Architecture) -> Self {
        Self {
            architecture,
            fidelity: None,
            continues: None,
        }
    }

    /// A proposal to train on, up to this fidelity, what `trial` has trained.
    ///
    /// That trial must have been told and not have failed, must be of the same architecture and of
    /// fewer epochs, and can be continued once. The study gives the new one its seed and charges
    /// only the epochs that are added.
    pub fn continuing(trial: TrialId, architecture: Architecture, fidelity: Fidelity) -> Self {
        Self {
            architecture,
            fidelity: Some(fidelity),
            continues: Some(trial),
        }
    }
}

/// The trial that another one continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Continued {
    /// Its number.
    pub trial: TrialId,
    /// The epochs that it already has. They are neither trained nor charged again.
    pub epochs: u32,
}

/// One architecture at one fidelity with one seed.
///
/// A trial that continues another one is the same training, of the same seed, for more epochs: its
/// evaluation is what it would be had it been trained from the start. Whoever evaluates it may take
/// up what the earlier one has left, and need not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Position in the study.
    pub id: TrialId,
    /// What is evaluated.
    pub architecture: Architecture,
    /// How thoroughly.
    pub fidelity: Fidelity,
    /// The stream all randomness of this evaluation comes from. Trials that continue one another
    /// share it, and no others.
    pub seed: Seed,
    /// The trial that this one continues, if it does not begin anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<Continued>,
}

impl Trial {
    /// A trial that is trained from the start.
    pub fn new(id: TrialId, architecture: Architecture, fidelity: Fidelity, seed: Seed) -> Self {
        Self {
            id,
            architecture,
            fidelity,
            seed,
            continues: None,
        }
    }

    /// The epochs that this trial adds: all of its own, or those beyond the trial that it
    /// continues.
    pub fn added_epochs(&self) -> u32 {
        let done = self.continues.map_or(0, |continued| continued.epochs);
        self.fidelity.epochs.saturating_sub(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_continuation_adds_what_its_predecessor_lacks() {
        let mut trial = Trial {
            id: 5,
            architecture: Architecture::new([1]),
            fidelity: Fidelity { epochs: 9 },
            seed: Seed::new(1),
            continues: None,
        };
        assert_eq!(trial.added_epochs(), 9);
        trial.continues = Some(Continued { trial: 2, epochs: 3 });
        assert_eq!(trial.added_epochs(), 6);
    }

    #[test]
    fn trials_and_proposals_written_before_there_were_continuations_can_be_read() {
        let trial = r#"{"id":1,"architecture":[0],"fidelity":{"epochs":2},"seed":3}"#;
        let read: Trial = serde_json::from_str(trial).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), trial);
        let proposal = r#"{"architecture":[0]}"#;
        let read: Proposal = serde_json::from_str(proposal).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), proposal);
    }
}
