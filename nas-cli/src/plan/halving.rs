//! Multi-fidelity search, resolved.

use anyhow::{Result, bail};
use nas_eval::evaluator::Span;
use nas_evo::HalvingConfig;
use nas_evo::halving::Schedule;
use serde::{Deserialize, Serialize};

use super::{Estimation, RunConfig, TrainingPlan};
use crate::args::{HalvingArgs, HalvingName};
use crate::method::Method;
use crate::usage::Usage;

/// Epochs of the top rung where nothing is said: three rungs of the default reduction.
pub(crate) const EPOCHS: u32 = 16;

/// `[halving]` of a run's configuration: all of [`HalvingConfig`] but the maximum, which is the epochs of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct HalvingPlan {
    /// r, in epochs.
    pub(crate) min_epochs: u32,
    /// η, the reduction factor.
    pub(crate) eta: u32,
    /// s, how many of the lowest rungs are left out.
    pub(crate) early_stopping_rate: u32,
    /// Whether promotions wait.
    pub(crate) schedule: SchedulePlan,
}

/// Whether promotions wait.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum SchedulePlan {
    /// They do not: ASHA.
    Asha {},
    /// They wait for their rung.
    Sync {
        /// Architectures of a bracket, where not the fewest that bring one to the top.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bracket: Option<usize>,
    },
}

impl Default for SchedulePlan {
    fn default() -> Self {
        Self::Asha {}
    }
}

impl Default for HalvingPlan {
    fn default() -> Self {
        let HalvingConfig {
            min_epochs,
            eta,
            early_stopping_rate,
            ..
        } = HalvingConfig::default();
        Self {
            min_epochs,
            eta,
            early_stopping_rate,
            schedule: SchedulePlan::default(),
        }
    }
}

impl HalvingPlan {
    /// What it means for trials of at most so many epochs.
    ///
    /// # Errors
    /// For a number out of its range.
    pub(crate) fn config(&self, max_epochs: u32) -> Result<HalvingConfig> {
        let mut config = HalvingConfig {
            min_epochs: self.min_epochs,
            max_epochs,
            eta: self.eta,
            early_stopping_rate: self.early_stopping_rate,
            schedule: Schedule::Asynchronous {},
        };
        if let SchedulePlan::Sync { bracket } = self.schedule {
            let configurations = match bracket {
                Some(configurations) => configurations,
                None => config.smallest_bracket()?,
            };
            config.schedule = Schedule::Synchronous { configurations };
        }
        config.validate()?;
        Ok(config)
    }
}

/// Puts what was typed over it.
pub(super) fn overlay(plan: &mut HalvingPlan, args: &HalvingArgs) -> Result<()> {
    plan.min_epochs = args.min_epochs.unwrap_or(plan.min_epochs);
    plan.eta = args.eta.unwrap_or(plan.eta);
    plan.early_stopping_rate = args.early_stopping_rate.unwrap_or(plan.early_stopping_rate);
    plan.schedule = match (args.halving, plan.schedule) {
        (Some(HalvingName::Asha), _) => SchedulePlan::Asha {},
        (Some(HalvingName::Sync), SchedulePlan::Asha {}) => SchedulePlan::Sync { bracket: None },
        (_, schedule) => schedule,
    };
    match (&mut plan.schedule, args.bracket) {
        (_, None) => {}
        (SchedulePlan::Sync { bracket }, typed) => *bracket = typed,
        (SchedulePlan::Asha {}, Some(_)) => {
            return Err(Usage::new("--bracket has no meaning with --halving asha; it is for sync").into());
        }
    }
    Ok(())
}

/// Refuses options that are typed and have no meaning without halving.
pub(super) fn refuse_options(args: &HalvingArgs, in_file: bool) -> Result<()> {
    match args.first_typed() {
        Some(name) if args.halving.is_none() && !in_file => Err(Usage::new(format!(
            "{name} has no meaning without --halving asha or --halving sync"
        ))
        .into()),
        _ => Ok(()),
    }
}

impl RunConfig {
    /// The training whose trials are halved, and how.
    ///
    /// # Errors
    /// For a number out of its range, or an estimation or method that cannot be halved.
    pub(crate) fn halving(&self) -> Result<Option<(&TrainingPlan, HalvingConfig)>> {
        let Some(halving) = &self.halving else {
            return Ok(None);
        };
        if !self.method.proposes() {
            bail!(
                "halving has no meaning with method {}, whose trials are searches; it is for methods that propose \
                 architectures",
                self.method
            );
        }
        if self.method == Method::Pnas {
            bail!(
                "halving has no meaning with method pnas, whose surrogate compares trainings of one length; it is for methods \
                 that propose architectures one by one"
            );
        }
        let Estimation::Training(plan) = &self.estimation else {
            bail!(
                "halving has no meaning with a benchmark table, of which a search sees one figure for each architecture, nor with an \
                 evaluator of your own; it is for trials that this program trains"
            );
        };
        if plan.evaluator.span != Span::Trial {
            bail!(
                "[estimation.evaluator] has a span; expected none with halving: it is the epochs of a trial"
            );
        }
        Ok(Some((plan, halving.config(plan.epochs)?)))
    }
}
