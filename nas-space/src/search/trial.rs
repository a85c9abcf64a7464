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
}

impl Proposal {
    /// A proposal at the study's own fidelity.
    pub fn new(architecture: Architecture) -> Self {
        Self {
            architecture,
            fidelity: None,
        }
    }
}

/// One architecture at one fidelity with one seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Position in the study.
    pub id: TrialId,
    /// What is evaluated.
    pub architecture: Architecture,
    /// How thoroughly.
    pub fidelity: Fidelity,
    /// The stream all randomness of this evaluation comes from.
    pub seed: Seed,
}
