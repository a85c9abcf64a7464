//! What architectures are compared by.

use std::fmt;
use std::str::FromStr;

use nas_space::search::Direction;
use nas_space::sizes::{Figures, Quantity};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What architectures are compared by. Written as its [name](Self::name); of a figure of which more
/// is better, `NAME:max`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Objective {
    /// Validation accuracy, the larger the better.
    Accuracy,
    /// Parameters, the fewer the better.
    Params,
    /// Multiply-accumulates, the fewer the better.
    Macs,
    /// A figure with a name, such as a table's latency.
    Named {
        /// The name.
        name: String,
        /// Which values are better.
        better: Direction,
    },
}

impl Objective {
    /// Those that have no name of their own.
    pub const ALL: [Self; 3] = [Self::Accuracy, Self::Params, Self::Macs];

    /// Its name: `accuracy`, `params`, `macs`, or the figure's.
    pub fn name(&self) -> &str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Params => "params",
            Self::Macs => "macs",
            Self::Named { name, .. } => name,
        }
    }

    /// The figure that has to be known for it; nothing for the accuracy.
    pub fn quantity(&self) -> Option<Quantity> {
        match self {
            Self::Accuracy => None,
            Self::Params => Some(Quantity::Params),
            Self::Macs => Some(Quantity::Macs),
            Self::Named { name, .. } => Some(Quantity::Named(name.clone())),
        }
    }

    /// The value to minimise, where the figure is known. Counts are exact up to 2⁵³.
    pub fn value(&self, accuracy: f64, figures: &Figures) -> Option<f64> {
        match self {
            Self::Accuracy => Some(-accuracy),
            Self::Params => figures.params.map(|count| count as f64),
            Self::Macs => figures.macs.map(|count| count as f64),
            Self::Named { name, better } => {
                let value = figures.named.get(name).copied()?;
                Some(match better {
                    Direction::Lower => value,
                    Direction::Higher => -value,
                })
            }
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::Named {
                better: Direction::Higher,
                ..
            } => f.write_str(":max"),
            _ => Ok(()),
        }
    }
}

impl FromStr for Objective {
    type Err = String;

    /// Reads `accuracy`, `params`, `macs`, `NAME`, `NAME:min` or `NAME:max`.
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|objective| objective.name() == text);
        if let Some(objective) = known {
            return Ok(objective);
        }
        let (name, better) = match text.rsplit_once(':') {
            Some((name, "min")) => (name, Direction::Lower),
            Some((name, "max")) => (name, Direction::Higher),
            Some(_) | None => (text, Direction::Lower),
        };
        let fixed = Self::ALL.into_iter().find(|objective| objective.name() == name);
        if let Some(objective) = fixed {
            let direction = match objective {
                Self::Accuracy => "larger",
                _ => "smaller",
            };
            return Err(format!(
                "the direction of {name} is given: the {direction} the better; expected {name} alone"
            ));
        }
        if name.is_empty() || name.contains(',') {
            return Err(
                "expected accuracy, params, macs, or the name of a figure, with :max where more is better"
                    .to_owned(),
            );
        }
        Ok(Self::Named {
            name: name.to_owned(),
            better,
        })
    }
}

impl Serialize for Objective {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Objective {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_read_as_they_are_written() {
        for text in [
            "accuracy",
            "params",
            "macs",
            "latency",
            "score:max",
            "edge gpu",
            "a:b:max",
        ] {
            let objective: Objective = text.parse().unwrap();
            assert_eq!(objective.to_string(), text);
            let json = serde_json::to_string(&objective).unwrap();
            assert_eq!(serde_json::from_str::<Objective>(&json).unwrap(), objective);
        }
        assert_eq!("latency:min".parse::<Objective>().unwrap().to_string(), "latency");
        for wrong in ["", ":max", "params:max", "accuracy:min", "a,b"] {
            assert!(wrong.parse::<Objective>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_are_to_be_minimised() {
        let figures = Figures {
            params: Some(7),
            macs: None,
            named: [("score".to_owned(), 2.0)].into(),
        };
        let value = |text: &str| text.parse::<Objective>().unwrap().value(0.25, &figures);
        assert_eq!(value("accuracy"), Some(-0.25));
        assert_eq!(value("params"), Some(7.0));
        assert_eq!(value("macs"), None);
        assert_eq!((value("score"), value("score:max")), (Some(2.0), Some(-2.0)));
        assert_eq!(value("latency"), None);
    }
}
