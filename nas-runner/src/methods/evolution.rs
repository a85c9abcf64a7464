//! Evolution.

use anyhow::Result;
use clap::{Args, ValueEnum};
use nas_evo::{EvolutionConfig, RegularizedEvolution, Removal, Tournament};
use nas_space::search::Strategy;
use nas_space::spaces::Space;

use super::{Defaults, Known, SearchMethod, Setting};
use crate::parsers::{at_least, part};

/// The option of whatever keeps a population.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct PopulationArgs {
    /// Size of the population; with --removal none, its size at the start [default: 10]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub(super) population: Option<usize>,
}

/// Who has children, and who dies.
#[derive(Debug, Clone, Default, Args)]
pub struct EvolutionArgs {
    #[command(flatten)]
    population: PopulationArgs,
    /// Members drawn at random, of which the best becomes the parent [default: 3]
    #[arg(long, value_name = "N", value_parser = at_least(1), conflicts_with = "tournament_share")]
    tournament: Option<usize>,
    /// Size of the tournament as a share of the population, above 0 and up to 1
    #[arg(long, value_name = "SHARE", value_parser = part)]
    tournament_share: Option<f64>,
    /// Which member is removed when the population is full [default: oldest]
    #[arg(long, value_enum, value_name = "NAME")]
    removal: Option<RemovalName>,
}

/// Who dies where the population is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RemovalName {
    /// The oldest member: regularized evolution
    Oldest,
    /// None: the population grows
    None,
}

impl From<RemovalName> for Removal {
    fn from(name: RemovalName) -> Self {
        match name {
            RemovalName::Oldest => Self::Oldest,
            RemovalName::None => Self::None,
        }
    }
}

impl SearchMethod for EvolutionConfig {
    const NAME: &'static str = "evolution";
    const DESCRIPTION: &'static str = "changes one of the best among the most recent";
    const SUITS: &'static str = "every space; a good first choice";

    type Args = EvolutionArgs;

    /// The preset for budgets of about a hundred trials; with those of thousands a small search would be all random.
    fn defaults(_: &Defaults<'_>, _: &EvolutionArgs) -> Result<Self> {
        Ok(Self::NATS_BENCH)
    }

    fn overlay(&mut self, args: &EvolutionArgs, _: &Known<'_>) -> Result<()> {
        self.population = args.population.population.unwrap_or(self.population);
        let members = args.tournament.map(Tournament::Members);
        let share = args.tournament_share.map(|share| Tournament::Share { share });
        self.tournament = members.or(share).unwrap_or(self.tournament);
        self.removal = args.removal.map_or(self.removal, Into::into);
        Ok(())
    }

    fn validate(&self, _: &dyn Space) -> Result<()> {
        Ok(Self::validate(self)?)
    }

    fn strategy(&self, setting: &Setting<'_>) -> Result<Box<dyn Strategy>> {
        let search = RegularizedEvolution::new(setting.space.clone(), *self, setting.strategy_seed())?;
        Ok(Box::new(search))
    }
}
