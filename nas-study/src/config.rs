//! The description of a study: everything that determines its result besides the code.

use nas_space::search::{Budget, BudgetError, Fidelity};
use nas_space::seed::Seed;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The version of [`StudyConfig`] and of the records that this crate writes.
pub const FORMAT: u32 = 1;

/// Everything that decides the result of a study. Recorded with it, and compared when it is
/// resumed.
///
/// How many threads evaluate is not in here, because it decides nothing, unless outcomes are told in
/// the order of completion: then the recorded order decides with this configuration.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `format` | [`FORMAT`] | version of these fields | [`FORMAT`] |
/// | `method` | required | the strategy's name | not empty |
/// | `parameters` | empty | the strategy's own configuration | any text |
/// | `space` | required | the space's name | not empty |
/// | `evaluator` | required | the evaluator's description | not empty |
/// | `seed` | required | all randomness | any |
/// | `batch` | 1 | trials asked before the first is told | ≥ 1 |
/// | `tell` | `trial` | the order in which outcomes are told | `trial`, `completion` |
/// | `duplicates` | `evaluate` | what a repeated proposal costs | `evaluate`, `reuse` |
/// | `fidelity` | 1 epoch | training of a proposal that names none | ≥ 1 epoch |
/// | `budget` | required | when it ends | see [`Budget`] |
/// | `ranked_by` | none | the figure that the best trial is chosen by | not empty |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyConfig {
    /// Version of these fields.
    #[serde(default = "current_format")]
    pub format: u32,
    /// The strategy's name: [`Strategy::name`](nas_space::search::Strategy::name).
    pub method: String,
    /// The strategy's own configuration as one line, such as its JSON; not read, only compared on
    /// resuming.
    #[serde(default)]
    pub parameters: String,
    /// The space's name.
    pub space: String,
    /// [`Evaluator::description`](nas_space::search::Evaluator::description).
    pub evaluator: String,
    /// The seed. Trial `i` is evaluated with `seed.derive("trial", i)`, or with the seed of the
    /// trial that it continues.
    pub seed: Seed,
    /// How many trials are outstanding at most: asked for and not yet told. With 1 the strategy
    /// knows every outcome before it proposes again; with more, that many can be evaluated at a
    /// time.
    #[serde(default = "one")]
    pub batch: u32,
    /// In which order outcomes are told.
    #[serde(default, skip_serializing_if = "TellOrder::is_trial")]
    pub tell: TellOrder,
    /// What is done with a proposal that was made before.
    #[serde(default)]
    pub duplicates: Duplicates,
    /// Epochs for proposals that do not say how many.
    #[serde(default = "one_epoch")]
    pub fidelity: Fidelity,
    /// When the study ends.
    pub budget: Budget,
    /// Name of the figure of evaluations that the [best](crate::Best) trial is chosen by, the
    /// higher the better, such as a reward; without one, it is the validation accuracy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranked_by: Option<String>,
}

/// In which order a strategy is told the outcomes of trials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TellOrder {
    /// In the order in which the trials were proposed. The number of workers and their speed never
    /// change a search. A trial that takes long holds back all those after it: at most
    /// [`StudyConfig::batch`] trials are between the oldest that runs and the newest.
    #[default]
    Trial,
    /// In the order in which trials are finished, which is recorded. No trial waits for another, so
    /// workers are busy until the budget is spent. Two runs differ unless trials end in the same
    /// order; with one worker, the search is that of [`TellOrder::Trial`]. A search that is resumed
    /// or replayed repeats the recorded order.
    Completion,
}

impl TellOrder {
    /// Whether it is the order of the trials.
    pub fn is_trial(&self) -> bool {
        *self == Self::Trial
    }
}

/// What is done with a proposal of the same choices at the same fidelity as an earlier one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// It is evaluated anew, with the seed of its own trial.
    #[default]
    Evaluate,
    /// It takes over what became of the first such trial, a failure too. No time is spent, but the
    /// budget is charged as though it had been evaluated, so a strategy gains nothing by repeating
    /// itself and every study ends. What continues it continues the training of that first trial.
    Reuse,
}

