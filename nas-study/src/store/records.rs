//! Reading records.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use nas_space::arch::Architecture;
use nas_space::search::{Attempt, Continued, Evaluation, Failure, Fidelity, Metric, Trial, TrialId};
use nas_space::seed::Seed;
use rusqlite::{Connection, OptionalExtension, Row, RowIndex};
use serde::de::DeserializeOwned;

use super::schema::{self, Access};
use super::{AttemptRecord, Conclusion, StoreError, StudyRecord, Summary, Tally, TrialRecord, checksum};
use crate::config::{StudyConfig, TellOrder};

/// The columns of a study.
pub(super) const STUDY: [&str; 8] = [
    "id",
    "config",
    "budget_seconds",
    "decisions",
    "software",
    "created_unix_seconds",
    "metric",
    "ended",
];

/// The columns of an attempt, but for its number.
const ATTEMPTS: [&str; 4] = ["trial", "failure_kind", "failure_message", "seconds"];

/// The columns of a trial as they are read: finding one by its name for each of a million rows
/// takes longer than reading it.
pub(super) const TRIALS: [&str; 25] = [
    "id",
    "choices",
    "genotype",
    "fidelity_epochs",
    "seed",
    "reused_from",
    "state",
    "asked_unix_seconds",
    "ask_seconds",
    "tell_seconds",
    "finished_unix_seconds",
    "cost_seconds",
    "valid_accuracy",
    "valid_loss",
    "train_accuracy",
    "train_loss",
    "params",
    "macs",
    "epochs",
    "device",
    "failure_kind",
    "failure_message",
    "continues",
    "figures",
    "completion",
];

