//! The parameters of successive halving.

use serde::{Deserialize, Serialize};

use crate::error::EvoError;

/// The parameters of successive halving and ASHA. The defaults are those of the experiments of Li
/// et al. 2020, section 4: r = R / 256, η = 4, s = 0, with R = 256 epochs.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `min_epochs` | 1 | r: the least a configuration is trained where s is 0 | ≥ 1 |
/// | `max_epochs` | 256 | R: the most a configuration is trained; the top rung reaches it where R = r η^k | ≥ r η^s |
/// | `eta` | 4 | η: of so many configurations of a rung one is promoted, to so many times the epochs | ≥ 2 |
/// | `early_stopping_rate` | 0 | s: the bottom rung has r η^s epochs | 0 to ⌊log_η(R / r)⌋ |
/// | `schedule` | `asynchronous` | whether a promotion waits for the rest of its rung | see [`Schedule`] |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HalvingConfig {
    /// r, in epochs.
    pub min_epochs: u32,
    /// R, in epochs.
    pub max_epochs: u32,
    /// η, the reduction factor.
    pub eta: u32,
    /// s, the minimum early-stopping rate.
    pub early_stopping_rate: u32,
    /// Whether a promotion waits for the rest of its rung.
    pub schedule: Schedule,
}

/// Whether a promotion waits for the rest of its rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// A promotion does not wait: ASHA.
    Asynchronous {},
    /// A rung waits: successive halving, in brackets of this number of configurations.
    Synchronous {
        /// n; at least η^(number of rungs − 1), so that one reaches the top.
        configurations: usize,
    },
}

impl Default for Schedule {
    fn default() -> Self {
        Self::Asynchronous {}
    }
}

impl Default for HalvingConfig {
    fn default() -> Self {
        Self {
            min_epochs: 1,
            max_epochs: 256,
            eta: 4,
            early_stopping_rate: 0,
            schedule: Schedule::default(),
        }
    }
}

impl HalvingConfig {
    /// The epochs of each rung, counted from the start of the training: r η^s, r η^(s + 1), … up to
    /// R.
    ///
    /// # Errors
    /// As [`HalvingConfig::validate`].
    pub fn rung_epochs(&self) -> Result<Vec<u32>, EvoError> {
        self.validate()?;
        Ok(self.rungs())
    }

