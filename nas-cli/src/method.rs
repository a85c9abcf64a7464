//! Search methods by name.

use std::fmt;
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use nas_evo::{
    EvolutionConfig, LocalSearch, RandomSearch, RandomSearchConfig, RegularizedEvolution, Replacement,
};
use nas_space::search::Strategy;
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use serde::{Deserialize, Serialize};

/// A search method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    /// Differentiable search: a supernet is trained, and an architecture read off it.
    #[default]
    Darts,
    /// Random search without repetition.
    Random,
    /// Regularized evolution.
    Evolution,
    /// Local search.
    LocalSearch,
    /// A controller that learns by reinforcement.
    Rl,
}

/// What random search is run with.
const RANDOM: RandomSearchConfig = RandomSearchConfig {
    duplicates: Replacement::Without,
};

impl Method {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [
        Self::Darts,
        Self::Random,
        Self::Evolution,
        Self::LocalSearch,
        Self::Rl,
    ];

    /// The name it is typed by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Darts => "darts",
            Self::Random => "random",
            Self::Evolution => "evolution",
            Self::LocalSearch => "local-search",
            Self::Rl => "rl",
        }
    }

    /// What it does, in one line.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Darts => "a supernet of all architectures, trained once; the strongest operations stay",
            Self::Random => "architectures drawn uniformly, none twice: the baseline",
            Self::Evolution => "mutants of the best among the most recent: regularized evolution",
            Self::Rl => "proposals of a recurrent controller that learns by reinforcement",
            Self::LocalSearch => "all neighbours of the best so far, then those of the best of them",
        }
    }
}

/// A method that proposes architectures as a strategy, with its configuration as JSON.
///
/// # Errors
/// For one that trains a supernet or a controller, and for evolution without its configuration.
pub(crate) fn strategy(
    method: Method,
    evolution: Option<EvolutionConfig>,
    space: Arc<dyn Space>,
    seed: Seed,
) -> Result<(Box<dyn Strategy>, String)> {
    let seed = seed.derive("strategy", 0);
    Ok(match (method, evolution) {
        (Method::Random, _) => (
            Box::new(RandomSearch::new(space, RANDOM, seed)?),
            serde_json::to_string(&RANDOM)?,
        ),
        (Method::Evolution, Some(config)) => (
            Box::new(RegularizedEvolution::new(space, config, seed)?),
            serde_json::to_string(&config)?,
        ),
        (Method::LocalSearch, _) => (Box::new(LocalSearch::new(space, seed)?), "{}".to_owned()),
        (Method::Darts | Method::Evolution | Method::Rl, _) => {
            bail!("the configuration of method {method} is missing")
        }
    })
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ValueEnum for Method {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(self.description()))
    }
}
