//! Trainings that a trial may continue.

use std::collections::HashMap;

use nas_space::arch::Architecture;
use nas_space::search::{Continued, Fidelity, Trial, TrialId};
use nas_space::seed::Seed;

/// What told trials have trained and no trial has continued, by the trial that it ended with.
#[derive(Debug, Default)]
pub(crate) struct Trainings(HashMap<TrialId, Training>);

#[derive(Debug)]
struct Training {
    architecture: Architecture,
    epochs: u32,
    seed: Seed,
}

impl Trainings {
    /// Notes a trial that was told and did not fail, and the seed it was really trained with.
    pub(crate) fn end(&mut self, trial: &Trial, seed: Seed) {
        let training = Training {
            architecture: trial.architecture.clone(),
            epochs: trial.fidelity.epochs,
            seed,
        };
        self.0.insert(trial.id, training);
    }

    /// Takes the training that ended with `trial`, to continue it up to `fidelity`: its seed and
    /// its progress. A second trial cannot take it, because both would change the same training.
    pub(crate) fn take(
        &mut self,
        trial: TrialId,
        architecture: &Architecture,
        fidelity: Fidelity,
    ) -> Result<(Seed, Continued), String> {
        let Some(training) = self.0.get(&trial) else {
            return Err("it failed, its outcome is not known yet, or it is already continued".to_owned());
        };
        if training.architecture != *architecture {
            return Err(format!(
                "it is of architecture {}, expected {architecture}",
                training.architecture
            ));
        }
        let epochs = training.epochs;
        if epochs >= fidelity.epochs {
            return Err(format!(
                "it has {epochs} epochs, expected fewer than {}",
                fidelity.epochs
            ));
        }
        let seed = training.seed;
        self.0.remove(&trial);
        Ok((seed, Continued { trial, epochs }))
    }
}
