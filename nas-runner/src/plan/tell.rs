//! In which order a method learns from outcomes.

use anyhow::{Result, bail};
use nas_study::TellOrder;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RunConfig;
use crate::args::TellName;

/// In which order a method learns from outcomes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TellPlan {
    /// That of the trials. Workers never change a search, but a long trial holds back later ones.
    #[default]
    Trial,
    /// That in which trials are finished, which is recorded. Workers never wait for each other's
    /// trials.
    Completion,
}

impl TellPlan {
    /// Whether it is the order of the trials.
    pub fn is_trial(&self) -> bool {
        *self == Self::Trial
    }

    /// The order for a study.
    pub fn order(self) -> TellOrder {
        match self {
            Self::Trial => TellOrder::Trial,
            Self::Completion => TellOrder::Completion,
        }
    }
}

impl From<TellName> for TellPlan {
    fn from(typed: TellName) -> Self {
        match typed {
            TellName::Trial => Self::Trial,
            TellName::Completion => Self::Completion,
        }
    }
}

impl RunConfig {
    /// Refuses the order of completion where there is none.
    pub(super) fn validate_tell(&self) -> Result<()> {
        if !self.tell.is_trial() && !self.method.proposes() {
            bail!(
                "method {} trains a supernet in one process, so there is no order of completion (--tell, or tell in a file); \
                 expected the order of the trials, or a method that proposes architectures, such as evolution",
                self.method
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::resolved;

    #[test]
    fn the_order_is_typed_or_in_the_file_and_is_that_of_the_trials_if_nothing_is_said() {
        let tell = |file, words| resolved(file, words).unwrap().tell;
        assert_eq!(tell("", "random"), TellPlan::Trial);
        assert_eq!(
            tell("", "random --tell completion --batch 4"),
            TellPlan::Completion
        );
        let file = "tell = 'completion'";
        assert_eq!(tell(file, "evolution"), TellPlan::Completion);
        assert_eq!(tell(file, "evolution --tell trial"), TellPlan::Trial);
        let written = |words| toml::to_string(&resolved("", words).unwrap()).unwrap();
        assert!(!written("random").contains("tell"));
        let text = written("random --tell completion");
        assert!(text.contains("tell = \"completion\""), "{text}");
        assert_eq!(tell(&text, ""), TellPlan::Completion);
    }

    #[test]
    fn every_method_that_proposes_takes_both_orders_and_every_supernet_refuses_one() {
        for method in crate::methods::Method::ALL {
            let words = format!("{method} --tell completion");
            match (resolved("", &words), method.proposes()) {
                (Ok(config), true) => assert_eq!(config.tell.order(), TellOrder::Completion),
                (Err(error), false) => {
                    let error = format!("{error:#}");
                    assert!(
                        error.contains("trains a supernet") && error.contains("--tell"),
                        "{error}"
                    );
                }
                (result, proposes) => panic!("{method} {proposes}: {result:?}"),
            }
        }
        for halving in ["asha", "sync", "hyperband"] {
            resolved("", &format!("evolution --halving {halving} --tell completion")).unwrap();
        }
    }
}
