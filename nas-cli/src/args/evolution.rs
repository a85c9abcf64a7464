//! Options of evolution, as typed.

use clap::{Args, ValueEnum};
use nas_evo::Removal;

use super::{at_least, number};
use crate::method::Method;

/// Populations and tournaments. Each option is for the methods it names.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Evolution (methods evolution and nsga2)")]
pub(crate) struct EvolutionArgs {
    /// Members of the population; of one that grows, those drawn to begin with [default: 10]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub(crate) population: Option<usize>,
    /// Evolution: members drawn to find a parent among [default: 3]
    #[arg(long, value_name = "N", value_parser = at_least(1), conflicts_with = "tournament_share")]
    pub(crate) tournament: Option<usize>,
    /// Evolution: the same as a share of the population, above 0 up to 1
    #[arg(long, value_name = "SHARE", value_parser = part)]
    pub(crate) tournament_share: Option<f64>,
    /// Evolution: who dies where the population is full [default: oldest]
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) removal: Option<RemovalName>,
    /// Nsga2: what architectures are compared by: accuracy, params, macs, or another figure of a table;
    /// NAME:max where more of it is better, NAME:min where less is [default: as the table says] [default: accuracy,params]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) objectives: Vec<String>,
}

/// Who dies where the population is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RemovalName {
    /// The oldest member: regularized evolution
    Oldest,
    /// Nobody: the population grows
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

impl EvolutionArgs {
    /// The first option typed that has no meaning with this method, and the methods that it has one with.
    pub(crate) fn meaningless(&self, method: Method) -> Option<(&'static str, &'static str)> {
        let (evolution, nsga2) = (method == Method::Evolution, method == Method::Nsga2);
        let typed = [
            (
                self.population.is_some(),
                evolution || nsga2,
                "--population",
                "evolution and nsga2",
            ),
            (self.tournament.is_some(), evolution, "--tournament", "evolution"),
            (
                self.tournament_share.is_some(),
                evolution,
                "--tournament-share",
                "evolution",
            ),
            (self.removal.is_some(), evolution, "--removal", "evolution"),
            (!self.objectives.is_empty(), nsga2, "--objectives", "nsga2"),
        ];
        let meaningless = typed.into_iter().find(|&(typed, meant, ..)| typed && !meant);
        meaningless.map(|(.., name, methods)| (name, methods))
    }
}

/// A number above 0 and up to 1.
fn part(text: &str) -> Result<f64, String> {
    number(text, "a number above 0 and up to 1", |value| {
        value > 0.0 && value <= 1.0
    })
}
