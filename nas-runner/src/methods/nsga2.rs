//! Multi-objective evolution.

use anyhow::Result;
use clap::Args;
use nas_evo::{Nsga2, Nsga2Config, Objective};
use nas_space::search::Strategy;
use nas_space::spaces::Space;

use super::evolution::PopulationArgs;
use super::{Defaults, Known, SearchMethod, Setting};
use crate::usage::Usage;

/// What architectures are compared by.
#[derive(Debug, Clone, Default, Args)]
pub struct Nsga2Args {
    #[command(flatten)]
    population: PopulationArgs,
    /// What to compare architectures by [default: accuracy,params]
    ///
    /// Each is accuracy, params, macs, or another figure of a table. NAME:max says that more of it is better, NAME:min that
    /// less is; without either, the table decides.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    objectives: Vec<String>,
}

impl SearchMethod for Nsga2Config {
    const NAME: &'static str = "nsga2";
    const DESCRIPTION: &'static str = "evolves the front between accuracy and cost";
    const SUITS: &'static str = "small or fast networks";
    const NOT_REWARDED: Option<&'static str> =
        Some("which has costs as objectives of their own (--objectives)");

    type Args = Nsga2Args;

    fn defaults(_: &Defaults<'_>, _: &Nsga2Args) -> Result<Self> {
        Ok(Self::small())
    }

    fn overlay(&mut self, args: &Nsga2Args, known: &Known<'_>) -> Result<()> {
        self.population = args.population.population.unwrap_or(self.population);
        if args.objectives.is_empty() {
            return Ok(());
        }
        let objectives = args.objectives.iter().map(|text| {
            let read = text.parse::<Objective>();
            let mut objective =
                read.map_err(|error| Usage::new(format!("--objectives: '{text}': {error}")))?;
            if let Objective::Named { name, better } = &mut objective
                && name == text
            {
                // Where nothing is typed, the table says which values are better.
                *better = (known.direction)(name)?.unwrap_or(*better);
            }
            Ok(objective)
        });
        self.objectives = objectives.collect::<Result<_>>()?;
        Ok(())
    }

    fn validate(&self, _: &dyn Space) -> Result<()> {
        Ok(Self::validate(self)?)
    }

    fn objectives(&self) -> &[Objective] {
        &self.objectives
    }

    fn strategy(&self, setting: &Setting<'_>) -> Result<Box<dyn Strategy>> {
        let (space, seed) = (setting.space.clone(), setting.strategy_seed());
        Ok(Box::new(Nsga2::new(
            space,
            self.clone(),
            (setting.sizes)()?,
            seed,
        )?))
    }
}
