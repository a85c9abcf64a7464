//! What a single-path search is run with.

use nas_eval::data::Augmentation;
use nas_eval::nn::{Curve, OptimizerConfig, Schedule, SgdConfig};
use nas_eval::train::{ClassWeights, MOST_BATCH, TrainConfig};
use nas_space::network::NetworkConfig;
use nas_space::spaces::Space;
use serde::{Deserialize, Serialize};

use crate::error::SposError;

/// The most architectures that are judged at the end, and the most of a generation.
const MOST_CANDIDATES: usize = 1_000_000;

/// Which paths a training step takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PathSampling {
    /// One path, drawn uniformly (SPOS, RandomNAS).
    #[default]
    Uniform,
    /// As many paths as a decision has options, so that each option is trained once (FairNAS).
    Fair,
}

/// Which architectures the shared weights judge in the end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum PathSearch {
    /// Those of an evolution by crossover and mutation (SPOS).
    Evolution(PathEvolution),
    /// Random draws (RandomNAS).
    Random {},
}

impl Default for PathSearch {
    fn default() -> Self {
        Self::Evolution(PathEvolution::default())
    }
}

/// An evolution among candidates.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `population` | 50 | candidates of a generation | 1 to 1,000,000 |
/// | `parents` | 10 | the best so far, which the next generation descends from | 1 to 1,000,000 |
/// | `crossovers` | 25 | children of two parents in a generation | 0 to 1,000,000 |
/// | `mutants` | 25 | children of one parent in a generation, where there is room | 0 to 1,000,000 |
/// | `mutation` | 0.1 | probability that a mutant's decision is drawn anew | \[0, 1\] |
///
/// Crossovers come first in a generation, then mutants; the rest of it is drawn at random. The
/// defaults are those of Guo et al. 2020, section 3.4.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct PathEvolution {
    /// Candidates of a generation.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MOST_CANDIDATES)))]
    pub population: usize,
    /// Number of the best so far, which the next generation descends from.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MOST_CANDIDATES)))]
    pub parents: usize,
    /// Children of two parents in a generation, at most `population`.
    #[cfg_attr(feature = "schema", schemars(range(max = MOST_CANDIDATES)))]
    pub crossovers: usize,
    /// Children of one parent in a generation, where there is room. The rest of a generation is
    /// drawn at random.
    #[cfg_attr(feature = "schema", schemars(range(max = MOST_CANDIDATES)))]
    pub mutants: usize,
    /// Probability that a decision of a mutant is drawn anew.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub mutation: f64,
}

impl Default for PathEvolution {
    fn default() -> Self {
        Self::of(50)
    }
}

