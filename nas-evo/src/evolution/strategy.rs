//! The strategy.

use std::collections::VecDeque;
use std::sync::Arc;

use nas_space::arch::Architecture;
use nas_space::search::{Ask, Outcome, Proposal, Strategy, StrategyError, TrialId, Turns};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use rand::seq::index::sample;
use rand::{Rng, RngExt};

use super::{Draws, EvolutionConfig, Removal};
use crate::error::EvoError;
use crate::mutation::mutant;

/// A member of the population, with its evaluation.
#[derive(Debug, Clone)]
struct Member {
    architecture: Architecture,
    /// Validation accuracy in [0, 1].
    accuracy: f64,
}

/// Tournament evolution, regularized or not; see the [module](super) for how.
#[derive(Debug)]
pub struct RegularizedEvolution {
    space: Arc<dyn Space>,
    config: EvolutionConfig,
    seed: Seed,
    turns: Turns,
    /// From the oldest to the youngest.
    population: VecDeque<Member>,
}

impl RegularizedEvolution {
    /// Evolution in `space` whose proposals are a function of `seed` and the outcomes.
    ///
    /// # Errors
    /// [`EvoError::Config`] for a number out of its range, [`EvoError::EmptyDecision`] for a space
    /// without architectures.
    pub fn new(space: Arc<dyn Space>, config: EvolutionConfig, seed: Seed) -> Result<Self, EvoError> {
        config.validate()?;
        EvoError::check_space(&*space)?;
        Ok(Self {
            space,
            config,
            seed,
            turns: Turns::default(),
            population: VecDeque::new(),
        })
    }

    /// The best of a tournament; of equals the first drawn. `None` while the population is empty.
    fn parent(&self, rng: &mut impl Rng) -> Option<&Member> {
        let living = self.population.len();
        if living == 0 {
            return None;
        }
        let size = self.config.tournament.members(living);
        let drawn: Vec<usize> = match self.config.draws {
            Draws::With => (0..size).map(|_| rng.random_range(0..living)).collect(),
            Draws::Without => sample(rng, living, size.min(living)).into_vec(),
        };
        let contestants = drawn.into_iter().map(|place| &self.population[place]);
        contestants.reduce(|best, next| if next.accuracy > best.accuracy { next } else { best })
    }
}

impl Strategy for RegularizedEvolution {
    fn name(&self) -> &str {
        "evolution"
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        let mut rng = self.seed.derive("evolution", self.turns.asked()).rng();
        let parent = if self.turns.asked() < self.config.population as TrialId {
            None
        } else {
            self.parent(&mut rng)
        };
        let architecture = match parent {
            None => self.space.sample(&mut rng),
            Some(parent) => mutant(&*self.space, &parent.architecture, &mut rng)?,
        };
        self.turns.ask();
        Ok(Ask::Evaluate(Proposal::new(architecture)))
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        self.turns.tell(outcome)?;
        if let Some(accuracy) = outcome.valid_accuracy() {
            self.population.push_back(Member {
                architecture: outcome.trial.architecture.clone(),
                accuracy,
            });
            if self.config.removal == Removal::Oldest && self.population.len() > self.config.population {
                self.population.pop_front();
            }
        }
        Ok(())
    }

