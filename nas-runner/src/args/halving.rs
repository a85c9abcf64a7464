//! Options of multi-fidelity search, as typed.

use clap::{Args, ValueEnum};

use crate::parsers::at_least;

/// Whether all trials are trained briefly and the better ones for longer. Each option but the first needs --halving.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Budget")]
pub struct HalvingArgs {
    /// Train all briefly, the better ones longer
    ///
    /// The best are trained up to --epochs.
    #[arg(long, value_enum, value_name = "NAME")]
    pub halving: Option<HalvingName>,
    /// Epochs after which an architecture is first judged [default: 1]
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub min_epochs: Option<u32>,
    /// Epochs of each rung, where they are not powers of --eta
    ///
    /// In a table without such powers, the default is all numbers of epochs that it has. The default of --eta is then the
    /// mean ratio of one rung to the one before.
    #[arg(long, hide_short_help = true, value_name = "N,N,...", value_delimiter = ',', conflicts_with = "min_epochs", value_parser = clap::value_parser!(u32).range(1..))]
    pub rungs: Vec<u32>,
    /// Of each rung, keep the best 1/N and train them N times as long [default: 4]
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    pub eta: Option<u32>,
    /// Number of lowest rungs to skip [default: 0]
    #[arg(long, hide_short_help = true, value_name = "N")]
    pub early_stopping_rate: Option<u32>,
    /// Architectures in a bracket of --halving sync
    ///
    /// The default is the fewest that let one of them reach --epochs.
    #[arg(long, hide_short_help = true, value_name = "N", value_parser = at_least(1))]
    pub bracket: Option<usize>,
}

/// How promotions are decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HalvingName {
    /// ASHA: an architecture is promoted as soon as it is among the best of its rung
    Asha,
    /// Successive halving: a rung begins when the one before it is complete
    Sync,
    /// Hyperband: successive halving that begins at each rung in turn
    Hyperband,
}

impl HalvingArgs {
    /// The first option typed that has a meaning with halving alone, by its name.
    pub fn first_typed(&self) -> Option<&'static str> {
        let typed = [
            (self.halving.is_some(), "--halving"),
            (self.min_epochs.is_some(), "--min-epochs"),
            (!self.rungs.is_empty(), "--rungs"),
            (self.eta.is_some(), "--eta"),
            (self.early_stopping_rate.is_some(), "--early-stopping-rate"),
            (self.bracket.is_some(), "--bracket"),
        ];
        typed.into_iter().find(|(typed, _)| *typed).map(|(_, name)| name)
    }
}
