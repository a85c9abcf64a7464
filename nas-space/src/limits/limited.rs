//! The part of a space whose networks are within limits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use num_bigint::BigUint;
use rand_chacha::ChaCha8Rng;

use super::Limits;
use crate::arch::Architecture;
use crate::error::SpaceError;
use crate::seed::Seed;
use crate::sizes::{Quantity, Sizes};
use crate::spaces::{Extensions, Filter, FilteredSpace, Growth, Listing, Part, Space, first_within};

/// Architectures drawn to find out how many are within the limits.
const PROBES: u64 = 10_000;
/// Those of them that have to be: with fewer, drawing would take too long.
const ENOUGH: u64 = 10;
/// Architectures of a space that is listed to say what can begin with what.
const LISTED: u64 = 1 << 16;
/// Samples that say which options cost least.
const SAMPLES: usize = 32;
/// Steps at most to the smallest architecture.
const STEPS: usize = 1_000;
/// Answers to [`Part::can_begin`] that are kept at a time.
const ANSWERS: usize = 1 << 17;

/// The architectures of a space that are within [`Limits`], by what [`Sizes`] says of them.
///
/// Samples are as the space makes them but for those beyond: uniform over the architectures within,
/// where they are uniform over all. It grows as the space does.
///
/// [`Part::can_begin`] is exact where the space has at most 65,536 architectures or is itself a
/// part that can be listed. In larger ones, and for the lower levels of one that grows, choices can
/// be the beginning of an architecture if the rest of a small one can be put behind them within the
/// limits. This small one has of each decision the option that costs least in 32 samples, with all
/// other choices equal, and is improved by descent: it always moves to the neighbour that is
/// furthest within the limits. Where the size of an architecture is the sum of what each choice
/// costs, that is exact, too; where it is not, what lacks are some architectures close to the
/// limits of which a beginning with that rest is beyond them.
pub type LimitedSpace = FilteredSpace<Within>;

/// What a [`LimitedSpace`] is filtered by.
#[derive(Debug, Clone)]
pub struct Within {
    space: Arc<dyn Space>,
    sizes: Arc<dyn Sizes>,
    limits: Limits,
    /// The first architecture found within the limits.
    found: Architecture,
    /// The listing that answers whether a beginning is possible; made on first use.
    beginnings: Arc<Beginnings>,
}

/// What says which choices can be the beginning of an architecture within the limits.
#[derive(Debug, Default)]
struct Beginnings {
    /// All that are within, if they can be listed.
    listing: OnceLock<Option<Listing>>,
    /// By number of choices, a small architecture; none where none was found within the limits.
    small: Mutex<BTreeMap<usize, Option<Architecture>>>,
    /// By beginning and number of choices.
    answers: Mutex<BTreeMap<(usize, Vec<usize>), bool>>,
}

impl LimitedSpace {
    /// The part of `space` within `limits`, by these sizes. Up to 10,000 architectures are drawn,
    /// until ten are found.
    ///
    /// # Errors
    /// [`SpaceError::TooRare`] where there are not ten, [`SpaceError::Config`] for limits out of
    /// range, [`SpaceError::NotKnown`] for limits on what is not known of every architecture.
    pub fn new(space: Arc<dyn Space>, sizes: Arc<dyn Sizes>, limits: Limits) -> Result<Self, SpaceError> {
        limits.validate()?;
        let quantities = limits.quantities();
        quantities.iter().try_for_each(|quantity| sizes.check(quantity))?;
        let mut rng = Seed::new(0).derive("limits", 0).rng();
        let mut found = None;
        let mut within = 0;
        let mut closest = vec![None; quantities.len()];
        for _ in 0..PROBES {
            let architecture = space.sample(&mut rng);
            let figures = sizes.of(&architecture)?;
            for (closest, quantity) in closest.iter_mut().zip(&quantities) {
                *closest = better(
                    *closest,
                    figures.get(quantity),
                    limits.min.contains_key(quantity.name()),
                );
            }
            if limits.check(&figures).is_ok() {
                within += 1;
                found.get_or_insert(architecture);
            }
            if let (ENOUGH.., Some(found)) = (within, &found) {
                let found = found.clone();
                return Ok(Self(Within {
                    space,
                    sizes,
                    limits,
                    found,
                    beginnings: Arc::default(),
                }));
            }
        }
        Err(SpaceError::TooRare {
            space: space.name().to_owned(),
            limits: limits.to_string(),
            drawn: PROBES,
            within,
            closest: amounts(&quantities, &closest),
        })
    }
}

