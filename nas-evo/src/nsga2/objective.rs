//! What architectures are compared by.

use std::fmt;

use nas_space::cost::Cost;
use serde::{Deserialize, Serialize};

/// What architectures are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Validation accuracy, the larger the better.
    Accuracy,
    /// Parameters, the fewer the better.
    Params,
    /// Multiply-accumulates, the fewer the better.
    Macs,
}

impl Objective {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Accuracy, Self::Params, Self::Macs];

    /// Its name: `accuracy`, `params` or `macs`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Params => "params",
            Self::Macs => "macs",
        }
    }

    /// The figure to minimise. Counts are exact up to 2⁵³.
    pub fn value(self, accuracy: f64, cost: Cost) -> f64 {
        match self {
            Self::Accuracy => -accuracy,
            Self::Params => cost.params as f64,
            Self::Macs => cost.macs as f64,
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
