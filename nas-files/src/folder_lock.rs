//! One process at a time works in a folder.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::own::open_or_create_own;

/// The file that is locked.
const NAME: &str = ".lock";

/// A folder that belongs to this process until this is dropped or the process ends, however it
/// ends. The file `.lock` stays in the folder.
#[derive(Debug)]
pub struct FolderLock {
    /// Closing the file releases the lock.
    _file: File,
}

/// Takes the folder.
///
/// # Errors
/// [`ErrorKind::WouldBlock`] where another process has it; what the system says.
pub fn lock_folder(folder: &Path) -> io::Result<FolderLock> {
    let file = open_or_create_own(&folder.join(NAME))?;
    match file.try_lock() {
        Ok(()) => Ok(FolderLock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            ErrorKind::WouldBlock,
            "another process is working in it; wait for that one to end, or name another folder",
        )),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_taken_once_until_it_is_released() {
        let dir = tempfile::tempdir().unwrap();
        let first = lock_folder(dir.path()).unwrap();
        assert_eq!(lock_folder(dir.path()).unwrap_err().kind(), ErrorKind::WouldBlock);
        drop(first);
        lock_folder(dir.path()).unwrap();
    }
}
