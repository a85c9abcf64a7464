//! Search methods by name.

use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use clap::ValueEnum;
use clap::builder::PossibleValue;
use nas_evo::{RandomSearch, RandomSearchConfig, Replacement};
use nas_space::search::Strategy;
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use serde::{Deserialize, Serialize};

/// A search method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    /// Random search without repetition.
    #[default]
    Random,
}

/// What random search is run with.
const RANDOM: RandomSearchConfig = RandomSearchConfig {
    duplicates: Replacement::Without,
};

impl Method {
    /// All of them.
    pub(crate) const ALL: [Self; 1] = [Self::Random];

    /// The name it is typed by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
        }
    }

    /// What it does, in one line.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Random => "architectures drawn uniformly, none twice: the baseline",
        }
    }

    /// Its configuration as JSON, which a study keeps on record.
    pub(crate) fn parameters(self) -> Result<String> {
        Ok(match self {
            Self::Random => serde_json::to_string(&RANDOM)?,
        })
    }

    /// The strategy on a space.
    pub(crate) fn strategy(self, space: Arc<dyn Space>, seed: Seed) -> Result<Box<dyn Strategy>> {
        let seed = seed.derive("strategy", 0);
        match self {
            Self::Random => Ok(Box::new(RandomSearch::new(space, RANDOM, seed)?)),
        }
    }
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
