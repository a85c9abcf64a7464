//! Files that are there completely or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes `bytes` to `path`: to a temporary name beside it, synced, then renamed over what was
/// there. If this is interrupted, `path` has either the old content or the new. After it returns,
/// the new content survives a loss of power.
///
/// A link at `path` is replaced and not followed.
///
/// # Errors
/// Errors of the system; `path` then has its old content.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_name(path);
    let written = write_and_rename(&temporary, path, bytes);
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Makes the appearance of `path` itself durable, where directories can be synced.
///
/// # Errors
/// What the system says.
pub fn sync_directory_of(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory_of(path))?.sync_all()?;
    }
    Ok(())
}

/// The name of the file that was to be written, if `name` is the temporary name that [`replace`]
/// gives it in any process.
pub fn target_of_temporary(name: &str) -> Option<&str> {
    parts_of_temporary(name).map(|(target, _)| target)
}

/// Removes the temporary files in `directory` that processes left behind which are gone. Files of
/// processes that are still there stay, and so does everything else. Where the system cannot say
/// which processes there are, nothing is removed.
///
/// # Errors
/// What the system says of the directory. A file that cannot be removed stays.
pub fn remove_stale_temporaries(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some((_, process)) = name.to_str().and_then(parts_of_temporary) else {
            continue;
        };
        if entry.file_type()?.is_file() && is_gone(process) {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

fn write_and_rename(temporary: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Left by an earlier process of the same number, or put there by somebody else.
    match fs::remove_file(temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // A new file: no link is followed.
    let mut file = OpenOptions::new().write(true).create_new(true).open(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(temporary, path)?;
    sync_directory_of(path)
}

/// Beside `path`, so that renaming stays within a file system; with the process in it, so that two
/// processes never share one.
fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", std::process::id()))
}

/// The target of a temporary name, and the process that it belongs to.
fn parts_of_temporary(name: &str) -> Option<(&str, u32)> {
    let (target, process) = name.strip_prefix('.')?.strip_suffix(".tmp")?.rsplit_once('.')?;
    let is_number = !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit());
    let process = is_number.then(|| process.parse().ok())??;
    (!target.is_empty()).then_some((target, process))
}

/// Whether there is no such process. `false` where that cannot be known.
fn is_gone(process: u32) -> bool {
    let all = Path::new("/proc");
    process != std::process::id() && all.join("self").exists() && !all.join(process.to_string()).exists()
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("best.json");
        replace(&path, b"a longer old text").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let occupied = dir.path().join("occupied");
        fs::create_dir(&occupied).unwrap();
        assert!(replace(&occupied, b"x").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_replaced_and_never_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        let path = dir.path().join("best.json");
        for link in [path.clone(), temporary_name(&path)] {
            std::os::unix::fs::symlink(&victim, &link).unwrap();
        }
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert!(!path.is_symlink());
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
    }

    #[test]
    fn temporary_names_are_told_from_others() {
        for (name, target) in [
            (".best.json.17.tmp", Some("best.json")),
            (".best.json.tmp", None),
            ("best.json.17.tmp", None),
            (".17.tmp", None),
            ("..17.tmp", None),
            (".a.99999999999999.tmp", None),
        ] {
            assert_eq!(target_of_temporary(name), target, "{name}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_processes_left_that_are_gone_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let own = format!(".a.{}.tmp", std::process::id());
        // Process 1 is always there; the largest number a process can have is 4,194,304.
        for name in [
            own.as_str(),
            ".a.1.tmp",
            ".a.4194305.tmp",
            "a.4194305.tmp",
            "notes",
        ] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        remove_stale_temporaries(dir.path()).unwrap();
        assert!(!dir.path().join(".a.4194305.tmp").exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4);
    }
}
