//! The strategy.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use nas_space::arch::Architecture;
use nas_space::canonical::{CanonicalId, canonical_id};
use nas_space::error::SpaceError;
use nas_space::search::{Ask, Outcome, Proposal, Strategy, StrategyError, Turns};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::BananasConfig;
use crate::error::PnasError;
use crate::selection::Selection;
use crate::strategy::{check_count, check_options, score};
use crate::surrogate::{Sample, Surrogate};

/// Uniform draws in a row that find nothing new before a search is finished.
pub const DRAWS: usize = 1_000;

/// Mutants that are made for each candidate that is wanted, at most: many are known already.
const PATIENCE: usize = 5;

/// BANANAS; see the [module](super) for how.
#[derive(Debug)]
pub struct Bananas {
    space: Arc<dyn Space>,
    config: BananasConfig,
    seed: Seed,
    surrogate: Box<dyn Surrogate>,
    turns: Turns,
    /// Rounds that were chosen so far.
    rounds: u64,
    /// What the round under way is still to propose.
    queue: VecDeque<Architecture>,
    /// Everything that was ever proposed.
    known: HashSet<CanonicalId>,
    /// Everything that was trained, in the order in which it was told.
    samples: Vec<Sample>,
}

impl Bananas {
    /// A search of `space` whose proposals are a function of `config`, `seed` and the outcomes.
    ///
    /// # Errors
    /// [`PnasError::Config`] for a value out of its range, or a surrogate that does not suit the
    /// space.
    pub fn new(space: Arc<dyn Space>, config: BananasConfig, seed: Seed) -> Result<Self, PnasError> {
        let surrogate = config.surrogate.build(&space, seed.derive("surrogate", 0))?;
        Self::with_surrogate(space, config, surrogate, seed)
    }

    /// The same with a surrogate of your own; that of the configuration has no meaning then.
    ///
    /// # Errors
    /// As [`Bananas::new`].
    pub fn with_surrogate(
        space: Arc<dyn Space>,
        config: BananasConfig,
        surrogate: Box<dyn Surrogate>,
        seed: Seed,
    ) -> Result<Self, PnasError> {
        config.validate()?;
        check_options(space.as_ref())?;
        Ok(Self {
            space,
            config,
            seed,
            surrogate,
            turns: Turns::default(),
            rounds: 0,
            queue: VecDeque::new(),
            known: HashSet::new(),
            samples: Vec::new(),
        })
    }

    /// Its identity, if it is not known yet.
    fn new_id(&self, architecture: &Architecture) -> Result<Option<CanonicalId>, SpaceError> {
        let id = canonical_id(&self.space.genotype(architecture)?, self.space.operations());
        Ok((!self.known.contains(&id)).then_some(id))
    }

    /// Queues different uniform draws that are new, as many as can be found.
    fn draw(&mut self, count: usize, rng: &mut ChaCha8Rng) -> Result<(), PnasError> {
        let mut found = 0;
        let mut in_vain = 0;
        while found < count && in_vain < DRAWS {
            let architecture = self.space.sample(rng);
            match self.new_id(&architecture)? {
                Some(id) => {
                    self.known.insert(id);
                    self.queue.push_back(architecture);
                    (found, in_vain) = (found + 1, 0);
                }
                None => in_vain += 1,
            }
        }
        Ok(())
    }

    /// The best so far; of equals those told first.
    fn incumbents(&self) -> Vec<&Architecture> {
        let mut best = Selection::new(self.config.incumbents);
        for sample in &self.samples {
            best.offer(sample.accuracy, &sample.architecture);
        }
        best.into_best_first()
    }

    /// Different mutants of the incumbents, in turn, that are new.
    fn mutants(&self, rng: &mut ChaCha8Rng) -> Result<Vec<(Architecture, CanonicalId)>, PnasError> {
        let incumbents = self.incumbents();
        let mut mutants = Vec::new();
        let mut seen = HashSet::new();
        for parent in incumbents.iter().cycle().take(PATIENCE * self.config.candidates) {
            if mutants.len() == self.config.candidates {
                break;
            }
            let edits = rng.random_range(1..=self.config.edits);
            let mut mutant = (*parent).clone();
            for _ in 0..edits {
                mutant = match self.space.mutate(&mutant, rng) {
                    // Nothing differs from it in one choice alone.
                    Err(SpaceError::Isolated { .. }) => self.space.sample(rng),
                    mutant => mutant?,
                };
            }
            if let Some(id) = self.new_id(&mutant)?
                && seen.insert(id)
            {
                mutants.push((mutant, id));
            }
        }
        Ok(mutants)
    }

