//! Files and folders of this program's own making.

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Most files that are looked at below a folder.
const MOST_FILES: usize = 1_000_000;
/// Most folders within each other.
const DEEPEST: usize = 16;

/// Opens a file of this program's own making for reading.
///
/// # Errors
/// What the system says; a link, a pipe, a device or a folder is refused.
pub fn open_own(path: &Path) -> io::Result<File> {
    open(path, OpenOptions::new().read(true))
}

/// Opens a file of this program's own making for reading and writing, and creates an empty one
/// where there is none. Nothing is truncated.
///
/// # Errors
/// What the system says; a link, a pipe, a device or a folder is refused.
pub fn open_or_create_own(path: &Path) -> io::Result<File> {
    open(
        path,
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false),
    )
}

/// Checks that there is a file of its own at `path`, or nothing.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for a link, a pipe, a device or a folder; what the system says.
pub fn check_own_file(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(found) => Err(foreign(found.file_type(), "a file")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Checks that there is a folder of its own at `path`, or nothing.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for a link or a file; what the system says.
pub fn check_own_folder(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(found) => Err(foreign(found.file_type(), "a folder")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Checks that `path` is a folder with nothing but files and folders in it at any depth, or that
/// there is nothing.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] names the first link, pipe or device; more than 1,000,000 entries,
/// or more than 16 folders within each other, are refused too.
pub fn check_own_tree(path: &Path) -> io::Result<()> {
    check_own_folder(path)?;
    let mut waiting = vec![(path.to_owned(), 0)];
    let mut seen = 0;
    while let Some((folder, depth)) = waiting.pop() {
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound && depth == 0 => return Ok(()),
            other => other?,
        };
        for entry in entries {
            let entry = entry?;
            seen += 1;
            let kind = entry.file_type()?;
            if kind.is_dir() && depth < DEEPEST && seen < MOST_FILES {
                waiting.push((entry.path(), depth + 1));
            } else if !kind.is_file() || seen >= MOST_FILES {
                let below = entry.path();
                let below = below.strip_prefix(path).unwrap_or(&below);
                let error = foreign(kind, "a file or a folder");
                let text = format!("{} in it: {error}", below.display());
                return Err(io::Error::new(ErrorKind::InvalidInput, text));
            }
        }
    }
    Ok(())
}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    without_following(options);
    let file = match options.open(path) {
        Err(error) => {
            // The system's words for a link are "too many levels of symbolic links".
            check_own_file(path)?;
            return Err(error);
        }
        Ok(file) => file,
    };
    let kind = file.metadata()?.file_type();
    if kind.is_file() {
        Ok(file)
    } else {
        Err(foreign(kind, "a file"))
    }
}

/// The last part of the path is not followed where it is a link, and a pipe is not waited for.
#[cfg(unix)]
fn without_following(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;

    use rustix::fs::OFlags;

    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
}

#[cfg(not(unix))]
fn without_following(_: &mut OpenOptions) {}

fn foreign(found: FileType, expected: &str) -> io::Error {
    let what = if found.is_symlink() {
        "a link"
    } else if found.is_dir() {
        "a folder"
    } else if found.is_file() {
        "a file"
    } else {
        "a pipe, a socket or a device"
    };
    let text = format!("it is {what}, expected {expected} that this program made; nothing was changed");
    io::Error::new(ErrorKind::InvalidInput, text)
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_file_of_its_own_is_opened_and_keeps_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("study.lock");
        open_or_create_own(&path).unwrap().write_all(b"12").unwrap();
        open_or_create_own(&path).unwrap();
        assert_eq!(io::read_to_string(open_own(&path).unwrap()).unwrap(), "12");
        assert_eq!(
            open_own(&dir.path().join("none")).unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }

    #[test]
    fn links_pipes_and_folders_are_refused_and_what_they_lead_to_stays() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        let (link, dangling, pipe) = ["link", "dangling", "pipe"]
            .map(|name| dir.path().join(name))
            .into();
        symlink(&victim, &link).unwrap();
        symlink(dir.path().join("made"), &dangling).unwrap();
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for (path, named) in [
            (&link, "a link"),
            (&dangling, "a link"),
            (&pipe, "a pipe"),
            (&dir.path().to_owned(), "a folder"),
        ] {
            for refused in [
                open_own(path).unwrap_err(),
                open_or_create_own(path).unwrap_err(),
                check_own_file(path).unwrap_err(),
            ] {
                assert!(
                    refused.to_string().contains(named),
                    "{}: {refused}",
                    path.display()
                );
            }
        }
        assert!(!dir.path().join("made").exists());
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    }

    #[test]
    fn a_tree_is_refused_for_a_link_at_any_depth() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("checkpoints");
        check_own_tree(&root).unwrap();
        fs::create_dir_all(root.join("trials/7")).unwrap();
        fs::write(root.join("trials/7/position.json"), "{}").unwrap();
        check_own_tree(&root).unwrap();
        symlink(dir.path(), root.join("trials/8")).unwrap();
        let refused = check_own_tree(&root).unwrap_err().to_string();
        assert!(
            refused.contains("trials/8") && refused.contains("a link"),
            "{refused}"
        );
        let link = dir.path().join("other");
        symlink(&root, &link).unwrap();
        assert!(check_own_tree(&link).is_err());
    }
}
