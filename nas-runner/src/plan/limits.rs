//! The sizes of architectures, and the effect of limits on a search.

use std::sync::Arc;

use anyhow::Result;
use nas_eval::latency::LATENCY;
use nas_space::device::{DeviceFigure, DeviceSizes};
use nas_space::limits::{LimitedSpace, Limits};
use nas_space::search::{Evaluator, Gate};
use nas_space::seed::Seed;
use nas_space::sizes::{Counted, Quantity, Sizes};
use nas_space::spaces::Space;

use super::{Estimation, RunConfig};
use crate::args::LimitArgs;
use crate::usage::Usage;

/// Applies the options typed to the limits.
pub(super) fn overlay(limits: Option<Limits>, args: &LimitArgs) -> Option<Limits> {
    let sizes = args.max_params.is_some() || args.max_macs.is_some();
    let needs = [
        (
            DeviceFigure::Memory.name(),
            args.max_memory.map(|bytes| bytes as f64),
        ),
        (
            DeviceFigure::Flash.name(),
            args.max_flash.map(|bytes| bytes as f64),
        ),
        (LATENCY, args.max_latency),
    ];
    let needs: Vec<(String, f64)> = needs
        .into_iter()
        .filter_map(|(name, most)| Some((name.to_owned(), most?)))
        .collect();
    if !sizes && needs.is_empty() && args.max.is_empty() && args.min.is_empty() {
        return limits;
    }
    let mut limits = limits.unwrap_or_default();
    limits.max_params = args.max_params.or(limits.max_params);
    limits.max_macs = args.max_macs.or(limits.max_macs);
    limits.max.extend(args.max.iter().cloned());
    limits.max.extend(needs);
    limits.min.extend(args.min.iter().cloned());
    Some(limits)
}

impl RunConfig {
    /// How large architectures are, and what else they cost: the one count that limits, objectives, records and reports of
    /// this run use. Of what networks need on a small device, it has the figures that limits or objectives name.
    ///
    /// # Errors
    /// Where a table or a file of costs cannot be opened.
    pub fn sizes(&self) -> Result<Arc<dyn Sizes>> {
        let network = match &self.estimation {
            Estimation::Training(plan) => plan.evaluator.network,
            Estimation::Command(plan) => plan.network,
            Estimation::Table(plan) => {
                let sizes = plan.evaluator()?.sizes().clone();
                let networks = sizes.networks().cloned();
                let sizes: Arc<dyn Sizes> = sizes;
                return self.with_costs(match networks {
                    Some(networks) => self.with_needs(sizes, networks),
                    None => sizes,
                });
            }
        };
        let counted = Counted::new(self.space.build()?, network)?;
        self.with_costs(self.with_needs(Arc::new(counted.clone()), counted))
    }

    /// Adds the figures of small devices that are named somewhere, and that nothing else knows.
    fn with_needs(&self, sizes: Arc<dyn Sizes>, networks: Counted) -> Arc<dyn Sizes> {
        let named = self.named().into_iter();
        let missing: Vec<Quantity> = named
            .filter(|quantity| {
                DeviceFigure::named(quantity.name()).is_some() && sizes.check(quantity).is_err()
            })
            .collect();
        let names = missing.iter().map(Quantity::name);
        Arc::new(DeviceSizes::new(sizes, networks, names))
    }

    /// What limits, soft limits and objectives name.
    pub(super) fn named(&self) -> Vec<Quantity> {
        let limited = self.limits.iter().flat_map(Limits::quantities);
        let rewarded = self.soft_limits.iter().flat_map(|soft| soft.quantities());
        let objectives = self.method.objectives().iter();
        let weighed = objectives.filter_map(nas_evo::Objective::quantity);
        limited.chain(rewarded).chain(weighed).collect()
    }

    /// Checks that all limited figures and objectives are known for every architecture.
    pub(super) fn validate_sizes(&self) -> Result<()> {
        self.limits.iter().try_for_each(Limits::validate)?;
        let limited = self.limits.iter().flat_map(Limits::quantities);
        let weighed = self
            .method
            .objectives()
            .iter()
            .filter_map(nas_evo::Objective::quantity);
        let limited = limited.map(|quantity| (quantity, "a limit"));
        let weighed = weighed.map(|quantity| (quantity, "an objective"));
        for (quantity, what) in limited.chain(weighed) {
            let is_size = !matches!(quantity, Quantity::Named(_));
            // Known of all networks, without opening a table that is one of these.
            let certain = match &self.estimation {
                Estimation::Training(_) | Estimation::Command(_) => is_size,
                Estimation::Table(plan) => is_size && plan.is_nb201(),
            };
            if certain {
                continue;
            }
            let advice = match (what, &quantity) {
                ("a limit", _) => "leave out the limit, or limit one of these",
                (_, Quantity::Params) => "choose others with --objectives, such as accuracy,NAME",
                _ => "choose others with --objectives",
            };
            let checked = self.sizes()?.check(&quantity);
            checked.map_err(|error| Usage::new(format!("{what}: {error}; {advice}")))?;
        }
        Ok(())
    }

    /// What strategies see of the space: all of it, or what a table knows and is within the limits.
    ///
    /// # Errors
    /// Where too few architectures are within them.
    pub fn searched(&self, space: &Arc<dyn Space>) -> Result<Arc<dyn Space>> {
        let known = match &self.estimation {
            Estimation::Training(_) | Estimation::Command(_) => Arc::clone(space),
            Estimation::Table(plan) => plan.known()?,
        };
        Ok(match &self.limits {
            None => known,
            Some(limits) => Arc::new(LimitedSpace::new(known, self.sizes()?, limits.clone())?),
        })
    }

    /// What refuses architectures beyond the limits before they are judged, where there are limits, and records costs, where
    /// there are any. A program of the user's has one without them: the size on record is the one that would be limited. So
    /// has a search that weighs what networks need on a small device, which no evaluator reports.
    pub fn gate<'a>(&self, evaluator: &'a dyn Evaluator) -> Result<Option<Gate<'a>>> {
        let named = self.named();
        let mut named = named.iter().map(Quantity::name);
        let reports_sizes = matches!(self.estimation, Estimation::Command(_));
        let has_needs = named.any(|name| DeviceFigure::named(name).is_some());
        let is_needed = self.limits.is_some() || self.costs.is_some() || has_needs;
        if !is_needed && !reports_sizes {
            return Ok(None);
        }
        let sizes = self.sizes()?;
        let any = self.space.build()?.sample(&mut Seed::new(0).rng());
        if !is_needed && sizes.of(&any).is_err() {
            // Not every space has networks: the size is then what the program says.
            return Ok(None);
        }
        Ok(Some(Gate::new(evaluator, sizes, self.limits.clone())))
    }
}
