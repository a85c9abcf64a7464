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
/// | `rungs` | none | the epochs of each rung, where they are not r, r η, r η², … | increasing, ≥ 1; η^(number of rungs − 1) < 2³² |
/// | `schedule` | `asynchronous` | which rungs there are at a time, and whether a promotion waits for the rest of its rung | see [`Schedule`] |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The epochs of each rung instead of powers of η, as where a benchmark table has others; empty
    /// for r, r η, r η², …
    ///
    /// Then `min_epochs` has no meaning, `max_epochs` is at least the last of them, η is still the
    /// share that is promoted, and `early_stopping_rate` leaves out the first ones. The default is
    /// not written, so that studies recorded before this field existed can be resumed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rungs: Vec<u32>,
    /// Which rungs there are at a time, and whether a promotion waits for the rest of its rung.
    pub schedule: Schedule,
}

/// Which rungs there are at a time, and whether a promotion waits for the rest of its rung.
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
    /// A rung waits, and brackets with many short trainings take turns with brackets of few long
    /// ones: Hyperband.
    Hyperband {},
}

impl Schedule {
    /// What a halved search has behind the name of its method.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Asynchronous {} => "asha",
            Self::Synchronous { .. } => "sha",
            Self::Hyperband {} => "hyperband",
        }
    }
}

/// A bracket of successive halving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BracketPlan {
    /// Its bottom rung: the place in [`HalvingConfig::rung_epochs`], from 0.
    pub bottom: usize,
    /// n, the number of configurations in the bottom rung.
    pub configurations: usize,
}

impl BracketPlan {
    /// The number of configurations in each of its rungs, from the bottom: ⌊n η^-k⌋. `rungs` is the
    /// number of rungs of the whole ladder.
    pub fn per_rung(&self, rungs: usize, eta: u32) -> Vec<usize> {
        let powers = std::iter::successors(Some(1_usize), |power| power.checked_mul(eta as usize));
        let count = rungs.saturating_sub(self.bottom);
        powers
            .take(count)
            .map(|power| self.configurations / power)
            .collect()
    }
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
            rungs: Vec::new(),
            schedule: Schedule::default(),
        }
    }
}

impl HalvingConfig {
    /// The epochs of each rung, counted from the start of the training: r η^s, r η^(s + 1), … up to
    /// R, or what `rungs` names.
    ///
    /// # Errors
    /// As [`HalvingConfig::validate`].
    pub fn rung_epochs(&self) -> Result<Vec<u32>, EvoError> {
        self.validate()?;
        Ok(self.ladder())
    }

    /// The brackets of a round, in the order in which they are run; the next round has the same.
    ///
    /// ASHA has no brackets. Successive halving has one. Hyperband has one for each s from s_max
    /// down to 0, where s_max + 1 is the number of rungs: of ⌈(s_max + 1) η^s / (s + 1)⌉
    /// configurations, starting in the rung s_max − s.
    ///
    /// # Errors
    /// As [`HalvingConfig::validate`].
    pub fn brackets(&self) -> Result<Vec<BracketPlan>, EvoError> {
        let rungs = self.rung_epochs()?.len();
        Ok(match self.schedule {
            Schedule::Asynchronous {} => Vec::new(),
            Schedule::Synchronous { configurations } => vec![BracketPlan {
                bottom: 0,
                configurations,
            }],
            Schedule::Hyperband {} => (0..rungs)
                .map(|bottom| {
                    let s = rungs - 1 - bottom;
                    // η^s is below 2³² and there are at most 2³² rungs, so neither overflows.
                    let shared = rungs as u64 * u64::from(self.eta).pow(s as u32);
                    BracketPlan {
                        bottom,
                        configurations: shared.div_ceil(s as u64 + 1) as usize,
                    }
                })
                .collect(),
        })
    }

    /// How many inner strategies there are: one for each bottom rung, so that each compares
    /// trainings of one length.
    ///
    /// # Errors
    /// As [`HalvingConfig::validate`].
    pub fn strategies(&self) -> Result<usize, EvoError> {
        Ok(self.brackets()?.len().max(1))
    }

    /// The fewest configurations of a bracket that bring one to the top.
    ///
    /// # Errors
    /// As [`HalvingConfig::validate`], but for the size of a bracket.
    pub fn smallest_bracket(&self) -> Result<usize, EvoError> {
        self.validate_epochs()?;
        // η^k is a `u32`: at most R or, where rungs are named, checked.
        let promotions = self.ladder().len() as u32 - 1;
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
        if self.eta < 2 {
            return Err(refusal("eta", self.eta as usize, "at least 2".to_owned()));
        }
        if !self.rungs.is_empty() {
            return self.validate_rungs();
        }
        if min == 0 {
            return Err(refusal("min_epochs", 0, "at least 1".to_owned()));
        }
        if max < min {
            let expected = format!("at least min_epochs, which is {min}");
            return Err(refusal("max_epochs", max as usize, expected));
        }
        self.validate_rate(self.powers().count() - 1, min)
    }

