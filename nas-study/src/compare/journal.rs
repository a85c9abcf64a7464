//! The runs of a comparison in a file, so that none is repeated.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::Run;

const FORMAT: &str = "nas-comparison";
const VERSION: u32 = 1;

/// The runs of a comparison that are finished: a file of one JSON object a line, the first of which
/// says what is compared. Lines are added and never changed. One process at a time has it open.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

/// A finished run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The task.
    pub task: String,
    /// The method, by the name it is compared under.
    pub method: String,
    /// What came of it.
    pub run: Run,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: String,
    version: u32,
    /// What decides the results of runs.
    identity: Value,
}

/// A journal that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file cannot be read or written.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// `open`, `read` or `write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("{} is in use by another process; wait for it to end or compare in another directory", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// An invalid line.
    #[error("{} is damaged in line {line}: {reason}; compare in another directory", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// It is of another comparison.
    #[error(
        "{} is of another comparison: {difference}; repeat what was typed then, or compare in another directory",
        path.display()
    )]
    Other {
        /// The file.
        path: PathBuf,
        /// Where the first difference is.
        difference: String,
    },
}

impl Journal {
    /// Opens the journal at `path`, or begins one where there is none, and gives the runs in it.
    /// `identity` is what decides what the results of runs: that of the file has to be equal. A
    /// last line that was not written to its end is taken off.
    ///
    /// # Errors
    /// [`JournalError`] where the file is in use, damaged or of another comparison; nothing in it
    /// is changed then.
    pub fn open(path: &Path, identity: &Value) -> Result<(Self, Vec<Entry>), JournalError> {
        let io = |what| {
            move |source| JournalError::Io {
                what,
                path: path.to_owned(),
                source,
            }
        };
        let mut file = nas_files::open_or_create_own(path).map_err(io("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JournalError::InUse {
                    path: path.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io("open")(source)),
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(io("read"))?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let damaged = |line: usize, reason: String| JournalError::Damaged {
            path: path.to_owned(),
            line,
            reason,
        };
        let mut lines = text[..whole].lines();
        let mut journal = Self {
            path: path.to_owned(),
            file,
        };
        let Some(first) = lines.next() else {
            journal.file.set_len(0).map_err(io("write"))?;
            journal.file.rewind().map_err(io("write"))?;
            journal.write(&Head {
                format: FORMAT.to_owned(),
                version: VERSION,
                identity: identity.clone(),
            })?;
            nas_files::sync_directory_of(path).map_err(io("write"))?;
            return Ok((journal, Vec::new()));
        };
        let head: Head = serde_json::from_str(first).map_err(|error| damaged(1, error.to_string()))?;
        if (&head.format[..], head.version) != (FORMAT, VERSION) {
            let got = format!("it is {} of version {}", head.format, head.version);
            return Err(damaged(
                1,
                format!("{got}, expected {FORMAT} of version {VERSION}"),
            ));
        }
        if let Some(difference) = difference("", &head.identity, identity) {
            return Err(JournalError::Other {
                path: path.to_owned(),
                difference,
            });
        }
        let entries = lines
            .enumerate()
            .map(|(i, line)| serde_json::from_str(line).map_err(|error| damaged(i + 2, error.to_string())))
            .collect::<Result<Vec<Entry>, _>>()?;
        journal.file.set_len(whole as u64).map_err(io("write"))?;
        journal.file.seek(SeekFrom::End(0)).map_err(io("write"))?;
        Ok((journal, entries))
    }

    /// Adds a run. Once this returns it survives a loss of power.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn add(&mut self, entry: &Entry) -> Result<(), JournalError> {
        self.write(entry)
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), JournalError> {
        let written = serde_json::to_string(line)
            .map_err(io::Error::from)
            .and_then(|text| self.file.write_all(format!("{text}\n").as_bytes()))
            .and_then(|()| self.file.sync_data());
        written.map_err(|source| JournalError::Io {
            what: "write",
            path: self.path.clone(),
            source,
        })
    }
}

