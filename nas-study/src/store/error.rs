//! What can be wrong with a store.

use std::io;
use std::path::{Path, PathBuf};

use nas_space::search::TrialId;
use rusqlite::ErrorCode;
use thiserror::Error;

/// Why records cannot be read or written. Nothing is ever deleted because of one of these.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such file.
    #[error("there is no study at '{}'", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// There is a file where one was to be created.
    #[error("'{}' already exists; resume the study in it or choose another path", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file is no SQLite database.
    #[error("'{}' is not a study: it is not an SQLite database", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is an SQLite database of another program.
    #[error(
        "'{}' is not a study: it is a database of another program (application id {got:#x}, expected {expected:#x})",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The application id of a study.
        expected: i32,
        /// The one found.
        got: i32,
    },
    /// The file was written by another version of this program.
    #[error(
        "'{}' is a study of format {got}, and this program reads format {expected}; use the version that wrote it",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version this program reads.
        expected: i32,
        /// The one found.
        got: i32,
    },
    /// The file is torn or its records contradict each other.
    #[error("'{}' is damaged: {reason}; restore it from a copy, or start again in another directory", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The file is to lie on a file system of other machines.
    #[error(
        "'{}' is on a network file system ({kind}), where locks and write-ahead logs are unreliable; put \
         the run on a disk of this machine and copy it when it has ended",
        path.display()
    )]
    Network {
        /// The file.
        path: PathBuf,
        /// Which kind.
        kind: &'static str,
    },
    /// The store holds no study: the process that created it was killed before it began.
    #[error("'{}' holds no study yet", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Another process runs this study.
    #[error(
        "'{}' is being run by another process{}; wait for it to end or stop it",
        path.display(), holder.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    Locked {
        /// The database.
        path: PathBuf,
        /// The process that holds the lock, where it could be read.
        holder: Option<u32>,
    },
    /// A trial was to be written that is not on record, or that is already.
    #[error("trial {trial} cannot be recorded: {reason}")]
    Trial {
        /// The trial.
        trial: TrialId,
        /// What is wrong.
        reason: &'static str,
    },
    /// A file beside the database cannot be read or written.
    #[error("cannot use '{}': {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// SQLite refused: no room left, no permission, an input or output error.
    #[error("cannot read or write '{}': {source}", path.display())]
    Sqlite {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

impl StoreError {
    pub(crate) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::damaged(&path, source.to_string()),
            _ => Self::Sqlite { path, source },
        }
    }

    pub(crate) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }

    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::Io { path, source }
    }
}
