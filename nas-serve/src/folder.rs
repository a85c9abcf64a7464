//! Finds runs and comparisons below a folder.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders this deep below the first one are the last that are looked at.
const DEEPEST: usize = 6;
/// More folders than this are not looked at.
const MOST_FOLDERS: usize = 20_000;

/// What a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The directory of a search.
    Run,
    /// The directory of a comparison.
    Comparison,
}

/// A run or a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    pub(crate) path: PathBuf,
    /// Its path below the first folder, or that folder's own name.
    pub(crate) name: String,
}

/// All that was found, and whether folders were left out because there are too many.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Findings {
    pub(crate) found: Vec<Found>,
    pub(crate) is_partial: bool,
}

/// Looks at this folder and those below. Links are not followed, hidden folders not entered, and of
/// runs nothing inside. What cannot be read is left out.
pub(crate) fn find(root: &Path) -> Findings {
    let mut findings = Findings::default();
    let mut folders = VecDeque::from([(root.to_owned(), 0)]);
    let mut looked_at = 0;
    while let Some((folder, depth)) = folders.pop_front() {
        looked_at += 1;
        if looked_at > MOST_FOLDERS {
            findings.is_partial = true;
            break;
        }
        let kind = kind_of(&folder);
        if let Some(kind) = kind {
            findings.found.push(Found {
                kind,
                name: name(root, &folder),
                path: folder.clone(),
            });
        }
        match kind {
            Some(Kind::Run) => continue,
            Some(Kind::Comparison) => {
                let runs = folder.join("runs");
                if is_folder(&runs) {
                    folders.push_back((runs, depth + 1));
                }
                continue;
            }
            None => {}
        }
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        let mut below: Vec<PathBuf> = entries
            .flatten()
            .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        if depth == DEEPEST {
            findings.is_partial |= !below.is_empty();
            continue;
        }
        below.sort();
        folders.extend(below.into_iter().map(|path| (path, depth + 1)));
    }
    findings
}

fn kind_of(folder: &Path) -> Option<Kind> {
    if is_file(&folder.join("runs.jsonl")) {
        return Some(Kind::Comparison);
    }
    // The lock is there before the database, and a `config.toml` alone may be anything's.
    let has_records = ["study.db", "study.lock"]
        .iter()
        .any(|name| is_file(&folder.join(name)));
    (has_records && is_file(&folder.join("config.toml"))).then_some(Kind::Run)
}

fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

fn name(root: &Path, folder: &Path) -> String {
    match folder.strip_prefix(root) {
        Ok(below) if !below.as_os_str().is_empty() => below.display().to_string(),
        _ => root.file_name().unwrap_or(root.as_os_str()).display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(path: &Path) {
        fs::create_dir_all(path).unwrap();
        fs::write(path.join("config.toml"), "").unwrap();
        fs::write(path.join("study.lock"), "").unwrap();
    }

    fn names(root: &Path) -> Vec<(Kind, String)> {
        let found = find(root).found.into_iter();
        found.map(|one| (one.kind, one.name)).collect()
    }

    #[test]
    fn runs_and_comparisons_are_found_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        run(&root.join("b/deep/run"));
        run(&root.join("a"));
        // Inside of a run, hidden, no records.
        run(&root.join("a/checkpoints/run"));
        run(&root.join(".hidden/run"));
        fs::create_dir_all(root.join("project")).unwrap();
        fs::write(root.join("project/config.toml"), "").unwrap();
        run(&root.join("compare/runs/random-0"));
        run(&root.join("compare/other"));
        fs::write(root.join("compare/runs.jsonl"), "").unwrap();
        let expected = [
            (Kind::Run, "a".to_owned()),
            (Kind::Comparison, "compare".to_owned()),
            (Kind::Run, "b/deep/run".to_owned()),
            (Kind::Run, "compare/runs/random-0".to_owned()),
        ];
        assert_eq!(names(root), expected);
        assert_eq!(names(&root.join("a")), [(Kind::Run, "a".to_owned())]);
    }

    #[test]
    fn depth_is_bounded_and_what_lies_deeper_is_said_to_be_missing() {
        let dir = tempfile::tempdir().unwrap();
        run(&dir.path().join("1/2/3/4/5/6"));
        assert_eq!(names(dir.path()).len(), 1);
        assert!(!find(dir.path()).is_partial);
        run(&dir.path().join("1/2/3/4/5/x/7"));
        assert_eq!(names(dir.path()).len(), 1);
        assert!(find(dir.path()).is_partial);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        run(&outside.path().join("run"));
        std::os::unix::fs::symlink(outside.path(), dir.path().join("link")).unwrap();
        // A folder whose files are links to those of a run.
        fs::create_dir(dir.path().join("linked")).unwrap();
        for file in ["config.toml", "study.lock"] {
            let from = outside.path().join("run").join(file);
            std::os::unix::fs::symlink(from, dir.path().join("linked").join(file)).unwrap();
        }
        assert_eq!(names(dir.path()), []);
    }
}