impl Within {
    /// All that are within the limits, if there are few enough to look.
    fn listing(&self) -> Option<&Listing> {
        let within = |all: &mut dyn Iterator<Item = Architecture>| {
            Listing::new(
                all.filter(|architecture| self.check(architecture).is_ok())
                    .collect(),
            )
        };
        let list = || match self.space.part() {
            Some(part) => Some(within(&mut part.members()?.into_iter())),
            None if self.space.size() <= BigUint::from(LISTED) => {
                let options = self
                    .space
                    .decisions()
                    .iter()
                    .map(|decision| decision.options.len());
                Some(within(&mut Extensions::new(&[], options)))
            }
            None => None,
        };
        self.beginnings.listing.get_or_init(list).as_ref()
    }

    /// How far within the limits it is, as a share of them: that of the limit which leaves least.
    /// Below 0 it is beyond.
    fn slack(&self, architecture: &Architecture) -> Option<f64> {
        Some(self.limits.slack(&self.sizes.of(architecture).ok()?))
    }

    /// A small architecture with this number of choices, if one is found within the limits.
    fn small(&self, choices: usize) -> Option<Architecture> {
        let mut known = self
            .beginnings
            .small
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        known
            .entry(choices)
            .or_insert_with(|| {
                let found = Architecture::new(self.found.choices().get(..choices)?.to_vec());
                let starts = [self.cheapest(choices), Some(found)];
                starts.into_iter().flatten().find_map(|start| self.descend(start))
            })
            .clone()
    }

    /// Of each decision the option that costs least in the mean of some samples, all other choices
    /// as they are.
    fn cheapest(&self, choices: usize) -> Option<Architecture> {
        let mut rng = Seed::new(0).derive("small", 0).rng();
        let samples: Vec<Architecture> = (0..SAMPLES)
            .map(|_| {
                Some(Architecture::new(
                    self.space.sample(&mut rng).choices().get(..choices)?.to_vec(),
                ))
            })
            .collect::<Option<_>>()?;
        let best_of = |decision: usize| -> Option<usize> {
            let mut best = (0, f64::NEG_INFINITY);
            for option in 0..self.space.decisions()[decision].options.len() {
                let slacks = samples
                    .iter()
                    .map(|sample| self.slack(&sample.with_choice(decision, option)));
                let total = slacks.sum::<Option<f64>>()?;
                if total > best.1 {
                    best = (option, total);
                }
            }
            Some(best.0)
        };
        let options: Vec<usize> = (0..choices).map(best_of).collect::<Option<_>>()?;
        Some(Architecture::new(options))
    }

    /// The neighbour that is furthest within the limits, and of that the same, as long as it gets
    /// further. None where that is not within the limits in the end.
    fn descend(&self, start: Architecture) -> Option<Architecture> {
        let mut slack = self.slack(&start)?;
        let mut best = start;
        for _ in 0..STEPS {
            let neighbours = self.space.neighbours(&best).ok()?;
            let further = neighbours
                .into_iter()
                .filter_map(|neighbour| Some((self.slack(&neighbour)?, neighbour)))
                .filter(|(other, _)| *other > slack)
                // The first of equal ones.
                .reduce(|one, other| if other.0 > one.0 { other } else { one });
            match further {
                Some(found) => (slack, best) = found,
                None => break,
            }
        }
        self.check(&best).is_ok().then_some(best)
    }

    /// Whether the rest of the small architecture can be put behind these choices.
    fn has_rest(&self, beginning: &[usize], choices: usize) -> bool {
        let Some(small) = self.small(choices) else {
            return true;
        };
        let key = (choices, beginning.to_vec());
        let answers = || {
            self.beginnings
                .answers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(&known) = answers().get(&key) {
            return known;
        }
        let rest = small.choices().get(beginning.len()..).unwrap_or_default();
        let architecture = Architecture::new([beginning, rest].concat());
        let answer = self.check(&architecture).is_ok();
        let mut answers = answers();
        if answers.len() >= ANSWERS {
            answers.clear();
        }
        answers.insert(key, answer);
        answer
    }
}

/// The smaller of two figures, or the larger one where much of it is good.
fn better(one: Option<f64>, other: Option<f64>, large: bool) -> Option<f64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if large { one.max(other) } else { one.min(other) }),
        (one, other) => one.or(other),
    }
}

/// Figures for people.
fn amounts(quantities: &[Quantity], values: &[Option<f64>]) -> String {
    let known = quantities.iter().zip(values);
    let known = known.filter_map(|(quantity, value)| Some(quantity.amount((*value)?)));
    known.collect::<Vec<_>>().join(", ")
}

