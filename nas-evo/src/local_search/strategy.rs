//! The strategy.

use std::collections::HashMap;
use std::sync::Arc;

use nas_space::arch::Architecture;
use nas_space::error::SpaceError;
use nas_space::search::{Ask, Outcome, Proposal, Strategy, StrategyError, Turns};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use rand::seq::SliceRandom;

use crate::error::EvoError;

/// How many draws in a row may be architectures that were proposed before, until the search is
/// finished.
pub const DRAWS: usize = 10_000;

/// Local search; see the [module](super) for how.
#[derive(Debug)]
pub struct LocalSearch {
    space: Arc<dyn Space>,
    seed: Seed,
    turns: Turns,
    /// The number of rounds started so far. Each has its own random stream.
    rounds: u64,
    /// Everything proposed, with its validation accuracy once it is told; of failed trials minus
    /// infinity.
    known: HashMap<Architecture, Option<f64>>,
    /// What this round is about.
    round: Round,
    /// What this round is still to propose.
    queue: Vec<Architecture>,
}

#[derive(Debug)]
enum Round {
    /// Nothing was proposed, or the last incumbent was a local optimum.
    Start,
    /// This start is evaluated.
    Started(Architecture),
    /// The neighbours of this incumbent are evaluated.
    Around(Architecture),
}

impl LocalSearch {
    /// A search of `space` whose proposals are a function of `seed` and the outcomes.
    ///
    /// # Errors
    /// [`EvoError::EmptyDecision`] for a space without architectures.
    pub fn new(space: Arc<dyn Space>, seed: Seed) -> Result<Self, EvoError> {
        EvoError::check_space(&*space)?;
        Ok(Self {
            space,
            seed,
            turns: Turns::default(),
            rounds: 0,
            known: HashMap::new(),
            round: Round::Start,
            queue: Vec::new(),
        })
    }

    /// Begins the round after one whose outcomes are all told. `false` where the search is
    /// finished.
    fn begin_round(&mut self) -> Result<bool, SpaceError> {
        let mut rng = self.seed.derive("local search", self.rounds).rng();
        self.rounds += 1;
        let incumbent = match &self.round {
            Round::Start => None,
            Round::Started(start) => Some(start.clone()),
            Round::Around(incumbent) => self.better_neighbour(incumbent)?,
        };
        match incumbent {
            Some(incumbent) => {
                self.queue = self.space.neighbours(&incumbent)?;
                self.queue.retain(|neighbour| !self.known.contains_key(neighbour));
                self.queue.shuffle(&mut rng);
                self.round = Round::Around(incumbent);
                Ok(true)
            }
            None => {
                let mut draws = (0..DRAWS).map(|_| self.space.sample(&mut rng));
                let start = draws.find(|start| !self.known.contains_key(start));
                self.queue.extend(start.clone());
                self.round = start.clone().map_or(Round::Start, Round::Started);
                Ok(start.is_some())
            }
        }
    }

    /// The best neighbour, the first of equals in the order of the space, if it is better than the
    /// incumbent.
    fn better_neighbour(&self, incumbent: &Architecture) -> Result<Option<Architecture>, SpaceError> {
        let accuracy = |architecture: &Architecture| {
            self.known
                .get(architecture)
                .copied()
                .flatten()
                .unwrap_or(f64::NEG_INFINITY)
        };
        let neighbours = self.space.neighbours(incumbent)?.into_iter();
        let best = neighbours.reduce(|best, next| {
            if accuracy(&next) > accuracy(&best) {
                next
            } else {
                best
            }
        });
        Ok(best.filter(|best| accuracy(best) > accuracy(incumbent)))
    }
}

impl Strategy for LocalSearch {
    fn name(&self) -> &str {
        "local-search"
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        while self.queue.is_empty() {
            if self.turns.outstanding() > 0 {
                return Ok(Ask::Wait);
            }
            if !self.begin_round()? {
                return Ok(Ask::Finished);
            }
        }
        let Some(architecture) = self.queue.pop() else {
            return Ok(Ask::Wait);
        };
        self.known.insert(architecture.clone(), None);
        self.turns.ask();
        Ok(Ask::Evaluate(Proposal::new(architecture)))
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        self.turns.tell(outcome)?;
        let accuracy = outcome.valid_accuracy().unwrap_or(f64::NEG_INFINITY);
        self.known
            .insert(outcome.trial.architecture.clone(), Some(accuracy));
        Ok(())
    }

