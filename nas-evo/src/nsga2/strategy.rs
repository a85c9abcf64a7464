//! The strategy.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

use nas_space::arch::Architecture;
use nas_space::error::SpaceError;
use nas_space::search::{Ask, Evaluation, Outcome, Proposal, Strategy, StrategyError, Turns};
use nas_space::seed::Seed;
use nas_space::sizes::{Quantity, Sizes};
use nas_space::spaces::Space;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;

use super::{Nsga2Config, Objective, crowding_distances, fronts};
use crate::error::EvoError;
use crate::mutation::mutant;

/// How often a proposal that was made before is drawn again; after that it is made again.
pub const REDRAWS: usize = 100;

/// A member of the population, with its evaluation.
#[derive(Debug, Clone)]
struct Member {
    architecture: Architecture,
    /// One for each objective, to be minimised.
    values: Vec<f64>,
    /// Its front in the last selection, from 0.
    rank: usize,
    /// Its crowding distance there.
    distance: f64,
}

impl AsRef<[f64]> for Member {
    fn as_ref(&self) -> &[f64] {
        &self.values
    }
}

impl Member {
    /// Less for the better one by front, then by distance.
    fn crowded_order(&self, other: &Self) -> Ordering {
        let by_distance = || other.distance.total_cmp(&self.distance);
        self.rank.cmp(&other.rank).then_with(by_distance)
    }
}

/// NSGA-II; see the [module](super) for how.
#[derive(Debug)]
pub struct Nsga2 {
    space: Arc<dyn Space>,
    config: Nsga2Config,
    sizes: Arc<dyn Sizes>,
    seed: Seed,
    turns: Turns,
    /// Everything proposed.
    proposed: HashSet<Architecture>,
    /// Those of the last selection, in the order they were proposed in.
    parents: Vec<Member>,
    /// Those evaluated since, in that order.
    children: Vec<Member>,
}

impl Nsga2 {
    /// A search of `space` whose proposals are a function of `seed` and the outcomes. Objectives
    /// other than the accuracy use the figures of `sizes`, not those of an evaluation.
    ///
    /// # Errors
    /// [`EvoError::Config`] and [`EvoError::Objectives`] for a configuration out of its range,
    /// [`EvoError::Space`] for an objective that is not known of every architecture,
    /// [`EvoError::EmptyDecision`] for a space without architectures.
    pub fn new(
        space: Arc<dyn Space>,
        config: Nsga2Config,
        sizes: Arc<dyn Sizes>,
        seed: Seed,
    ) -> Result<Self, EvoError> {
        config.validate()?;
        EvoError::check_space(&*space)?;
        for objective in &config.objectives {
            objective
                .quantity()
                .map_or(Ok(()), |quantity| sizes.check(&quantity))?;
        }
        Ok(Self {
            space,
            config,
            sizes,
            seed,
            turns: Turns::default(),
            proposed: HashSet::new(),
            parents: Vec::new(),
            children: Vec::new(),
        })
    }

    /// A uniform draw while the first population is proposed and while the population is empty,
    /// else a child.
    fn draw(&self, rng: &mut ChaCha8Rng) -> Result<Architecture, SpaceError> {
        let begun = self.turns.asked() >= self.config.population as u64;
        match self.parent(rng).filter(|_| begun) {
            None => Ok(self.space.sample(rng)),
            Some(parent) => mutant(&*self.space, &parent.architecture, rng),
        }
    }

    /// The better of two different members; of equals the first drawn. `None` while the population
    /// is empty.
    fn parent(&self, rng: &mut ChaCha8Rng) -> Option<&Member> {
        let living = self.parents.len();
        let drawn = sample(rng, living, living.min(2)).into_iter();
        let drawn = drawn.map(|place| &self.parents[place]);
        drawn.reduce(|first, second| {
            if second.crowded_order(first).is_lt() {
                second
            } else {
                first
            }
        })
    }

    /// The objectives' values.
    fn values(&self, architecture: &Architecture, evaluation: &Evaluation) -> Result<Vec<f64>, SpaceError> {
        let figures = self.sizes.of(architecture)?;
        let value = |objective: &Objective| {
            let value = objective.value(evaluation.valid_accuracy, &figures);
            value.ok_or_else(|| SpaceError::NotKnown {
                quantity: Quantity::named(objective.name()),
                reason: format!("it is not known of {architecture}"),
                known: self.sizes.known(),
            })
        };
        self.config.objectives.iter().map(value).collect()
    }

    /// Of parents and children the best become the parents, with their fronts and distances.
    fn select(&mut self) {
        let mut all = std::mem::take(&mut self.parents);
        all.append(&mut self.children);
        let mut living = vec![false; all.len()];
        let mut room = self.config.population;
        for (rank, front) in fronts(&all).into_iter().enumerate() {
            let distances = crowding_distances(&all, &front);
            for (&place, distance) in front.iter().zip(distances) {
                (all[place].rank, all[place].distance) = (rank, distance);
            }
            let mut best = front;
            // Stable: of equals those proposed earlier come first.
            best.sort_by(|&a, &b| all[a].crowded_order(&all[b]));
            best.truncate(room);
            room -= best.len();
            for place in best {
                living[place] = true;
            }
        }
        let mut living = living.into_iter();
        all.retain(|_| living.next().unwrap_or(false));
        self.parents = all;
    }
}

impl Strategy for Nsga2 {
    fn name(&self) -> &str {
        "nsga2"
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        let mut rng = self.seed.derive("nsga2", self.turns.asked()).rng();
        let mut architecture = self.draw(&mut rng)?;
        for _ in 0..REDRAWS {
            if !self.proposed.contains(&architecture) {
                break;
            }
            architecture = self.draw(&mut rng)?;
        }
        self.proposed.insert(architecture.clone());
        self.turns.ask();
        Ok(Ask::Evaluate(Proposal::new(architecture)))
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        self.turns.tell(outcome)?;
        let Ok(evaluation) = &outcome.result else {
            return Ok(());
        };
        let architecture = outcome.trial.architecture.clone();
        self.children.push(Member {
            values: self.values(&architecture, evaluation)?,
            architecture,
            rank: 0,
            distance: 0.0,
        });
        let filling = self.parents.len() < self.config.population;
        if filling || self.children.len() >= self.config.offspring {
            self.select();
        }
        Ok(())
    }

    fn any_order(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