    /// Checks rungs that are named.
    fn validate_rungs(&self) -> Result<(), EvoError> {
        let refuse = |value: u32, expected: String| Err(refusal("rungs", value as usize, expected));
        let mut before = 0;
        for &epochs in &self.rungs {
            if epochs <= before {
                let expected = format!("increasing numbers of epochs: more than {before} here");
                return refuse(epochs, expected);
            }
            before = epochs;
        }
        if before > self.max_epochs {
            let expected = format!("at most max_epochs, which is {}", self.max_epochs);
            return refuse(before, expected);
        }
        let most = self.rungs.len() - 1;
        // A reduction of 2 reaches 2³² with 33 rungs.
        if most > 31 || self.eta.checked_pow(most as u32).is_none() {
            let expected = format!(
                "fewer rungs than {}: with so many and this eta, more than 2^32 configurations bring one \
                 to the top",
                self.rungs.len()
            );
            return refuse(before, expected);
        }
        self.validate_rate(most, self.rungs[0])
    }

    fn validate_rate(&self, most: usize, min: u32) -> Result<(), EvoError> {
        let rate = self.early_stopping_rate as usize;
        if rate > most {
            let max = self.max_epochs;
            let expected =
                format!("at most {most}: a higher one leaves no rung between {min} and {max} epochs");
            return Err(refusal("early_stopping_rate", rate, expected));
        }
        Ok(())
    }

    fn ladder(&self) -> Vec<u32> {
        let skipped = self.early_stopping_rate as usize;
        match self.rungs.is_empty() {
            true => self.powers().skip(skipped).collect(),
            false => self.rungs.iter().copied().skip(skipped).collect(),
        }
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
    fn rungs_that_are_named_replace_the_powers_and_have_to_increase() {
        let named = |rungs: &[u32], eta, s| HalvingConfig {
            rungs: rungs.to_vec(),
            ..config(1, 200, eta, s)
        };
        assert_eq!(named(&[12, 200], 4, 0).rung_epochs().unwrap(), [12, 200]);
        assert_eq!(named(&[12, 200], 4, 1).rung_epochs().unwrap(), [200]);
        assert_eq!(named(&[4, 12, 199], 3, 0).smallest_bracket().unwrap(), 9);
        let many: Vec<u32> = (1..=33).collect();
        for (config, expected) in [
            (named(&[12, 12], 4, 0), "rungs is 12; expected increasing"),
            (named(&[0, 12], 4, 0), "rungs is 0; expected increasing"),
            (named(&[12, 201], 4, 0), "at most max_epochs, which is 200"),
            (named(&[12, 200], 4, 2), "at most 1: a higher one"),
            (named(&[12, 200], 1, 0), "eta is 1"),
            (named(&many, 2, 0), "fewer rungs than 33"),
            (named(&[1, 2, 3], 65_536, 0), "fewer rungs than 3"),
        ] {
            let error = config.rung_epochs().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    /// Table 1 of Li et al. 2018 (JMLR) for R = 81 and η = 3, where n = ⌈(s_max + 1) η^s / (s + 1)⌉.
    #[test]
    fn the_brackets_of_hyperband_are_those_of_the_papers_table() {
        let hyperband = |config| HalvingConfig {
            schedule: Schedule::Hyperband {},
            ..config
        };
        let config81 = hyperband(config(1, 81, 3, 0));
        let rungs = config81.rung_epochs().unwrap();
        let table: Vec<Vec<(usize, u32)>> = config81
            .brackets()
            .unwrap()
            .iter()
            .map(|bracket| {
                let counts = bracket.per_rung(rungs.len(), 3);
                let epochs = rungs[bracket.bottom..].iter().copied();
                counts.into_iter().zip(epochs).collect()
            })
            .collect();
        let expected: [&[(usize, u32)]; 5] = [
            &[(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
            &[(34, 3), (11, 9), (3, 27), (1, 81)],
            &[(15, 9), (5, 27), (1, 81)],
            &[(8, 27), (2, 81)],
            &[(5, 81)],
        ];
        assert_eq!(table, expected);
        // One rung is random search; of two, the second bracket trains everything to the end.
        let sizes = |config| {
            let brackets = hyperband(config).brackets().unwrap();
            let pairs = brackets.iter().map(|one| (one.bottom, one.configurations));
            pairs.collect::<Vec<_>>()
        };
        assert_eq!(sizes(config(5, 5, 2, 0)), [(0, 1)]);
        let two = HalvingConfig {
            rungs: vec![12, 200],
            ..config(1, 200, 4, 0)
        };
        assert_eq!(sizes(two), [(0, 4), (1, 2)]);
        assert_eq!(sizes(config(1, 1 << 31, 2, 0))[0], (0, 1 << 31));
        assert_eq!(config(1, 81, 3, 0).strategies().unwrap(), 1);
        assert_eq!(config81.strategies().unwrap(), 5);
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
