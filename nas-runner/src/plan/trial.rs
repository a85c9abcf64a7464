//! What a trial may take before it has failed.

use anyhow::{Result, bail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::args::BoundArgs;

/// Bounds of a trial, which take worker processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrialPlan {
    /// Most seconds that a trial may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub timeout_seconds: Option<f64>,
    /// Most bytes of memory that a trial may take; on Linux.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub memory_bytes: Option<u64>,
}

impl TrialPlan {
    /// Bounds as they are typed, over those of a file.
    pub(super) fn overlay(file: Option<Self>, typed: &BoundArgs) -> Option<Self> {
        if typed.trial_timeout.is_none() && typed.trial_memory.is_none() {
            return file;
        }
        let file = file.unwrap_or_default();
        Some(Self {
            timeout_seconds: typed.trial_timeout.or(file.timeout_seconds),
            memory_bytes: typed.trial_memory.or(file.memory_bytes),
        })
    }

    /// Checks the bounds.
    ///
    /// # Errors
    /// For one that is out of range.
    pub fn validate(&self) -> Result<()> {
        if let Some(seconds) = self.timeout_seconds
            && !(seconds > 0.0 && seconds.is_finite())
        {
            bail!("trial.timeout_seconds is {seconds}; expected a number above 0");
        }
        if self.memory_bytes == Some(0) {
            bail!("trial.memory_bytes is 0; expected at least 1");
        }
        Ok(())
    }
}
