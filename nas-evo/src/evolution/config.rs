//! The parameters of regularized evolution.

use serde::{Deserialize, Serialize};

use crate::error::EvoError;

/// The parameters of regularized evolution. The defaults are those of Real et al. 2019.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `population` | 100 | members that live at a time, and uniform draws to begin with | ≥ 1 |
/// | `tournament` | 25 | members drawn to find a parent among | ≥ 1; without replacement at most `population` |
/// | `draws` | `with` | whether a member may be drawn twice in a tournament | `with`, `without` |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvolutionConfig {
    /// Members that live at a time, and uniform draws to begin with.
    pub population: usize,
    /// Members drawn to find a parent among.
    pub tournament: usize,
    /// Whether a member may be drawn twice in a tournament.
    pub draws: Draws,
}

/// Whether a member of the population may be drawn twice in one tournament.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Draws {
    /// It may.
    #[default]
    With,
    /// It may not; a population that is still smaller than the tournament takes part as a whole.
    Without,
}

impl EvolutionConfig {
    /// As in AmoebaNet's search (Real et al. 2019): 100 members, tournaments of 25.
    pub const AMOEBA_NET: Self = Self {
        population: 100,
        tournament: 25,
        draws: Draws::With,
    };

    /// As in the example that comes with NAS-Bench-101: 50 members, tournaments of 10 different ones.
    pub const NAS_BENCH_101: Self = Self {
        population: 50,
        tournament: 10,
        draws: Draws::Without,
    };

    /// As in NATS-Bench's experiments: 10 members, tournaments of 3. For budgets of about a hundred trials.
    pub const NATS_BENCH: Self = Self {
        population: 10,
        tournament: 3,
        draws: Draws::With,
    };

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`EvoError::Config`] names the first number that is out of its range, and what is expected.
    pub fn validate(&self) -> Result<(), EvoError> {
        let refuse = |name: &'static str, value: usize, expected: String| {
            Err(EvoError::Config {
                name,
                value,
                expected,
            })
        };
        if self.population == 0 {
            return refuse("population", 0, "at least 1".to_owned());
        }
        if self.tournament == 0 {
            return refuse("tournament", 0, "at least 1".to_owned());
        }
        if self.draws == Draws::Without && self.tournament > self.population {
            let expected = format!(
                "at most the population of {} where draws are without replacement",
                self.population
            );
            return refuse("tournament", self.tournament, expected);
        }
        Ok(())
    }
}

impl Default for EvolutionConfig {
    fn default() -> Self {
        Self::AMOEBA_NET
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_reads_what_it_writes_and_refuses_what_it_does_not_know() {
        let text = serde_json::to_string(&EvolutionConfig::NAS_BENCH_101).unwrap();
        assert_eq!(text, r#"{"population":50,"tournament":10,"draws":"without"}"#);
        assert_eq!(
            serde_json::from_str::<EvolutionConfig>(&text).unwrap(),
            EvolutionConfig::NAS_BENCH_101
        );
        assert_eq!(
            serde_json::from_str::<EvolutionConfig>("{}").unwrap(),
            EvolutionConfig::AMOEBA_NET
        );
        assert!(serde_json::from_str::<EvolutionConfig>(r#"{"pop": 3}"#).is_err());
    }

    #[test]
    fn numbers_out_of_range_are_refused_with_what_was_expected() {
        let message = |population, tournament, draws| {
            let config = EvolutionConfig {
                population,
                tournament,
                draws,
            };
            config.validate().unwrap_err().to_string()
        };
        assert!(message(0, 1, Draws::With).contains("population is 0; expected at least 1"));
        assert!(message(1, 0, Draws::With).contains("tournament is 0; expected at least 1"));
        let message = message(4, 5, Draws::Without);
        assert!(
            message.contains("tournament is 5; expected at most the population of 4"),
            "{message}"
        );
        for preset in [
            EvolutionConfig::AMOEBA_NET,
            EvolutionConfig::NAS_BENCH_101,
            EvolutionConfig::NATS_BENCH,
        ] {
            preset.validate().unwrap();
        }
    }
}
