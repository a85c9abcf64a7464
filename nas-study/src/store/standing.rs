//! The progress of a study: sums that the database computes, so that it takes only one pass over
//! the records.

use rusqlite::OptionalExtension;

use super::records::{TRIALS, select};
use super::{Best, Records, StoreError};
use crate::clock;

/// The progress of a study.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Standing {
    /// Trials that were proposed.
    pub asked: u64,
    /// Those that have an outcome.
    pub finished: u64,
    /// Those whose outcome is a failure.
    pub failed: u64,
    /// Failed attempts that were followed by others.
    pub retried: u64,
    /// Epochs that the finished trials have added.
    pub epochs: u64,
    /// Cost of the finished trials, in seconds.
    pub seconds: f64,
    /// Seconds since the last trial was finished, by the clock of this machine; at least 0.
    pub idle_seconds: Option<f64>,
    /// The best trial.
    pub best: Option<Best>,
}

const SUMS: &str = "
    SELECT count(*) AS asked,
           coalesce(sum(state <> 'asked'), 0) AS finished,
           coalesce(sum(state = 'failed'), 0) AS failed,
           coalesce(sum(CASE WHEN state <> 'asked' THEN fidelity_epochs END), 0) AS epochs,
           coalesce(sum(cost_seconds), 0.0) AS seconds,
           coalesce(min(cost_seconds), 0.0) AS least_seconds,
           max(finished_unix_seconds) AS last_finished
    FROM trials";

/// Epochs of trials that others continue, which those do not train again.
const CONTINUED: &str = "
    SELECT coalesce(sum(earlier.fidelity_epochs), 0) AS epochs
    FROM trials JOIN trials AS earlier ON earlier.id = trials.continues
    WHERE trials.state <> 'asked'";

/// As [`Best`] has it without [`ranked_by`](crate::StudyConfig::ranked_by): the longest trained, of
/// those the most accurate, of those the first.
const BEST: &str = "
    WHERE state = 'done'
    ORDER BY fidelity_epochs DESC, valid_accuracy DESC, id LIMIT 1";

impl Records {
    /// The progress of the study.
    ///
    /// # Errors
    /// As [`Records::study`].
    pub fn standing(&self) -> Result<Standing, StoreError> {
        let sqlite = |e| StoreError::sqlite(&self.path, e);
        // What is read within a transaction is of one moment. Nothing is written, so it ends by
        // being dropped.
        let _snapshot = self.connection.unchecked_transaction().map_err(sqlite)?;
        let ranked_by = self.study()?.and_then(|study| study.config.ranked_by);
        let best = match ranked_by {
            None => self.most_accurate()?,
            Some(figure) => self.of_highest(&figure)?,
        };
        let count = |sql: &str| -> Result<u64, StoreError> {
            let value: i64 = self
                .connection
                .query_row(sql, [], |row| row.get(0))
                .map_err(sqlite)?;
            u64::try_from(value).map_err(|_| StoreError::damaged(&self.path, format!("a number is {value}")))
        };
        let retried = count("SELECT count(*) FROM attempts")?;
        let continued = count(CONTINUED)?;
        let standing = self.connection.query_row(SUMS, [], |row| {
            Ok((|| {
                Ok(Standing {
                    asked: self.unsigned(row, "asked")?,
                    finished: self.unsigned(row, "finished")?,
                    failed: self.unsigned(row, "failed")?,
                    retried,
                    epochs: self.unsigned(row, "epochs")?.saturating_sub(continued),
                    seconds: self
                        .seconds(row, "least_seconds")
                        .and_then(|_| self.seconds(row, "seconds"))?,
                    idle_seconds: self
                        .get::<Option<f64>>(row, "last_finished")?
                        .map(|then| (clock::unix_seconds() - then).max(0.0)),
                    best: None,
                })
            })())
        });
        let standing: Result<Standing, StoreError> = standing.map_err(sqlite)?;
        Ok(Standing { best, ..standing? })
    }

    /// The best trial by accuracy, which the database finds.
    fn most_accurate(&self) -> Result<Option<Best>, StoreError> {
        let metric = self.metric()?;
        let record = self
            .connection
            .query_row(&(select("trials", &TRIALS) + BEST), [], |row| {
                Ok(self.trial(row, &metric))
            })
            .optional()
            .map_err(|e| StoreError::sqlite(&self.path, e))?
            .transpose()?;
        Ok(record.and_then(|record| {
            let evaluation = record.conclusion.as_ref()?.result.as_ref().ok()?;
            Some(Best::new(&record, evaluation, None))
        }))
    }

    /// The best trial by this figure. Figures are text to the database, so that all trials are read.
    fn of_highest(&self, figure: &str) -> Result<Option<Best>, StoreError> {
        let mut best: Option<((u32, f64), Best)> = None;
        self.for_each_trial(|record| {
            let result = record.conclusion.as_ref().map(|conclusion| &conclusion.result);
            let Some(Ok(evaluation)) = result else {
                return;
            };
            let rank = (record.trial.fidelity.epochs, Best::rank(evaluation, Some(figure)));
            if best.as_ref().is_none_or(|(highest, _)| rank > *highest) {
                best = Some((rank, Best::new(&record, evaluation, Some(figure))));
            }
        })?;
        Ok(best.map(|(_, best)| best))
    }
}
