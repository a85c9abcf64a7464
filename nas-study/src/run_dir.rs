//! The directory of a run.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StudyError;
use crate::store::{Best, Holder, Records, Store, StoreError};

/// Most bytes of a `config.toml`. Those written here have a few thousand; a space of the user's is
/// part of it.
pub const MOST_CONFIG: u64 = 4 << 20;
/// Most bytes of a JSON file of a run. The longest, the epochs of a supernet, have some hundred
/// bytes an epoch.
pub const MOST_RECORD: u64 = 64 << 20;

/// The directory of a run: `config.toml`, `study.db`, `best.json` and `checkpoints/`.
///
/// A directory is a run once `config.toml` is in it, and stays one: nothing here deletes a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Makes a new run: the directory where there is none, its `config.toml` with everything
    /// resolved, and an empty store.
    ///
    /// A process that is killed in the middle of this leaves either no run, and it can be made
    /// again, or one whose store [`RunDir::store`] creates.
    ///
    /// # Errors
    /// [`StudyError::RunExists`] where there is a run, [`StoreError::Locked`] where another process
    /// is just making one, [`StudyError::Io`], and [`StudyError::Text`] for a configuration that
    /// TOML cannot express.
    pub fn create(path: impl Into<PathBuf>, config: &impl Serialize) -> Result<(Self, Store), StudyError> {
        let path = path.into();
        fs::create_dir_all(&path).map_err(|e| StudyError::io("create", &path, e))?;
        let run = Self { path };
        let present = |file: &Path| fs::exists(file).map_err(|e| StudyError::io("read", file, e));
        // Looked at before the lock is taken, so that nothing at all changes in a directory that
        // holds a run, and again below by `Store::create`.
        if present(&run.config_path())? || present(&run.database_path())? {
            return Err(StudyError::RunExists { path: run.path });
        }
        let lock = Store::reserve(&run.database_path())?;
        if present(&run.config_path())? {
            return Err(StudyError::RunExists { path: run.path });
        }
        run.write_config(config)?;
        let store = Store::create_reserved(&run.database_path(), lock)?;
        Ok((run, store))
    }

    /// A run that was made before.
    ///
    /// # Errors
    /// [`StudyError::NotARun`] where there is no `config.toml`.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StudyError> {
        let run = Self { path: path.into() };
        let config = run.config_path();
        if fs::exists(&config).map_err(|e| StudyError::io("read", &config, e))? {
            Ok(run)
        } else {
            Err(StudyError::NotARun { path: run.path })
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `config.toml`: everything that was asked for, resolved.
    pub fn config_path(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// `study.db`: the records.
    pub fn database_path(&self) -> PathBuf {
        self.path.join("study.db")
    }

    /// `best.json`: the best trial.
    pub fn best_path(&self) -> PathBuf {
        self.path.join("best.json")
    }

    /// `checkpoints/`: trained weights. Created on the first write.
    pub fn checkpoints_path(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// The store, to run the study on. Created if a process was killed before it had done so. What
    /// processes that are gone left half written is removed.
    ///
    /// # Errors
    /// As [`Store::open`]; [`StudyError::Io`] if `checkpoints/` is a link or contains one, because
    /// the study writes and deletes files there.
    pub fn store(&self) -> Result<Store, StudyError> {
        let database = self.database_path();
        let checkpoints = self.checkpoints_path();
        nas_files::check_own_tree(&checkpoints).map_err(|e| StudyError::io("use", &checkpoints, e))?;
        let store = match Store::open(&database) {
            Err(StoreError::Missing { .. }) => Store::create(&database)?,
            other => other?,
        };
        nas_files::remove_stale_temporaries(&self.path).map_err(|e| StudyError::io("read", &self.path, e))?;
        Ok(store)
    }

    /// The records, to read only.
    ///
    /// # Errors
    /// As [`Records::open`].
    pub fn records(&self) -> Result<Records, StudyError> {
        Ok(Records::open(self.database_path())?)
    }

    /// The records, for a glance.
    ///
    /// # Errors
    /// As [`Records::look`].
    pub fn look(&self) -> Result<Records, StudyError> {
        Ok(Records::look(self.database_path())?)
    }

    /// The process that runs the study, if one does.
    ///
    /// # Errors
    /// As [`Store::holder`].
    pub fn holder(&self) -> Result<Option<Holder>, StudyError> {
        Ok(Store::holder(self.database_path())?)
    }

    /// Replaces `config.toml`, completely or not at all.
    ///
    /// # Errors
    /// [`StudyError::Text`] for a value that TOML cannot express, [`StudyError::Io`].
    pub fn write_config(&self, config: &impl Serialize) -> Result<(), StudyError> {
        let path = self.config_path();
        let text = toml::to_string_pretty(config).map_err(|e| text("written", "TOML", &path, &e))?;
        nas_files::replace(&path, text.as_bytes()).map_err(|e| StudyError::io("write", &path, e))
    }

    /// Reads `config.toml`.
    ///
    /// # Errors
    /// [`StudyError::Text`] says what is wrong where, [`StudyError::Io`].
    pub fn read_config<T: DeserializeOwned>(&self) -> Result<T, StudyError> {
        let content = self.config_text()?;
        toml::from_str(&content).map_err(|e| text("read", "TOML", &self.config_path(), &e))
    }

    /// `config.toml` as it is written.
    ///
    /// # Errors
    /// [`StudyError::Io`], also where it has more than [`MOST_CONFIG`] bytes.
    pub fn config_text(&self) -> Result<String, StudyError> {
        let path = self.config_path();
        nas_files::read_text(&path, MOST_CONFIG).map_err(|e| StudyError::io("read", &path, e))
    }

    /// A JSON file of the directory; `None` where there is none.
    ///
    /// # Errors
    /// [`StudyError::Text`] says what is wrong where; [`StudyError::Io`], also where it has more
    /// than [`MOST_RECORD`] bytes.
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StudyError> {
        let path = self.path.join(name);
        let content = match nas_files::read_text(&path, MOST_RECORD) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|e| StudyError::io("read", &path, e))?,
        };
        serde_json::from_str(&content).map_err(|e| text("read", "JSON", &path, &e))
    }

    /// Replaces `best.json`, completely or not at all.
    ///
    /// # Errors
    /// [`StudyError::Io`].
    pub fn write_best(&self, best: &Best) -> Result<(), StudyError> {
        self.write_json("best.json", best)
    }

    /// Replaces a JSON file of the directory, completely or not at all: what a report or a final
    /// training adds.
    ///
    /// # Errors
    /// [`StudyError::Text`] for a value that JSON cannot express, [`StudyError::Io`].
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), StudyError> {
        let path = self.path.join(name);
        let mut content =
            serde_json::to_string_pretty(value).map_err(|e| text("written", "JSON", &path, &e))?;
        content.push('\n');
        nas_files::replace(&path, content.as_bytes()).map_err(|e| StudyError::io("write", &path, e))
    }

    /// Replaces a text of the directory, such as a picture, completely or not at all.
    ///
    /// # Errors
    /// [`StudyError::Io`].
    pub fn write_text(&self, name: &str, text: &str) -> Result<(), StudyError> {
        let path = self.path.join(name);
        nas_files::replace(&path, text.as_bytes()).map_err(|e| StudyError::io("write", &path, e))
    }

    /// Reads `best.json`.
    ///
    /// # Errors
    /// [`StudyError::Text`] says what is wrong where, [`StudyError::Io`].
    pub fn read_best(&self) -> Result<Best, StudyError> {
        self.read_json("best.json")?.ok_or_else(|| {
            let path = self.best_path();
            StudyError::io("read", &path, ErrorKind::NotFound.into())
        })
    }
}

