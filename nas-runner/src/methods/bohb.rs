//! BOHB.

use anyhow::{Context, Result};
use clap::Args;
use nas_evo::{Bohb, BohbConfig};
use nas_space::search::Strategy;
use nas_space::spaces::Space;

use super::{Defaults, Known, SearchMethod, Setting};
use crate::parsers::{at_least, positive};

/// What is observed, drawn and proposed.
#[derive(Debug, Clone, Default, Args)]
pub struct BohbArgs {
    /// Draws of which the model proposes one [default: 64]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    num_samples: Option<usize>,
    /// Share of proposals that are drawn uniformly, from 0 to 1 [default: 1/3]
    #[arg(long, value_name = "SHARE", value_parser = share_up_to_1)]
    random_fraction: Option<f64>,
    /// Share of the observations that count as good, in percent [default: 15]
    #[arg(long, value_name = "PERCENT", value_parser = positive)]
    top_n_percent: Option<f64>,
    /// Fewest observations of a density [default: one more than there are decisions]
    #[arg(long, value_name = "N", value_parser = at_least(2))]
    min_points_in_model: Option<usize>,
    /// Factor by which draws spread more than the model, from 1 on [default: 3]
    #[arg(long, value_name = "FACTOR", value_parser = positive)]
    bandwidth_factor: Option<f64>,
    /// Smallest bandwidth, above 0 and up to 1 [default: 0.001]
    #[arg(long, value_name = "WIDTH", value_parser = positive)]
    min_bandwidth: Option<f64>,
}

fn share_up_to_1(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}

impl SearchMethod for BohbConfig {
    const NAME: &'static str = "bohb";
    const DESCRIPTION: &'static str = "Hyperband, led by a model of the good ones";
    const SUITS: &'static str = "trainings of several lengths";
    const HAS_RUNGS: bool = true;
    const PRESETS: &'static [(&'static str, &'static str)] = &[
        ("bohb", "as in the authors' program (default)"),
        (
            "nats-bench",
            "as in NATS-Bench (2021): 4 draws, none of them uniform",
        ),
    ];

    type Args = BohbArgs;

    fn defaults(of: &Defaults<'_>, _: &BohbArgs) -> Result<Self> {
        Ok(match of.preset {
            Some("nats-bench") => Self::NATS_BENCH,
            _ => Self::default(),
        })
    }

    fn overlay(&mut self, args: &BohbArgs, _: &Known<'_>) -> Result<()> {
        self.num_samples = args.num_samples.unwrap_or(self.num_samples);
        self.random_fraction = args.random_fraction.unwrap_or(self.random_fraction);
        self.top_n_percent = args.top_n_percent.unwrap_or(self.top_n_percent);
        self.min_points_in_model = args.min_points_in_model.or(self.min_points_in_model);
        self.bandwidth_factor = args.bandwidth_factor.unwrap_or(self.bandwidth_factor);
        self.min_bandwidth = args.min_bandwidth.unwrap_or(self.min_bandwidth);
        Ok(())
    }

    fn validate(&self, _: &dyn Space) -> Result<()> {
        Ok(Self::validate(self)?)
    }

    fn strategy(&self, setting: &Setting<'_>) -> Result<Box<dyn Strategy>> {
        let halving = setting.halving.context("bohb needs the rungs of [halving]")?;
        let (space, seed) = (setting.space.clone(), setting.strategy_seed());
        Ok(Box::new(Bohb::new(space, *self, halving.clone(), seed)?))
    }
}
