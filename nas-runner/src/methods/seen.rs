//! What a method's section of a report is made from.

use anyhow::Result;
use nas_report::Shown;
use nas_report::page::Html;
use nas_space::search::Metric;
use nas_study::{RunDir, TrialRecord};
use serde::de::DeserializeOwned;

/// A run that is reported.
pub struct Seen<'a> {
    /// The run directory.
    pub run: &'a RunDir,
    /// What its scores are of.
    pub metric: &'a Metric,
    /// Whether accuracies were looked up.
    pub in_table: bool,
    /// Number of the best trial.
    pub best: Option<u64>,
    /// All trials, in order.
    pub trials: &'a [TrialRecord],
}

impl Seen<'_> {
    /// A JSON file of the run directory, if it is there.
    pub(super) fn file<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        Ok(self.run.read_json(name)?)
    }

    /// What stands before the figures of a method that learns from scores.
    pub(super) fn say_scores(&self, html: &mut Html) {
        if !self.metric.is_accuracy() {
            html.paragraph(&format!(
                "This method learns from the size of its rewards, so it receives scores: 0 % for the worst \
                 {} of the table, 100 % for the best. The figures of this section are such scores.",
                self.metric.on("validation")
            ));
        }
    }
}
