//! The parameters of tournament evolution.

use serde::{Deserialize, Serialize};

use crate::error::EvoError;

/// The parameters of tournament evolution. The defaults are those of Real et al. 2019.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `population` | 100 | uniform draws to begin with and, where the oldest are removed, members that live at a time | ≥ 1 |
/// | `tournament` | 25 | members drawn to find a parent among: a number, or `{ share = 0.05 }` of those living | ≥ 1, without replacement from a population that does not grow at most `population`; a share in (0, 1] |
/// | `draws` | `with` | whether a member may be drawn twice in a tournament | `with`, `without` |
/// | `removal` | `oldest` | who dies where the population is full | `oldest`, `none` |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct EvolutionConfig {
    /// Uniform draws to begin with and, where the oldest are removed, members that live at a time.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub population: usize,
    /// Members drawn to find a parent among.
    pub tournament: Tournament,
    /// Whether a member may be drawn twice in a tournament.
    pub draws: Draws,
    /// Which member is removed where the population is full.
    ///
    /// The default is not written, so that studies recorded before this field existed can be
    /// resumed.
    #[serde(skip_serializing_if = "Removal::is_default")]
    pub removal: Removal,
}

/// How many members are drawn to find a parent among.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged, deny_unknown_fields)]
pub enum Tournament {
    /// This many, whatever the size of the population.
    Members(#[cfg_attr(feature = "schema", schemars(range(min = 1)))] usize),
    /// A share of those living, rounded to the nearest number, at least one.
    Share {
        /// The share.
        #[cfg_attr(feature = "schema", schemars(range(max = 1), extend("exclusiveMinimum" = 0)))]
        share: f64,
    },
}

impl Tournament {
    /// The number of members drawn from a population of this size.
    pub(super) fn members(self, living: usize) -> usize {
        match self {
            Self::Members(members) => members,
            Self::Share { share } => ((share * living as f64).round() as usize).max(1),
        }
    }
}

/// Who dies where the population is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Removal {
    /// The oldest one, however good it is: regularized evolution.
    #[default]
    Oldest,
    /// None: the population grows with every evaluation.
    None,
}

/// Whether a member of the population may be drawn twice in one tournament.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Draws {
    /// A member may be drawn twice.
    #[default]
    With,
    /// It may not. A population that is still smaller than the tournament takes part as a whole.
    Without,
}

impl Removal {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl EvolutionConfig {
    /// As in AmoebaNet's search (Real et al. 2019): 100 members, tournaments of 25.
    pub const AMOEBA_NET: Self = Self {
        population: 100,
        tournament: Tournament::Members(25),
        draws: Draws::With,
        removal: Removal::Oldest,
    };

    /// As in the example that comes with NAS-Bench-101: 50 members, tournaments of 10 different
    /// ones.
    pub const NAS_BENCH_101: Self = Self {
        population: 50,
        tournament: Tournament::Members(10),
        draws: Draws::Without,
        removal: Removal::Oldest,
    };

    /// As in NATS-Bench's experiments: 10 members, tournaments of 3. For budgets of about a hundred
    /// trials.
    pub const NATS_BENCH: Self = Self {
        population: 10,
        tournament: Tournament::Members(3),
        draws: Draws::With,
        removal: Removal::Oldest,
    };

    /// As in the search for hierarchical representations (Liu et al. 2018): 200 draws at the
    /// beginning, no removal, and tournaments of a twentieth of the population.
    pub const HIERARCHICAL: Self = Self {
        population: 200,
        tournament: Tournament::Share { share: 0.05 },
        draws: Draws::Without,
        removal: Removal::None,
    };

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`EvoError::Config`] names the first number that is out of range, and the expected range.
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
        let grows = self.removal == Removal::None;
        match self.tournament {
            Tournament::Members(0) => refuse("tournament", 0, "at least 1".to_owned()),
            Tournament::Members(members)
                if self.draws == Draws::Without && !grows && members > self.population =>
            {
                let expected = format!(
                    "at most the population of {} where draws are without replacement",
                    self.population
                );
                refuse("tournament", members, expected)
            }
            Tournament::Share { share } if !(share > 0.0 && share <= 1.0) => Err(EvoError::Share {
                name: "tournament's share",
                value: share,
            }),
            _ => Ok(()),
        }
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
        // A change of this text keeps every evolution on record from being resumed.
        let text = serde_json::to_string(&EvolutionConfig::NAS_BENCH_101).unwrap();
        assert_eq!(text, r#"{"population":50,"tournament":10,"draws":"without"}"#);
        assert_eq!(
            serde_json::from_str::<EvolutionConfig>(&text).unwrap(),
            EvolutionConfig::NAS_BENCH_101
        );
        let text = serde_json::to_string(&EvolutionConfig::HIERARCHICAL).unwrap();
        assert_eq!(
            text,
            r#"{"population":200,"tournament":{"share":0.05},"draws":"without","removal":"none"}"#
        );
        assert_eq!(
            serde_json::from_str::<EvolutionConfig>(&text).unwrap(),
            EvolutionConfig::HIERARCHICAL
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
                tournament: Tournament::Members(tournament),
                draws,
                removal: Removal::Oldest,
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
            EvolutionConfig::HIERARCHICAL,
        ] {
            preset.validate().unwrap();
        }
    }

    #[test]
    fn a_share_is_of_those_living_and_never_nobody() {
        let members = |share, living| Tournament::Share { share }.members(living);
        assert_eq!(
            [1, 9, 29, 30, 200, 1000].map(|living| members(0.05, living)),
            [1, 1, 1, 2, 10, 50]
        );
        assert_eq!(members(1.0, 7), 7);
        assert_eq!(Tournament::Members(4).members(2), 4);
    }

    #[test]
    fn a_share_that_is_none_is_refused_and_a_growing_population_may_begin_below_its_tournament() {
        let with = |share| EvolutionConfig {
            tournament: Tournament::Share { share },
            ..EvolutionConfig::HIERARCHICAL
        };
        for share in [0.0, -0.1, 1.01, f64::NAN] {
            let message = with(share).validate().unwrap_err().to_string();
            assert!(
                message.contains("share is") && message.contains("up to 1"),
                "{message}"
            );
        }
        with(1.0).validate().unwrap();
        let small = EvolutionConfig {
            population: 2,
            tournament: Tournament::Members(5),
            ..EvolutionConfig::HIERARCHICAL
        };
        small.validate().unwrap();
    }
}
