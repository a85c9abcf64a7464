//! What a controller leaves in the run directory: `updates.json`, what it learned from, `uniform.json`, what uniform draws are
//! worth, and `reward.svg`, the picture of both.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use nas_rl::{ControllerSearch, Reward, RlConfig, Update};
use nas_space::search::{Evaluator, Scaled, Strategy, Trial};
use nas_study::RunDir;

use super::{Session, Source};
use crate::number::grouped;
use crate::plot::{self, Reference};
use crate::shown::Shown;

/// What it learned from.
pub(crate) const UPDATES_FILE: &str = "updates.json";
/// What uniform draws are worth, where that could be looked up.
pub(crate) const UNIFORM_FILE: &str = "uniform.json";
/// The picture.
const PICTURE_FILE: &str = "reward.svg";
/// Sequences of uniform draws that are looked up to compare with.
const SEQUENCES: u64 = 50;
/// Proposals that count as uniform draws where none can be looked up: a controller starts close to them.
const FIRST: u64 = 10;

/// The updates of a controller, which may be within another strategy.
#[derive(Debug, Clone, Default)]
pub(super) struct Learned(Arc<Mutex<Vec<Update>>>);

impl Session {
    /// The controller as a strategy that leaves its updates with `learned`, with its configuration as JSON.
    pub(super) fn controller(&self, rl: &RlConfig, learned: &Learned) -> Result<(Box<dyn Strategy>, String)> {
        let seed = self.seed().derive("strategy", 0);
        let search = ControllerSearch::new(Arc::clone(&self.searched), rl.clone(), seed)?;
        let Learned(updates) = learned.clone();
        let search = search.observed(move |update| {
            updates
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(update.clone());
        });
        let search = Scaled::new(search, self.config.range()?);
        Ok((Box::new(search), serde_json::to_string(rl)?))
    }

    /// Writes all of it, and gives the path of the picture, where the method is a controller.
    pub(super) fn write_learning(&self, run: &RunDir, learned: &Learned) -> Result<Option<PathBuf>> {
        let Some(rl) = &self.config.rl else {
            return Ok(None);
        };
        let updates = learned.0.lock().unwrap_or_else(PoisonError::into_inner);
        run.write_json(UPDATES_FILE, &*updates)?;
        let reference = match (&self.source, updates.last()) {
            (Source::Table(evaluator), Some(last)) => {
                let drawn = self.drawn(evaluator, rl.reward, last.trials)?;
                run.write_json(UNIFORM_FILE, &drawn)?;
                Some(drawn)
            }
            _ => first_proposals(&updates),
        };
        let picture = plot::reward(
            &updates,
            rl.reward,
            reference.as_ref(),
            self.config.metric().learned(),
        );
        run.write_text(PICTURE_FILE, &picture)?;
        Ok(Some(run.path().join(PICTURE_FILE)))
    }

    /// What uniform draws are worth, looked up.
    fn drawn(&self, evaluator: &dyn Evaluator, worth: Reward, trials: u64) -> Result<Reference> {
        let seed = self.seed().derive("reward picture", 0);
        let mut best = vec![0.0; usize::try_from(trials)?];
        let mut sum = 0.0;
        let (fidelity, range) = (self.fidelity()?, self.config.range()?);
        for sequence in 0..SEQUENCES {
            let mut rng = seed.derive("sequence", sequence).rng();
            let mut so_far = f64::NEG_INFINITY;
            for best in &mut best {
                let trial = Trial {
                    id: 0,
                    architecture: self.searched.sample(&mut rng),
                    fidelity,
                    seed: seed.derive("draw", sequence),
                    continues: None,
                };
                let score = evaluator.evaluate(&trial)?.valid_accuracy;
                let reward = worth.of(range.map_or(score, |range| range.share(score)));
                sum += reward;
                so_far = so_far.max(reward);
                *best += so_far / SEQUENCES as f64;
            }
        }
        let draws = SEQUENCES * trials;
        Ok(Reference {
            mean: sum / draws as f64,
            source: format!("mean of {} uniform draws", grouped(draws)),
            best,
        })
    }
}

/// What the first proposals were worth.
pub(crate) fn first_proposals(updates: &[Update]) -> Option<Reference> {
    let (mut sum, mut trials) = (0.0, 0);
    for update in updates {
        sum += update.reward * (update.trials - trials) as f64;
        trials = update.trials;
        if trials >= FIRST {
            break;
        }
    }
    (trials > 0).then(|| Reference {
        mean: sum / trials as f64,
        source: format!("mean of the first {trials} proposals, about uniform draws"),
        best: Vec::new(),
    })
}