    fn any_order(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use nas_space::testing::{TinySpace, outcome};
    use std::collections::HashSet;

    use super::*;

    fn search(options: &[usize], seed: u64) -> LocalSearch {
        LocalSearch::new(Arc::new(TinySpace::new(options)), Seed::new(seed)).unwrap()
    }

    fn ask(search: &mut LocalSearch) -> Option<Architecture> {
        match search.ask().unwrap() {
            Ask::Evaluate(proposal) => Some(proposal.architecture),
            Ask::Finished => None,
            Ask::Wait => panic!("everything was told"),
        }
    }

    /// Alternates between asking and telling until the end or `trials`, and returns the proposals.
    fn run(
        search: &mut LocalSearch,
        trials: u64,
        accuracy: impl Fn(&Architecture) -> Option<f64>,
    ) -> Vec<Architecture> {
        let mut proposals = Vec::new();
        for id in 0..trials {
            let Some(proposal) = ask(search) else { break };
            search
                .tell(&outcome(id, proposal.clone(), accuracy(&proposal)))
                .unwrap();
            proposals.push(proposal);
        }
        proposals
    }

    fn sum(architecture: &Architecture) -> Option<f64> {
        Some(architecture.choices().iter().sum::<usize>() as f64 / 100.0)
    }

    /// With one summit every move goes up by as much as one choice can: a climb of d decisions with
    /// n options takes at most 1 + d · d (n − 1) trials.
    #[test]
    fn it_climbs_to_the_summit_and_then_starts_anew() {
        for seed in 0..20 {
            let mut search = search(&[5; 4], seed);
            let proposals = run(&mut search, 1 + 4 * 16, sum);
            let summit = Architecture::new([4; 4]);
            assert!(proposals.contains(&summit), "seed {seed}");
        }
    }

    /// An incumbent's neighbours are all proposed before anything else, and the next are those of
    /// the best.
    #[test]
    fn a_round_is_the_neighbourhood_of_the_best_so_far() {
        let mut search = search(&[3, 4], 1);
        let proposals = run(&mut search, 6, sum);
        let start = &proposals[0];
        let distance = |a: &Architecture, b: &Architecture| {
            a.choices()
                .iter()
                .zip(b.choices())
                .filter(|(a, b)| a != b)
                .count()
        };
        assert!(proposals[1..].iter().all(|next| distance(start, next) == 1));
        let mut best = proposals[0].clone();
        for next in TinySpace::new(&[3, 4]).neighbours(start).unwrap() {
            assert!(proposals.contains(&next));
            if sum(&next) > sum(&best) {
                best = next;
            }
        }
        let next = ask(&mut search).unwrap();
        assert_eq!(distance(&best, &next), 1, "{best} {next}");
    }

    #[test]
    fn everything_is_proposed_once_and_then_the_search_is_finished() {
        for failing in [false, true] {
            let mut search = search(&[4, 3, 2], 3);
            let rough = |a: &Architecture| {
                let place = a.choices().iter().fold(0, |sum, &choice| sum * 5 + choice);
                (!(failing && place % 3 == 0)).then_some((place * 7 % 11) as f64 / 11.0)
            };
            let proposals = run(&mut search, 1000, rough);
            assert_eq!(proposals.len(), 24);
            assert_eq!(proposals.into_iter().collect::<HashSet<_>>().len(), 24);
        }
    }

    #[test]
    fn neighbours_are_proposed_side_by_side_and_the_choice_waits_for_all() {
        let mut search = search(&[2, 2, 2], 4);
        let start = ask(&mut search).unwrap();
        assert_eq!(search.ask().unwrap(), Ask::Wait);
        search.tell(&outcome(0, start, Some(0.0))).unwrap();
        let around: Vec<Architecture> = (0..3).map(|_| ask(&mut search).unwrap()).collect();
        assert_eq!(search.ask().unwrap(), Ask::Wait);
        for (id, next) in (1..).zip(&around) {
            assert_eq!(search.ask().unwrap(), Ask::Wait);
            search.tell(&outcome(id, next.clone(), sum(next))).unwrap();
        }
        assert!(matches!(search.ask().unwrap(), Ask::Evaluate(_)));
        assert!(search.tell(&outcome(9, around[0].clone(), None)).is_err());
    }

    #[test]
    fn the_same_calls_give_the_same_proposals() {
        let proposals = |seed| run(&mut search(&[4; 6], seed), 60, sum);
        assert_eq!(proposals(1), proposals(1));
        assert_ne!(proposals(1), proposals(2));
    }
}