    /// Chooses what is trained next.
    fn next_round(&mut self) -> Result<(), PnasError> {
        let mut rng = self.seed.derive("round", self.rounds).rng();
        self.rounds += 1;
        if self.samples.is_empty() {
            // The first round, or all of it failed.
            return self.draw(self.config.initial, &mut rng);
        }
        let held_out = self.surrogate.fit(&self.samples)?;
        check_count(self.surrogate.as_ref(), held_out.len(), self.samples.len())?;
        let (architectures, ids): (Vec<Architecture>, Vec<CanonicalId>) =
            self.mutants(&mut rng)?.into_iter().unzip();
        let predictions = self.surrogate.predict(&architectures)?;
        check_count(self.surrogate.as_ref(), predictions.len(), architectures.len())?;
        let mut best = Selection::new(self.config.round);
        for ((architecture, id), prediction) in architectures.into_iter().zip(ids).zip(predictions) {
            let score = score(self.config.acquisition, prediction, &mut rng);
            if !score.is_finite() {
                return Err(PnasError::NonFinite {
                    surrogate: self.surrogate.name(),
                    got: score,
                    architecture: architecture.to_string(),
                });
            }
            best.offer(score, (architecture, id));
        }
        for (architecture, id) in best.into_best_first() {
            self.known.insert(id);
            self.queue.push_back(architecture);
        }
        // Around the incumbents everything is known.
        let missing = self.config.round - self.queue.len();
        self.draw(missing, &mut rng)
    }
}

impl Strategy for Bananas {
    fn name(&self) -> &str {
        "bananas"
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        if self.queue.is_empty() {
            if self.turns.outstanding() > 0 {
                return Ok(Ask::Wait);
            }
            self.next_round()?;
        }
        let Some(architecture) = self.queue.pop_front() else {
            return Ok(Ask::Finished);
        };
        self.turns.ask();
        Ok(Ask::Evaluate(Proposal::new(architecture)))
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        self.turns.tell(outcome)?;
        if let Some(accuracy) = outcome.valid_accuracy() {
            self.samples.push(Sample {
                architecture: outcome.trial.architecture.clone(),
                accuracy,
                level: 1,
            });
        }
        Ok(())
    }

    fn any_order(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use nas_space::spaces::nb201;
    use nas_space::testing::{TinySpace, outcome};

    use super::*;
    use crate::config::Exploration;
    use crate::surrogate::{Encoding, FeatureNetworkConfig, Prediction, SurrogateConfig};

    /// Predicts the number of choices that are 3, without any doubt.
    #[derive(Debug, Default)]
    struct Oracle {
        fitted: usize,
    }

    impl Surrogate for Oracle {
        fn name(&self) -> &'static str {
            "oracle"
        }

        fn fit(&mut self, samples: &[Sample]) -> Result<Vec<Option<f64>>, PnasError> {
            self.fitted = samples.len();
            Ok(vec![None; samples.len()])
        }

        fn predict(&self, architectures: &[Architecture]) -> Result<Vec<Prediction>, PnasError> {
            assert!(self.fitted > 0);
            let predict = |architecture: &Architecture| Prediction {
                mean: accuracy(architecture),
                spread: 0.0,
            };
            Ok(architectures.iter().map(predict).collect())
        }
    }

    fn accuracy(architecture: &Architecture) -> f64 {
        let choices = architecture.choices();
        choices.iter().filter(|&&choice| choice == 3).count() as f64 / choices.len() as f64
    }

    fn config() -> BananasConfig {
        BananasConfig {
            initial: 6,
            round: 4,
            incumbents: 2,
            acquisition: Exploration::Top,
            ..BananasConfig::default()
        }
    }

    fn search(options: &[usize], config: BananasConfig) -> Bananas {
        let space = Arc::new(TinySpace::new(options));
        Bananas::with_surrogate(space, config, Box::new(Oracle::default()), Seed::new(1)).unwrap()
    }

    /// Asks and tells in turn until it is finished, or for so many trials.
    fn run(search: &mut Bananas, trials: u64) -> Vec<Architecture> {
        let mut proposals = Vec::new();
        for id in search.turns.asked()..trials {
            let Ask::Evaluate(proposal) = search.ask().unwrap() else {
                break;
            };
            let architecture = proposal.architecture;
            let told = outcome(id, architecture.clone(), Some(accuracy(&architecture)));
            search.tell(&told).unwrap();
            proposals.push(architecture);
        }
        proposals
    }

