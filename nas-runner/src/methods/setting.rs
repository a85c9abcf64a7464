//! What a method is asked with, and what it answers with.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use nas_eval::data::DataFacts;
use nas_evo::HalvingConfig;
use nas_report::page::Html;
use nas_space::limits::SoftLimits;
use nas_space::search::{Direction, Fidelity, Metric, ScoreRange};
use nas_space::seed::Seed;
use nas_space::sizes::Sizes;
use nas_space::spaces::{Space, SpaceConfig};
use nas_study::RunDir;
use nas_tables::TabularEvaluator;
use serde_json::Value;
use toml::Table;

/// What settings depend on where nothing is said.
pub struct Defaults<'a> {
    /// The space.
    pub space: &'a SpaceConfig,
    /// The data set in figures.
    pub data: &'a DataFacts,
    /// Trials that the budget has room for, where it says so.
    pub trials: Option<u64>,
    /// The preset that is typed.
    pub preset: Option<&'a str>,
    /// The settings in a file.
    pub file: &'a Table,
}

/// What is known besides what was typed.
pub struct Known<'a> {
    /// Which values of a table's figure are better, where the table says it.
    pub direction: &'a dyn Fn(&str) -> Result<Option<Direction>>,
}

/// Where a method searches.
pub struct Setting<'a> {
    /// What it sees of the space.
    pub space: &'a Arc<dyn Space>,
    /// The seed of the study.
    pub seed: Seed,
    /// The rungs of the search, where it is halved.
    pub halving: Option<&'a HalvingConfig>,
    /// The range of scores, where they are no accuracies but, say, rewards: a method that uses the size of what it is told
    /// gets shares of it.
    pub range: Option<ScoreRange>,
    /// How large architectures are.
    pub sizes: &'a dyn Fn() -> Result<Arc<dyn Sizes>>,
    /// The table that is looked up in.
    pub table: Option<&'a TabularEvaluator>,
}

impl Setting<'_> {
    /// The seed of a strategy.
    pub(super) fn strategy_seed(&self) -> Seed {
        self.seed.derive("strategy", 0)
    }
}

/// A study that has ended.
pub struct Ended<'a> {
    /// Where it searched.
    pub setting: &'a Setting<'a>,
    /// The run directory.
    pub run: &'a RunDir,
    /// [`Strategy::report`](nas_space::search::Strategy::report).
    pub report: Option<Value>,
    /// What its scores are of.
    pub metric: Metric,
    /// What rewards it was told, where it was not told scores.
    pub rewards: Option<&'a SoftLimits>,
    /// Of a trial for which the strategy asks for no number of epochs of its own.
    pub fidelity: Fidelity,
}

/// A picture in the run directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// What it is called where results are printed.
    pub name: &'static str,
    /// The file.
    pub path: PathBuf,
}

/// A section of a report.
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// What stands below.
    pub html: Html,
}

/// How a search trains its supernet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SupernetPlan {
    /// Epochs.
    pub epochs: u32,
    /// Share of the training images that the weights are not trained on, in (0, 1).
    pub valid_fraction: f64,
}
