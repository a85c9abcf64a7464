//! Targets for the cost of an architecture that it may miss, at a price.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::SpaceError;
use crate::sizes::{Figures, Quantity};

/// Targets for figures of an architecture, and by how much its reward falls where it misses them.
///
/// The reward of an architecture is its accuracy · ∏ (figure / target)^w, with w = `weight` for a
/// figure above its target and w = `weight_below` for one at or below it. [`Rewarding`] records it
/// with each evaluation, [`Rewarded`] tells it to a strategy in place of the accuracy.
///
/// The default is the soft constraint of Tan et al. 2019, section 3: at −0.07 a network of twice
/// the cost is worth the same if it is about 5 % (relative) more accurate, and one below the target
/// is rewarded for it. Their hard constraint is `weight = -1`, `weight_below = 0`.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `targets` | none | by name, the target of a figure: `params`, `macs`, or another | at least one, each above 0 |
/// | `weight` | −0.07 | exponent for a figure above its target | ≤ 0 |
/// | `weight_below` | `weight` | exponent for a figure at or below its target | ≤ 0; not both 0 |
///
/// # Example
/// ```
/// use nas_space::cost::Cost;
/// use nas_space::limits::SoftLimits;
///
/// let soft = SoftLimits { targets: [("macs".to_owned(), 1e6)].into(), ..SoftLimits::default() };
/// let factor = soft.factor(&Cost { params: 10, macs: 2_000_000 }.into())?;
/// assert_eq!(factor, 2_f64.powf(-0.07));
/// # Ok::<(), nas_space::SpaceError>(())
/// ```
///
/// # References
/// - M. Tan, B. Chen, R. Pang, V. Vasudevan, M. Sandler, A. Howard, Q. V. Le. MnasNet:
///   Platform-Aware Neural Architecture Search for Mobile. CVPR 2019, arXiv 1807.11626.
///
/// [`Rewarding`]: crate::search::Rewarding
/// [`Rewarded`]: crate::search::Rewarded
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct SoftLimits {
    /// Exponent of the reward's factor for a figure above its target, at most 0.
    #[cfg_attr(feature = "schema", schemars(range(max = 0)))]
    pub weight: f64,
    /// The same for a figure at or below its target; without it, the same exponent. With 0, an
    /// architecture is not rewarded for costs below the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = 0)))]
    pub weight_below: Option<f64>,
    /// By name, the target of a figure: `params`, `macs`, or another figure such as a latency; each
    /// above 0. At least one; the factors of several are multiplied.
    pub targets: BTreeMap<String, f64>,
}

impl Default for SoftLimits {
    fn default() -> Self {
        Self {
            weight: -0.07,
            weight_below: None,
            targets: BTreeMap::new(),
        }
    }
}

impl SoftLimits {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`SpaceError::Config`] says what is wrong.
    pub fn validate(&self) -> Result<(), SpaceError> {
        if self.targets.is_empty() {
            let expected = "a target for at least one figure, such as macs";
            return Err(SpaceError::config("targets", "empty", expected));
        }
        for (name, &target) in &self.targets {
            if !(target > 0.0 && target.is_finite()) {
                let got = format!("{name} = {target}");
                return Err(SpaceError::config("targets", got, "numbers above 0"));
            }
        }
        for (name, weight) in [("weight", self.weight), ("weight_below", self.below())] {
            if !(weight <= 0.0 && weight.is_finite()) {
                let expected = "a number of at most 0: a reward falls where costs grow";
                return Err(SpaceError::config(name, weight, expected));
            }
        }
        if self.weight == 0.0 && self.below() == 0.0 {
            let expected =
                "a number below 0, or weight_below to be one: with 0 on both sides costs have no effect";
            return Err(SpaceError::config("weight", 0, expected));
        }
        Ok(())
    }

    /// The exponent for figures at or below their target.
    fn below(&self) -> f64 {
        self.weight_below.unwrap_or(self.weight)
    }

    /// What has a target.
    pub fn quantities(&self) -> Vec<Quantity> {
        self.targets.keys().map(|name| Quantity::named(name)).collect()
    }

    /// What the accuracy of an architecture with these figures is multiplied by.
    ///
    /// # Errors
    /// [`SpaceError::NotKnown`] for a figure that has a target and is not known,
    /// [`SpaceError::Beyond`] for one that is not above 0.
    pub fn factor(&self, figures: &Figures) -> Result<f64, SpaceError> {
        self.factor_of(|quantity| figures.get(quantity), || figures.names())
    }

    /// The same of the figures that `get` gives, of which there are those of the names `known`.
    pub(crate) fn factor_of(
        &self,
        get: impl Fn(&Quantity) -> Option<f64>,
        known: impl Fn() -> Vec<String>,
    ) -> Result<f64, SpaceError> {
        let mut factor = 1.0;
        for (name, &target) in &self.targets {
            let quantity = Quantity::named(name);
            let Some(got) = get(&quantity) else {
                return Err(SpaceError::NotKnown {
                    quantity,
                    reason: "it is not known of this architecture".to_owned(),
                    known: known(),
                });
            };
            if !(got > 0.0 && got.is_finite()) {
                return Err(SpaceError::Beyond {
                    name: name.clone(),
                    bound: "above",
                    limit: 0.0,
                    got,
                });
            }
            let weight = if got > target { self.weight } else { self.below() };
            factor *= (got / target).powf(weight);
        }
        Ok(factor)
    }

    /// Whether the reward of an architecture can be above its accuracy.
    pub fn can_raise(&self) -> bool {
        self.below() < 0.0
    }
}

