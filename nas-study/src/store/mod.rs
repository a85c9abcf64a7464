//! The records of a study, in SQLite.
//!
//! A [`Store`] is written by the one process that runs the study, which holds a lock; [`Records`] are read by anyone,
//! also meanwhile. Every commit is in the write-ahead log and synced when it returns (`synchronous = FULL`), so what
//! was committed survives `kill -9` and a loss of power. Nothing here deletes or truncates a file.

mod error;
mod lock;
mod place;
mod record;
mod records;
mod schema;
mod standing;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use nas_space::search::TrialId;
use rusqlite::{Transaction, named_params};
use serde::Serialize;

pub use self::error::StoreError;
pub use self::lock::Holder;
pub(crate) use self::lock::Lock;
pub(crate) use self::record::Change;
pub use self::record::{AttemptRecord, Conclusion, StudyRecord, TrialRecord};
pub use self::records::Records;
use self::schema::Access;
pub use self::standing::Standing;
use crate::clock;
use crate::config::StudyConfig;

/// The records of one study, open for writing.
#[derive(Debug)]
pub struct Store {
    records: Records,
    _lock: Option<Lock>,
}

impl Store {
    /// A store that is gone when it is dropped: for benchmarks and tests.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] where there is no memory left.
    pub fn in_memory() -> Result<Self, StoreError> {
        let path = PathBuf::from(":memory:");
        let connection = schema::in_memory().map_err(|e| StoreError::sqlite(&path, e))?;
        let records = Records { connection, path };
        Ok(Self { records, _lock: None })
    }

    /// A new store in a new file. A lock file of the same name with the ending `.lock` is put beside it.
    ///
    /// # Errors
    /// [`StoreError::Exists`] where there is such a file, [`StoreError::Io`] where it cannot be created.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        Self::create_reserved(path, Self::reserve(path)?)
    }

    /// Takes the lock of a store that is not there yet.
    pub(crate) fn reserve(path: &Path) -> Result<Lock, StoreError> {
        place::check(path)?;
        Lock::take(path)
    }

    /// As [`Store::create`], under a lock that was taken before.
    pub(crate) fn create_reserved(path: &Path, lock: Lock) -> Result<Self, StoreError> {
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                return Err(StoreError::Exists {
                    path: path.to_owned(),
                });
            }
            other => other.map_err(|e| StoreError::io(path, e))?,
        };
        let store = Self::locked(path, lock)?;
        nas_files::sync_directory_of(path).map_err(|e| StoreError::io(path, e))?;
        Ok(store)
    }

    /// The store in this file. An empty file, which is what a process leaves that is killed while it creates one,
    /// becomes an empty store. One of an earlier version becomes one of this version, with all that it holds.
    ///
    /// # Errors
    /// [`StoreError`] for a file that is missing, foreign, damaged, of another version, or in use.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        if !fs::exists(path).map_err(|e| StoreError::io(path, e))? {
            return Err(StoreError::Missing {
                path: path.to_owned(),
            });
        }
        place::check(path)?;
        let lock = Lock::take(path)?;
        Self::locked(path, lock)
    }

    fn locked(path: &Path, lock: Lock) -> Result<Self, StoreError> {
        let connection = schema::open(path, Access::Write)?;
        let path = path.to_owned();
        Ok(Self {
            records: Records { connection, path },
            _lock: Some(lock),
        })
    }

    /// The process that runs the study in this file, if one does.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the lock cannot be looked at.
    pub fn holder(path: impl AsRef<Path>) -> Result<Option<Holder>, StoreError> {
        Lock::holder(path.as_ref())
    }

    /// What is on record.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Writes a new study down.
    pub(crate) fn begin(&mut self, config: &StudyConfig, decisions: &str) -> Result<(), StoreError> {
        let text = json(config);
        self.transact(|transaction| {
            transaction.execute(
                "INSERT INTO study (id, config, budget_seconds, decisions, software, created_unix_seconds)
                 VALUES (1, :config, :seconds, :decisions, :software, :created)",
                named_params! {
                    ":config": text,
                    ":seconds": config.budget.seconds,
                    ":decisions": decisions,
                    ":software": concat!("nas-study ", env!("CARGO_PKG_VERSION")),
                    ":created": clock::unix_seconds(),
                },
            )
        })?;
        Ok(())
    }

    /// Replaces the recorded configuration.
    pub(crate) fn reconfigure(&mut self, config: &StudyConfig) -> Result<(), StoreError> {
        let text = json(config);
        self.transact(|transaction| {
            transaction.execute(
                "UPDATE study SET config = :config, budget_seconds = :seconds, ended = NULL",
                named_params! { ":config": text, ":seconds": config.budget.seconds },
            )
        })?;
        Ok(())
    }

    /// Writes these steps down, all or none.
    pub(crate) fn apply(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let mut missing = None;
        self.transact(|transaction| {
            for change in changes {
                if write(transaction, change)? != 1 {
                    missing = trial_of(change);
                    return Err(rusqlite::Error::StatementChangedRows(0));
                }
            }
            Ok(())
        })
        .map_err(|e| match missing {
            Some(trial) => StoreError::Trial {
                trial,
                reason: "it is not on record, or has an outcome already",
            },
            None => e,
        })
    }

    fn transact<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let Records { connection, path } = &mut self.records;
        let run = || {
            let transaction = connection.transaction()?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        run().map_err(|e| StoreError::sqlite(path, e))
    }
}

