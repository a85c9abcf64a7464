//! The parameters of BOHB's model.

use serde::{Deserialize, Serialize};

use crate::error::EvoError;

/// The parameters of BOHB's model. The defaults are those of the authors' program; its rungs and
/// brackets are those of a [`HalvingConfig`](crate::HalvingConfig).
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `min_points_in_model` | decisions + 1 | N_min: the least observations of each density | ≥ 2 |
/// | `top_n_percent` | 15 | q: the share of the observations that count as good, in percent | above 0, below 100 |
/// | `num_samples` | 64 | N_s: draws from the good density, of which one is proposed | ≥ 1 |
/// | `random_fraction` | 1/3 | ρ: the share of uniform draws among the proposals | 0 to 1 |
/// | `bandwidth_factor` | 3 | b_w: bandwidths of the density that is drawn from, as a multiple of those that rank | ≥ 1, finite |
/// | `min_bandwidth` | 0.001 | the smallest bandwidth | above 0, up to 1 |
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct BohbConfig {
    /// Fewest observations of the good and of the bad density. Without it, one more than the space
    /// has decisions.
    ///
    /// A model begins with two observations more than this in one rung.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 2)))]
    pub min_points_in_model: Option<usize>,
    /// Share of the observations that count as good, in percent.
    #[cfg_attr(
        feature = "schema",
        schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 100))
    )]
    pub top_n_percent: f64,
    /// Draws from the good density; the one whose good density exceeds the bad one most is
    /// proposed.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub num_samples: usize,
    /// Share of proposals that are drawn uniformly.
    #[cfg_attr(feature = "schema", schemars(range(min = 0, max = 1)))]
    pub random_fraction: f64,
    /// Factor of the bandwidths where candidates are drawn. More of it explores more.
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub bandwidth_factor: f64,
    /// Smallest bandwidth: the probability that a choice differs from that of an observation.
    #[cfg_attr(feature = "schema", schemars(range(max = 1), extend("exclusiveMinimum" = 0)))]
    pub min_bandwidth: f64,
}

impl Default for BohbConfig {
    fn default() -> Self {
        Self {
            min_points_in_model: None,
            top_n_percent: 15.0,
            num_samples: 64,
            random_fraction: 1.0 / 3.0,
            bandwidth_factor: 3.0,
            min_bandwidth: 1e-3,
        }
    }
}

impl BohbConfig {
    /// As in NATS-Bench's experiments: 4 samples, and no uniform draws once there is a model.
    pub const NATS_BENCH: Self = Self {
        min_points_in_model: None,
        top_n_percent: 15.0,
        num_samples: 4,
        random_fraction: 0.0,
        bandwidth_factor: 3.0,
        min_bandwidth: 1e-3,
    };

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`EvoError::Config`] or [`EvoError::Range`] names the first number that is out of range, and
    /// the expected range.
    pub fn validate(&self) -> Result<(), EvoError> {
        let counts = [
            ("min_points_in_model", self.min_points_in_model.unwrap_or(2), 2),
            ("num_samples", self.num_samples, 1),
        ];
        for (name, value, least) in counts {
            if value < least {
                let expected = format!("at least {least}");
                return Err(EvoError::Config {
                    name,
                    value,
                    expected,
                });
            }
        }
        let (top, random) = (self.top_n_percent, self.random_fraction);
        let (factor, least) = (self.bandwidth_factor, self.min_bandwidth);
        for (name, value, inside, expected) in [
            (
                "top_n_percent",
                top,
                top > 0.0 && top < 100.0,
                "a number above 0 and below 100",
            ),
            (
                "random_fraction",
                random,
                (0.0..=1.0).contains(&random),
                "a number from 0 to 1",
            ),
            (
                "bandwidth_factor",
                factor,
                factor >= 1.0 && factor.is_finite(),
                "a number from 1 on",
            ),
            (
                "min_bandwidth",
                least,
                least > 0.0 && least <= 1.0,
                "a number above 0 and up to 1",
            ),
        ] {
            if !inside {
                return Err(EvoError::Range {
                    name,
                    value,
                    expected,
                });
            }
        }
        Ok(())
    }

    /// N_min in a space with this number of decisions.
    pub fn min_points(&self, decisions: usize) -> usize {
        self.min_points_in_model.unwrap_or(decisions + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_their_ranges_are_refused_with_the_range() {
        BohbConfig::default().validate().unwrap();
        BohbConfig::NATS_BENCH.validate().unwrap();
        let with = |change: &dyn Fn(&mut BohbConfig)| {
            let mut config = BohbConfig::default();
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        let cases: [(String, &str); 9] = [
            (
                with(&|c| c.min_points_in_model = Some(1)),
                "min_points_in_model is 1; expected at least 2",
            ),
            (
                with(&|c| c.num_samples = 0),
                "num_samples is 0; expected at least 1",
            ),
            (
                with(&|c| c.top_n_percent = 0.0),
                "top_n_percent is 0; expected a number above 0",
            ),
            (with(&|c| c.top_n_percent = 100.0), "and below 100"),
            (
                with(&|c| c.random_fraction = 1.5),
                "random_fraction is 1.5; expected a number from 0 to 1",
            ),
            (with(&|c| c.random_fraction = f64::NAN), "random_fraction is NaN"),
            (with(&|c| c.bandwidth_factor = 0.5), "a number from 1 on"),
            (
                with(&|c| c.bandwidth_factor = f64::INFINITY),
                "bandwidth_factor is inf",
            ),
            (
                with(&|c| c.min_bandwidth = 0.0),
                "min_bandwidth is 0; expected a number above 0 and up to 1",
            ),
        ];
        for (error, expected) in cases {
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_config_reads_what_it_writes_and_refuses_what_it_does_not_know() {
        for config in [BohbConfig::default(), BohbConfig::NATS_BENCH] {
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<BohbConfig>(&text).unwrap(), config);
        }
        assert_eq!(
            serde_json::from_str::<BohbConfig>("{}").unwrap(),
            BohbConfig::default()
        );
        assert!(serde_json::from_str::<BohbConfig>(r#"{"samples":64}"#).is_err());
        assert_eq!(BohbConfig::default().min_points(6), 7);
    }
}
