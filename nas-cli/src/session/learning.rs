//! What a controller leaves in the run directory: `updates.json`, what it learned from, and `reward.svg`, the picture of it.

use std::path::PathBuf;

use anyhow::{Context, Result};
use nas_rl::{ControllerSearch, Reward, Update};
use nas_space::search::{Evaluator, Fidelity, Trial};
use nas_space::seed::Seed;
use nas_study::RunDir;

use super::{Session, Source};
use crate::number::grouped;
use crate::oneshot;
use crate::plot::{self, Reference};

/// The picture.
pub(crate) const PICTURE_FILE: &str = "reward.svg";
/// Sequences of uniform draws that are looked up to compare with.
const SEQUENCES: u64 = 50;
/// Proposals that count as uniform draws where none can be looked up: a controller starts close to them.
const FIRST: u64 = 10;

impl Session {
    /// Writes both, and gives the path of the picture.
    pub(super) fn write_learning(&self, run: &RunDir, search: &ControllerSearch) -> Result<PathBuf> {
        let updates = search.updates();
        run.write_json("updates.json", &updates)?;
        let worth = search.config().reward;
        let reference = match (&self.source, updates.last()) {
            (Source::Table(evaluator), Some(last)) => Some(self.drawn(evaluator, worth, last.trials)?),
            _ => first_proposals(updates),
        };
        let picture = plot::reward(updates, worth, reference.as_ref());
        let path = run.path().join(PICTURE_FILE);
        oneshot::replace(&path, &picture).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// What uniform draws are worth, looked up.
    fn drawn(&self, evaluator: &dyn Evaluator, worth: Reward, trials: u64) -> Result<Reference> {
        let seed = self.seed().derive("reward picture", 0);
        let mut best = vec![0.0; usize::try_from(trials)?];
        let mut sum = 0.0;
        for sequence in 0..SEQUENCES {
            let mut rng = seed.derive("sequence", sequence).rng();
            let mut so_far = f64::NEG_INFINITY;
            for best in &mut best {
                let trial = Trial {
                    id: 0,
                    architecture: self.space.sample(&mut rng),
                    fidelity: Fidelity { epochs: 1 },
                    seed: Seed::new(0),
                };
                let reward = worth.of(evaluator.evaluate(&trial)?.valid_accuracy);
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
fn first_proposals(updates: &[Update]) -> Option<Reference> {
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
