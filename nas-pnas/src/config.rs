//! The parameters of a progressive search.

use std::sync::Arc;

use nas_space::spaces::Space;
use serde::{Deserialize, Serialize};

use crate::blocks::growth;
use crate::error::PnasError;
use crate::expansion::Expansion;
use crate::surrogate::{NetworkConfig, SurrogateConfig};

/// Architectures of level 1 that are counted at a time.
const FIRST_BATCH: usize = 256;

/// The parameters of a progressive search. The defaults are those of Liu et al. 2018.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `beam` | 256 | architectures trained at level 2, 3, …; the last number is that of all further levels: K in the paper | ≥ 1 each, at least one |
/// | `first_level` | `all` | how much of level 1 is trained | `all`, or `at_most` ≥ 1 drawn at random |
/// | `parents` | `all` | how many of a level's trained architectures are expanded | `all`, or the `best` ≥ 1 |
/// | `exploration` | `top` | what children are ranked by | `top`, `ucb` ≥ 0, `thompson` |
/// | `surrogate` | an ensemble of MLPs | what predicts accuracies | see [`SurrogateConfig`] |
///
/// How many levels there are is said by the space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ProgressiveConfig {
    /// Architectures trained at level 2, 3, …; the last number is that of all further levels.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), inner(range(min = 1))))]
    pub beam: Vec<usize>,
    /// How many architectures of level 1 are trained.
    pub first_level: FirstLevel,
    /// How many of a level's trained architectures are expanded.
    pub parents: Parents,
    /// What children are ranked by.
    pub exploration: Exploration,
    /// What predicts accuracies.
    pub surrogate: SurrogateConfig,
}

/// How much of level 1 is trained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FirstLevel {
    /// All, as in the paper.
    #[default]
    All,
    /// This many, drawn uniformly from the different ones; all where there are not more.
    AtMost(#[cfg_attr(feature = "schema", schemars(range(min = 1)))] usize),
}

/// How many of a level's trained architectures are expanded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Parents {
    /// All whose trial did not fail, as in the paper.
    #[default]
    All,
    /// This many of the highest validation accuracy; of equals those asked for first.
    Best(#[cfg_attr(feature = "schema", schemars(range(min = 1)))] usize),
}

/// What children are ranked by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Exploration {
    /// The predicted mean, as in the paper.
    #[default]
    Top,
    /// The mean plus this many times the spread: an upper confidence bound.
    Ucb(#[cfg_attr(feature = "schema", schemars(range(min = 0)))] f64),
    /// A draw from the normal distribution of this mean and spread, a separate one for each child:
    /// Thompson sampling.
    ///
    /// As in BANANAS (White et al. 2021, arXiv 1910.11858).
    Thompson,
}

impl Exploration {
    /// Checks the weight of the spread, which errors call `name`.
    pub(crate) fn validate(self, name: &'static str) -> Result<(), PnasError> {
        match self {
            Self::Ucb(weight) if !(weight >= 0.0 && weight.is_finite()) => {
                Err(PnasError::config(name, weight, "a number of at least 0"))
            }
            _ => Ok(()),
        }
    }
}

impl Default for ProgressiveConfig {
    fn default() -> Self {
        Self {
            beam: vec![256],
            first_level: FirstLevel::All,
            parents: Parents::All,
            exploration: Exploration::Top,
            surrogate: SurrogateConfig::default(),
        }
    }
}