impl Filter for Within {
    fn whole(&self) -> &dyn Space {
        self.space.as_ref()
    }

    fn check(&self, architecture: &Architecture) -> Result<(), SpaceError> {
        self.limits.check(&self.sizes.of(architecture)?)
    }

    fn sample(&self, rng: &mut ChaCha8Rng) -> Architecture {
        // A miss is next to impossible; should it happen, what is given is within the limits all
        // the same.
        first_within(self, || self.space.sample(rng)).unwrap_or_else(|| self.found.clone())
    }

    fn growth(&self) -> Option<&dyn Growth> {
        self.space.growth()
    }
}

impl Part for Within {
    fn can_begin(&self, beginning: &[usize], choices: usize) -> bool {
        match self.listing().filter(|_| choices == self.space.decisions().len()) {
            Some(listing) => listing.can_begin(beginning),
            None => self.has_rest(beginning, choices),
        }
    }

    fn members(&self) -> Option<Vec<Architecture>> {
        self.listing().map(|listing| listing.architectures().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::network::NetworkConfig;
    use crate::sizes::Counted;
    use crate::spaces::{PnasConfig, nb201, pnas};

    fn network() -> NetworkConfig {
        NetworkConfig {
            channels: 2,
            cells: 1,
            ..NetworkConfig::default()
        }
    }

    fn counted(space: impl Space + 'static) -> Arc<dyn Sizes> {
        Arc::new(Counted::new(Arc::new(space), network()).unwrap())
    }

    fn limited(max_params: u64) -> Result<LimitedSpace, SpaceError> {
        let limits = Limits {
            max_params: Some(max_params),
            ..Limits::default()
        };
        LimitedSpace::new(Arc::new(nb201()), counted(nb201()), limits)
    }

    fn params(architecture: &Architecture) -> u64 {
        nb201().network(architecture, &network()).unwrap().cost().params
    }

    /// What lies in the middle of the space.
    fn median() -> u64 {
        let mut rng = Seed::new(1).rng();
        let mut all: Vec<u64> = (0..501).map(|_| params(&nb201().sample(&mut rng))).collect();
        all.sort_unstable();
        all[250]
    }

    #[test]
    fn samples_mutants_and_neighbours_are_within_the_limits_at_every_step_of_a_walk() {
        let limit = median();
        let space = limited(limit).unwrap();
        let mut rng = Seed::new(2).rng();
        for _ in 0..20 {
            let mut current = space.sample(&mut rng);
            for _ in 0..10 {
                assert!(params(&current) <= limit);
                let next = space.mutate(&current, &mut rng).unwrap();
                let neighbours = space.neighbours(&current).unwrap();
                assert!(neighbours.contains(&next));
                assert!(neighbours.iter().all(|n| params(n) <= limit));
                let all = nb201().neighbours(&current).unwrap();
                let within = all.iter().filter(|n| params(n) <= limit).count();
                assert_eq!(neighbours.len(), within, "and none of them is missing");
                current = next;
            }
        }
    }

    /// Chi-squared over the options of the first decision, of what is within the limits: 4 degrees
    /// of freedom are below 18.5 in 999 of 1,000 cases.
    #[test]
    fn samples_are_uniform_over_what_is_within() {
        let limit = median();
        let space = limited(limit).unwrap();
        let mut expected = BTreeMap::new();
        let mut within = 0_u32;
        // Decisions have equal weight: for four of the six, all options are tried.
        for place in 0..5_usize.pow(6) {
            let choices: Vec<usize> = (0..6).map(|i| place / 5_usize.pow(i) % 5).collect();
            if params(&Architecture::new(choices.clone())) <= limit {
                *expected.entry(choices[0]).or_insert(0_u32) += 1;
                within += 1;
            }
        }
        let mut rng = Seed::new(3).rng();
        let mut got = BTreeMap::new();
        for _ in 0..2000 {
            *got.entry(space.sample(&mut rng).choices()[0]).or_insert(0_u32) += 1;
        }
        let chi: f64 = expected
            .iter()
            .map(|(option, &n)| {
                let expected = 2000.0 * f64::from(n) / f64::from(within);
                let got = f64::from(got.get(option).copied().unwrap_or(0));
                (got - expected).powi(2) / expected
            })
            .sum();
        assert!(chi < 18.5, "{chi}: {got:?}");
    }

    #[test]
    fn what_is_beyond_is_refused_as_a_point_of_another_space_is() {
        let space = limited(median()).unwrap();
        let largest = Architecture::new([3; 6]);
        let refused = space.validate(&largest).unwrap_err();
        assert!(matches!(refused, SpaceError::OverLimit { .. }), "{refused}");
        let genotype = nb201().genotype(&largest).unwrap();
        assert_eq!(space.architecture(&genotype), Err(refused.clone()));
        assert_eq!(space.genotype(&largest), Err(refused.clone()));
        assert_eq!(space.network(&largest, &network()), Err(refused.clone()));
        let mut rng = Seed::new(0).rng();
        assert_eq!(space.mutate(&largest, &mut rng), Err(refused));
    }

    #[test]
    fn limits_that_hardly_anything_is_within_are_refused_with_how_rare_it_is() {
        let refused = limited(1).unwrap_err().to_string();
        let smallest = params(&Architecture::new([0; 6]));
        for part in [
            "0 of 10000 architectures drawn from space 'nb201'",
            "at most 1 parameters",
            &format!("{smallest} parameters"),
        ] {
            assert!(refused.contains(part), "{refused}");
        }
    }

    /// What can be a beginning is what some architecture within the limits begins with: by the
    /// list, and by the small rest where the size is monotone, as it is in the space of
    /// NAS-Bench-201.
    #[test]
    fn beginnings_are_those_of_what_is_within() {
        let limit = median();
        let space = limited(limit).unwrap();
        let within: Vec<Vec<usize>> = (0..5_usize.pow(6))
            .map(|place| (0..6).map(|i| place / 5_usize.pow(i) % 5).collect())
            .filter(|choices: &Vec<usize>| params(&Architecture::new(choices.clone())) <= limit)
            .collect();
        assert_eq!(space.0.members().unwrap().len(), within.len());
        let mut counts = [0, 0];
        for length in 0..=6 {
            for place in 0..5_usize.pow(length) {
                let beginning: Vec<usize> = (0..length).map(|i| place / 5_usize.pow(i) % 5).collect();
                let expected = within.iter().any(|choices| choices.starts_with(&beginning));
                assert_eq!(space.0.can_begin(&beginning, 6), expected, "{beginning:?}");
                assert_eq!(space.0.has_rest(&beginning, 6), expected, "{beginning:?}");
                counts[usize::from(expected)] += 1;
            }
        }
        assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
    }

    /// In a space too large to be listed each beginning has a continuation, and complete ones are
    /// within the limits.
    #[test]
    fn every_beginning_leads_somewhere_in_a_space_that_cannot_be_listed() {
        let whole = pnas(&PnasConfig::default()).unwrap();
        let mut rng = Seed::new(5).rng();
        let size = |a: &Architecture| whole.network(a, &network()).unwrap().cost().params;
        let mut all: Vec<u64> = (0..201).map(|_| size(&whole.sample(&mut rng))).collect();
        all.sort_unstable();
        let limits = Limits {
            max_params: Some(all[20]),
            ..Limits::default()
        };
        let space = LimitedSpace::new(Arc::new(whole.clone()), counted(whole.clone()), limits).unwrap();
        assert!(space.0.members().is_none());
        let growth = whole.growth().unwrap();
        for choices in [whole.decisions().len(), growth.choices_at(2)] {
            for _ in 0..20 {
                let mut beginning = Vec::new();
                for decision in &whole.decisions()[..choices] {
                    let allowed: Vec<usize> = (0..decision.options.len())
                        .filter(|&option| {
                            space
                                .0
                                .can_begin(&[beginning.as_slice(), &[option]].concat(), choices)
                        })
                        .collect();
                    assert!(!allowed.is_empty(), "{beginning:?}");
                    beginning.push(allowed[rand::RngExt::random_range(&mut rng, 0..allowed.len())]);
                }
                space.validate(&Architecture::new(beginning)).unwrap();
            }
        }
    }

    #[test]
    fn a_growing_space_still_grows() {
        let space = pnas(&PnasConfig { blocks: 2 }).unwrap();
        let limits = Limits {
            max_params: Some(1 << 20),
            ..Limits::default()
        };
        let limited =
            LimitedSpace::new(Arc::new(space.clone()), counted(space.clone()), limits.clone()).unwrap();
        let (growth, whole) = (limited.growth().unwrap(), space.growth().unwrap());
        assert_eq!(growth.levels(), whole.levels());
        let first = growth.sample_at(1, &mut Seed::new(1).rng());
        limited.validate(&first).unwrap();
        assert_eq!(
            growth.children(&first).unwrap().len(),
            whole.children(&first).unwrap().len()
        );
        let cells = LimitedSpace::new(Arc::new(nb201()), counted(nb201()), limits).unwrap();
        assert!(cells.cells().is_some());
    }
}
