//! Evolution of candidates, as in SPOS.

use std::collections::HashSet;
use std::sync::Arc;

use nas_evo::{RandomSearch, RandomSearchConfig, Replacement};
use nas_space::arch::Architecture;
use nas_space::search::{Ask, Outcome, Proposal, Strategy, StrategyError, Turns};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::config::PathEvolution;
use crate::error::SposError;

/// How often a child is bred again that was proposed before or is not in the space; after that, a
/// random draw takes its place.
const TRIES: usize = 10;

/// Evolution by generations (Guo et al. 2020, section 3.4, algorithm 1).
///
/// The first generation is drawn uniformly. Each later one descends from the best of all that were
/// evaluated so far: some are crossovers, which have each choice from one of two parents, and some
/// are mutants, of whose decisions each is drawn anew with a probability. The rest of a generation
/// is drawn uniformly. No architecture is proposed twice, and none that the space refuses, as a
/// [`LimitedSpace`](nas_space::limits::LimitedSpace) does; it ends where none is left.
#[derive(Debug)]
pub struct CandidateEvolution {
    space: Arc<dyn Space>,
    config: PathEvolution,
    seed: Seed,
    turns: Turns,
    /// What draws uniformly.
    random: RandomSearch,
    proposed: HashSet<Architecture>,
    /// The best so far, the best first; of equals, the first proposed.
    parents: Vec<(Architecture, f64)>,
    /// The parents of the generation that is proposed.
    breeding: Vec<Architecture>,
}

impl CandidateEvolution {
    /// An evolution in `space` whose proposals are a function of `seed` and the outcomes.
    ///
    /// # Errors
    /// [`SposError::Eval`] for a configuration out of its range, [`SposError::Evo`] for a space
    /// without architectures.
    pub fn new(space: Arc<dyn Space>, config: PathEvolution, seed: Seed) -> Result<Self, SposError> {
        config.validate()?;
        Ok(Self {
            random: uniform_draws(space.clone(), seed)?,
            space,
            config,
            seed,
            turns: Turns::default(),
            proposed: HashSet::new(),
            parents: Vec::new(),
            breeding: Vec::new(),
        })
    }

    /// A child for this place of its generation, if there is to be one and a new one is bred.
    fn child(&self, place: usize, rng: &mut ChaCha8Rng) -> Option<Architecture> {
        let PathEvolution {
            crossovers, mutants, ..
        } = self.config;
        if self.breeding.is_empty() || place >= crossovers + mutants {
            return None;
        }
        let breed = |_| match place < crossovers {
            true => self.crossover(rng),
            false => self.mutant(rng),
        };
        let is_new =
            |child: &Architecture| !self.proposed.contains(child) && self.space.validate(child).is_ok();
        (0..TRIES).map(breed).find(is_new)
    }

    fn parent(&self, rng: &mut ChaCha8Rng) -> &Architecture {
        &self.breeding[rng.random_range(0..self.breeding.len())]
    }

    fn crossover(&self, rng: &mut ChaCha8Rng) -> Architecture {
        let (one, other) = (self.parent(rng).clone(), self.parent(rng).clone());
        let pairs = one.choices().iter().zip(other.choices());
        Architecture::new(
            pairs
                .map(|(&one, &other)| if rng.random_bool(0.5) { one } else { other })
                .collect::<Vec<usize>>(),
        )
    }

    fn mutant(&self, rng: &mut ChaCha8Rng) -> Architecture {
        let parent = self.parent(rng).clone();
        let decisions = parent.choices().iter().zip(self.space.decisions());
        Architecture::new(
            decisions
                .map(
                    |(&choice, decision)| match rng.random_bool(self.config.mutation) {
                        true => rng.random_range(0..decision.options.len()),
                        false => choice,
                    },
                )
                .collect::<Vec<usize>>(),
        )
    }

    /// A uniform draw that was not proposed, if there is any.
    fn draw(&mut self) -> Result<Option<Architecture>, StrategyError> {
        while let Ask::Evaluate(drawn) = self.random.ask()? {
            if !self.proposed.contains(&drawn.architecture) {
                return Ok(Some(drawn.architecture));
            }
        }
        Ok(None)
    }
}

