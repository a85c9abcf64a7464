//! One process at a time runs a study.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::StoreError;

/// A lock held on `study.lock` beside the database, with the holder's process id in it. The system releases it when
/// the process ends, however it ends; the file stays.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Closing the file releases the lock.
    _file: File,
}

impl Lock {
    /// Takes the lock of this database.
    pub(crate) fn take(database: &Path) -> Result<Self, StoreError> {
        let path = lock_path(database);
        let io = |source| StoreError::io(&path, source);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Where locked files cannot be read, the holder stays unknown.
                let _ = file.read_to_string(&mut text);
                return Err(StoreError::Locked {
                    path: database.to_owned(),
                    holder: text.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        file.set_len(0).map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(Self { _file: file })
    }
}

/// `study.lock` for `study.db`.
fn lock_path(database: &Path) -> PathBuf {
    database.with_extension("lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_is_refused_and_told_who_holds_it_until_it_is_released() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("study.db");
        let first = Lock::take(&database).unwrap();
        match Lock::take(&database).unwrap_err() {
            StoreError::Locked { holder, .. } => assert_eq!(holder, Some(std::process::id())),
            other => panic!("{other}"),
        }
        drop(first);
        Lock::take(&database).unwrap();
    }

    #[test]
    fn a_lock_file_left_behind_by_a_killed_process_does_not_matter() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("study.db");
        std::fs::write(lock_path(&database), "4294967295\n and more").unwrap();
        let _lock = Lock::take(&database).unwrap();
        let text = std::fs::read_to_string(lock_path(&database)).unwrap();
        assert_eq!(text.trim(), std::process::id().to_string());
    }
}
