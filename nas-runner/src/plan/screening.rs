//! Screening of candidates by a score, resolved.

use std::path::PathBuf;

use anyhow::{Result, bail};
use nas_eval::proxy::{ProxyConfig, ProxyKind};
use nas_space::search::Screening;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Estimation, RunConfig};
use crate::args::ScreeningArgs;
use crate::usage::{Typed, Usage};

/// `[screening]` of a run's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScreeningPlan {
    /// Candidates that are scored for each random draw.
    #[serde(default = "draws")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub draws: u32,
    /// Candidates that are scored for each mutant of a parent.
    #[serde(default = "mutants")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub mutants: u32,
    /// Where scores come from.
    pub scores: ScoresPlan,
}

/// Where scores come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ScoresPlan {
    /// A zero-cost proxy, on a batch of the training images.
    Proxy {
        /// Which one.
        proxy: ProxyKind,
        /// Initialisations that a score is averaged over.
        #[serde(default = "seeds")]
        #[schemars(range(min = 1))]
        seeds: u32,
        /// Training images that networks are scored with.
        #[serde(default = "batch_size")]
        #[schemars(range(min = 2))]
        batch_size: usize,
    },
    /// A file that `nas score --out` has written.
    File {
        /// The file.
        path: PathBuf,
        /// Its column with the scores; higher is better.
        column: String,
    },
}

fn draws() -> u32 {
    Screening::default().draws
}

fn mutants() -> u32 {
    Screening::default().mutants
}

fn seeds() -> u32 {
    ProxyConfig::default().seeds
}

fn batch_size() -> usize {
    ProxyConfig::default().batch_size
}

impl ScoresPlan {
    /// What the scores are called: the proxy, or the column.
    pub fn name(&self) -> &str {
        match self {
            Self::Proxy { proxy, .. } => proxy.name(),
            Self::File { column, .. } => column,
        }
    }
}

impl ScreeningPlan {
    /// How many candidates are scored.
    pub fn screening(&self) -> Screening {
        Screening {
            draws: self.draws,
            mutants: self.mutants,
        }
    }
}

/// Applies the options typed.
pub(super) fn overlay(plan: Option<ScreeningPlan>, args: &ScreeningArgs) -> Result<Option<ScreeningPlan>> {
    let mut plan = match (&args.proxy, plan) {
        (None, None) => {
            return match args.first_typed() {
                Some(name) => Err(Usage::new(format!("{name} has no meaning without --proxy NAME")).into()),
                None => Ok(None),
            };
        }
        (None, Some(plan)) => plan,
        (Some(name), Some(plan)) if plan.scores.name() == name => plan,
        (Some(name), plan) => ScreeningPlan {
            draws: plan.as_ref().map_or_else(draws, |plan| plan.draws),
            mutants: plan.as_ref().map_or_else(mutants, |plan| plan.mutants),
            scores: match &args.scores {
                Some(path) => ScoresPlan::File {
                    path: path.clone(),
                    column: name.clone(),
                },
                None => ScoresPlan::Proxy {
                    proxy: name.parse().typed("--proxy")?,
                    seeds: seeds(),
                    batch_size: batch_size(),
                },
            },
        },
    };
    plan.draws = args.proxy_draws.unwrap_or(plan.draws);
    plan.mutants = args.proxy_mutants.unwrap_or(plan.mutants);
    if let Some(path) = &args.scores {
        plan.scores = ScoresPlan::File {
            path: path.clone(),
            column: plan.scores.name().to_owned(),
        };
    }
    if let Some(typed) = args.proxy_seeds {
        let ScoresPlan::Proxy { seeds, .. } = &mut plan.scores else {
            let why = "--proxy-seeds has no meaning with scores from a file, which are computed already";
            return Err(Usage::new(why).into());
        };
        *seeds = typed;
    }
    Ok(Some(plan))
}

impl RunConfig {
    /// Checks that the screening is possible, and that it has an effect.
    pub(super) fn validate_screening(&self) -> Result<()> {
        let Some(plan) = &self.screening else {
            return Ok(());
        };
        let method = self.method.method();
        if let Some(why) = method.not_screened() {
            bail!(
                "screening (--proxy) has no meaning with method {method}, {why}; it is for methods that draw and mutate architectures"
            );
        }
        for (what, number) in [("draws", plan.draws), ("mutants", plan.mutants)] {
            if !(1..=Screening::MOST).contains(&number) {
                bail!(
                    "{what} of [screening] is {number}; expected 1 to {}",
                    Screening::MOST
                );
            }
        }
        match (&plan.scores, &self.estimation) {
            (ScoresPlan::Proxy { .. }, Estimation::Table(_) | Estimation::Command(_)) => bail!(
                "the proxy {} is computed on training images, and this search trains on none; expected scores from a file: \
                 nas score --space NAME --every --proxy {0} --data NAME --out scores.csv, then --scores scores.csv",
                plan.scores.name()
            ),
            (
                ScoresPlan::Proxy {
                    seeds, batch_size, ..
                },
                Estimation::Training(_),
            ) => {
                if *seeds == 0 {
                    bail!("seeds of [screening.scores] is 0; expected at least 1");
                }
                if *batch_size < 2 {
                    bail!("batch_size of [screening.scores] is {batch_size}; expected at least 2");
                }
                Ok(())
            }
            (ScoresPlan::File { column, .. }, _) if column.is_empty() => {
                bail!("column of [screening.scores] is empty; expected the name of a column")
            }
            (ScoresPlan::File { .. }, _) => Ok(()),
        }
    }
}