impl ProgressiveConfig {
    /// For a hundred trials of NAS-Bench-201's cells by nodes: 5 of one node, 40 of two, 55 of
    /// three, and smaller networks.
    ///
    /// Chosen on the benchmark's CIFAR-10 by the test accuracy of seeds 10,000 to 10,023 (forests
    /// and most Gaussian processes: to 10,059) among seventeen configurations, not a full grid:
    /// beams 25/70, 40/55 and 55/40; MLPs and LSTMs of these small sizes, forests, Gaussian
    /// processes on three encodings; exploration by each of the three rules; all parents or the
    /// best 10 or 15; 60 or 150 epochs; refitted or retrained. The MLP's first layer had its random
    /// numbers in another order then. Differences between the better ones are within their noise.
    /// What is reported of it was measured on other seeds, but of the same table.
    pub fn nas_bench_201() -> Self {
        Self {
            beam: vec![40, 55],
            surrogate: SurrogateConfig::Mlp(NetworkConfig {
                embedding: 16,
                hidden: 32,
                ..NetworkConfig::default()
            }),
            ..Self::default()
        }
    }

    /// A configuration that goes through all levels of a space with this number of trials. Level 1
    /// gets `first_level` trials or, by default, at most a third of them; the other levels share
    /// the rest equally. The networks are as small as in [`ProgressiveConfig::nas_bench_201`]. If
    /// there are too few trials for this, each level gets one.
    ///
    /// # Errors
    /// [`PnasError::DoesNotGrow`] for a space without levels; a space error where it cannot be
    /// expanded.
    pub fn within(
        trials: u64,
        space: &Arc<dyn Space>,
        first_level: Option<FirstLevel>,
    ) -> Result<Self, PnasError> {
        let levels = growth(space.as_ref())?.levels();
        let trials = usize::try_from(trials).unwrap_or(usize::MAX);
        let room = match first_level {
            Some(FirstLevel::AtMost(room)) => room,
            // No more than this is counted: all of a level that is larger leave no trial for
            // others.
            Some(FirstLevel::All) => trials.max(1),
            None if levels == 1 => trials.max(1),
            None => (trials / 3).max(1),
        };
        let mut first = Expansion::first_level(Arc::clone(space))?;
        while first.distinct() <= room as u64 && first.next_batch(FIRST_BATCH)?.is_some() {}
        let (first_level, spent) = match usize::try_from(first.distinct()) {
            Ok(distinct) if distinct <= room => (FirstLevel::All, distinct),
            _ if first_level == Some(FirstLevel::All) => (FirstLevel::All, trials),
            _ => (FirstLevel::AtMost(room), room),
        };
        let mut config = Self {
            first_level,
            ..Self::nas_bench_201()
        };
        if levels > 1 {
            let rest = trials.saturating_sub(spent);
            let each = (rest / (levels - 1)).max(1);
            config.beam = vec![each; levels - 2];
            config.beam.push(rest.saturating_sub(each * (levels - 2)).max(1));
        }
        Ok(config)
    }

    /// How many architectures of this level, from 2, are trained.
    pub fn beam_at(&self, level: usize) -> usize {
        let place = level.saturating_sub(2).min(self.beam.len().saturating_sub(1));
        self.beam.get(place).copied().unwrap_or(0)
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`PnasError::Config`] names the first value that is out of range, and the expected range.
    pub fn validate(&self) -> Result<(), PnasError> {
        if self.beam.is_empty() || self.beam.contains(&0) {
            let got = format!("{:?}", self.beam);
            return Err(PnasError::config(
                "beam",
                got,
                "one or more numbers of at least 1",
            ));
        }
        if self.first_level == FirstLevel::AtMost(0) {
            return Err(PnasError::config("first_level.at_most", 0, "at least 1"));
        }
        if self.parents == Parents::Best(0) {
            return Err(PnasError::config("parents.best", 0, "at least 1"));
        }
        self.exploration.validate("exploration.ucb")?;
        self.surrogate.validate()
    }
}

#[cfg(test)]
mod tests {
    use nas_space::spaces::{PnasConfig, pnas};

    use super::*;

    #[test]
    fn the_defaults_are_the_papers_and_the_last_beam_is_that_of_all_further_levels() {
        let config = ProgressiveConfig::default();
        config.validate().unwrap();
        assert_eq!([2, 3, 5].map(|level| config.beam_at(level)), [256; 3]);
        let config = ProgressiveConfig {
            beam: vec![8, 4],
            ..config
        };
        assert_eq!([2, 3, 4, 9].map(|level| config.beam_at(level)), [8, 4, 4, 4]);
    }