    #[test]
    fn rounds_hold_the_best_ranked_mutants_of_the_incumbents() {
        let mut search = search(&[4; 6], config());
        run(&mut search, 6);
        let incumbents: Vec<Architecture> = search.incumbents().into_iter().cloned().collect();
        assert_eq!(incumbents.len(), 2);
        let distance = |a: &Architecture, b: &Architecture| {
            a.choices()
                .iter()
                .zip(b.choices())
                .filter(|(a, b)| a != b)
                .count()
        };
        let round = run(&mut search, 10);
        for proposal in &round {
            assert!(
                incumbents.iter().any(|parent| distance(parent, proposal) == 1),
                "{proposal}"
            );
        }
        // 200 draws find the mutants with one more 3 of the best: none ranks above them.
        assert!(
            round
                .iter()
                .all(|proposal| accuracy(proposal) > accuracy(&incumbents[0]))
        );
        let all = run(&mut search, 60);
        assert!(all.iter().any(|proposal| accuracy(proposal) == 1.0));
    }

    #[test]
    fn nothing_is_proposed_twice_and_a_space_that_is_used_up_ends_the_search() {
        let mut search = search(&[3, 4], config());
        let proposals = run(&mut search, 100);
        let different: HashSet<String> = proposals.iter().map(ToString::to_string).collect();
        assert_eq!((proposals.len(), different.len()), (12, 12));
        assert!(matches!(search.ask().unwrap(), Ask::Finished));
        assert!(matches!(search.ask().unwrap(), Ask::Finished));
    }

    #[test]
    fn a_round_waits_for_all_of_the_one_before_and_failures_are_not_learned_from() {
        let mut search = search(&[4; 6], config());
        let round: Vec<Architecture> = (0..6)
            .map(|_| match search.ask().unwrap() {
                Ask::Evaluate(proposal) => proposal.architecture,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(matches!(search.ask().unwrap(), Ask::Wait));
        for (id, architecture) in round.into_iter().enumerate() {
            let accuracy = (id == 3).then_some(0.5);
            search.tell(&outcome(id as u64, architecture, accuracy)).unwrap();
        }
        assert_eq!(search.samples.len(), 1);
        assert!(matches!(search.ask().unwrap(), Ask::Evaluate(_)));
    }

    #[test]
    fn where_all_trials_failed_others_are_drawn() {
        let mut search = search(&[4; 6], config());
        for id in 0..14 {
            let Ask::Evaluate(proposal) = search.ask().unwrap() else {
                panic!("it goes on")
            };
            search.tell(&outcome(id, proposal.architecture, None)).unwrap();
        }
        assert_eq!(search.rounds, 3);
    }

    #[test]
    fn the_same_seed_proposes_the_same_and_networks_learn_what_is_better() {
        let network = SurrogateConfig::FeatureMlp(FeatureNetworkConfig {
            encoding: Encoding::OneHot,
            layers: 2,
            epochs: 60,
            ..FeatureNetworkConfig::default()
        });
        let run_of = |seed| {
            let config = BananasConfig {
                surrogate: network,
                ..BananasConfig::default()
            };
            let space = Arc::new(TinySpace::new(&[4; 8]));
            run(&mut Bananas::new(space, config, Seed::new(seed)).unwrap(), 60)
        };
        assert_eq!(run_of(1), run_of(1));
        assert_ne!(run_of(1), run_of(2));
        let best = |proposals: &[Architecture]| proposals.iter().map(accuracy).fold(0.0, f64::max);
        // Of 60 uniform draws the best has 5 of 8 on average.
        let mean = (0..5).map(|seed| best(&run_of(seed))).sum::<f64>() / 5.0;
        assert!(mean > 0.85, "{mean}");
    }

    #[test]
    fn isomorphic_cells_are_one() {
        let config = BananasConfig {
            initial: 300,
            ..BananasConfig::default()
        };
        let space: Arc<dyn Space> = Arc::new(nb201());
        let mut search = Bananas::new(Arc::clone(&space), config, Seed::new(3)).unwrap();
        let ids: HashSet<CanonicalId> = run(&mut search, 300)
            .iter()
            .map(|cell| canonical_id(&space.genotype(cell).unwrap(), space.operations()))
            .collect();
        assert_eq!(ids.len(), 300);
    }
}