/// The first place where two values differ, in words; none where they are equal.
fn difference(place: &str, recorded: &Value, asked: &Value) -> Option<String> {
    match (recorded, asked) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key)));
            keys.into_iter().find_map(|key| {
                let place = if place.is_empty() {
                    key.clone()
                } else {
                    format!("{place}.{key}")
                };
                let none = Value::Null;
                difference(&place, a.get(key).unwrap_or(&none), b.get(key).unwrap_or(&none))
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(i, (a, b))| difference(&format!("{place}[{i}]"), a, b)),
        (a, b) if a == b => None,
        (a, b) => Some(format!("its {place} is {a}, now it is {b}")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    fn entry(seed: u64) -> Entry {
        Entry {
            task: "t".to_owned(),
            method: "random".to_owned(),
            run: Run {
                seed,
                valid_accuracy: Some(0.1 + 0.2),
                test_accuracy: (seed != 1).then_some(0.5),
                trials: 10,
                failed: 0,
                epochs: 10,
                image_passes: None,
                trial_seconds: 1.0,
                strategy_seconds: 0.5,
                final_seconds: 0.0,
                incumbents: Vec::new(),
                failure: None,
            },
        }
    }

    /// Opens it, once another test that starts a program has let go of the files that its fork
    /// holds for a moment.
    fn open(path: &Path, identity: &Value) -> (Journal, Vec<Entry>) {
        for _ in 0..1000 {
            match Journal::open(path, identity) {
                Err(JournalError::InUse { .. }) => std::thread::sleep(std::time::Duration::from_millis(5)),
                other => return other.unwrap(),
            }
        }
        panic!("{} stays in use", path.display());
    }

    #[test]
    fn runs_are_read_as_they_were_added_and_a_torn_line_is_taken_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("runs.jsonl");
        let identity = json!({"trials": 10});
        let (mut journal, none) = Journal::open(&path, &identity).unwrap();
        assert!(none.is_empty());
        journal.add(&entry(0)).unwrap();
        journal.add(&entry(1)).unwrap();
        assert!(matches!(
            Journal::open(&path, &identity),
            Err(JournalError::InUse { .. })
        ));
        drop(journal);
        let whole = fs::read(&path).unwrap();
        // Cut anywhere, it has the runs whose lines are whole.
        for end in 0..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            let (_, read) = open(&path, &identity);
            let lines = whole[..end].iter().filter(|byte| **byte == b'\n').count();
            let expected: Vec<Entry> = (0..lines.saturating_sub(1) as u64).map(entry).collect();
            assert_eq!(read, expected, "cut at {end}");
        }
        let (mut journal, read) = open(&path, &identity);
        journal.add(&entry(7)).unwrap();
        drop(journal);
        let (_, again) = open(&path, &identity);
        assert_eq!(again.len(), read.len() + 1);
    }

    #[test]
    fn another_comparison_and_damage_are_refused_and_nothing_is_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("runs.jsonl");
        let identity = json!({"methods": [{"name": "a", "trials": 10}]});
        Journal::open(&path, &identity).unwrap().0.add(&entry(0)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let refused = |identity: &Value| loop {
            match Journal::open(&path, identity) {
                Err(JournalError::InUse { .. }) => std::thread::sleep(std::time::Duration::from_millis(5)),
                other => break other.unwrap_err().to_string(),
            }
        };
        let message = refused(&json!({"methods": [{"name": "a", "trials": 20}]}));
        assert!(
            message.contains("its methods[0].trials is 10, now it is 20"),
            "{message}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        for (from, to, named) in [
            ("\"seed\":0", "\"seed\":x", "line 2"),
            ("nas-comparison", "something", "line 1"),
            ("\"version\":1", "\"version\":2", "version 2"),
        ] {
            fs::write(&path, text.replacen(from, to, 1)).unwrap();
            let message = refused(&identity);
            assert!(message.contains(named), "{message}");
        }
    }
}