fn trial_of(change: &Change) -> Option<TrialId> {
    match change {
        Change::Asked(record) => Some(record.trial.id),
        Change::Attempted(id, _) | Change::Finished(id, _) | Change::Told(id, _) => Some(*id),
        Change::Ended(_) => None,
    }
}

/// Writes one step; gives the number of rows it changed.
fn write(transaction: &Transaction<'_>, change: &Change) -> rusqlite::Result<usize> {
    match change {
        Change::Asked(record) => transaction
            .prepare_cached(
                "INSERT INTO trials (id, choices, genotype, fidelity_epochs, seed, reused_from, continues, state,
                                     asked_unix_seconds, ask_seconds)
                 VALUES (:id, :choices, :genotype, :epochs, :seed, :reused, :continues, 'asked', :asked,
                         :ask_seconds)",
            )?
            .execute(named_params! {
                ":id": integer(record.trial.id),
                ":choices": record.trial.architecture.to_string(),
                ":genotype": record.genotype,
                ":epochs": record.trial.fidelity.epochs,
                ":seed": record.trial.seed.to_string(),
                ":reused": record.reused_from.map(integer),
                ":continues": record.trial.continues.map(|continued| integer(continued.trial)),
                ":asked": record.asked_unix_seconds,
                ":ask_seconds": record.ask_seconds,
            }),
        Change::Attempted(id, attempt) => transaction
            .prepare_cached(
                "INSERT INTO attempts (trial, failure_kind, failure_message, seconds)
                 VALUES (:trial, :kind, :message, :seconds)",
            )?
            .execute(named_params! {
                ":trial": integer(*id),
                ":kind": word(&attempt.failure.kind),
                ":message": attempt.failure.message,
                ":seconds": attempt.seconds,
            }),
        Change::Finished(id, conclusion) => match &conclusion.result {
            Ok(evaluation) => transaction
                .prepare_cached(
                    "UPDATE trials SET state = 'done', finished_unix_seconds = :finished, cost_seconds = :cost,
                         valid_accuracy = :valid_accuracy, valid_loss = :valid_loss,
                         train_accuracy = :train_accuracy, train_loss = :train_loss,
                         params = :params, macs = :macs, figures = :figures, epochs = :epochs,
                         device = :device
                     WHERE id = :id AND state = 'asked'",
                )?
                .execute(named_params! {
                    ":id": integer(*id),
                    ":finished": conclusion.finished_unix_seconds,
                    ":cost": conclusion.cost_seconds,
                    ":valid_accuracy": evaluation.valid_accuracy,
                    ":valid_loss": evaluation.valid_loss,
                    ":train_accuracy": evaluation.train_accuracy,
                    ":train_loss": evaluation.train_loss,
                    ":params": evaluation.params.map(integer),
                    ":macs": evaluation.macs.map(integer),
                    ":figures": named_figures(&evaluation.figures),
                    ":epochs": evaluation.epochs,
                    ":device": evaluation.device,
                }),
            Err(failure) => transaction
                .prepare_cached(
                    "UPDATE trials SET state = 'failed', finished_unix_seconds = :finished, cost_seconds = :cost,
                         failure_kind = :kind, failure_message = :message
                     WHERE id = :id AND state = 'asked'",
                )?
                .execute(named_params! {
                    ":id": integer(*id),
                    ":finished": conclusion.finished_unix_seconds,
                    ":cost": conclusion.cost_seconds,
                    ":kind": word(&failure.kind),
                    ":message": failure.message,
                }),
        },
        Change::Told(id, seconds) => transaction
            .prepare_cached("UPDATE trials SET tell_seconds = :seconds WHERE id = :id")?
            .execute(named_params! { ":id": integer(*id), ":seconds": seconds }),
        Change::Ended(end) => transaction
            .prepare_cached("UPDATE study SET ended = :end")?
            .execute(named_params! { ":end": end.as_ref().map(word) }),
    }
}

/// SQLite's integers are signed. Trials are counted from 0, and larger figures are taken out of an evaluation before
/// it comes here.
fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The name of a unit variant.
fn word(value: &impl Serialize) -> String {
    json(value).trim_matches('"').to_owned()
}

/// Figures with names as they are stored; nothing where there are none.
fn named_figures(figures: &BTreeMap<String, f64>) -> Option<String> {
    (!figures.is_empty()).then(|| json(figures))
}

/// Our own records are made of strings, numbers and options alone, which always serialise.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
