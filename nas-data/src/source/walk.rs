//! All files below a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::stamp::Stamp;
use super::{Skip, io};
use crate::error::DataError;
use crate::progress::{Progress, Stage};

/// Folders that programs make beside images, in small letters.
const FOLDERS_OF_PROGRAMS: [&str; 3] = ["__macosx", "@eadir", "$recycle.bin"];
/// Files that programs make beside images, in small letters.
const FILES_OF_PROGRAMS: [&str; 3] = ["thumbs.db", "desktop.ini", "ehthumbs.db"];
/// Progress is reported after this number of files.
const OFTEN: usize = 1000;

/// What is below a folder, by path bytewise.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// The files.
    pub(super) files: Vec<File>,
    /// The folders, by paths with `/`.
    pub(super) folders: Vec<PathBuf>,
    /// What was passed by.
    pub(super) skipped: Vec<Skip>,
}

/// A file.
#[derive(Debug)]
pub(super) struct File {
    /// Its path below the folder, with `/`.
    pub(super) path: PathBuf,
    /// Its length and times.
    pub(super) stamp: Stamp,
}

/// Lists all files below `root`. Links are followed; a folder is entered once, by its own path
/// where it has one below `root`, else by the first link to it, so links that lead into themselves
/// end.
///
/// # Errors
/// A folder that cannot be read.
pub(super) fn walk(root: &Path, progress: &(dyn Fn(Progress) + Sync)) -> Result<Walked, DataError> {
    let mut walk = Walk {
        root,
        progress,
        walked: Walked::default(),
        entered: BTreeSet::new(),
        links: BTreeMap::new(),
        waiting: vec![PathBuf::new()],
    };
    while let Some(folder) = walk.next() {
        walk.enter(&folder)?;
    }
    let mut walked = walk.walked;
    walked
        .files
        .sort_unstable_by(|a, b| bytes(&a.path).cmp(bytes(&b.path)));
    walked.folders.sort_unstable_by(|a, b| bytes(a).cmp(bytes(b)));
    walked.skipped.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(walked)
}

/// What paths are sorted by.
pub(super) fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// A walk under way.
struct Walk<'a> {
    root: &'a Path,
    progress: &'a (dyn Fn(Progress) + Sync),
    walked: Walked,
    /// Folders that were entered, by their canonical paths.
    entered: BTreeSet<PathBuf>,
    /// Links to folders, by the bytes of their paths. They are followed once all folders are
    /// entered that need none.
    links: BTreeMap<Vec<u8>, PathBuf>,
    /// Folders to enter.
    waiting: Vec<PathBuf>,
}

impl Walk<'_> {
    fn next(&mut self) -> Option<PathBuf> {
        self.waiting
            .pop()
            .or_else(|| self.links.pop_first().map(|(_, link)| link))
    }

    fn enter(&mut self, folder: &Path) -> Result<(), DataError> {
        let whole = self.root.join(folder);
        let canonical = fs::canonicalize(&whole).map_err(io(&whole, "read"))?;
        if !self.entered.insert(canonical) {
            self.skip(folder, "a link to a folder that is already being read");
            return Ok(());
        }
        if folder != Path::new("") {
            self.walked.folders.push(folder.to_owned());
        }
        for entry in fs::read_dir(&whole).map_err(io(&whole, "read"))? {
            let entry = entry.map_err(io(&whole, "read"))?;
            self.look_at(folder, &entry)
                .map_err(io(&entry.path(), "looked at"))?;
        }
        Ok(())
    }

    fn look_at(&mut self, folder: &Path, entry: &fs::DirEntry) -> std::io::Result<()> {
        let name = entry.file_name();
        let path = below(folder, &name);
        let is_link = entry.file_type()?.is_symlink();
        let found = if is_link {
            fs::metadata(entry.path())
        } else {
            entry.metadata()
        };
        let found = match found {
            Ok(found) => found,
            Err(error) if is_link => {
                let skip = match of_a_program(&name, false) {
                    Some(reason) => Skip::aside(&path, reason),
                    None => Skip::bad(&path, "a link that leads nowhere", Some(error.to_string())),
                };
                self.walked.skipped.push(skip);
                return Ok(());
            }
            // It was removed meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        if let Some(reason) = of_a_program(&name, found.is_dir()) {
            self.skip(&path, reason);
        } else if found.is_dir() && is_link {
            self.links.insert(bytes(&path).to_owned(), path);
        } else if found.is_dir() {
            self.waiting.push(path);
        } else if found.is_file() {
            self.walked.files.push(File {
                path,
                stamp: Stamp::of(&found),
            });
            let done = self.walked.files.len();
            if done.is_multiple_of(OFTEN) {
                (self.progress)(Progress {
                    stage: Stage::Listing,
                    done,
                    total: 0,
                });
            }
        } else {
            self.skip(&path, "a pipe, a socket or a device");
        }
        Ok(())
    }

    fn skip(&mut self, path: &Path, reason: &'static str) {
        self.walked.skipped.push(Skip::aside(path, reason));
    }
}

