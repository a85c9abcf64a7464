//! Options of multi-fidelity search, as typed.

use clap::{Args, ValueEnum};

use crate::parsers::at_least;

/// Whether most trials are trained a little and the better ones more. Each option but the first is for --halving alone.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Budget")]
pub struct HalvingArgs {
    /// Train most architectures a little, and only the better ones up to --epochs [default: train all alike]
    #[arg(long, value_enum, value_name = "NAME")]
    pub halving: Option<HalvingName>,
    /// Training epochs after which an architecture is judged first [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub min_epochs: Option<u32>,
    /// One of so many goes on, to so many times the epochs [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    pub eta: Option<u32>,
    /// Lowest rungs to leave out [default: 0]
    #[arg(long, value_name = "N")]
    pub early_stopping_rate: Option<u32>,
    /// Architectures of a bracket, with --halving sync [default: the fewest that bring one to --epochs]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    pub bracket: Option<usize>,
}

/// How promotions are decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HalvingName {
    /// ASHA: the best of what is known go on at once
    Asha,
    /// Successive halving: brackets in which each rung waits for the whole one before
    Sync,
}

impl HalvingArgs {
    /// The first option typed that has a meaning with halving alone, by its name.
    pub fn first_typed(&self) -> Option<&'static str> {
        let typed = [
            (self.halving.is_some(), "--halving"),
            (self.min_epochs.is_some(), "--min-epochs"),
            (self.eta.is_some(), "--eta"),
            (self.early_stopping_rate.is_some(), "--early-stopping-rate"),
            (self.bracket.is_some(), "--bracket"),
        ];
        typed.into_iter().find(|(typed, _)| *typed).map(|(_, name)| name)
    }
}
