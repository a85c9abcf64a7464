//! A search whose trainings are halved.

use anyhow::Result;
use nas_evo::{Halving, HalvingConfig};
use nas_space::search::Strategy;
use nas_space::seed::Seed;
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

/// The strategy and its parameters, halved if that is what the configuration says. `make` gives the method's own strategy for a seed.
///
/// # Errors
/// Where the configuration is not valid, or the method cannot search here.
pub fn halved(
    config: &RunConfig,
    make: impl Fn(Seed) -> Result<Box<dyn Strategy>>,
) -> Result<(Box<dyn Strategy>, String)> {
    let seed = Seed::new(config.seed);
    let parameters = config.method.parameters()?;
    let Some(halving) = config.halving()? else {
        return Ok((make(seed)?, parameters));
    };
    let strategy: Box<dyn Strategy> = match config.method.method().has_rungs() {
        true => make(seed)?,
        false => {
            // One for each bottom rung; a single one has the seed of a search without halving.
            let seeds = (0..halving.strategies()? as u64).map(|bottom| match bottom {
                0 => seed,
                _ => seed.derive("bottom rung", bottom),
            });
            let inner = seeds.map(make).collect::<Result<Vec<_>>>()?;
            Box::new(Halving::of_each(inner, halving.clone())?)
        }
    };
    let method = serde_json::from_str(&parameters)?;
    let parameters = serde_json::to_string(&Parameters { halving, method })?;
    Ok((strategy, parameters))
}

impl Session {
    /// Says so where no rung reaches the epochs of a trial.
    pub(super) fn note_rungs(&self) -> Result<()> {
        let Some(halving) = self.config.halving()? else {
            return Ok(());
        };
        let rungs = halving.rung_epochs()?;
        if rungs.last() != Some(&halving.max_epochs) {
            let listed: Vec<String> = rungs.iter().map(u32::to_string).collect();
            let why = match halving.rungs.is_empty() {
                true => "that is not a power of eta times the smallest number",
                false => "that is not among them",
            };
            let note = format!(
                "note: architectures are evaluated after {} epochs, and none is trained for all {}: {why}",
                listed.join(", "),
                halving.max_epochs
            );
            self.watcher.watch(RunEvent::Note(&note));
        } else if let [only] = rungs[..] {
            let note = format!(
                "note: every architecture is evaluated after {only} epochs: there is only one rung, so nothing is promoted"
            );
            self.watcher.watch(RunEvent::Note(&note));
        }
        Ok(())
    }
}
