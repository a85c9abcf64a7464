//! What a progressive search leaves in the run directory: `pnas.json`, its levels; `predicted.svg`, what was predicted
//! against what was measured; `levels.svg`, the accuracies and the cost of each level.

use anyhow::Result;
use nas_pnas::ProgressiveSearch;
use nas_pnas::report::LevelReport;
use nas_study::RunDir;
use serde::{Deserialize, Serialize};

use crate::plot::progressive::{levels, predicted};

/// The levels, and what predicted them.
pub(crate) const RECORD: &str = "pnas.json";

/// The picture of predictions.
pub(crate) const PREDICTED: &str = "predicted.svg";
/// The picture of levels.
pub(crate) const LEVELS: &str = "levels.svg";

#[derive(Debug, Serialize)]
struct Record<'a> {
    surrogate: &'a str,
    levels: &'a [LevelReport],
}

/// The same, read.
#[derive(Debug, Deserialize)]
pub(crate) struct Read {
    pub(crate) surrogate: String,
    pub(crate) levels: Vec<LevelReport>,
}

/// Writes all three.
/// `learned` is what the surrogate predicted: the accuracy, or a score.
pub(crate) fn record(run: &RunDir, search: &ProgressiveSearch, learned: &str) -> Result<()> {
    let reports = search.levels();
    let record = Record {
        surrogate: search.surrogate().name(),
        levels: &reports,
    };
    run.write_json(RECORD, &record)?;
    for (name, picture) in [
        (PREDICTED, predicted(&reports, learned)),
        (LEVELS, levels(&reports, learned)),
    ] {
        run.write_text(name, &picture)?;
    }
    Ok(())
}
