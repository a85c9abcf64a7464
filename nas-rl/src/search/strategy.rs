//! The strategy.

use std::collections::BTreeMap;
use std::sync::Arc;

use nas_space::search::{Ask, Outcome, Proposal, Strategy, StrategyError, TrialId, Turns};
use nas_space::seed::Seed;
use nas_space::spaces::Space;

use super::Update;
use super::within::Within;
use crate::config::{Depth, RlConfig};
use crate::controller::{Controller, Drawn};
use crate::error::RlError;
use crate::learner::Learner;

/// A draw whose outcome was told.
#[derive(Debug)]
struct Told {
    drawn: Drawn,
    accuracy: Option<f64>,
}

/// Search by a controller; see the [module](super) for how.
#[derive(Debug)]
pub struct ControllerSearch {
    space: Arc<dyn Space>,
    config: RlConfig,
    seed: Seed,
    learner: Learner,
    turns: Turns,
    /// Drawn, and not told yet.
    outstanding: BTreeMap<TrialId, Drawn>,
    /// Told, and not learned from yet.
    batch: Vec<Told>,
    best: Option<f64>,
    updates: Vec<Update>,
}

impl ControllerSearch {
    /// A search in `space` whose proposals are a function of `seed` and the outcomes.
    ///
    /// # Errors
    /// [`RlError::Eval`] for a value out of its range, or a growing depth in a space that does not
    /// grow; [`RlError::Decisions`] for decisions that a controller cannot make.
    pub fn new(space: Arc<dyn Space>, config: RlConfig, seed: Seed) -> Result<Self, RlError> {
        config.validate()?;
        if matches!(config.depth, Depth::Growing { .. }) && space.growth().is_none() {
            let expected = format!("full: space {} does not grow", space.name());
            return Err(RlError::config("depth", "growing", expected));
        }
        let controller = Controller::new(&*space, config.controller.clone(), seed.derive("controller", 0))?;
        let controller = match Within::of(&space) {
            Some(mask) => controller.with_mask(mask),
            None => controller,
        };
        Ok(Self {
            learner: Learner::new(controller, &config)?,
            space,
            config,
            seed,
            turns: Turns::default(),
            outstanding: BTreeMap::new(),
            batch: Vec::new(),
            best: None,
            updates: Vec::new(),
        })
    }

    /// The updates so far, in order.
    pub fn updates(&self) -> &[Update] {
        &self.updates
    }

    /// The controller as it is.
    pub fn controller(&self) -> &Controller {
        &self.learner.controller
    }

    /// What is searched with.
    pub fn config(&self) -> &RlConfig {
        &self.config
    }

    /// Number of choices of proposal number `number`.
    fn choices_at(&self, number: TrialId) -> usize {
        match (self.config.depth, self.space.growth()) {
            (Depth::Growing { start, add, every }, Some(growth)) => {
                let grown = usize::try_from(number / every).unwrap_or(usize::MAX);
                let level = start.saturating_add(add.saturating_mul(grown));
                growth.choices_at(level.min(growth.levels()))
            }
            _ => self.space.decisions().len(),
        }
    }

    fn learn(&mut self) -> Result<(), RlError> {
        let batch = std::mem::take(&mut self.batch);
        let reward = |told: &Told| match told.accuracy {
            Some(accuracy) => self.config.reward.of(accuracy),
            None => self.config.failure_reward,
        };
        let rewards: Vec<f64> = batch.iter().map(reward).collect();
        let draws: Vec<&Drawn> = batch.iter().map(|told| &told.drawn).collect();
        let baseline = self.learner.reward(&draws, &rewards)?;
        let accuracies: Vec<f64> = batch.iter().filter_map(|told| told.accuracy).collect();
        let entropies: Vec<f64> = draws.iter().map(|drawn| drawn.entropy).collect();
        let update = Update {
            trials: self.turns.told(),
            reward: mean(&rewards),
            baseline,
            entropy: mean(&entropies),
            failed: rewards.len() - accuracies.len(),
            accuracy: (!accuracies.is_empty()).then(|| mean(&accuracies)),
            best: self.best,
        };
        self.updates.push(update);
        Ok(())
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

impl Strategy for ControllerSearch {
    fn name(&self) -> &str {
        "rl"
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        let number = self.turns.asked();
        let mut rng = self.seed.derive("proposal", number).rng();
        let choices = self.choices_at(number);
        let drawn = self.learner.controller.sample_first(choices, &mut rng)?;
        let proposal = Proposal::new(drawn.architecture.clone());
        self.outstanding.insert(self.turns.ask(), drawn);
        Ok(Ask::Evaluate(proposal))
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        self.turns.tell(outcome)?;
        let got = outcome.trial.id;
        let Some(drawn) = self.outstanding.remove(&got) else {
            return Err(StrategyError::Unexpected { expected: got, got });
        };
        let accuracy = outcome.valid_accuracy();
        // NaN is less than nothing here.
        self.best = self.best.into_iter().chain(accuracy).reduce(f64::max);
        self.batch.push(Told { drawn, accuracy });
        if self.batch.len() >= self.config.batch {
            self.learn()?;
        }
        Ok(())
    }

    fn any_order(&self) -> bool {
        true
    }

    /// Its updates so far: a list of [`Update`].
    fn report(&self) -> Option<serde_json::Value> {
        serde_json::to_value(&self.updates).ok()
    }
}

#[cfg(test)]
mod tests;
