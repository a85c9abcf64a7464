//! The trainings that are done, in a file that only grows.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use nas_space::arch::Architecture;
use serde::{Deserialize, Serialize};

use super::{BuildError, Recipe};

/// Version of the lines.
const FORMAT: u32 = 1;

/// The result of one training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Training {
    /// The choices.
    pub(super) architecture: Architecture,
    /// Which repeat.
    pub(super) seed: u64,
    /// What became of it.
    pub(super) result: Result<Figures, String>,
}

/// The figures of a training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Validation accuracy after each epoch.
    pub valid: Vec<f64>,
    /// Seconds from the start to the end of each epoch.
    pub seconds: Vec<f64>,
    /// Test accuracy after the last epoch.
    pub test: f64,
    /// Trainable parameters.
    pub params: u64,
    /// Multiply-accumulates for one image.
    pub macs: u64,
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: u32,
    recipe: Recipe,
}

/// The file: what is trained in the first line, then one line for each training. A line is there
/// once it is synced; one that was torn by a crash is cut off, and its training done again.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    done: BTreeMap<(Architecture, u64), Result<Figures, String>>,
}

impl Journal {
    /// Opens the file, or begins it, for trainings by this recipe. It is this process's alone until
    /// it is dropped.
    ///
    /// # Errors
    /// [`BuildError::OtherRecipe`] where it is of other trainings, [`BuildError::Journal`] where a
    /// line is none, [`BuildError::Locked`] where another process is at it, [`BuildError::Io`]
    /// where the system refuses.
    pub fn open(path: &Path, recipe: &Recipe) -> Result<Self, BuildError> {
        let io = |reason| BuildError::Io {
            path: path.to_owned(),
            reason,
        };
        let mut file = nas_files::open_or_create_own(path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(BuildError::Locked {
                    path: path.to_owned(),
                });
            }
            Err(TryLockError::Error(reason)) => return Err(io(reason)),
        }
        let mut content = Vec::new();
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        file.read_to_end(&mut content).map_err(io)?;
        let whole = content
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |end| end + 1);
        let mut journal = Self {
            path: path.to_owned(),
            file,
            done: BTreeMap::new(),
        };
        journal.read(&content[..whole], recipe)?;
        if whole < content.len() {
            journal.file.set_len(whole as u64).map_err(io)?;
            journal.file.seek(SeekFrom::Start(whole as u64)).map_err(io)?;
        }
        if whole == 0 {
            let recipe = recipe.clone();
            journal.append(&Head {
                format: FORMAT,
                recipe,
            })?;
        }
        Ok(journal)
    }

    /// How many trainings are done, failed ones too.
    pub fn len(&self) -> usize {
        self.done.len()
    }

    /// Whether none is done.
    pub fn is_empty(&self) -> bool {
        self.done.is_empty()
    }

    /// What became of a training, if it is done.
    pub(super) fn get(&self, architecture: &Architecture, seed: u64) -> Option<&Result<Figures, String>> {
        self.done.get(&(architecture.clone(), seed))
    }

    /// Writes down a training. Once this returns it survives a crash.
    pub(super) fn add(&mut self, training: Training) -> Result<(), BuildError> {
        self.append(&training)?;
        self.done
            .insert((training.architecture, training.seed), training.result);
        Ok(())
    }

    fn append(&mut self, line: &impl Serialize) -> Result<(), BuildError> {
        let io = |reason| BuildError::Io {
            path: self.path.clone(),
            reason,
        };
        let mut text = serde_json::to_string(line).map_err(|error| io(error.into()))?;
        text.push('\n');
        self.file.write_all(text.as_bytes()).map_err(io)?;
        self.file.sync_data().map_err(io)
    }

    fn read(&mut self, content: &[u8], recipe: &Recipe) -> Result<(), BuildError> {
        let lines = content
            .split(|&byte| byte == b'\n')
            .enumerate()
            .filter(|(_, line)| !line.is_empty());
        for (index, line) in lines {
            let wrong = |reason: serde_json::Error| BuildError::Journal {
                path: self.path.clone(),
                line: index + 1,
                reason: reason.to_string(),
            };
            if index == 0 {
                let head: Head = serde_json::from_slice(line).map_err(wrong)?;
                if head.format != FORMAT || head.recipe != *recipe {
                    return Err(BuildError::OtherRecipe {
                        path: self.path.clone(),
                        recorded: String::from_utf8_lossy(line).into_owned(),
                    });
                }
            } else {
                let training: Training = serde_json::from_slice(line).map_err(wrong)?;
                self.done
                    .insert((training.architecture, training.seed), training.result);
            }
        }
        Ok(())
    }
}
