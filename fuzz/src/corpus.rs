//! The corpus: for each target a folder of inputs, valid ones and those that once did harm.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folder of a target's corpus.
pub(crate) fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}

/// The inputs of a target with the names of their files, in the order of the names.
///
/// # Errors
/// Where the folder cannot be read. One that is not there is empty.
pub(crate) fn read(target: &str) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let folder = folder(target);
    let mut paths = Vec::new();
    if !folder.exists() {
        return Ok(Vec::new());
    }
    for entry in fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        paths.push(entry?.path());
    }
    paths.sort();
    let read = |path: PathBuf| {
        let content = fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        Ok((path, content))
    };
    paths.into_iter().map(read).collect()
}
