//! What a worker of this program is started by and told.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::commands::table::TrainingSettings;
use crate::session::TrialSettings;

/// What a worker is to do.
#[derive(Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub(crate) enum Settings {
    /// Evaluate the trials of a search.
    Search(Box<TrialSettings>),
    /// Do the trainings of a table.
    Table(Box<TrainingSettings>),
}

/// The command that starts one.
pub(crate) fn program() -> Result<Vec<String>> {
    Ok(vec![this()?, "worker".to_owned()])
}

/// The command that starts a program of the user's, with a guard before it where there can be one.
pub(crate) fn guarded(program: Vec<String>) -> Result<Vec<String>> {
    if cfg!(not(unix)) {
        return Ok(program);
    }
    let guard = [this()?, "guard".to_owned(), "--".to_owned()];
    Ok(guard.into_iter().chain(program).collect())
}

/// The file of this program.
fn this() -> Result<String> {
    let this = std::env::current_exe().context("this program cannot find its own file")?;
    Ok(this
        .to_str()
        .context("the path of this program is not UTF-8")?
        .to_owned())
}
