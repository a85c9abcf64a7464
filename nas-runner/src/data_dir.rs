//! The folder with the data sets' files.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nas_eval::data::{DATASETS, Dataset};

use crate::usage::Usage;
use crate::watch::{RunEvent, Watcher};

/// The folder to read from: the one typed, else the one on record, else that of `NAS_DATA_DIR`,
/// which counts as unset where it is empty. Absolute, so that a run can be resumed from any working
/// directory.
pub fn choose(typed: Option<&Path>, recorded: Option<&Path>) -> Result<Option<PathBuf>> {
    let environment = || {
        env::var_os("NAS_DATA_DIR")
            .filter(|folder| !folder.is_empty())
            .map(PathBuf::from)
    };
    typed
        .or(recorded)
        .map(Path::to_owned)
        .or_else(environment)
        .map(|folder| absolute(&folder))
        .transpose()
}

/// Refuses a folder that was typed for a data set without files.
pub fn check_used(data: &str) -> Result<()> {
    let built_in = DATASETS
        .iter()
        .any(|info| info.name == data && info.folders.is_empty());
    if built_in {
        let message = format!(
            "--data-dir is not used: {data} is built in; leave it out, or choose another data set with --data"
        );
        return Err(Usage::new(message).into());
    }
    Ok(())
}

/// Reads a data set, and notes which of its files are not the official ones.
///
/// # Errors
/// Where there is no such data set, or its files are missing or damaged.
pub fn load(data: &str, data_dir: Option<&Path>, watcher: &dyn Watcher) -> Result<Dataset> {
    let mut others = Vec::new();
    let dataset = Dataset::load_noting(data, data_dir, &mut |path| {
        others.push(path.display().to_string())
    })?;
    if !others.is_empty() {
        let note = format!(
            "note: these files of {data} are not the official ones, by their checksums: {}. Results cannot be compared with other results on {data}",
            others.join(", ")
        );
        watcher.watch(RunEvent::Note(&note));
    }
    Ok(dataset)
}

/// The path from the root.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("'{}' is no path", path.display()))
}
