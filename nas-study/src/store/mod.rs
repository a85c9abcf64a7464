//! The records of a study, in SQLite.
//!
//! A [`Store`] is written by the one process that runs the study, which holds a lock; any process
//! can read [`Records`] at any time. Every commit is in the write-ahead log and synced when it
//! returns (`synchronous = FULL`), so what was committed survives `kill -9` and a loss of power.
//! Nothing here deletes or truncates a file.

mod checksum;
mod error;
mod lock;
mod place;
mod record;
mod records;
mod schema;
mod selection;
mod standing;
mod summary;
mod write;

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use nas_space::search::Metric;
use rusqlite::Transaction;

pub use self::error::StoreError;
pub use self::lock::Holder;
pub(crate) use self::lock::Lock;
pub(crate) use self::record::Change;
pub use self::record::{AttemptRecord, Conclusion, StudyRecord, TrialRecord};
pub use self::records::Records;
use self::schema::Access;
pub use self::selection::{Incumbent, Selected, Selection, TrialOrder, TrialState, Within};
pub use self::standing::Standing;
pub(crate) use self::summary::Tally;
pub use self::summary::{Best, End, Summary};
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

    /// A new store in a new file. A lock file of the same name with the ending `.lock` is put
    /// beside it.
    ///
    /// # Errors
    /// [`StoreError::Exists`] where there is such a file, [`StoreError::Io`] where it cannot be
    /// created.
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

    /// The store in this file. An empty file, which is what a process leaves that is killed while
    /// it creates one, becomes an empty store.
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
    /// [`StoreError::Io`] if the lock cannot be checked.
    pub fn holder(path: impl AsRef<Path>) -> Result<Option<Holder>, StoreError> {
        Lock::holder(path.as_ref())
    }

    /// What is on record.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Writes a new study down, whose scores are of this metric.
    pub(crate) fn begin(
        &mut self,
        config: &StudyConfig,
        decisions: &str,
        metric: &Metric,
    ) -> Result<(), StoreError> {
        self.transact(|transaction| write::study(transaction, config, decisions, metric))
    }

    /// Replaces the recorded configuration.
    pub(crate) fn reconfigure(&mut self, config: &StudyConfig) -> Result<(), StoreError> {
        self.transact(|transaction| write::configuration(transaction, config))
    }

    /// Writes these steps down, all or none.
    pub(crate) fn apply(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let mut missing = None;
        self.transact(|transaction| {
            for change in changes {
                if write::step(transaction, change)? != 1 {
                    missing = change.trial();
                    return Err(rusqlite::Error::StatementChangedRows(0));
                }
            }
            Ok(())
        })
        .map_err(|e| match missing {
            Some(trial) => StoreError::Trial {
                trial,
                reason: "it is not recorded, or already has an outcome",
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

#[cfg(test)]
mod tests;
