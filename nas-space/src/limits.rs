//! Limits on the size of a network, and the part of a space within them.

mod limited;
mod soft;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::limited::{LimitedSpace, Within};
pub use self::soft::SoftLimits;
use crate::error::SpaceError;
use crate::sizes::{Figures, Quantity};

/// Limits on the size of an architecture and on other figures of it.
///
/// [`LimitedSpace`] keeps a method within them, [`Gate`](crate::search::Gate) refuses whatever is
/// beyond them before it is evaluated.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `max_params` | none | most trainable parameters | ≥ 1 |
/// | `max_macs` | none | most multiply-accumulates of one forward pass for one image | ≥ 1 |
/// | `max` | none | by name, the most that a figure may be | finite |
/// | `min` | none | by name, the least that a figure may be | finite |
///
/// # Example
/// ```
/// use nas_space::cost::Cost;
/// use nas_space::limits::Limits;
///
/// let limits = Limits { max_params: Some(1000), ..Limits::default() };
/// assert!(limits.check(&Cost { params: 1000, macs: 1 << 40 }.into()).is_ok());
/// assert!(limits.check(&Cost { params: 1001, macs: 1 }.into()).is_err());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Most trainable parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub max_params: Option<u64>,
    /// Most multiply-accumulates of one forward pass for one image.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1)))]
    pub max_macs: Option<u64>,
    /// By name, the largest value that another figure may have: one of a table or of a file of
    /// costs, latency in milliseconds, or memory, memory_f32, flash and flash_f32 in bytes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub max: BTreeMap<String, f64>,
    /// By name, the smallest value that another figure may have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub min: BTreeMap<String, f64>,
}

impl Limits {
    /// Checks that there is a limit and that each allows something.
    ///
    /// # Errors
    /// [`SpaceError::Config`] says what is wrong.
    pub fn validate(&self) -> Result<(), SpaceError> {
        for (name, limit) in [("max_params", self.max_params), ("max_macs", self.max_macs)] {
            if limit == Some(0) {
                return Err(SpaceError::config(name, 0, "at least 1"));
            }
        }
        for (which, limits) in [("max", &self.max), ("min", &self.min)] {
            for (name, &limit) in limits {
                if !limit.is_finite() {
                    let shown = format!("{name} = {limit}");
                    return Err(SpaceError::config(which, shown, "a finite number"));
                }
                if !matches!(Quantity::named(name), Quantity::Named(_)) {
                    return Err(SpaceError::config(
                        which,
                        name,
                        "the name of another figure; sizes are limited by max_params and max_macs",
                    ));
                }
            }
        }
        if self.quantities().is_empty() {
            return Err(SpaceError::config(
                "limits",
                "empty",
                "max_params, max_macs, or a figure in max or min",
            ));
        }
        Ok(())
    }

    /// What is limited.
    pub fn quantities(&self) -> Vec<Quantity> {
        let sizes = [
            (Quantity::Params, self.max_params),
            (Quantity::Macs, self.max_macs),
        ];
        let sizes = sizes.into_iter().filter(|(_, limit)| limit.is_some());
        let named = self.max.keys().chain(self.min.keys());
        sizes
            .map(|(quantity, _)| quantity)
            .chain(named.map(|name| Quantity::Named(name.clone())))
            .collect()
    }

    /// How far within the limits these figures are, as a share of each limit: that of the one which
    /// leaves least. Below 0 they are beyond a limit; minus infinity stands for a figure that is
    /// limited and not known.
    pub fn slack(&self, figures: &Figures) -> f64 {
        let share = |limit: f64, got: Option<f64>, sign: f64| match got {
            Some(got) => sign * (limit - got) / limit.abs().max(f64::MIN_POSITIVE),
            None => f64::NEG_INFINITY,
        };
        let counts = [(self.max_params, figures.params), (self.max_macs, figures.macs)];
        let counts = counts
            .into_iter()
            .filter_map(|(limit, got)| Some(share(limit? as f64, got.map(|got| got as f64), 1.0)));
        let named = |limits: &BTreeMap<String, f64>, sign| -> Vec<f64> {
            let limits = limits.iter();
            limits
                .map(|(name, &limit)| share(limit, figures.named.get(name).copied(), sign))
                .collect()
        };
        counts
            .chain(named(&self.max, 1.0))
            .chain(named(&self.min, -1.0))
            .fold(f64::INFINITY, f64::min)
    }

