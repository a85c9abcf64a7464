//! The strategy.

use std::collections::HashSet;
use std::sync::Arc;

use nas_space::arch::Architecture;
use nas_space::canonical::{CanonicalId, canonical_id};
use nas_space::error::SpaceError;
use nas_space::search::{Ask, Outcome, Proposal, Strategy, StrategyError, Turns};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use rand::RngExt;

use super::{RandomSearchConfig, Replacement};
use crate::error::EvoError;

/// How often a proposal that was made before is drawn again before the rest of the space is listed.
pub const REDRAWS: usize = 100;

/// The largest space that is listed when redrawing no longer finds anything new (8 bytes for each
/// architecture that is left).
pub const LISTED: u64 = 1 << 22;

/// What two proposals may not have in common.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Identity {
    Choices(Architecture),
    Canonical(CanonicalId),
}

/// Draws architectures uniformly from a space; see the [module](super) for how.
#[derive(Debug)]
pub struct RandomSearch {
    space: Arc<dyn Space>,
    config: RandomSearchConfig,
    seed: Seed,
    turns: Turns,
    /// What was proposed, where it may not be proposed again.
    proposed: HashSet<Identity>,
    /// Places in the listing of the space that are still to be proposed, once it has been listed.
    rest: Option<Vec<u64>>,
}

impl RandomSearch {
    /// A search of `space` whose proposals are a function of `seed`.
    ///
    /// # Errors
    /// [`EvoError::EmptyDecision`] for a space without architectures.
    pub fn new(space: Arc<dyn Space>, config: RandomSearchConfig, seed: Seed) -> Result<Self, EvoError> {
        EvoError::check_space(&*space)?;
        Ok(Self {
            space,
            config,
            seed,
            turns: Turns::default(),
            proposed: HashSet::new(),
            rest: None,
        })
    }

    /// An architecture that was not proposed before, or `None` where all were.
    fn draw_new(&mut self, seed: Seed) -> Result<Option<Architecture>, SpaceError> {
        let mut rng = seed.rng();
        if self.rest.is_none() {
            let mut last = self.space.sample(&mut rng);
            for _ in 0..REDRAWS {
                if self.is_new(&last)? {
                    return Ok(Some(last));
                }
                last = self.space.sample(&mut rng);
            }
            let size = u64::try_from(&self.space.size()).ok();
            match size.filter(|&size| size <= LISTED) {
                Some(size) => self.rest = Some((0..size).collect()),
                None => return self.next_new(last),
            }
        }
        // What was proposed is struck off the list where it is come across.
        loop {
            let Some(rest) = self.rest.as_mut().filter(|rest| !rest.is_empty()) else {
                return Ok(None);
            };
            let place = rest.swap_remove(rng.random_range(0..rest.len()));
            let candidate = self.listed(place);
            if self.is_new(&candidate)? {
                return Ok(Some(candidate));
            }
        }
    }

    /// What may not be proposed twice.
    fn identity(&self, architecture: &Architecture) -> Result<Identity, SpaceError> {
        Ok(match self.config.duplicates {
            Replacement::With | Replacement::Without => Identity::Choices(architecture.clone()),
            Replacement::WithoutIsomorphic => {
                let genotype = self.space.genotype(architecture)?;
                Identity::Canonical(canonical_id(&genotype, self.space.operations()))
            }
        })
    }

    fn is_new(&self, architecture: &Architecture) -> Result<bool, SpaceError> {
        // With limits, not every listed architecture belongs to the space.
        Ok(self.space.validate(architecture).is_ok()
            && !self.proposed.contains(&self.identity(architecture)?))
    }

    /// The architecture at this place when the space is listed with its last decision counting
    /// fastest.
    fn listed(&self, mut place: u64) -> Architecture {
        let mut choices = vec![0; self.space.decisions().len()];
        for (choice, decision) in choices.iter_mut().zip(self.space.decisions()).rev() {
            let options = decision.options.len() as u64;
            // Below the number of options, which is a usize.
            *choice = (place % options) as usize;
            place /= options;
        }
        Architecture::new(choices)
    }

    /// The first architecture that was not proposed, from this one on.
    fn next_new(&self, from: Architecture) -> Result<Option<Architecture>, SpaceError> {
        let mut choices = from.choices().to_vec();
        let mut candidate = from;
        for _ in 0..LISTED {
            if self.is_new(&candidate)? {
                return Ok(Some(candidate));
            }
            for (choice, decision) in choices.iter_mut().zip(self.space.decisions()).rev() {
                *choice += 1;
                if *choice < decision.options.len() {
                    break;
                }
                *choice = 0;
            }
            candidate = Architecture::new(choices.clone());
        }
        Ok(None)
    }
}

impl Strategy for RandomSearch {
    fn name(&self) -> &str {
        "random"
    }