    /// The fewest configurations of a bracket that bring one to the top.
    ///
    /// # Errors
    /// As [`HalvingConfig::validate`], but for the size of a bracket.
    pub fn smallest_bracket(&self) -> Result<usize, EvoError> {
        self.validate_epochs()?;
        // η^k is at most R, a `u32`.
        let promotions = self.rungs().len() as u32 - 1;
        Ok((self.eta as usize).pow(promotions))
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// [`EvoError::Config`] names the first number that is out of range, and the expected range.
    pub fn validate(&self) -> Result<(), EvoError> {
        let smallest = self.smallest_bracket()?;
        match self.schedule {
            Schedule::Synchronous { configurations } if configurations < smallest => Err(refusal(
                "configurations",
                configurations,
                format!("at least {smallest}, so that one of them is trained for the most epochs"),
            )),
            _ => Ok(()),
        }
    }

    fn validate_epochs(&self) -> Result<(), EvoError> {
        let (min, max) = (self.min_epochs, self.max_epochs);
        if min == 0 {
            return Err(refusal("min_epochs", 0, "at least 1".to_owned()));
        }
        if self.eta < 2 {
            return Err(refusal("eta", self.eta as usize, "at least 2".to_owned()));
        }
        if max < min {
            let expected = format!("at least min_epochs, which is {min}");
            return Err(refusal("max_epochs", max as usize, expected));
        }
        let most = self.powers().count() - 1;
        if self.early_stopping_rate as usize > most {
            let expected =
                format!("at most {most}: a higher one leaves no rung between {min} and {max} epochs");
            return Err(refusal(
                "early_stopping_rate",
                self.early_stopping_rate as usize,
                expected,
            ));
        }
        Ok(())
    }

    fn rungs(&self) -> Vec<u32> {
        self.powers().skip(self.early_stopping_rate as usize).collect()
    }

    /// r, r η, r η², … up to R, for any r from 1 and η from 2.
    fn powers(&self) -> impl Iterator<Item = u32> {
        std::iter::successors(Some(self.min_epochs), |epochs| epochs.checked_mul(self.eta))
            .take_while(|&epochs| epochs <= self.max_epochs)
    }
}

fn refusal(name: &'static str, value: usize, expected: String) -> EvoError {
    EvoError::Config {
        name,
        value,
        expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(min_epochs: u32, max_epochs: u32, eta: u32, early_stopping_rate: u32) -> HalvingConfig {
        HalvingConfig {
            min_epochs,
            max_epochs,
            eta,
            early_stopping_rate,
            ..HalvingConfig::default()
        }
    }

    /// The last one has no power of 3 at its maximum; the maximum of the one before overflows on
    /// the next power.
    #[test]
    fn rungs_are_powers_of_eta_up_to_the_maximum() {
        let rungs = |min, max, eta, s| config(min, max, eta, s).rung_epochs().unwrap();
        assert_eq!(
            HalvingConfig::default().rung_epochs().unwrap(),
            [1, 4, 16, 64, 256]
        );
        assert_eq!(rungs(1, 9, 3, 0), [1, 3, 9]);
        assert_eq!(rungs(1, 9, 3, 1), [3, 9]);
        assert_eq!(rungs(1, 9, 3, 2), [9]);
        assert_eq!(rungs(5, 5, 2, 0), [5]);
        assert_eq!(rungs(1, u32::MAX, 65_536, 0), [1, 65_536]);
        assert_eq!(rungs(2, 53, 3, 0), [2, 6, 18]);
    }

    #[test]
    fn the_smallest_bracket_brings_one_to_the_top() {
        for (max, eta, s, expected) in [(9, 3, 0, 9), (9, 3, 1, 3), (9, 3, 2, 1), (256, 4, 0, 256)] {
            assert_eq!(config(1, max, eta, s).smallest_bracket().unwrap(), expected);
        }
    }

    #[test]
    fn the_config_reads_what_it_writes_and_refuses_what_it_does_not_know() {
        let config = HalvingConfig {
            schedule: Schedule::Synchronous { configurations: 9 },
            ..config(1, 9, 3, 0)
        };
        let text = serde_json::to_string(&config).unwrap();
        assert!(
            text.ends_with(r#""schedule":{"kind":"synchronous","configurations":9}}"#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<HalvingConfig>(&text).unwrap(), config);
        assert_eq!(
            serde_json::from_str::<HalvingConfig>("{}").unwrap(),
            HalvingConfig::default()
        );
        for unknown in [
            r#"{"r": 3}"#,
            r#"{"schedule": {"kind": "asynchronous", "configurations": 9}}"#,
        ] {
            assert!(
                serde_json::from_str::<HalvingConfig>(unknown).is_err(),
                "{unknown}"
            );
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused_with_what_was_expected() {
        let bracket = HalvingConfig {
            schedule: Schedule::Synchronous { configurations: 8 },
            ..config(1, 9, 3, 0)
        };
        for (config, named) in [
            (config(0, 9, 3, 0), "min_epochs is 0; expected at least 1"),
            (config(1, 9, 1, 0), "eta is 1; expected at least 2"),
            (
                config(4, 3, 3, 0),
                "max_epochs is 3; expected at least min_epochs, which is 4",
            ),
            (config(1, 9, 3, 3), "early_stopping_rate is 3; expected at most 2"),
            (bracket, "configurations is 8; expected at least 9"),
        ] {
            let refused = config.rung_epochs().unwrap_err().to_string();
            assert!(refused.contains(named), "{refused}");
        }
    }
}
