//! Search methods by name.

use std::fmt;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use nas_evo::{LocalSearch, Nsga2, RandomSearch, RandomSearchConfig, RegularizedEvolution, Replacement};
use nas_pnas::{ProgressiveConfig, ProgressiveSearch};
use nas_rl::ControllerSearch;
use nas_space::search::{Scaled, Strategy};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use serde::{Deserialize, Serialize};

use crate::plan::RunConfig;

/// A search method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    /// Differentiable search: a supernet is trained, and an architecture read off it.
    #[default]
    Darts,
    /// Random search without repetition.
    Random,
    /// Tournament evolution, regularized or growing.
    Evolution,
    /// Multi-objective evolution.
    Nsga2,
    /// Local search.
    LocalSearch,
    /// Progressive search with a surrogate.
    Pnas,
    /// A controller that learns by reinforcement.
    Rl,
    /// The same, with a supernet whose weights its proposals share.
    Enas,
}

/// What random search is run with.
const RANDOM: RandomSearchConfig = RandomSearchConfig {
    duplicates: Replacement::Without,
};

impl Method {
    /// All of them.
    pub(crate) const ALL: [Self; 8] = [
        Self::Darts,
        Self::Random,
        Self::Evolution,
        Self::Nsga2,
        Self::LocalSearch,
        Self::Pnas,
        Self::Rl,
        Self::Enas,
    ];

    /// The name it is typed by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Darts => "darts",
            Self::Random => "random",
            Self::Evolution => "evolution",
            Self::Nsga2 => "nsga2",
            Self::LocalSearch => "local-search",
            Self::Pnas => "pnas",
            Self::Rl => "rl",
            Self::Enas => "enas",
        }
    }

    /// Whether it proposes architectures one by one, rather than training a supernet.
    pub(crate) fn proposes(self) -> bool {
        !matches!(self, Self::Darts | Self::Enas)
    }

    /// What it does, in one line.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Darts => "a supernet of all architectures, trained once; the strongest operations stay",
            Self::Random => "architectures drawn uniformly, none twice: the baseline",
            Self::Evolution => "mutants of the best among the most recent: regularized evolution",
            Self::Nsga2 => "the whole front between accuracy and cost: multi-objective evolution",
            Self::LocalSearch => "all neighbours of the best so far, then those of the best of them",
            Self::Pnas => {
                "level by level of a space that grows, the most promising by a surrogate's prediction"
            }
            Self::Rl => "proposals of a recurrent controller that learns by reinforcement",
            Self::Enas => {
                "the same, rewarded by a supernet whose weights all proposals share: efficient search"
            }
        }
    }
}

/// The method of a run that proposes architectures of `space` as a strategy, with its configuration as JSON. `study_seed` is
/// that of the study.
///
/// # Errors
/// For one that trains a supernet, and for one whose configuration is missing.
pub(crate) fn strategy(
    run: &RunConfig,
    space: Arc<dyn Space>,
    study_seed: Seed,
) -> Result<(Box<dyn Strategy>, String)> {
    let seed = study_seed.derive("strategy", 0);
    let method = run.method;
    let missing = || format!("the configuration of method {method} is missing");
    Ok(match method {
        Method::Random => (
            Box::new(RandomSearch::new(space, RANDOM, seed)?),
            serde_json::to_string(&RANDOM)?,
        ),
        Method::Evolution => {
            let config = run.evolution.with_context(missing)?;
            (
                Box::new(RegularizedEvolution::new(space, config, seed)?),
                serde_json::to_string(&config)?,
            )
        }
        Method::Nsga2 => {
            let config = run.nsga2.as_ref().with_context(missing)?;
            (
                Box::new(Nsga2::new(space, config.clone(), run.sizes()?, seed)?),
                serde_json::to_string(config)?,
            )
        }
        Method::Pnas => {
            let config = run.pnas.as_ref().with_context(missing)?;
            (
                Box::new(Scaled::new(progressive(config, space, study_seed)?, run.range()?)),
                serde_json::to_string(config)?,
            )
        }
        Method::LocalSearch => (Box::new(LocalSearch::new(space, seed)?), "{}".to_owned()),
        Method::Rl => {
            let config = run.rl.as_ref().with_context(missing)?;
            (
                Box::new(Scaled::new(
                    ControllerSearch::new(space, config.clone(), seed)?,
                    run.range()?,
                )),
                serde_json::to_string(config)?,
            )
        }
        Method::Darts | Method::Enas => bail!("method {method} proposes nothing: it trains a supernet"),
    })
}

/// Progressive search as what it is, for those who want to know of its levels.
pub(crate) fn progressive(
    config: &ProgressiveConfig,
    space: Arc<dyn Space>,
    study_seed: Seed,
) -> Result<ProgressiveSearch> {
    let seed = study_seed.derive("strategy", 0);
    Ok(ProgressiveSearch::new(space, config.clone(), seed)?)
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
