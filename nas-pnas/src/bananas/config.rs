//! The parameters of BANANAS.

use std::sync::Arc;

use nas_space::spaces::Space;
use serde::{Deserialize, Serialize};

use crate::config::Exploration;
use crate::error::PnasError;
use crate::surrogate::{Encoding, FeatureNetworkConfig, SurrogateConfig};

/// The parameters of BANANAS. The defaults are those of White et al. 2021, section 6, but for
/// `incumbents`, `edits` and `candidates`.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `initial` | 10 | uniform draws to begin with | ≥ 1 |
/// | `round` | 10 | architectures trained before the surrogate learns again | ≥ 1 |
/// | `candidates` | 200 | mutants that are ranked in a round, at most | ≥ 1 |
/// | `incumbents` | 5 | the best so far, which are mutated | ≥ 1 |
/// | `edits` | 1 | choices in which a mutant differs from its parent, at most | ≥ 1 |
/// | `acquisition` | `thompson` | what candidates are ranked by | `top`, `ucb` ≥ 0, `thompson` |
/// | `surrogate` | an ensemble of plain MLPs on paths | what predicts accuracies | see [`SurrogateConfig`] |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct BananasConfig {
    /// Uniform draws to begin with.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub initial: usize,
    /// Architectures trained before the surrogate learns again.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub round: usize,
    /// Most mutants that are ranked in a round.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub candidates: usize,
    /// Number of the best architectures so far that are mutated.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub incumbents: usize,
    /// Most choices in which a mutant differs from its parent.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub edits: usize,
    /// What candidates are ranked by.
    pub acquisition: Exploration,
    /// What predicts accuracies.
    pub surrogate: SurrogateConfig,
}

impl Default for BananasConfig {
    fn default() -> Self {
        Self {
            initial: 10,
            round: 10,
            candidates: 200,
            incumbents: 5,
            edits: 1,
            acquisition: Exploration::Thompson,
            surrogate: SurrogateConfig::FeatureMlp(FeatureNetworkConfig::default()),
        }
    }
}

impl BananasConfig {
    /// The defaults for a space: on paths in one of cells, else on which option each decision took.
    pub fn of(space: &Arc<dyn Space>) -> Self {
        let encoding = match space.cells() {
            Some(_) => Encoding::Paths,
            None => Encoding::OneHot,
        };
        let surrogate = SurrogateConfig::FeatureMlp(FeatureNetworkConfig {
            encoding,
            ..FeatureNetworkConfig::default()
        });
        Self {
            surrogate,
            ..Self::default()
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`PnasError::Config`] names the first value that is out of its range, and what is expected.
    pub fn validate(&self) -> Result<(), PnasError> {
        for (name, value) in [
            ("initial", self.initial),
            ("round", self.round),
            ("candidates", self.candidates),
            ("incumbents", self.incumbents),
            ("edits", self.edits),
        ] {
            if value == 0 {
                return Err(PnasError::config(name, value, "at least 1"));
            }
        }
        self.acquisition.validate("acquisition.ucb")?;
        self.surrogate.validate()
    }
}

#[cfg(test)]
mod tests {
    use nas_space::spaces::by_name;

    use super::*;

    #[test]
    fn the_config_reads_what_it_writes_and_refuses_what_it_does_not_know() {
        let config = BananasConfig::default();
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<BananasConfig>(&text).unwrap(), config);
        assert_eq!(serde_json::from_str::<BananasConfig>("{}").unwrap(), config);
        assert!(serde_json::from_str::<BananasConfig>(r#"{"rounds": 3}"#).is_err());
    }

    #[test]
    fn zeros_are_refused_by_name() {
        let default = BananasConfig::default();
        for (config, name) in [
            (
                BananasConfig {
                    initial: 0,
                    ..default
                },
                "initial is 0",
            ),
            (BananasConfig { round: 0, ..default }, "round is 0"),
            (
                BananasConfig {
                    candidates: 0,
                    ..default
                },
                "candidates is 0",
            ),
            (
                BananasConfig {
                    incumbents: 0,
                    ..default
                },
                "incumbents is 0",
            ),
            (BananasConfig { edits: 0, ..default }, "edits is 0"),
            (
                BananasConfig {
                    acquisition: Exploration::Ucb(-1.0),
                    ..default
                },
                "acquisition.ucb is -1",
            ),
        ] {
            let message = config.validate().unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        }
        default.validate().unwrap();
    }

    #[test]
    fn the_features_suit_the_space() {
        let encoding = |name: &str| match BananasConfig::of(&by_name(name).unwrap()).surrogate {
            SurrogateConfig::FeatureMlp(config) => config.encoding,
            other => panic!("{other:?}"),
        };
        assert_eq!(encoding("nb201"), Encoding::Paths);
        assert_eq!(encoding("darts"), Encoding::Paths);
        assert_eq!(encoding("chain"), Encoding::OneHot);
        assert_eq!(encoding("nb101"), Encoding::OneHot);
    }
}
