//! Soft limits: costs that count beside accuracies, resolved.

use anyhow::{Result, bail};
use nas_space::limits::SoftLimits;
use nas_space::search::{Direction, Evaluator, REWARD, Rewarded, Rewarding, Scale, ScoreRange, Strategy};
use nas_space::seed::Seed;
use serde_json::{Value, json};

use super::{Estimation, RunConfig};
use crate::args::SoftLimitArgs;
use crate::named::named;
use crate::usage::Usage;

/// Uniform draws of which the cheapest says how far rewards reach.
const DRAWS: usize = 200;

/// Applies the options typed.
pub(super) fn overlay(soft: Option<SoftLimits>, args: &SoftLimitArgs) -> Result<Option<SoftLimits>> {
    let Some(name) = args.first_typed() else {
        return Ok(soft);
    };
    if soft.is_none() && args.soft_max.is_empty() {
        return Err(Usage::new(format!("{name} has no meaning without --soft-max NAME=VALUE")).into());
    }
    let mut soft = soft.unwrap_or_default();
    soft.targets.extend(args.soft_max.iter().cloned());
    soft.weight = args.soft_weight.unwrap_or(soft.weight);
    soft.weight_below = args.soft_below.or(soft.weight_below);
    Ok(Some(soft))
}

impl RunConfig {
    /// Checks that rewards can be computed, and that the method can be told them.
    pub(super) fn validate_soft_limits(&self) -> Result<()> {
        let Some(soft) = &self.soft_limits else {
            return Ok(());
        };
        soft.validate()?;
        let method = self.method.method();
        if let Some(why) = method.not_rewarded() {
            bail!(
                "soft limits (--soft-max) have no meaning with method {method}, {why}; they are for methods that are told \
                 accuracies"
            );
        }
        let metric = self.metric();
        if metric.scale() != Scale::Share || metric.direction() != Direction::Higher {
            bail!(
                "soft limits (--soft-max) are for accuracies and other shares of which more is better, and this search \
                 compares by {metric}; leave them out, or use hard limits (--max)"
            );
        }
        let sizes = self.sizes()?;
        for quantity in soft.quantities() {
            let checked = sizes.check(&quantity);
            checked.map_err(|error| Usage::new(format!("a soft limit: {error}; choose one of these")))?;
        }
        Ok(())
    }

    /// The figure that the best trial is chosen by, where that is not the metric.
    pub fn ranked_by(&self) -> Option<&'static str> {
        self.soft_limits.as_ref().map(|_| REWARD)
    }

    /// What adds rewards to the evaluations of `evaluator`, where there are soft limits.
    ///
    /// # Errors
    /// Where a table cannot be opened.
    pub fn rewarding<'a>(&self, evaluator: &'a dyn Evaluator) -> Result<Option<Rewarding<'a>>> {
        let Some(soft) = &self.soft_limits else {
            return Ok(None);
        };
        Ok(Some(Rewarding::new(evaluator, self.sizes()?, soft.clone())))
    }

    /// The strategy as one that is told rewards, under a name that says so, and its parameters with the soft limits; both as
    /// they are where there are none.
    ///
    /// # Errors
    /// For parameters that are no JSON.
    pub fn rewarded(
        &self,
        strategy: Box<dyn Strategy>,
        parameters: String,
    ) -> Result<(Box<dyn Strategy>, String)> {
        let Some(soft) = &self.soft_limits else {
            return Ok((strategy, parameters));
        };
        let method: Value = serde_json::from_str(&parameters)?;
        let parameters = json!({ "soft_limits": soft, "method": method });
        let name = format!("{}+{REWARD}", strategy.name());
        Ok((
            named(Box::new(Rewarded::new(strategy)), name),
            parameters.to_string(),
        ))
    }

    /// The range of rewards, for strategies that need shares: from 0 to the reward of a perfect accuracy at the lowest cost
    /// among some uniform draws. Nothing where no reward is above the accuracy.
    pub(super) fn reward_range(&self, soft: &SoftLimits) -> Result<Option<ScoreRange>> {
        if !soft.can_raise() {
            return Ok(None);
        }
        let sizes = self.sizes()?;
        let space = match &self.estimation {
            Estimation::Table(plan) => plan.known()?,
            Estimation::Training(_) | Estimation::Command(_) => self.space.build()?,
        };
        let mut rng = Seed::new(0).derive("reward range", 0).rng();
        let factors = (0..DRAWS).filter_map(|_| {
            // One that cannot be built has no reward either.
            let figures = sizes.of(&space.sample(&mut rng)).ok()?;
            soft.factor(&figures).ok()
        });
        Ok(ScoreRange::over(factors.chain([0.0, 1.0])))
    }
}
