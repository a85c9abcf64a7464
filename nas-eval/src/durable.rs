//! Files that are there completely or not at all.
//!
//! `nas-study` has a module like this one. The two crates must never depend on each other, and forty lines are less than
//! a crate that both would depend on.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::EvalError;

/// Writes `bytes` to `path`: to a temporary name beside it, synced, then renamed over what was there. Whatever happens
/// on the way, `path` holds the old content or the new, and once this returns the new one survives a loss of power.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), EvalError> {
    let temporary = temporary_name(path);
    let written = write_and_rename(&temporary, path, bytes);
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    written
}

fn write_and_rename(temporary: &Path, path: &Path, bytes: &[u8]) -> Result<(), EvalError> {
    let mut file = File::create(temporary).map_err(|e| EvalError::io(temporary, e))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|e| EvalError::io(temporary, e))?;
    drop(file);
    fs::rename(temporary, path).map_err(|e| EvalError::io(path, e))?;
    sync_directory_of(path)
}

/// Makes the renaming itself durable, where directories can be synced.
fn sync_directory_of(path: &Path) -> Result<(), EvalError> {
    if cfg!(unix) {
        let directory = match path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        File::open(directory)
            .and_then(|d| d.sync_all())
            .map_err(|e| EvalError::io(directory, e))?;
    }
    Ok(())
}

/// Beside `path`, so that renaming stays within a file system; with the process in it, so that two do not meet.
fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

/// The name of the file that was to be written, if `name` is the temporary one that [`write`] of any process gives it.
pub(crate) fn target_of_temporary(name: &str) -> Option<&str> {
    let (target, process) = name.strip_prefix('.')?.strip_suffix(".tmp")?.rsplit_once('.')?;
    let is_process = !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit());
    is_process.then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_temporary_name_leads_back_to_its_file_and_other_names_do_not() {
        let temporary = temporary_name(Path::new("somewhere/a.json"));
        let name = temporary.file_name().and_then(|name| name.to_str()).unwrap();
        assert_eq!(target_of_temporary(name), Some("a.json"));
        for other in [
            "a.json",
            ".a.json",
            "a.json.7.tmp",
            ".a.json.tmp",
            ".a.json..tmp",
            ".a.json.x.tmp",
        ] {
            assert_eq!(target_of_temporary(other), None, "{other}");
        }
    }

    #[test]
    fn what_cannot_be_written_names_the_file_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("directory");
        fs::create_dir(&target).unwrap();
        let error = write(&target, b"x").unwrap_err();
        assert!(error.to_string().contains("directory"), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