    fn ask(&mut self) -> Result<Ask, StrategyError> {
        let seed = self.seed.derive("random", self.turns.asked());
        let architecture = match self.config.duplicates {
            Replacement::With => self.space.sample(&mut seed.rng()),
            Replacement::Without | Replacement::WithoutIsomorphic => {
                let Some(architecture) = self.draw_new(seed)? else {
                    return Ok(Ask::Finished);
                };
                self.proposed.insert(self.identity(&architecture)?);
                architecture
            }
        };
        self.turns.ask();
        Ok(Ask::Evaluate(Proposal::new(architecture)))
    }

    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError> {
        self.turns.tell(outcome)
    }

    fn any_order(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use nas_space::limits::{LimitedSpace, Limits};
    use nas_space::network::NetworkConfig;
    use nas_space::search::{Failure, FailureKind, Fidelity, Strategy, Trial, TrialId};
    use nas_space::sizes::Counted;
    use nas_space::testing::TinySpace;
    use proptest::prelude::*;

    use super::*;

    fn search(options: &[usize], duplicates: Replacement, seed: u64) -> RandomSearch {
        let config = RandomSearchConfig { duplicates };
        RandomSearch::new(Arc::new(TinySpace::new(options)), config, Seed::new(seed)).unwrap()
    }

    fn ask(search: &mut RandomSearch) -> Option<Architecture> {
        match search.ask().unwrap() {
            Ask::Evaluate(proposal) => Some(proposal.architecture),
            Ask::Finished => None,
            Ask::Wait => panic!("random search waits for nothing"),
        }
    }

    fn outcome(id: TrialId) -> Outcome {
        Outcome {
            trial: Trial::new(id, Architecture::new([0]), Fidelity { epochs: 1 }, Seed::new(0)),
            result: Err(Failure::new(FailureKind::Other, "none")),
        }
    }

    /// A change of these architectures changes every random search that was ever recorded.
    #[test]
    fn value_stability() {
        for duplicates in [Replacement::With, Replacement::Without] {
            let mut search = search(&[5, 3, 2, 7], duplicates, 42);
            let drawn: Vec<String> = (0..5).map(|_| ask(&mut search).unwrap().to_string()).collect();
            assert_eq!(drawn, ["4.0.1.0", "2.2.1.0", "0.0.1.3", "1.1.1.1", "3.2.0.5"]);
        }
    }

    #[test]
    fn a_proposal_is_a_function_of_the_seed_and_its_number() {
        let mut one = search(&[9, 9, 9], Replacement::With, 7);
        let mut told_between = search(&[9, 9, 9], Replacement::With, 7);
        for id in 0..20 {
            assert_eq!(ask(&mut one), ask(&mut told_between));
            told_between.tell(&outcome(id)).unwrap();
        }
        let mut other = search(&[9, 9, 9], Replacement::With, 8);
        assert_ne!(
            (0..5).map(|_| ask(&mut one)).collect::<Vec<_>>(),
            (0..5).map(|_| ask(&mut other)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn with_replacement_a_tiny_space_never_finishes() {
        let mut search = search(&[2], Replacement::With, 0);
        assert!((0..100).all(|_| ask(&mut search).is_some()));
    }

    #[test]
    fn a_space_of_one_architecture_is_exhausted_by_one_proposal() {
        let mut search = search(&[1, 1], Replacement::Without, 3);
        assert_eq!(ask(&mut search), Some(Architecture::new([0, 0])));
        assert_eq!(ask(&mut search), None);
        assert_eq!(ask(&mut search), None);
    }

    /// Chi-squared with 11 degrees of freedom is below 31.3 in 999 of 1,000 cases.
    #[test]
    fn with_replacement_the_draws_are_uniform() {
        let mut search = search(&[4, 3], Replacement::With, 11);
        let mut counts = [0_u32; 12];
        for _ in 0..12_000 {
            let drawn = ask(&mut search).unwrap();
            counts[drawn.choices()[0] * 3 + drawn.choices()[1]] += 1;
        }
        let chi: f64 = counts
            .iter()
            .map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0)
            .sum();
        assert!(chi < 31.3, "{chi}: {counts:?}");
    }

    /// Without replacement each of three architectures is the last one proposed in a third of the
    /// searches: the rest of the list is drawn from, not read from its beginning. The standard
    /// deviation of a count is 26.
    #[test]
    fn without_replacement_every_architecture_is_as_likely_to_come_last() {
        let mut last = [0_u32; 3];
        for seed in 0..3000 {
            let mut search = search(&[3], Replacement::Without, seed);
            let order: Vec<Architecture> = std::iter::from_fn(|| ask(&mut search)).collect();
            last[order[2].choices()[0]] += 1;
        }
        assert!(last.iter().all(|n| n.abs_diff(1000) < 110), "{last:?}");
    }

    #[test]
    fn in_a_space_too_large_to_list_the_next_new_architecture_follows_the_draw() {
        let mut search = search(&[2; 40], Replacement::Without, 0);
        let from = Architecture::new([vec![0; 38], vec![1, 1]].concat());
        let carried = Architecture::new([vec![0; 37], vec![1, 0, 0]].concat());
        let mut after = |from: Architecture| {
            let next = search.next_new(from).unwrap().unwrap();
            search.proposed.insert(Identity::Choices(next.clone()));
            next
        };
        assert_eq!(after(from.clone()), from);
        assert_eq!(after(from), carried);
        let end = Architecture::new(vec![1; 40]);
        assert_eq!(after(end.clone()), end);
        assert_eq!(after(end), Architecture::new(vec![0; 40]));
    }

    #[test]
    fn within_limits_everything_that_is_within_is_proposed_exactly_once_and_nothing_else() {
        let space = Arc::new(TinySpace::new(&[6, 5, 4]));
        let network = NetworkConfig::default();
        let params = |a: &Architecture| space.network(a, &network).unwrap().cost().params;
        let all: Vec<Architecture> = (0..120)
            .map(|place| Architecture::new([place / 20, place / 4 % 5, place % 4]))
            .collect();
        let mut sizes: Vec<u64> = all.iter().map(params).collect();
        sizes.sort_unstable();
        let limits = Limits {
            max_params: Some(sizes[40]),
            ..Limits::default()
        };
        let within: BTreeSet<Architecture> = all.into_iter().filter(|a| params(a) <= sizes[40]).collect();
        assert!((41..100).contains(&within.len()), "{}", within.len());
        let counted = Counted::new(space.clone(), network).unwrap();
        let space = Arc::new(LimitedSpace::new(space.clone(), Arc::new(counted), limits).unwrap());
        let config = RandomSearchConfig {
            duplicates: Replacement::Without,
        };
        let mut search = RandomSearch::new(space, config, Seed::new(1)).unwrap();
        let proposed: Vec<Architecture> = std::iter::from_fn(|| ask(&mut search)).collect();
        assert_eq!(proposed.len(), within.len());
        assert_eq!(proposed.into_iter().collect::<BTreeSet<_>>(), within);
    }

    #[test]
    fn without_isomorphic_every_class_is_proposed_exactly_once() {
        // Options 0 and 3, 1 and 4 … of a decision make the same network.
        let space = Arc::new(TinySpace::new(&[6, 2, 4]).with_widths(3));
        let config = RandomSearchConfig {
            duplicates: Replacement::WithoutIsomorphic,
        };
        let mut search = RandomSearch::new(space.clone(), config, Seed::new(5)).unwrap();
        let id = |a: &Architecture| canonical_id(&space.genotype(a).unwrap(), space.operations());
        let proposed: Vec<Architecture> = std::iter::from_fn(|| ask(&mut search)).collect();
        assert_eq!(proposed.len(), 3 * 2 * 3);
        assert!(
            proposed
                .iter()
                .enumerate()
                .all(|(i, a)| proposed[..i].iter().all(|b| id(a) != id(b)))
        );
    }

    #[test]
    fn an_outcome_out_of_turn_is_refused() {
        let mut search = search(&[3], Replacement::With, 0);
        assert!(search.tell(&outcome(0)).is_err(), "nothing was asked for");
        ask(&mut search);
        ask(&mut search);
        let refused = search.tell(&outcome(2));
        assert!(matches!(
            refused,
            Err(StrategyError::Unexpected { expected: 0, got: 2 })
        ));
        search.tell(&outcome(1)).unwrap();
        assert!(search.tell(&outcome(1)).is_err(), "told twice");
        search.tell(&outcome(0)).unwrap();
    }

    #[test]
    fn a_decision_without_options_is_refused() {
        let space = Arc::new(TinySpace::new(&[2, 0]));
        let refused = RandomSearch::new(space, RandomSearchConfig::default(), Seed::new(0)).unwrap_err();
        assert!(refused.to_string().contains("'d1'"), "{refused}");
    }

    proptest! {
        #[test]
        fn every_proposal_is_of_the_space(options in prop::collection::vec(1_usize..9, 0..12), seed: u64) {
            let space = TinySpace::new(&options);
            let mut search = search(&options, Replacement::With, seed);
            for _ in 0..20 {
                space.validate(&ask(&mut search).unwrap()).unwrap();
            }
        }

        #[test]
        fn without_replacement_every_architecture_is_proposed_exactly_once(
            options in prop::collection::vec(1_usize..6, 0..5), seed: u64
        ) {
            let space = TinySpace::new(&options);
            let size: usize = options.iter().product();
            let mut search = search(&options, Replacement::Without, seed);
            let proposed: Vec<Architecture> = std::iter::from_fn(|| ask(&mut search)).collect();
            prop_assert_eq!(proposed.len(), size);
            for architecture in &proposed {
                space.validate(architecture).unwrap();
            }
            prop_assert_eq!(proposed.into_iter().collect::<BTreeSet<_>>().len(), size);
        }
    }
}
