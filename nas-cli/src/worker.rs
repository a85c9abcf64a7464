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
    let this = std::env::current_exe().context("this program cannot find its own file")?;
    let this = this.to_str().context("the path of this program is not UTF-8")?;
    Ok(vec![this.to_owned(), "worker".to_owned()])
}
