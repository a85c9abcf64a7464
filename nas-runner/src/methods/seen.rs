//! What a method's section of a report is made from.

use anyhow::Result;
use nas_report::Shown;
use nas_report::page::Html;
use nas_space::limits::SoftLimits;
use nas_space::search::{Metric, REWARD};
use nas_study::{RunDir, TrialRecord};
use serde::de::DeserializeOwned;

use super::Ended;

/// A run that is reported.
pub struct Seen<'a> {
    /// The run directory.
    pub run: &'a RunDir,
    /// What its scores are of.
    pub metric: &'a Metric,
    /// What rewards its method was told, where it was not told scores.
    pub rewards: Option<&'a SoftLimits>,
    /// Whether accuracies were looked up.
    pub in_table: bool,
    /// Number of the best trial.
    pub best: Option<u64>,
    /// All trials, in order.
    pub trials: &'a [TrialRecord],
}

impl Ended<'_> {
    /// What the method has learned from: `accuracy`, `score` or `reward`.
    pub(super) fn learned(&self) -> &'static str {
        self.rewards.map_or(self.metric.learned(), |_| REWARD)
    }
}

impl Seen<'_> {
    /// A JSON file of the run directory, if it is there.
    pub(super) fn file<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        Ok(self.run.read_json(name)?)
    }

    /// What the method has learned from: `accuracy`, `score` or `reward`.
    pub(super) fn learned(&self) -> &'static str {
        self.rewards.map_or(self.metric.learned(), |_| REWARD)
    }

    /// What stands before the figures of a method that learns from scores or rewards.
    pub(super) fn say_scores(&self, html: &mut Html) {
        if let Some(soft) = self.rewards {
            let share = match soft.can_raise() {
                true => ", as shares of the reward that a perfect accuracy would have at a low cost",
                false => "",
            };
            html.paragraph(&format!(
                "This method learns from rewards, not from accuracies: {soft}. The figures of this section are rewards{share}."
            ));
        } else if !self.metric.is_accuracy() {
            html.paragraph(&format!(
                "This method learns from the size of its rewards, so it receives scores: 0 % for the worst \
                 {} of the table, 100 % for the best. The figures of this section are such scores.",
                self.metric.on("validation")
            ));
        }
    }
}