impl Strategy for CandidateEvolution {
    fn name(&self) -> &str {
        "candidate-evolution"
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        let number = self.turns.asked();
        let population = self.config.population as u64;
        if number.is_multiple_of(population) {
            if self.turns.outstanding() > 0 {
                return Ok(Ask::Wait);
            }
            self.breeding = self.parents.iter().map(|(parent, _)| parent.clone()).collect();
        }
        let mut rng = self.seed.derive("candidate", number).rng();
        // Below the population, which is a usize.
        let child = self.child((number % population) as usize, &mut rng);
        let Some(architecture) = child.map_or_else(|| self.draw(), |child| Ok(Some(child)))? else {
            return Ok(Ask::Finished);
        };
        self.turns.ask();
        self.proposed.insert(architecture.clone());
        Ok(Ask::Evaluate(Proposal::new(architecture)))
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        self.turns.tell(outcome)?;
        if let Ok(evaluation) = &outcome.result {
            let accuracy = evaluation.valid_accuracy;
            let place = self.parents.partition_point(|(_, of)| *of >= accuracy);
            let architecture = outcome.trial.architecture.clone();
            self.parents.insert(place, (architecture, accuracy));
            self.parents.truncate(self.config.parents);
        }
        Ok(())
    }
}

/// Uniform draws, none twice.
pub(crate) fn uniform_draws(space: Arc<dyn Space>, seed: Seed) -> Result<RandomSearch, SposError> {
    let config = RandomSearchConfig {
        duplicates: Replacement::Without,
    };
    Ok(RandomSearch::new(space, config, seed.derive("random", 0))?)
}

#[cfg(test)]
mod tests {
    use nas_space::search::{Evaluation, Fidelity, Trial};
    use nas_space::testing::TinySpace;

    use super::*;

    fn evolution(options: &[usize], config: PathEvolution) -> CandidateEvolution {
        CandidateEvolution::new(Arc::new(TinySpace::new(options)), config, Seed::new(3)).unwrap()
    }

    /// Asks and tells up to this number of times. The score is the sum of the choices.
    fn run(evolution: &mut CandidateEvolution, times: u64) -> Vec<(Architecture, f64)> {
        let mut all = Vec::new();
        while (all.len() as u64) < times {
            let Ask::Evaluate(proposal) = evolution.ask().unwrap() else {
                break;
            };
            let score = proposal.architecture.choices().iter().sum::<usize>() as f64;
            let fidelity = Fidelity { epochs: 1 };
            let id = all.len() as u64;
            let trial = Trial::new(id, proposal.architecture.clone(), fidelity, Seed::new(0));
            all.push((proposal.architecture, score));
            let result = Ok(Evaluation::new(score, 1));
            evolution.tell(&Outcome { trial, result }).unwrap();
        }
        all
    }

    #[test]
    fn later_generations_descend_from_the_best() {
        let config = PathEvolution {
            population: 20,
            parents: 4,
            crossovers: 10,
            mutants: 10,
            mutation: 0.2,
        };
        let options = [6; 8];
        let all = run(&mut evolution(&options, config), 200);
        let mean = |part: &[(Architecture, f64)]| part.iter().map(|(_, score)| score).sum::<f64>() / 20.0;
        let (first, last) = (mean(&all[..20]), mean(&all[180..]));
        // A uniform draw has 20 on average, the best architecture 40.
        assert!(
            (14.0..26.0).contains(&first) && last > first + 8.0,
            "{first}, {last}"
        );
        let different: HashSet<&Architecture> = all.iter().map(|(architecture, _)| architecture).collect();
        assert_eq!(different.len(), all.len());
        // A crossover has nothing that no parent has.
        let mut sorted = all[..20].to_vec();
        sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
        let parents = &sorted[..4];
        let mixed = all[20..30].iter().filter(|(child, _)| {
            (0..8).all(|at| {
                let has = |(parent, _): &(Architecture, f64)| parent.choices()[at] == child.choices()[at];
                parents.iter().any(has)
            })
        });
        assert!(
            mixed.count() >= 9,
            "all but those that were drawn for want of a new child"
        );
    }

    /// 12 architectures, each once, whatever children there could be.
    #[test]
    fn a_small_space_is_exhausted() {
        let all = run(&mut evolution(&[3, 4], PathEvolution::of(5)), 100);
        assert_eq!(all.len(), 12);
        let different: HashSet<&Architecture> = all.iter().map(|(architecture, _)| architecture).collect();
        assert_eq!(different.len(), 12);
    }

    #[test]
    fn a_generation_waits_for_the_one_before() {
        let mut evolution = evolution(&[5, 5, 5], PathEvolution::of(2));
        assert!(matches!(evolution.ask().unwrap(), Ask::Evaluate(_)));
        assert!(matches!(evolution.ask().unwrap(), Ask::Evaluate(_)));
        assert_eq!(evolution.ask().unwrap(), Ask::Wait);
    }
}
