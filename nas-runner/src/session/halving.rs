//! A search whose trainings are halved.

use anyhow::Result;
use nas_evo::{Halving, HalvingConfig};
use nas_space::search::Strategy;
use serde::Serialize;
use serde_json::Value;

use super::Session;
use crate::plan::RunConfig;
use crate::watch::RunEvent;

/// What decides a search that is halved: kept on record with the study.
#[derive(Serialize)]
struct Parameters {
    halving: HalvingConfig,
    /// Those of the method itself.
    method: Value,
}

/// The strategy and its parameters, halved if that is what the configuration says.
pub fn halved(
    config: &RunConfig,
    strategy: Box<dyn Strategy>,
    parameters: String,
) -> Result<(Box<dyn Strategy>, String)> {
    let Some(halving) = config.halving()? else {
        return Ok((strategy, parameters));
    };
    let method = serde_json::from_str(&parameters)?;
    let parameters = serde_json::to_string(&Parameters { halving, method })?;
    Ok((Box::new(Halving::new(strategy, halving)?), parameters))
}

impl Session {
    /// Says so where no rung reaches the epochs of a trial.
    pub(super) fn note_rungs(&self) -> Result<()> {
        let Some(halving) = self.config.halving()? else {
            return Ok(());
        };
        let rungs = halving.rung_epochs()?;
        if rungs.last() != Some(&halving.max_epochs) {
            let rungs: Vec<String> = rungs.iter().map(u32::to_string).collect();
            let note = format!(
                "note: architectures are evaluated after {} epochs, and none is trained for all {}: that \
                 is not a power of eta times the smallest number",
                rungs.join(", "),
                halving.max_epochs
            );
            self.watcher.watch(RunEvent::Note(&note));
        }
        Ok(())
    }
}