fn text(
    action: &'static str,
    format: &'static str,
    path: &Path,
    reason: &dyn std::fmt::Display,
) -> StudyError {
    StudyError::Text {
        action,
        format,
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use nas_space::arch::Architecture;

    use super::*;

    fn config() -> BTreeMap<String, u32> {
        BTreeMap::from([("channels".to_owned(), 16)])
    }

    #[test]
    fn a_run_is_found_again_with_its_config_and_best() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nested/run");
        let (run, store) = RunDir::create(&path, &config()).unwrap();
        drop(store);
        let again = RunDir::open(&path).unwrap();
        assert_eq!(again, run);
        assert_eq!(again.read_config::<BTreeMap<String, u32>>().unwrap(), config());
        let best = Best {
            trial: 3,
            architecture: Architecture::new([1, 2]),
            genotype: "{}".to_owned(),
            valid_accuracy: 0.1 + 0.2,
            epochs: 4,
            ranked_by: None,
        };
        run.write_best(&best).unwrap();
        run.write_text("cell.svg", "a longer old text").unwrap();
        run.write_text("cell.svg", "new").unwrap();
        assert_eq!(fs::read_to_string(path.join("cell.svg")).unwrap(), "new");
        assert_eq!(again.read_best().unwrap().architecture, best.architecture);
        assert!(again.store().unwrap().records().study().unwrap().is_none());
    }

    #[test]
    fn creating_over_a_run_is_refused_with_the_way_out_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        drop(RunDir::create(dir.path(), &config()).unwrap());
        let before = fs::read(dir.path().join("config.toml")).unwrap();
        let other = BTreeMap::from([("channels", 99)]);
        let refused = RunDir::create(dir.path(), &other).unwrap_err();
        assert!(matches!(refused, StudyError::RunExists { .. }), "{refused}");
        assert!(refused.to_string().contains("nas resume"), "{refused}");
        assert_eq!(fs::read(dir.path().join("config.toml")).unwrap(), before);
    }

    #[test]
    fn a_directory_that_holds_other_files_can_become_a_run() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        RunDir::create(dir.path(), &config()).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("notes.txt")).unwrap(), "mine");
    }

    #[test]
    fn a_directory_without_a_config_is_no_run() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(
            RunDir::open(dir.path()),
            Err(StudyError::NotARun { .. })
        ));
    }

    #[test]
    fn a_run_whose_process_was_killed_before_its_store_was_there_gets_one() {
        let dir = tempfile::tempdir().unwrap();
        let (run, store) = RunDir::create(dir.path(), &config()).unwrap();
        drop(store);
        for leftover in [None, Some("")] {
            for file in ["study.db", "study.db-wal", "study.db-shm"] {
                let _ = fs::remove_file(dir.path().join(file));
            }
            if let Some(content) = leftover {
                fs::write(run.database_path(), content).unwrap();
            }
            assert!(run.store().unwrap().records().study().unwrap().is_none());
        }
    }

    #[test]
    fn a_config_that_is_not_toml_says_where() {
        let dir = tempfile::tempdir().unwrap();
        let (run, _store) = RunDir::create(dir.path(), &config()).unwrap();
        fs::write(run.config_path(), "channels = = 3").unwrap();
        let refused = run
            .read_config::<BTreeMap<String, u32>>()
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("config.toml") && refused.contains("line 1"),
            "{refused}"
        );
    }
}