/// The place of a column among [`TRIALS`]. It is found when this is compiled, which fails where
/// there is none.
const fn column(name: &str) -> usize {
    let mut place = 0;
    while !same(TRIALS[place], name) {
        place += 1;
    }
    place
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

/// Read access to a study's records, also while another process runs it.
#[derive(Debug)]
pub struct Records {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
}

impl Records {
    /// Opens a store to read from it. It is not locked and not changed, and every call sees one
    /// consistent state.
    ///
    /// # Errors
    /// [`StoreError`] for a file that is missing, foreign, damaged or of another version, or holds
    /// nothing yet.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let connection = schema::open(&path, Access::Read)?;
        Ok(Self { connection, path })
    }

    /// As [`Records::open`], without looking for damage in all of the file first: that takes the
    /// longer the more there is, and a glance at a study that runs should not. What is read is
    /// checked as ever.
    ///
    /// # Errors
    /// As [`Records::open`].
    pub fn look(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref().to_owned();
        let connection = schema::open(&path, Access::Look)?;
        Ok(Self { connection, path })
    }

    /// Where they are; `:memory:` for a store in memory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The study, if one was started.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where the record cannot be understood, [`StoreError::Sqlite`] where
    /// it cannot be read.
    pub fn study(&self) -> Result<Option<StudyRecord>, StoreError> {
        let row = self
            .connection
            .query_row(&select("study", &STUDY), [], |row| Ok(self.study_in(row)));
        row.optional()
            .map_err(|e| StoreError::sqlite(&self.path, e))?
            .transpose()
    }

    fn study_in(&self, row: &Row<'_>) -> Result<StudyRecord, StoreError> {
        self.check_sum(row, &STUDY, || "the study".to_owned())?;
        let text: String = self.get(row, "config")?;
        let mut config: StudyConfig = serde_json::from_str(&text)
            .map_err(|e| StoreError::damaged(&self.path, format!("the study's configuration: {e}")))?;
        // A decimal text can be read one bit off; the column is exact.
        config.budget.seconds = self.get(row, "budget_seconds")?;
        let end: Option<String> = self.get(row, "ended")?;
        Ok(StudyRecord {
            config,
            metric: self.metric_in(&self.get::<String>(row, "metric")?)?,
            decisions: self.get(row, "decisions")?,
            software: self.get(row, "software")?,
            created_unix_seconds: self.get(row, "created_unix_seconds")?,
            end: end.map(|end| self.word(&end)).transpose()?,
        })
    }

    /// What the scores are of: of a store that holds no study, the accuracy.
    pub(super) fn metric(&self) -> Result<Metric, StoreError> {
        let text: Option<String> = self
            .connection
            .query_row("SELECT metric FROM study", [], |row| row.get(0))
            .optional()
            .map_err(|e| StoreError::sqlite(&self.path, e))?;
        text.map_or_else(|| Ok(Metric::default()), |text| self.metric_in(&text))
    }

    fn metric_in(&self, text: &str) -> Result<Metric, StoreError> {
        serde_json::from_str(text)
            .map_err(|e| StoreError::damaged(&self.path, format!("the study's metric: {e}")))
    }

    /// All trials, in the order of their numbers.
    ///
    /// # Errors
    /// As [`Records::study`]; a gap between the numbers is damage.
    pub fn trials(&self) -> Result<Vec<TrialRecord>, StoreError> {
        let mut trials = Vec::new();
        self.for_each_trial(|record| trials.push(record))?;
        Ok(trials)
    }

    /// Gives each trial, in the order of their numbers, to `visit`, so that they need not all be in
    /// memory at the same time.
    ///
    /// # Errors
    /// As [`Records::trials`], after those before the damage were given.
    pub fn for_each_trial(&self, mut visit: impl FnMut(TrialRecord)) -> Result<(), StoreError> {
        let metric = self.metric()?;
        let sqlite = |e| StoreError::sqlite(&self.path, e);
        let mut statement = self
            .connection
            .prepare_cached(&(select("trials", &TRIALS) + " ORDER BY id"))
            .map_err(sqlite)?;
        let mut rows = statement.query([]).map_err(sqlite)?;
        // Of each trial that was given: what later ones may continue.
        let mut earlier = Vec::new();
        while let Some(row) = rows.next().map_err(sqlite)? {
            let mut record = self.trial(row, &metric)?;
            record.trial.continues = self.continued(row, &earlier)?;
            let (expected, got) = (earlier.len() as u64, record.trial.id);
            if got != expected {
                let reason = format!("trial {expected} is missing; the next one is {got}");
                return Err(StoreError::damaged(&self.path, reason));
            }
            earlier.push(record.trial.fidelity);
            visit(record);
        }
        Ok(())
    }

    /// The failed attempts at trials that were followed by others, in the order in which they were
    /// recorded.
    ///
    /// # Errors
    /// As [`Records::study`].
    pub fn attempts(&self) -> Result<Vec<AttemptRecord>, StoreError> {
        let sqlite = |e| StoreError::sqlite(&self.path, e);
        let mut statement = self
            .connection
            .prepare_cached(&(select("attempts", &ATTEMPTS) + " ORDER BY id"))
            .map_err(sqlite)?;
        let mut rows = statement.query([]).map_err(sqlite)?;
        let mut attempts = Vec::new();
        while let Some(row) = rows.next().map_err(sqlite)? {
            self.check_sum(row, &ATTEMPTS, || format!("attempt {}", attempts.len() + 1))?;
            attempts.push(AttemptRecord {
                trial: self.unsigned(row, "trial")?,
                attempt: Attempt {
                    failure: Failure::new(
                        self.word(&self.get::<String>(row, "failure_kind")?)?,
                        self.get::<String>(row, "failure_message")?,
                    ),
                    seconds: self.seconds(row, "seconds")?,
                },
            });
        }
        Ok(attempts)
    }

    /// What has come out of the study so far.
    ///
    /// # Errors
    /// As [`Records::trials`]; [`StoreError::Empty`] if no study was started.
    pub fn summary(&self) -> Result<Summary, StoreError> {
        // What is read within a transaction is of one moment. Nothing is written, so it ends by
        // being dropped.
        let _snapshot = self
            .connection
            .unchecked_transaction()
            .map_err(|e| StoreError::sqlite(&self.path, e))?;
        let study = self.study()?.ok_or_else(|| StoreError::Empty {
            path: self.path.clone(),
        })?;
        let mut tally = Tally::new(&study.config);
        let mut costs = Vec::new();
        self.for_each_trial(|record| {
            tally.add_strategy_seconds(record.ask_seconds + record.tell_seconds.unwrap_or(0.0));
            if let Some(conclusion) = &record.conclusion {
                tally.add(&record, conclusion);
                if let Some(place) = record.completion {
                    costs.push((place, conclusion.cost_seconds));
                }
            }
        })?;
        if study.config.tell == TellOrder::Completion {
            // Added up as the study does, so that the last bits are the same.
            costs.sort_unstable_by_key(|(place, _)| *place);
            tally.spent.seconds = costs.iter().map(|(_, cost)| cost).sum();
        }
        Ok(tally.into_summary(&study.config, study.end))
    }

    /// Whether a row is as this program wrote it, by the checksum that follows these columns.
    fn check_sum(
        &self,
        row: &Row<'_>,
        columns: &[&str],
        what: impl Fn() -> String,
    ) -> Result<(), StoreError> {
        let mut sum = 0_i64;
        for (place, column) in columns.iter().enumerate() {
            let value = row
                .get_ref(place)
                .map_err(|e| StoreError::sqlite(&self.path, e))?;
            sum = sum.wrapping_add(checksum::cell(column, value));
        }
        if sum == self.get::<i64>(row, columns.len())? {
            return Ok(());
        }
        let reason = format!(
            "{} does not match its checksum; another program has changed it",
            what()
        );
        Err(StoreError::damaged(&self.path, reason))
    }

    /// The trial in a row of [`TRIALS`] and its checksum, but for what it continues.
    pub(super) fn trial(&self, row: &Row<'_>, metric: &Metric) -> Result<TrialRecord, StoreError> {
        let id = self.unsigned(row, const { column("id") })?;
        self.check_sum(row, &TRIALS, || format!("trial {id}"))?;
        let unreadable = |what: &str, text: &str| {
            StoreError::damaged(&self.path, format!("trial {id} has the {what} '{text}'"))
        };
        let choices: String = self.get(row, const { column("choices") })?;
        let seed: String = self.get(row, const { column("seed") })?;
        let trial = Trial {
            id,
            architecture: parse_choices(&choices).ok_or_else(|| unreadable("choices", &choices))?,
            fidelity: Fidelity {
                epochs: self.get(row, const { column("fidelity_epochs") })?,
            },
            seed: Seed::new(seed.parse().map_err(|_| unreadable("seed", &seed))?),
            continues: None,
        };
        let state: String = self.get(row, const { column("state") })?;
        let result = match state.as_str() {
            "asked" => None,
            "done" => Some(Ok(self.evaluation(row, id, metric)?)),
            "failed" => Some(Err(Failure::new(
                self.word(&self.get::<String>(row, const { column("failure_kind") })?)?,
                self.get::<Option<String>>(row, const { column("failure_message") })?
                    .unwrap_or_default(),
            ))),
            other => return Err(unreadable("state", other)),
        };
        let conclusion = match result {
            None => None,
            Some(result) => Some(Conclusion {
                result,
                cost_seconds: self.seconds(row, const { column("cost_seconds") })?,
                finished_unix_seconds: self.get(row, const { column("finished_unix_seconds") })?,
            }),
        };
        let reused_from: Option<i64> = self.get(row, const { column("reused_from") })?;
        Ok(TrialRecord {
            trial,
            genotype: self.get(row, const { column("genotype") })?,
            reused_from: reused_from.and_then(|id| u64::try_from(id).ok()),
            asked_unix_seconds: self.get(row, const { column("asked_unix_seconds") })?,
            ask_seconds: self.seconds(row, const { column("ask_seconds") })?,
            tell_seconds: match self.get::<Option<f64>>(row, const { column("tell_seconds") })? {
                None => None,
                Some(_) => Some(self.seconds(row, const { column("tell_seconds") })?),
            },
            completion: self
                .get::<Option<i64>>(row, const { column("completion") })?
                .and_then(|place| u64::try_from(place).ok()),
            conclusion,
        })
    }

    /// The trial that this row's continues, which is one of the earlier ones, of these fidelities.
    fn continued(&self, row: &Row<'_>, earlier: &[Fidelity]) -> Result<Option<Continued>, StoreError> {
        let Some(number): Option<i64> = self.get(row, const { column("continues") })? else {
            return Ok(None);
        };
        let trial = u64::try_from(number).ok();
        let continued = trial.and_then(|trial| Some((trial, *earlier.get(usize::try_from(trial).ok()?)?)));
        let Some((trial, Fidelity { epochs })) = continued else {
            let reason = format!(
                "trial {} continues trial {number}, expected an earlier one",
                earlier.len()
            );
            return Err(StoreError::damaged(&self.path, reason));
        };
        Ok(Some(Continued { trial, epochs }))
    }

    fn evaluation(&self, row: &Row<'_>, id: TrialId, metric: &Metric) -> Result<Evaluation, StoreError> {
        let count = |column: usize| -> Result<Option<u64>, StoreError> {
            let value: Option<i64> = self.get(row, column)?;
            Ok(value.and_then(|n| u64::try_from(n).ok()))
        };
        let figures: Option<String> = self.get(row, const { column("figures") })?;
        let figures = figures.map_or_else(
            || Ok(BTreeMap::new()),
            |text| serde_json::from_str(&text).map_err(|e| StoreError::damaged(&self.path, e.to_string())),
        )?;
        let evaluation = Evaluation {
            valid_accuracy: self.get(row, const { column("valid_accuracy") })?,
            valid_loss: self.get(row, const { column("valid_loss") })?,
            train_accuracy: self.get(row, const { column("train_accuracy") })?,
            train_loss: self.get(row, const { column("train_loss") })?,
            params: count(const { column("params") })?,
            macs: count(const { column("macs") })?,
            figures,
            epochs: self.get(row, const { column("epochs") })?,
            cost_seconds: self.seconds(row, const { column("cost_seconds") })?,
            device: self.get(row, const { column("device") })?,
            attempts: Vec::new(),
        };
        evaluation
            .checked_as(metric)
            .map_err(|failure| StoreError::damaged(&self.path, format!("trial {id}: {failure}")))
    }

    /// Seconds that something took: a number of at least 0.
    pub(super) fn seconds(&self, row: &Row<'_>, column: impl RowIndex + Display) -> Result<f64, StoreError> {
        let seconds: f64 = self.get(row, column)?;
        if seconds.is_finite() && seconds >= 0.0 {
            return Ok(seconds);
        }
        let reason = format!("in column {column} are {seconds} seconds; expected a number of at least 0");
        Err(StoreError::damaged(&self.path, reason))
    }

    /// A word of one of our enumerations.
    fn word<T: DeserializeOwned>(&self, text: &str) -> Result<T, StoreError> {
        serde_json::from_value(serde_json::Value::String(text.to_owned()))
            .map_err(|e| StoreError::damaged(&self.path, e.to_string()))
    }

    pub(super) fn unsigned(&self, row: &Row<'_>, column: impl RowIndex + Display) -> Result<u64, StoreError> {
        let value: i64 = self.get(row, column)?;
        u64::try_from(value).map_err(|_| StoreError::damaged(&self.path, format!("{column} is {value}")))
    }

    pub(super) fn get<T: rusqlite::types::FromSql>(
        &self,
        row: &Row<'_>,
        column: impl RowIndex + Display,
    ) -> Result<T, StoreError> {
        row.get(column).map_err(|e| match e {
            rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..) => {
                StoreError::damaged(&self.path, format!("column {column}: {e}"))
            }
            other => StoreError::sqlite(&self.path, other),
        })
    }
}

/// The text of a query for these columns and the checksum behind them.
pub(super) fn select(table: &str, columns: &[&str]) -> String {
    format!("SELECT {}, checksum FROM {table}", columns.join(", "))
}

/// Reads what [`Architecture`] displays: `3.0.1`.
fn parse_choices(text: &str) -> Option<Architecture> {
    if text.is_empty() {
        return Some(Architecture::new([]));
    }
    let choices: Result<Vec<usize>, _> = text.split('.').map(str::parse).collect();
    choices.ok().map(Architecture::new)
}
