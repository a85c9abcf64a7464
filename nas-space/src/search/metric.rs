//! What an evaluation measures.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Longest name of a metric, in characters.
const MAX_NAME: usize = 64;

/// What architectures are compared by: the accuracy, unless something else is said.
///
/// A metric's *value* is the number as people know it, such as a loss of 0.8. Its *score* is what
/// strategies maximise: the value where higher is better, and its negative where lower is better.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `name` | `accuracy` | what it is called wherever a value is shown | 1 to 64 characters, no control characters |
/// | `direction` | `higher` | whether higher or lower values are better | `higher`, `lower` |
/// | `scale` | `share` | which values there are, and how they are shown | `share`: 0 to 1, shown in percent; `plain`: any finite number |
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "Fields", into = "Fields")]
pub struct Metric {
    name: String,
    direction: Direction,
    scale: Scale,
}

/// Which values are better.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Higher values, as of an accuracy.
    #[default]
    Higher,
    /// Lower values, as of a loss.
    Lower,
}

/// Which values there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Shares from 0 to 1, shown in percent.
    #[default]
    Share,
    /// Any finite number, shown as it is.
    Plain,
}

/// A metric that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetricError {
    /// Its name cannot be shown.
    #[error(
        "a metric is named '{}'; expected 1 to {MAX_NAME} characters, without control characters and without spaces at its ends",
        got.chars().take(MAX_NAME).flat_map(char::escape_debug).collect::<String>()
    )]
    Name {
        /// The name.
        got: String,
    },
}

/// A metric as it is written in files.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
struct Fields {
    /// Name of the metric, without control characters and without spaces at its ends.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_NAME)))]
    name: String,
    /// Whether higher or lower values are better.
    #[serde(default)]
    direction: Direction,
    /// Which values there are, and how they are shown.
    #[serde(default)]
    scale: Scale,
}

impl Metric {
    /// A metric of this name.
    ///
    /// # Errors
    /// [`MetricError::Name`] where the name is empty, too long, or cannot be shown.
    pub fn new(name: impl Into<String>, direction: Direction, scale: Scale) -> Result<Self, MetricError> {
        let name = name.into();
        let fits = (1..=MAX_NAME).contains(&name.chars().count())
            && name.trim() == name
            && !name.chars().any(char::is_control);
        if !fits {
            return Err(MetricError::Name { got: name });
        }
        Ok(Self {
            name,
            direction,
            scale,
        })
    }

    /// Its name, such as `accuracy`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which values are better.
    pub const fn direction(&self) -> Direction {
        self.direction
    }

    /// Which values there are.
    pub const fn scale(&self) -> Scale {
        self.scale
    }

    /// Whether it is the accuracy, which needs no mention.
    pub fn is_accuracy(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a value can be one of this metric: finite, and from 0 to 1 where it is a share.
    pub fn allows(&self, value: f64) -> bool {
        match self.scale {
            Scale::Share => (0.0..=1.0).contains(&value),
            Scale::Plain => value.is_finite(),
        }
    }

    /// Which values it [allows](Metric::allows), in words.
    pub const fn expected(&self) -> &'static str {
        match self.scale {
            Scale::Share => "a number from 0 to 1",
            Scale::Plain => "a finite number",
        }
    }

    /// The score of a value, of which higher is better.
    pub fn score(&self, value: f64) -> f64 {
        match self.direction {
            Direction::Higher => value,
            // Not `-value`, which would make −0 of 0.
            Direction::Lower => 0.0 - value,
        }
    }

    /// The value of a score: the inverse of [`Metric::score`].
    pub fn value(&self, score: f64) -> f64 {
        self.score(score)
    }
}

impl Default for Metric {
    /// The accuracy.
    fn default() -> Self {
        Self {
            name: "accuracy".to_owned(),
            direction: Direction::Higher,
            scale: Scale::Share,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl TryFrom<Fields> for Metric {
    type Error = MetricError;

    fn try_from(fields: Fields) -> Result<Self, MetricError> {
        Self::new(fields.name, fields.direction, fields.scale)
    }
}

impl From<Metric> for Fields {
    fn from(metric: Metric) -> Self {
        Self {
            name: metric.name,
            direction: metric.direction,
            scale: metric.scale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_higher_where_the_value_is_better() {
        let loss = Metric::new("validation loss", Direction::Lower, Scale::Plain).unwrap();
        assert!(loss.score(0.5) > loss.score(0.75));
        assert_eq!(loss.value(loss.score(-2.5)), -2.5);
        assert!(loss.score(0.0).is_sign_positive() && loss.value(0.0).is_sign_positive());
        let accuracy = Metric::default();
        assert!(accuracy.score(0.75) > accuracy.score(0.5));
        assert!(accuracy.is_accuracy() && !loss.is_accuracy());
    }

    #[test]
    fn a_share_lies_from_0_to_1_and_a_plain_number_anywhere() {
        let plain = Metric::new("ssim", Direction::Higher, Scale::Plain).unwrap();
        for (value, share, number) in [
            (0.5, true, true),
            (-0.5, false, true),
            (94.5, false, true),
            (f64::NAN, false, false),
            (f64::INFINITY, false, false),
        ] {
            assert_eq!(
                (Metric::default().allows(value), plain.allows(value)),
                (share, number),
                "{value}"
            );
        }
    }

    #[test]
    fn a_name_that_cannot_be_shown_is_refused() {
        for name in ["", " ", " loss", "loss\n", &"x".repeat(65)] {
            let error = Metric::new(name, Direction::Lower, Scale::Plain).unwrap_err();
            assert!(error.to_string().contains("1 to 64 characters"), "{error}");
        }
        assert!(serde_json::from_str::<Metric>(r#"{"name": ""}"#).is_err());
        assert!(serde_json::from_str::<Metric>(r#"{"name": "loss", "unit": "nats"}"#).is_err());
    }

    #[test]
    fn a_metric_is_read_as_it_was_written() {
        let loss = Metric::new("loss", Direction::Lower, Scale::Plain).unwrap();
        let text = serde_json::to_string(&loss).unwrap();
        assert_eq!(text, r#"{"name":"loss","direction":"lower","scale":"plain"}"#);
        assert_eq!(serde_json::from_str::<Metric>(&text).unwrap(), loss);
        let accuracy: Metric = serde_json::from_str(r#"{"name": "accuracy"}"#).unwrap();
        assert_eq!(accuracy, Metric::default());
    }
}