    fn any_order(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use nas_space::testing::{TinySpace, outcome};

    use super::*;
    use crate::evolution::Tournament;

    fn evolution(options: &[usize], config: EvolutionConfig, seed: u64) -> RegularizedEvolution {
        RegularizedEvolution::new(Arc::new(TinySpace::new(options)), config, Seed::new(seed)).unwrap()
    }

    fn config(population: usize, tournament: usize, draws: Draws) -> EvolutionConfig {
        EvolutionConfig {
            population,
            tournament: Tournament::Members(tournament),
            draws,
            removal: Removal::Oldest,
        }
    }

    fn ask(evolution: &mut RegularizedEvolution) -> Architecture {
        match evolution.ask().unwrap() {
            Ask::Evaluate(proposal) => proposal.architecture,
            other => panic!("evolution neither waits nor ends: {other:?}"),
        }
    }

    /// The share of the choices that are the last option.
    fn accuracy(architecture: &Architecture) -> f64 {
        let best = architecture
            .choices()
            .iter()
            .filter(|&&choice| choice == 3)
            .count();
        best as f64 / architecture.choices().len() as f64
    }

    /// Alternates between asking and telling, and returns the proposals.
    fn run(evolution: &mut RegularizedEvolution, trials: usize) -> Vec<Architecture> {
        let mut proposals = Vec::new();
        for id in (evolution.turns.asked()..).take(trials) {
            let proposal = ask(evolution);
            let told = outcome(id, proposal.clone(), Some(accuracy(&proposal)));
            evolution.tell(&told).unwrap();
            proposals.push(proposal);
        }
        proposals
    }

    fn distance(a: &Architecture, b: &Architecture) -> usize {
        a.choices()
            .iter()
            .zip(b.choices())
            .filter(|(a, b)| a != b)
            .count()
    }

    #[test]
    fn ageing_removes_the_oldest_however_good_it_is() {
        let mut evolution = evolution(&[4, 4], config(3, 2, Draws::With), 1);
        for (id, accuracy) in [0.9, 0.1, 0.2, 0.3, 0.05].into_iter().enumerate() {
            let proposal = ask(&mut evolution);
            let told = outcome(id as TrialId, proposal, Some(accuracy));
            evolution.tell(&told).unwrap();
            let living: Vec<f64> = evolution
                .population
                .iter()
                .map(|member| member.accuracy)
                .collect();
            let expected: &[f64] = match id {
                0 => &[0.9],
                1 => &[0.9, 0.1],
                2 => &[0.9, 0.1, 0.2],
                3 => &[0.1, 0.2, 0.3],
                _ => &[0.2, 0.3, 0.05],
            };
            assert_eq!(living, expected);
        }
    }

    #[test]
    fn without_removal_everybody_lives_and_the_tournament_grows_with_the_population() {
        let config = EvolutionConfig {
            population: 4,
            ..EvolutionConfig::HIERARCHICAL
        };
        let mut evolution = evolution(&[4; 6], config, 1);
        let proposals = run(&mut evolution, 60);
        let living: Vec<Architecture> = evolution
            .population
            .iter()
            .map(|member| member.architecture.clone())
            .collect();
        assert_eq!(living, proposals);
        // 3 different ones of 60: the best member is among them, and so the parent, with
        // probability 1/20. The best accuracy belongs to several, so one is made better than all.
        evolution.population[17].accuracy = 2.0;
        let mut rng = Seed::new(2).rng();
        let won = (0..20_000)
            .filter(|_| evolution.parent(&mut rng).unwrap().accuracy == 2.0)
            .count();
        // Its standard deviation is 31.
        assert!(won.abs_diff(1000) < 130, "{won}");
    }

    /// The probability that the best of n members is in a tournament of s: 1 − (1 − 1/n)^s with
    /// replacement, s/n without. Standard deviations of the shares are below 0.005.
    #[test]
    fn tournaments_draw_as_stated() {
        for (draws, expected) in [(Draws::With, 1.0 - 0.8_f64.powi(3)), (Draws::Without, 0.6)] {
            let mut evolution = evolution(&[4], config(5, 3, draws), 1);
            for accuracy in [0.1, 0.5, 0.2, 0.4, 0.3] {
                let architecture = Architecture::new([0]);
                evolution.population.push_back(Member {
                    architecture,
                    accuracy,
                });
            }
            let mut rng = Seed::new(2).rng();
            let won = (0..10_000)
                .filter(|_| evolution.parent(&mut rng).unwrap().accuracy == 0.5)
                .count();
            let share = won as f64 / 10_000.0;
            assert!(
                (share - expected).abs() < 0.02,
                "{draws:?}: {share}, expected {expected}"
            );
        }
    }

    #[test]
    fn after_the_first_population_every_proposal_is_one_change_from_someone_who_lives() {
        let mut evolution = evolution(&[4; 6], config(5, 3, Draws::With), 3);
        run(&mut evolution, 5);
        for _ in 0..100 {
            let living: Vec<Architecture> = evolution
                .population
                .iter()
                .map(|member| member.architecture.clone())
                .collect();
            let child = run(&mut evolution, 1).remove(0);
            assert!(
                living.iter().any(|parent| distance(parent, &child) == 1),
                "{child}"
            );
        }
    }

    /// 4⁸ = 65,536 architectures, of which one is perfect.
    #[test]
    fn evolution_finds_what_random_draws_do_not() {
        let mut found = 0;
        for seed in 0..20 {
            let proposals = run(&mut evolution(&[4; 8], config(10, 5, Draws::With), seed), 300);
            found += usize::from(proposals.iter().any(|proposal| accuracy(proposal) == 1.0));
        }
        // 300 uniform draws find it with probability 0.005: in 10 of 20 searches with one below
        // 10⁻¹⁷.
        assert!(found >= 10, "found in {found} of 20 searches");
    }

    #[test]
    fn asking_never_waits_and_failures_do_not_breed() {
        let mut evolution = evolution(&[4; 4], config(2, 2, Draws::Without), 4);
        let proposals: Vec<Architecture> = (0..6).map(|_| ask(&mut evolution)).collect();
        for (id, proposal) in (0..).zip(&proposals[..5]) {
            evolution.tell(&outcome(id, proposal.clone(), None)).unwrap();
        }
        assert!(evolution.population.is_empty());
        evolution
            .tell(&outcome(5, proposals[5].clone(), Some(0.5)))
            .unwrap();
        assert_eq!(distance(&ask(&mut evolution), &proposals[5]), 1);
    }

    #[test]
    fn the_same_calls_give_the_same_proposals() {
        let proposals = |seed| run(&mut evolution(&[4; 6], config(5, 3, Draws::With), seed), 40);
        assert_eq!(proposals(1), proposals(1));
        assert_ne!(proposals(1), proposals(2));
    }

    /// A change of these architectures changes every evolution that was ever recorded.
    #[test]
    fn value_stability() {
        let proposals = run(&mut evolution(&[4; 4], config(2, 2, Draws::With), 42), 5);
        let proposals: Vec<String> = proposals.iter().map(Architecture::to_string).collect();
        assert_eq!(proposals, ["1.1.3.0", "2.3.3.2", "1.2.3.0", "2.3.3.3", "2.3.0.3"]);
    }

    #[test]
    fn an_outcome_out_of_turn_and_an_empty_decision_are_refused() {
        let mut one = evolution(&[4], config(2, 2, Draws::With), 0);
        let proposal = ask(&mut one);
        let refused = one.tell(&outcome(1, proposal.clone(), Some(0.5)));
        assert!(matches!(
            refused,
            Err(StrategyError::Unexpected { expected: 0, got: 1 })
        ));
        one.tell(&outcome(0, proposal.clone(), Some(0.5))).unwrap();
        assert!(one.tell(&outcome(0, proposal, Some(0.5))).is_err(), "told twice");
        let space = Arc::new(TinySpace::new(&[2, 0]));
        let refused = RegularizedEvolution::new(space, EvolutionConfig::default(), Seed::new(0)).unwrap_err();
        assert!(refused.to_string().contains("'d1'"), "{refused}");
    }
}
