//! Options of a progressive search, as typed.

use clap::{Args, ValueEnum};

use super::at_least;
use nas_pnas::FirstLevel;

/// How levels are chosen. Each option is for method pnas alone.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Progressive search (method pnas)")]
pub(crate) struct ProgressiveArgs {
    /// What predicts accuracies [default: mlp]
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) surrogate: Option<SurrogateName>,
    /// Which levels the networks of --surrogate mlp or lstm learn from after a level: all so far, or the new one alone
    /// [default: all]
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(crate) surrogate_data: Option<LevelDataName>,
    /// Architectures trained at level 2, 3, …, as K or K,K,…; the last is that of all further levels [default: what --trials
    /// has room for]
    #[arg(long, value_name = "K", value_delimiter = ',', value_parser = at_least(1))]
    pub(crate) beam: Option<Vec<usize>>,
    /// Architectures trained at level 1: so many uniform draws, or all [default: all, but no more than a third of --trials]
    #[arg(long, value_name = "N|all", value_parser = first_level)]
    pub(crate) first_level: Option<FirstLevel>,
    /// What children are ranked by [default: top]
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) exploration: Option<ExplorationName>,
}

/// What predicts accuracies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SurrogateName {
    /// An ensemble of MLPs over the mean of the blocks
    Mlp,
    /// An ensemble of LSTMs over the sequence of choices
    Lstm,
    /// An ensemble of random forests
    Forest,
    /// A Gaussian process
    GaussianProcess,
}

/// Which levels a surrogate learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LevelDataName {
    /// All levels so far
    All,
    /// The new level alone
    New,
}

/// What children are ranked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplorationName {
    /// The predicted mean
    Top,
    /// The predicted mean plus the spread: an upper confidence bound
    Ucb,
    /// A draw from the predicted distribution
    Thompson,
}

impl ProgressiveArgs {
    /// The first option typed, by its name.
    pub(crate) fn first_typed(&self) -> Option<&'static str> {
        let typed = [
            (self.surrogate.is_some(), "--surrogate"),
            (self.surrogate_data.is_some(), "--surrogate-data"),
            (self.beam.is_some(), "--beam"),
            (self.first_level.is_some(), "--first-level"),
            (self.exploration.is_some(), "--exploration"),
        ];
        typed.into_iter().find(|(given, _)| *given).map(|(_, name)| name)
    }
}

fn first_level(text: &str) -> Result<FirstLevel, String> {
    match (text, text.parse()) {
        ("all", _) => Ok(FirstLevel::All),
        (_, Ok(count)) if count > 0 => Ok(FirstLevel::AtMost(count)),
        _ => Err("expected a number from 1, or all".to_owned()),
    }
}