/// A study that cannot be.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A limit of the budget is missing or wrong.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// A number is too small.
    #[error("{name} is 0; expected at least 1")]
    Zero {
        /// The field.
        name: &'static str,
    },
    /// A name is missing.
    #[error("{name} is empty; expected a name")]
    Empty {
        /// The field.
        name: &'static str,
    },
    /// The configuration is of another version.
    #[error("the study has format {got}; this version of the program reads format {expected}")]
    Format {
        /// The version this crate reads.
        expected: u32,
        /// The one given.
        got: u32,
    },
}

fn current_format() -> u32 {
    FORMAT
}

fn one() -> u32 {
    1
}

fn one_epoch() -> Fidelity {
    Fidelity { epochs: 1 }
}

impl StudyConfig {
    /// A study of these parts with every default. The budget has no limit yet: set one.
    pub fn new(
        method: impl Into<String>,
        space: impl Into<String>,
        evaluator: impl Into<String>,
        seed: Seed,
    ) -> Self {
        Self {
            format: FORMAT,
            method: method.into(),
            parameters: String::new(),
            space: space.into(),
            evaluator: evaluator.into(),
            seed,
            batch: 1,
            tell: TellOrder::default(),
            duplicates: Duplicates::default(),
            fidelity: one_epoch(),
            budget: Budget::default(),
            ranked_by: None,
        }
    }

    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`ConfigError`] names the first field that is out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.format != FORMAT {
            let (expected, got) = (FORMAT, self.format);
            return Err(ConfigError::Format { expected, got });
        }
        let names = [
            ("method", &self.method),
            ("space", &self.space),
            ("evaluator", &self.evaluator),
        ];
        if let Some((name, _)) = names.into_iter().find(|(_, value)| value.is_empty()) {
            return Err(ConfigError::Empty { name });
        }
        if self.ranked_by.as_ref().is_some_and(String::is_empty) {
            return Err(ConfigError::Empty { name: "ranked_by" });
        }
        if self.batch == 0 {
            return Err(ConfigError::Zero { name: "batch" });
        }
        if self.fidelity.epochs == 0 {
            return Err(ConfigError::Zero {
                name: "fidelity.epochs",
            });
        }
        Ok(self.budget.validate()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> StudyConfig {
        StudyConfig {
            budget: Budget {
                trials: Some(10),
                epochs: None,
                seconds: Some(0.1 + 0.2),
            },
            ..StudyConfig::new("random", "tiny", "synthetic", Seed::new(7))
        }
    }

    #[test]
    fn toml_round_trips() {
        let text = toml::to_string(&config()).unwrap();
        assert_eq!(toml::from_str::<StudyConfig>(&text).unwrap(), config(), "{text}");
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let text =
            "method = 'random'\nspace = 'tiny'\nevaluator = 'synthetic'\nseed = 7\nbudget = { trials = 10 }";
        let expected = StudyConfig {
            budget: Budget::trials(10),
            ..config()
        };
        assert_eq!(toml::from_str::<StudyConfig>(text).unwrap(), expected);
    }

    #[test]
    fn the_order_of_telling_is_written_where_it_is_not_that_of_the_trials() {
        let trial = toml::to_string(&config()).unwrap();
        assert!(!trial.contains("tell"), "{trial}");
        let completion = StudyConfig {
            tell: TellOrder::Completion,
            ..config()
        };
        let text = toml::to_string(&completion).unwrap();
        assert!(text.contains("tell = \"completion\""), "{text}");
        assert_eq!(toml::from_str::<StudyConfig>(&text).unwrap(), completion);
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let text = toml::to_string(&config()).unwrap();
        assert!(toml::from_str::<StudyConfig>(&format!("workers = 3\n{text}")).is_err());
    }

    #[test]
    fn values_out_of_range_are_refused() {
        type Spoil = fn(&mut StudyConfig);
        let cases: [(Spoil, &str); 8] = [
            (|c| c.batch = 0, "batch"),
            (|c| c.fidelity.epochs = 0, "fidelity.epochs"),
            (|c| c.method.clear(), "method"),
            (|c| c.space.clear(), "space"),
            (|c| c.evaluator.clear(), "evaluator"),
            (|c| c.format = 2, "format 2"),
            (|c| c.ranked_by = Some(String::new()), "ranked_by"),
            (|c| c.budget = Budget::default(), "budget"),
        ];
        config().validate().unwrap();
        for (spoil, named) in cases {
            let mut config = config();
            spoil(&mut config);
            let refused = config.validate().unwrap_err().to_string();
            assert!(refused.contains(named), "{refused}");
        }
    }
}
