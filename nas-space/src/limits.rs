//! How large a network may be.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cost::Cost;
use crate::error::SpaceError;

/// Upper limits on what a network costs.
///
/// [`LimitedSpace`](crate::spaces::LimitedSpace) keeps a method within them, [`Gate`](crate::search::Gate) refuses whatever is
/// beyond them before it is trained.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `max_params` | none | most trainable parameters | ≥ 1 |
/// | `max_macs` | none | most multiply-accumulates of one forward pass for one image | ≥ 1 |
///
/// # Example
/// ```
/// use nas_space::cost::Cost;
/// use nas_space::limits::Limits;
///
/// let limits = Limits { max_params: Some(1000), ..Limits::default() };
/// assert!(limits.check(Cost { params: 1000, macs: 1 << 40 }).is_ok());
/// assert!(limits.check(Cost { params: 1001, macs: 1 }).is_err());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Most trainable parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_params: Option<u64>,
    /// Most multiply-accumulates of one forward pass for one image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_macs: Option<u64>,
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
        if self.max_params.is_none() && self.max_macs.is_none() {
            return Err(SpaceError::config(
                "limits",
                "empty",
                "max_params, max_macs or both",
            ));
        }
        Ok(())
    }

    /// Checks a cost against the limits.
    ///
    /// # Errors
    /// [`SpaceError::OverLimit`] names the first limit that it exceeds.
    pub fn check(&self, cost: Cost) -> Result<(), SpaceError> {
        let over = |what, limit: Option<u64>, got: u64| match limit {
            Some(limit) if got > limit => Err(SpaceError::OverLimit { what, limit, got }),
            _ => Ok(()),
        };
        over("parameters", self.max_params, cost.params)?;
        over("multiply-accumulates", self.max_macs, cost.macs)
    }
}

impl fmt::Display for Limits {
    /// `at most 1000 parameters and 2000 multiply-accumulates`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.max_params, self.max_macs) {
            (Some(params), Some(macs)) => {
                write!(f, "at most {params} parameters and {macs} multiply-accumulates")
            }
            (Some(params), None) => write!(f, "at most {params} parameters"),
            (None, Some(macs)) => write!(f, "at most {macs} multiply-accumulates"),
            (None, None) => f.write_str("any size"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_at_the_limit_is_within_and_one_more_is_not() {
        let both = Limits {
            max_params: Some(10),
            max_macs: Some(20),
        };
        let check = |params, macs| both.check(Cost { params, macs });
        assert_eq!(check(10, 20), Ok(()));
        let message = check(11, 99).unwrap_err().to_string();
        assert_eq!(message, "the network has 11 parameters; expected at most 10");
        let message = check(10, 21).unwrap_err().to_string();
        assert!(message.contains("21 multiply-accumulates"), "{message}");
    }

    #[test]
    fn limits_that_limit_nothing_are_refused_and_unknown_ones_too() {
        assert!(Limits::default().validate().is_err());
        let none = Limits {
            max_params: Some(0),
            max_macs: Some(5),
        };
        assert!(none.validate().unwrap_err().to_string().contains("max_params"));
        assert!(serde_json::from_str::<Limits>(r#"{"max_seconds": 3}"#).is_err());
        let text = r#"{"max_macs":7}"#;
        let read: Limits = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        assert_eq!(read.to_string(), "at most 7 multiply-accumulates");
    }
}
