//! One process at a time runs a study.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use super::StoreError;

/// A lock held on `study.lock` beside the database, with the holder's process id in it. The system
/// releases it when the process ends for any reason; the file stays.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Closing the file releases the lock.
    _file: File,
}

/// Who runs a study.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// The process id, where it could be read.
    pub pid: Option<u32>,
}

/// The number of attempts to take a lock. A process that checks whether it is held, holds it for a
/// moment.
const TRIES: u32 = 5;
/// Time between two of them.
const BETWEEN: Duration = Duration::from_millis(10);

impl Lock {
    /// The holder of this database's lock. Checking it takes the lock for a moment at most.
    pub(crate) fn holder(database: &Path) -> Result<Option<Holder>, StoreError> {
        let path = lock_path(database);
        let io = |source| StoreError::io(&path, source);
        let mut file = match nas_files::open_own(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(io)?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(Holder {
                pid: pid_in(&mut file),
            })),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }

    /// Takes the lock of this database.
    pub(crate) fn take(database: &Path) -> Result<Self, StoreError> {
        let path = lock_path(database);
        let io = |source| StoreError::io(&path, source);
        let mut file = nas_files::open_or_create_own(&path).map_err(io)?;
        let mut tries = 1;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if tries < TRIES => {
                    tries += 1;
                    sleep(BETWEEN);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Locked {
                        path: database.to_owned(),
                        holder: pid_in(&mut file),
                    });
                }
                Err(TryLockError::Error(source)) => return Err(io(source)),
            }
        }
        file.set_len(0).map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(Self { _file: file })
    }
}

/// The process id in a lock file. Where locked files cannot be read, the holder stays unknown.
fn pid_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    let _ = file.take(32).read_to_string(&mut text);
    text.trim().parse().ok()
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
        assert_eq!(Lock::holder(&database).unwrap(), None);
        let first = Lock::take(&database).unwrap();
        match Lock::take(&database).unwrap_err() {
            StoreError::Locked { holder, .. } => assert_eq!(holder, Some(std::process::id())),
            other => panic!("{other}"),
        }
        let pid = Some(std::process::id());
        assert_eq!(Lock::holder(&database).unwrap(), Some(Holder { pid }));
        drop(first);
        assert_eq!(Lock::holder(&database).unwrap(), None);
        Lock::take(&database).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_its_place_is_refused_and_what_it_leads_to_stays() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        let database = dir.path().join("study.db");
        std::os::unix::fs::symlink(&victim, lock_path(&database)).unwrap();
        let refused = Lock::take(&database).unwrap_err().to_string();
        assert!(
            refused.contains("study.lock") && refused.contains("a link"),
            "{refused}"
        );
        assert!(Lock::holder(&database).is_err());
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
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
