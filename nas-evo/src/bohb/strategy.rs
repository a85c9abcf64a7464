//! The strategy.

use std::collections::HashMap;
use std::sync::Arc;

use nas_space::arch::Architecture;
use nas_space::search::{Ask, Outcome, Proposal, Strategy, StrategyError, TrialId};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use rand::RngExt;

use super::BohbConfig;
use super::tpe::Tpe;
use crate::error::EvoError;
use crate::halving::{Halving, HalvingConfig, Place, Proposer, Schedule};

/// Hyperband whose configurations come from a model; see the [module](super) for how.
#[derive(Debug)]
pub struct Bohb(Halving);

impl Bohb {
    /// A search of `space` with these rungs and brackets, whose proposals are a function of `seed`.
    ///
    /// # Errors
    /// [`EvoError::EmptyDecision`] for a space without architectures; [`EvoError::Config`] and
    /// [`EvoError::Range`] for a number out of its range.
    pub fn new(
        space: Arc<dyn Space>,
        config: BohbConfig,
        halving: HalvingConfig,
        seed: Seed,
    ) -> Result<Self, EvoError> {
        EvoError::check_space(&*space)?;
        config.validate()?;
        let options = space.decisions().iter().map(|decision| decision.options.len());
        let tpe = Tpe::new(config, options.collect(), halving.rung_epochs()?.len());
        let name = match halving.schedule {
            Schedule::Hyperband {} => "bohb".to_owned(),
            other => format!("bohb+{}", other.suffix()),
        };
        let source = Source {
            space,
            config,
            seed,
            tpe,
            asked: 0,
            reached: HashMap::new(),
        };
        Ok(Self(Halving::around(Box::new(source), name, halving)?))
    }
}

impl Strategy for Bohb {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        self.0.ask()
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        self.0.tell(outcome)
    }

    fn any_order(&self) -> bool {
        self.0.any_order()
    }
}

/// Where the configurations come from.
struct Source {
    space: Arc<dyn Space>,
    config: BohbConfig,
    seed: Seed,
    tpe: Tpe,
    /// How many configurations were proposed.
    asked: u64,
    /// The highest rung that each architecture was proposed for, or evaluated in.
    reached: HashMap<Architecture, usize>,
}

impl Source {
    fn reach(&mut self, architecture: &Architecture, rung: usize) {
        let reached = self.reached.entry(architecture.clone()).or_insert(rung);
        *reached = rung.max(*reached);
    }
}

impl Proposer for Source {
    fn ask(&mut self, bottom: usize) -> Result<Ask, StrategyError> {
        let mut rng = self.seed.derive("bohb", self.asked).rng();
        self.asked += 1;
        let by_model = rng.random::<f64>() >= self.config.random_fraction;
        let is_new = |one: &Architecture| self.reached.get(one).is_none_or(|&reached| reached < bottom);
        let proposed = match by_model {
            true => self.tpe.propose(&*self.space, is_new, &mut rng)?,
            false => None,
        };
        let architecture = proposed.unwrap_or_else(|| self.space.sample(&mut rng));
        self.reach(&architecture, bottom);
        Ok(Ask::Evaluate(Proposal::new(architecture)))
    }

    fn tell(&mut self, place: Place, _: TrialId, outcome: &Outcome) -> Result<(), StrategyError> {
        let architecture = &outcome.trial.architecture;
        self.reach(architecture, place.rung);
        self.tpe
            .observe(place.rung, architecture, outcome.valid_accuracy());
        Ok(())
    }

    fn any_order(&self) -> bool {
        true
    }

    fn exhausted(&self, _: usize) -> bool {
        false
    }

    fn report(&self) -> Option<serde_json::Value> {
        None
    }
}