impl fmt::Display for SoftLimits {
    /// `accuracy × (macs / 20000000)^-0.07`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("accuracy")?;
        for (name, target) in &self.targets {
            write!(f, " × ({name} / {target})^{}", self.weight)?;
        }
        if self.below() != self.weight {
            write!(f, ", below a target ^{}", self.below())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Cost;

    fn soft(text: &str) -> SoftLimits {
        serde_json::from_str(text).unwrap()
    }

    fn figures(params: u64, macs: u64, latency: f64) -> Figures {
        Figures {
            named: [("latency".to_owned(), latency)].into(),
            ..Cost { params, macs }.into()
        }
    }

    /// At 80 ms, section 3 and figure 3 of the paper: the soft constraint at w = −0.07, and the
    /// hard one, at which a network of twice the latency is worth half.
    #[test]
    fn factors_are_those_of_the_paper() {
        let factor = |soft: &SoftLimits, latency| soft.factor(&figures(1, 1, latency)).unwrap();
        let paper = soft(r#"{"targets":{"latency":80}}"#);
        assert_eq!(factor(&paper, 80.0), 1.0);
        // 2^−0.07 = e^(−0.07 · 0.693147…), and its inverse at half the latency.
        assert!((factor(&paper, 160.0) - 0.952_637_998).abs() < 1e-8);
        assert!((factor(&paper, 40.0) - 1.049_716_683).abs() < 1e-8);
        let hard = soft(r#"{"targets":{"latency":80},"weight":-1,"weight_below":0}"#);
        assert_eq!(
            [20.0, 80.0, 160.0, 320.0].map(|latency| factor(&hard, latency)),
            [1.0, 1.0, 0.5, 0.25]
        );
        assert!(paper.can_raise() && !hard.can_raise());
    }

    #[test]
    fn the_factors_of_several_targets_are_multiplied() {
        let both = soft(r#"{"targets":{"macs":100,"params":10},"weight":-1}"#);
        assert_eq!(both.factor(&figures(40, 50, 0.0)), Ok(0.25 * 2.0));
        assert_eq!(both.quantities(), [Quantity::Macs, Quantity::Params]);
        assert_eq!(both.to_string(), "accuracy × (macs / 100)^-1 × (params / 10)^-1");
        let hard = soft(r#"{"targets":{"latency":2.5},"weight":-1,"weight_below":0}"#);
        assert_eq!(
            hard.to_string(),
            "accuracy × (latency / 2.5)^-1, below a target ^0"
        );
    }

    #[test]
    fn what_is_not_known_or_not_above_0_has_no_factor() {
        let soft = soft(r#"{"targets":{"energy":1}}"#);
        let message = soft.factor(&figures(1, 1, 1.0)).unwrap_err().to_string();
        assert!(
            message.contains("'energy'") && message.ends_with("latency"),
            "{message}"
        );
        let soft: SoftLimits = serde_json::from_str(r#"{"targets":{"latency":1}}"#).unwrap();
        for latency in [0.0, -3.0] {
            let message = soft.factor(&figures(1, 1, latency)).unwrap_err().to_string();
            assert_eq!(message, format!("latency is {latency}; expected above 0"));
        }
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for (text, what) in [
            ("{}", "targets is empty"),
            (r#"{"targets":{"macs":0}}"#, "macs = 0"),
            (r#"{"targets":{"macs":-1}}"#, "macs = -1"),
            (r#"{"targets":{"macs":1},"weight":0.07}"#, "weight is 0.07"),
            (
                r#"{"targets":{"macs":1},"weight_below":0.5}"#,
                "weight_below is 0.5",
            ),
            (r#"{"targets":{"macs":1},"weight":0}"#, "no effect"),
        ] {
            let message = soft(text).validate().unwrap_err().to_string();
            assert!(message.contains(what), "{text}: {message}");
        }
        soft(r#"{"targets":{"macs":1},"weight":0,"weight_below":-1}"#)
            .validate()
            .unwrap();
        assert!(serde_json::from_str::<SoftLimits>(r#"{"max_macs":1}"#).is_err());
    }
}