    /// Checks figures against the limits.
    ///
    /// # Errors
    /// [`SpaceError::OverLimit`] or [`SpaceError::Beyond`] names the first limit that they exceed,
    /// [`SpaceError::NotKnown`] a figure that is limited and not known.
    pub fn check(&self, figures: &Figures) -> Result<(), SpaceError> {
        let unknown = |quantity: Quantity| SpaceError::NotKnown {
            quantity,
            reason: "it is not known of this architecture".to_owned(),
            known: figures.names(),
        };
        let count = |what, quantity, limit: Option<u64>, got: Option<u64>| match (limit, got) {
            (Some(limit), Some(got)) if got > limit => Err(SpaceError::OverLimit { what, limit, got }),
            (Some(_), None) => Err(unknown(quantity)),
            _ => Ok(()),
        };
        count("parameters", Quantity::Params, self.max_params, figures.params)?;
        count(
            "multiply-accumulates",
            Quantity::Macs,
            self.max_macs,
            figures.macs,
        )?;
        for (bound, limits) in [("at most", &self.max), ("at least", &self.min)] {
            for (name, &limit) in limits {
                let got = figures.named.get(name).copied();
                let got = got.ok_or_else(|| unknown(Quantity::Named(name.clone())))?;
                if if bound == "at most" {
                    got > limit
                } else {
                    got < limit
                } {
                    let name = name.clone();
                    return Err(SpaceError::Beyond {
                        name,
                        bound,
                        limit,
                        got,
                    });
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Limits {
    /// `at most 1000 parameters and 2000 multiply-accumulates`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        match (self.max_params, self.max_macs) {
            (Some(params), Some(macs)) => {
                parts.push(format!(
                    "at most {params} parameters and {macs} multiply-accumulates"
                ));
            }
            (Some(params), None) => parts.push(format!("at most {params} parameters")),
            (None, Some(macs)) => parts.push(format!("at most {macs} multiply-accumulates")),
            (None, None) => {}
        }
        parts.extend(
            self.max
                .iter()
                .map(|(name, limit)| format!("{name} at most {limit}")),
        );
        parts.extend(
            self.min
                .iter()
                .map(|(name, limit)| format!("{name} at least {limit}")),
        );
        match parts.is_empty() {
            true => f.write_str("any size"),
            false => f.write_str(&parts.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Cost;

    #[test]
    fn a_cost_at_the_limit_is_within_and_one_more_is_not() {
        let both = Limits {
            max_params: Some(10),
            max_macs: Some(20),
            ..Limits::default()
        };
        let check = |params, macs| both.check(&Cost { params, macs }.into());
        assert_eq!(check(10, 20), Ok(()));
        let message = check(11, 99).unwrap_err().to_string();
        assert_eq!(message, "the network has 11 parameters; expected at most 10");
        let message = check(10, 21).unwrap_err().to_string();
        assert!(message.contains("21 multiply-accumulates"), "{message}");
    }

    #[test]
    fn named_figures_have_limits_on_both_sides_and_unknown_ones_are_beyond_any() {
        let limits: Limits = serde_json::from_str(r#"{"max":{"latency":2.5},"min":{"score":-1}}"#).unwrap();
        limits.validate().unwrap();
        assert_eq!(limits.to_string(), "latency at most 2.5, score at least -1");
        let check = |named: &[(&str, f64)]| {
            let named = named.iter().map(|&(name, value)| (name.to_owned(), value));
            let figures = Figures {
                named: named.collect(),
                ..Figures::default()
            };
            limits.check(&figures).map_err(|error| error.to_string())
        };
        assert_eq!(check(&[("latency", 2.5), ("score", -1.0)]), Ok(()));
        let slow = check(&[("latency", 2.6), ("score", 0.0)]).unwrap_err();
        assert_eq!(slow, "latency is 2.6; expected at most 2.5");
        let poor = check(&[("latency", 0.0), ("score", -1.5)]).unwrap_err();
        assert_eq!(poor, "score is -1.5; expected at least -1");
        let unknown = check(&[("latency", 0.0)]).unwrap_err();
        assert!(
            unknown.contains("'score'") && unknown.ends_with("latency"),
            "{unknown}"
        );
        let sizes = Limits {
            max_macs: Some(3),
            ..Limits::default()
        };
        assert!(sizes.check(&Figures::default()).is_err());
    }

    #[test]
    fn limits_that_limit_nothing_are_refused_and_unknown_ones_too() {
        assert!(Limits::default().validate().is_err());
        let none = Limits {
            max_params: Some(0),
            max_macs: Some(5),
            ..Limits::default()
        };
        assert!(none.validate().unwrap_err().to_string().contains("max_params"));
        let infinite: Limits = read_from(r#"{"max":{"params":3.0}}"#);
        let message = infinite.validate().unwrap_err().to_string();
        assert!(message.contains("max_params"), "{message}");
        let mut infinite = Limits::default();
        infinite.max.insert("latency".to_owned(), f64::NAN);
        assert!(infinite.validate().unwrap_err().to_string().contains("latency"));
        assert!(serde_json::from_str::<Limits>(r#"{"max_seconds": 3}"#).is_err());
        let text = r#"{"max_macs":7}"#;
        let read: Limits = read_from(text);
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert_eq!(read.to_string(), "at most 7 multiply-accumulates");
    }

    fn read_from(text: &str) -> Limits {
        serde_json::from_str(text).unwrap()
    }
}