    #[test]
    fn what_fits_into_so_many_trials_goes_through_all_levels() {
        let plan = |space: Arc<dyn Space>, trials| {
            let config = ProgressiveConfig::within(trials, &space, None).unwrap();
            config.validate().unwrap();
            (config.first_level, config.beam)
        };
        let nb201 = || Arc::new(nas_space::spaces::nb201());
        let pnas = |blocks| Arc::new(pnas(&PnasConfig { blocks }).unwrap());
        assert_eq!(plan(nb201(), 100), (FirstLevel::All, vec![47, 48]));
        assert_eq!(plan(pnas(5), 1_160), (FirstLevel::All, vec![256; 4]));
        assert_eq!(plan(pnas(3), 60), (FirstLevel::AtMost(20), vec![20, 20]));
        assert_eq!(plan(pnas(1), 200), (FirstLevel::All, vec![40, 55]));
        assert_eq!(plan(pnas(3), 2), (FirstLevel::AtMost(1), vec![1, 1]));
    }

    #[test]
    fn level_1_is_as_large_as_it_is_asked_to_be() {
        let space: Arc<dyn Space> = Arc::new(nas_space::spaces::pnas(&PnasConfig { blocks: 3 }).unwrap());
        let within = |trials, first| ProgressiveConfig::within(trials, &space, Some(first)).unwrap();
        // All 136, and 16 of each other level.
        let all = within(168, FirstLevel::All);
        assert_eq!((all.first_level, &all.beam[..]), (FirstLevel::All, &[16, 16][..]));
        let some = within(168, FirstLevel::AtMost(68));
        assert_eq!(
            (some.first_level, &some.beam[..]),
            (FirstLevel::AtMost(68), &[50, 50][..])
        );
        let tight = within(100, FirstLevel::All);
        assert_eq!(
            (tight.first_level, &tight.beam[..]),
            (FirstLevel::All, &[1, 1][..])
        );
    }

    #[test]
    fn the_config_reads_what_it_writes_and_refuses_what_it_does_not_know() {
        let config = ProgressiveConfig {
            beam: vec![25, 70],
            first_level: FirstLevel::AtMost(3),
            parents: Parents::Best(5),
            exploration: Exploration::Ucb(0.5),
            ..ProgressiveConfig::default()
        };
        let text = serde_json::to_string(&config).unwrap();
        assert!(text.contains(r#""first_level":{"at_most":3}"#), "{text}");
        assert_eq!(serde_json::from_str::<ProgressiveConfig>(&text).unwrap(), config);
        assert_eq!(
            serde_json::from_str::<ProgressiveConfig>("{}").unwrap(),
            ProgressiveConfig::default()
        );
        for text in [
            r#"{"beem": [1]}"#,
            r#"{"surrogate": {"kind": "mlp", "layers": 3}}"#,
        ] {
            assert!(serde_json::from_str::<ProgressiveConfig>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused_by_name() {
        let default = ProgressiveConfig::default;
        let cases = [
            (
                "beam is []",
                ProgressiveConfig {
                    beam: vec![],
                    ..default()
                },
            ),
            (
                "beam is [4, 0]",
                ProgressiveConfig {
                    beam: vec![4, 0],
                    ..default()
                },
            ),
            (
                "first_level.at_most is 0",
                ProgressiveConfig {
                    first_level: FirstLevel::AtMost(0),
                    ..default()
                },
            ),
            (
                "parents.best is 0",
                ProgressiveConfig {
                    parents: Parents::Best(0),
                    ..default()
                },
            ),
            (
                "exploration.ucb is NaN",
                ProgressiveConfig {
                    exploration: Exploration::Ucb(f64::NAN),
                    ..default()
                },
            ),
        ];
        for (expected, config) in cases {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