impl PathEvolution {
    /// That of SPOS with a population of this size, its other numbers in proportion.
    pub fn of(population: usize) -> Self {
        Self {
            population,
            parents: (population / 5).max(1),
            crossovers: population / 2,
            mutants: population - population / 2,
            mutation: 0.1,
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SposError::Eval`] names the first value that is out of its range.
    pub(crate) fn validate(&self) -> Result<(), SposError> {
        for (name, value, least) in [
            ("population", self.population, 1),
            ("parents", self.parents, 1),
            ("crossovers", self.crossovers, 0),
            ("mutants", self.mutants, 0),
        ] {
            if !(least..=MOST_CANDIDATES).contains(&value) {
                let expected = format!("{least} to {MOST_CANDIDATES}");
                return Err(SposError::config(name, value, expected));
            }
        }
        if !(0.0..=1.0).contains(&self.mutation) {
            return Err(SposError::config(
                "mutation",
                self.mutation,
                "a number from 0 to 1",
            ));
        }
        Ok(())
    }
}

/// Configuration of a [`Spos`](crate::Spos) search.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `network` | 3×32×32, 10 classes, 16 channels, 5 cells | the supernet's size | see [`NetworkConfig`] |
/// | `epochs` | 250 | passes over the training images | ≥ 1 |
/// | `batch_size` | 64 | images of a step | 2 to [`MOST_BATCH`] |
/// | `evaluation_batch_size` | 256 | images of a step when candidates are judged | 2 to [`MOST_BATCH`] |
/// | `learning_rate` | 0.025 | base rate of the weights | > 0 |
/// | `schedule` | cosine to 0.001 | how it changes | see [`Schedule`] |
/// | `weights` | Nesterov momentum 0.9, weight decay 5e-4 | SGD of the weights | see [`SgdConfig`] |
/// | `clip_norm` | 5 | largest norm of a step's gradient, 0 for none | ≥ 0 |
/// | `label_smoothing` | 0 | share of the labels that is spread over all classes | \[0, 1) |
/// | `valid_fraction` | 0.5 | share of the images that candidates are judged by | (0, 1) |
/// | `augmentation` | crop 4 and flip | how training images are varied | see [`Augmentation`] |
/// | `sampling` | uniform | which paths a step trains | see [`PathSampling`] |
/// | `path_search` | evolution | which architectures are judged at the end | see [`PathSearch`] |
/// | `candidates` | 1,000 | the most architectures that are judged | 1 to 1,000,000 |
/// | `candidate_images` | none | validation images that judge each, a fixed draw; none for all | ≥ 2 |
///
/// The defaults are the training of NAS-Bench-201's weight-sharing searches (Dong & Yang 2020) and
/// the search of SPOS, 20 generations of 50.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct SposConfig {
    /// Size of the supernet.
    pub network: NetworkConfig,
    /// Passes over the training images. With fair sampling, each trains every image on several
    /// paths.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub epochs: u32,
    /// Images of a step.
    #[cfg_attr(feature = "schema", schemars(range(min = 2, max = MOST_BATCH)))]
    pub batch_size: usize,
    /// Images of a step when candidates are judged.
    #[cfg_attr(feature = "schema", schemars(range(min = 2, max = MOST_BATCH)))]
    pub evaluation_batch_size: usize,
    /// Base learning rate of the weights.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub learning_rate: f64,
    /// How the learning rate changes.
    pub schedule: Schedule,
    /// SGD of the weights.
    pub weights: SgdConfig,
    /// Largest Euclidean norm of a step's gradient; 0 for no limit.
    #[cfg_attr(feature = "schema", schemars(range(min = 0)))]
    pub clip_norm: f64,
    /// Share of the labels that is spread over all classes.
    #[cfg_attr(feature = "schema", schemars(range(min = 0), extend("exclusiveMaximum" = 1)))]
    pub label_smoothing: f64,
    /// Share of the images that candidates are judged by.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1)))]
    pub valid_fraction: f64,
    /// How training images are varied.
    pub augmentation: Augmentation,
    /// Which paths a step trains.
    pub sampling: PathSampling,
    /// Which architectures are judged at the end.
    pub path_search: PathSearch,
    /// The most architectures that are judged.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = MOST_CANDIDATES)))]
    pub candidates: usize,
    /// Validation images that judge each candidate, the same for all; where there are fewer, or it
    /// is not given, all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 2)))]
    pub candidate_images: Option<usize>,
}

impl Default for SposConfig {
    fn default() -> Self {
        Self {
            network: NetworkConfig {
                channels: 16,
                cells: 5,
                ..NetworkConfig::default()
            },
            epochs: 250,
            batch_size: 64,
            evaluation_batch_size: 256,
            learning_rate: 0.025,
            schedule: Schedule {
                curve: Curve::Cosine { floor: 0.001 },
                ..Schedule::default()
            },
            weights: SgdConfig {
                momentum: 0.9,
                nesterov: true,
                weight_decay: 5e-4,
                ..SgdConfig::default()
            },
            clip_norm: 5.0,
            label_smoothing: 0.0,
            valid_fraction: 0.5,
            augmentation: Augmentation {
                crop_padding: 4,
                horizontal_flip: true,
                ..Augmentation::NONE
            },
            sampling: PathSampling::default(),
            path_search: PathSearch::default(),
            candidates: 1000,
            candidate_images: None,
        }
    }
}

impl SposConfig {
    /// Images that a search of this space passes forward and backward in this number of epochs, with
    /// `images` to train on: each of them once for each path of a step. Candidates are judged by
    /// forward passes, which are not counted.
    pub fn image_passes(&self, space: &dyn Space, epochs: u32, images: u64) -> u64 {
        let paths = match self.sampling {
            PathSampling::Uniform => 1,
            PathSampling::Fair => {
                let decisions = space.decisions().iter();
                decisions
                    .map(|decision| decision.options.len())
                    .max()
                    .unwrap_or(0)
            }
        };
        images
            .saturating_mul(u64::from(epochs))
            .saturating_mul(paths as u64)
    }

    /// How the weights are trained.
    pub(crate) fn training(&self) -> TrainConfig {
        TrainConfig {
            epochs: self.epochs,
            batch_size: self.batch_size,
            evaluation_batch_size: self.evaluation_batch_size,
            learning_rate: self.learning_rate,
            optimizer: OptimizerConfig::Sgd(self.weights),
            schedule: self.schedule,
            clip_norm: self.clip_norm,
            label_smoothing: self.label_smoothing,
            class_weights: ClassWeights::None,
            augmentation: self.augmentation,
            drop_path: 0.0,
            auxiliary_weight: 0.0,
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SposError::Eval`] names the first value that is out of its range.
    pub fn validate(&self) -> Result<(), SposError> {
        self.training().validate()?;
        if let PathSearch::Evolution(evolution) = &self.path_search {
            evolution.validate()?;
        }
        for (name, value, least, most) in [
            ("evaluation_batch_size", self.evaluation_batch_size, 2, MOST_BATCH),
            ("candidates", self.candidates, 1, MOST_CANDIDATES),
            (
                "candidate_images",
                self.candidate_images.unwrap_or(2),
                2,
                usize::MAX,
            ),
        ] {
            if !(least..=most).contains(&value) {
                let expected = match most {
                    usize::MAX => format!("at least {least}"),
                    most => format!("{least} to {most}"),
                };
                return Err(SposError::config(name, value, expected));
            }
        }
        if !(self.valid_fraction > 0.0 && self.valid_fraction < 1.0) {
            let expected = "a number between 0 and 1";
            return Err(SposError::config("valid_fraction", self.valid_fraction, expected));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_reads_what_it_writes_and_refuses_what_it_does_not_know() {
        let configs = [
            SposConfig::default(),
            SposConfig {
                sampling: PathSampling::Fair,
                path_search: PathSearch::Random {},
                candidate_images: Some(7),
                ..SposConfig::default()
            },
        ];
        for config in configs {
            config.validate().unwrap();
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(
                serde_json::from_str::<SposConfig>(&text).unwrap(),
                config,
                "{text}"
            );
        }
        for unknown in [
            r#"{"epoch": 3}"#,
            r#"{"sampling": "unfair"}"#,
            r#"{"path_search": {"kind": "random", "population": 3}}"#,
            r#"{"path_search": {"kind": "evolution", "people": 3}}"#,
        ] {
            assert!(serde_json::from_str::<SposConfig>(unknown).is_err(), "{unknown}");
        }
        let partly = r#"{"path_search": {"kind": "evolution", "population": 20}}"#;
        let partly: SposConfig = serde_json::from_str(partly).unwrap();
        let expected = PathEvolution {
            population: 20,
            ..PathEvolution::default()
        };
        assert_eq!(partly.path_search, PathSearch::Evolution(expected));
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        let base = SposConfig::default;
        let evolution = |evolution: PathEvolution| SposConfig {
            path_search: PathSearch::Evolution(evolution),
            ..base()
        };
        let with = PathEvolution::default;
        let wrong = [
            ("epochs is 0", SposConfig { epochs: 0, ..base() }),
            (
                "candidates is 0",
                SposConfig {
                    candidates: 0,
                    ..base()
                },
            ),
            (
                "candidate_images is 1",
                SposConfig {
                    candidate_images: Some(1),
                    ..base()
                },
            ),
            (
                "evaluation_batch_size is 1",
                SposConfig {
                    evaluation_batch_size: 1,
                    ..base()
                },
            ),
            (
                "valid_fraction is 1",
                SposConfig {
                    valid_fraction: 1.0,
                    ..base()
                },
            ),
            (
                "label_smoothing is 1",
                SposConfig {
                    label_smoothing: 1.0,
                    ..base()
                },
            ),
            ("population is 0", evolution(PathEvolution::of(0))),
            ("parents is 0", evolution(PathEvolution { parents: 0, ..with() })),
            (
                "mutants is 1000001",
                evolution(PathEvolution {
                    mutants: 1_000_001,
                    ..with()
                }),
            ),
            (
                "mutation is NaN",
                evolution(PathEvolution {
                    mutation: f64::NAN,
                    ..with()
                }),
            ),
        ];
        for (message, config) in wrong {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(message), "{error}, expected {message}");
        }
    }

    #[test]
    fn smaller_populations_have_the_proportions_of_spos() {
        assert_eq!(
            PathEvolution::default(),
            PathEvolution {
                population: 50,
                parents: 10,
                crossovers: 25,
                mutants: 25,
                mutation: 0.1
            }
        );
        for population in 1..12 {
            PathEvolution::of(population).validate().unwrap();
        }
    }
}
