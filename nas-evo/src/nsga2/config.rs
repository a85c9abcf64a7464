//! The parameters of NSGA-II.

use serde::{Deserialize, Serialize};

use super::Objective;
use crate::error::EvoError;

/// The parameters of NSGA-II. The defaults are those of Deb et al. 2002.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `population` | 100 | members that live on after a selection, and uniform draws to begin with | ≥ 1 |
/// | `offspring` | 100 | children evaluated between two selections; 1 selects after every child | ≥ 1 |
/// | `objectives` | `accuracy`, `params` | what architectures are compared by | one or more, each at most once |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Nsga2Config {
    /// Members that live on after a selection, and uniform draws to begin with.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub population: usize,
    /// Children evaluated between two selections; 1 selects after every child.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub offspring: usize,
    /// What architectures are compared by: `accuracy`, `params`, `macs`, or another figure of a
    /// table by its name, as `NAME:max` where more of it is better. Each at most once.
    #[cfg_attr(feature = "schema", schemars(with = "Vec<String>", length(min = 1), extend("uniqueItems" = true)))]
    pub objectives: Vec<Objective>,
}

impl Nsga2Config {
    /// A selection after every child in a population of 10, for budgets of some dozens to hundreds
    /// of trials.
    pub fn small() -> Self {
        Self {
            population: 10,
            offspring: 1,
            ..Self::default()
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`EvoError::Config`] or [`EvoError::Objectives`] names the value that is out of range, and
    /// the expected range.
    pub fn validate(&self) -> Result<(), EvoError> {
        for (name, value) in [("population", self.population), ("offspring", self.offspring)] {
            if value == 0 {
                return Err(EvoError::Config {
                    name,
                    value,
                    expected: "at least 1".to_owned(),
                });
            }
        }
        let objectives = &self.objectives;
        let same = |i: usize, j: usize| objectives[i].name() == objectives[j].name();
        let twice = (1..objectives.len()).find(|&i| (0..i).any(|j| same(i, j)));
        match (objectives.is_empty(), twice) {
            (false, None) => Ok(()),
            _ => Err(EvoError::Objectives {
                got: objectives.iter().map(ToString::to_string).collect(),
            }),
        }
    }
}

impl Default for Nsga2Config {
    fn default() -> Self {
        Self {
            population: 100,
            offspring: 100,
            objectives: vec![Objective::Accuracy, Objective::Params],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_reads_what_it_writes_and_refuses_what_it_does_not_know() {
        let text = serde_json::to_string(&Nsga2Config::small()).unwrap();
        assert_eq!(
            text,
            r#"{"population":10,"offspring":1,"objectives":["accuracy","params"]}"#
        );
        assert_eq!(
            serde_json::from_str::<Nsga2Config>(&text).unwrap(),
            Nsga2Config::small()
        );
        assert_eq!(
            serde_json::from_str::<Nsga2Config>("{}").unwrap(),
            Nsga2Config::default()
        );
        for unknown in [r#"{"pop": 3}"#, r#"{"objectives": ["params:max"]}"#] {
            assert!(serde_json::from_str::<Nsga2Config>(unknown).is_err());
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused_with_what_was_expected() {
        type Spoil = fn(&mut Nsga2Config);
        let cases: [(Spoil, &str); 4] = [
            (|c| c.population = 0, "population is 0; expected at least 1"),
            (|c| c.offspring = 0, "offspring is 0; expected at least 1"),
            (|c| c.objectives.clear(), "objectives are none"),
            (
                |c| c.objectives.push(Objective::Params),
                "objectives are accuracy, params, params; expected",
            ),
        ];
        for (spoil, expected) in cases {
            let mut config = Nsga2Config::small();
            config.validate().unwrap();
            spoil(&mut config);
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