/// Why a file or folder of this name is nothing of the user's.
fn of_a_program(name: &OsStr, is_folder: bool) -> Option<&'static str> {
    let bytes = name.as_encoded_bytes();
    if bytes.starts_with(b"._") {
        return Some("a companion file of macOS");
    }
    if bytes.starts_with(b".") {
        return Some("hidden");
    }
    let name = name.to_str()?.to_ascii_lowercase();
    let names = if is_folder {
        FOLDERS_OF_PROGRAMS
    } else {
        FILES_OF_PROGRAMS
    };
    names
        .contains(&name.as_str())
        .then_some("created by another program")
}

/// `name` in `folder`, with `/` on every system.
fn below(folder: &Path, name: &OsStr) -> PathBuf {
    let mut path = OsString::from(folder);
    if !path.is_empty() {
        path.push("/");
    }
    path.push(name);
    path.into()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn files(root: &Path) -> (Vec<String>, Vec<String>) {
        let walked = walk(root, &|_| {}).unwrap();
        (
            walked
                .files
                .iter()
                .map(|file| super::super::shown(file.path.as_os_str()))
                .collect(),
            walked
                .skipped
                .into_iter()
                .map(|skip| format!("{}: {}", skip.name, skip.reason))
                .collect(),
        )
    }

    fn write(root: &Path, path: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }

    #[test]
    fn links_that_lead_into_themselves_end() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "b/1.png");
        symlink(dir.path(), dir.path().join("a")).unwrap();
        symlink("../b", dir.path().join("b/again")).unwrap();
        symlink("loop", dir.path().join("loop")).unwrap();
        let (files, skipped) = files(dir.path());
        assert_eq!(files, ["b/1.png"]);
        assert_eq!(
            skipped,
            [
                "a: a link to a folder that is already being read",
                "b/again: a link to a folder that is already being read",
                "loop: a link that leads nowhere",
            ]
        );
    }

    #[test]
    fn links_to_files_and_to_folders_elsewhere_are_followed() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(other.path(), "deep/1.png");
        write(other.path(), "2.png");
        fs::create_dir(dir.path().join("cats")).unwrap();
        symlink(other.path().join("2.png"), dir.path().join("cats/2.png")).unwrap();
        symlink(other.path().join("deep"), dir.path().join("dogs")).unwrap();
        let (files, skipped) = files(dir.path());
        assert_eq!(files, ["cats/2.png", "dogs/1.png"]);
        assert!(skipped.is_empty(), "{skipped:?}");
    }

    #[test]
    fn what_systems_leave_behind_is_passed_by_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        for path in [
            "cats/1.png",
            "cats/._1.png",
            "cats/.DS_Store",
            "cats/Thumbs.db",
            "cats/desktop.ini",
            "__MACOSX/cats/1.png",
            "cats/@eaDir/1.png",
            ".ipynb_checkpoints/1.png",
        ] {
            write(dir.path(), path);
        }
        rustix_pipe(&dir.path().join("cats/pipe.png"));
        let (files, skipped) = files(dir.path());
        assert_eq!(files, ["cats/1.png"]);
        assert_eq!(skipped.len(), 8, "{skipped:?}");
    }

    fn rustix_pipe(path: &Path) {
        assert!(
            std::process::Command::new("mkfifo")
                .arg(path)
                .status()
                .unwrap()
                .success()
        );
    }
}
