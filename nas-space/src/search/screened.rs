//! A space in which draws and mutants are the best of several, by a score that needs no training.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use num_bigint::BigUint;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::Scorer;
use crate::arch::{Architecture, Decision};
use crate::error::SpaceError;
use crate::genotype::Genotype;
use crate::network::{Network, NetworkConfig};
use crate::op::Operations;
use crate::spaces::{CellSpace, EnasMacroSpace, Growth, Part, Space};

/// How many candidates are scored for each one that a method gets.
///
/// The defaults are few: the more candidates, the more a search follows the proxy. On NAS-Bench-201
/// more of them help with synflow and harm with naswot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Screening {
    /// Candidates for each random draw: 1 is a plain draw.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000_000)))]
    pub draws: u32,
    /// Candidates for each mutant: 1 is a plain mutation.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000_000)))]
    pub mutants: u32,
}

impl Screening {
    /// The most candidates for one that is used.
    pub const MOST: u32 = 1_000_000;
}

impl Default for Screening {
    fn default() -> Self {
        Self { draws: 5, mutants: 2 }
    }
}

/// A space whose draws and mutants are screened by a [`Scorer`], so that any method that uses them
/// trains only the better of its candidates.
///
/// - A *draw* ([`Space::sample`]) is the best of [`Screening::draws`] plain draws. This is the
///   warm-up of Abdelfattah et al. 2021, section 5: a first population of 10 with 100 draws each is
///   chosen from 1,000 scored architectures. (The paper takes the best 10 of all 1,000; the best of
///   10 groups of 100 are more varied.)
/// - A *mutant* ([`Space::mutate`]) is the best of [`Screening::mutants`] plain mutants of the same
///   parent: the paper's move proposal, on a sample of the neighbours.
/// - [`Space::neighbours`] are all neighbours: local search still tries each of them.
///
/// Of equal scores the candidate that was drawn first counts as better. An architecture that cannot
/// be scored counts as worse than any that can; [`ScreenedSpace::unscored`] counts them. Everything
/// else is as in the space behind: nothing is excluded. Methods that neither draw nor mutate
/// (controllers, supernets, progressive search) see no difference.
///
/// The result is a function of the space, the scorer and the random numbers alone. Each
/// architecture is scored once.
///
/// # Example
/// ```
/// use std::sync::Arc;
///
/// use nas_space::search::{Scorer, ScreenedSpace, Screening};
/// use nas_space::spaces::{Space, nb201};
/// use nas_space::{Architecture, Failure, Seed};
///
/// struct LargeChoices;
///
/// impl Scorer for LargeChoices {
///     fn description(&self) -> String {
///         "sum of the choices".to_owned()
///     }
///
///     fn score(&self, architecture: &Architecture) -> Result<f64, Failure> {
///         Ok(architecture.choices().iter().sum::<usize>() as f64)
///     }
/// }
///
/// let (space, scorer) = (Arc::new(nb201()), Arc::new(LargeChoices));
/// let screened = ScreenedSpace::new(space, scorer, Screening { draws: 1_000, mutants: 1 });
/// let best = screened.sample(&mut Seed::new(1).rng());
/// assert!(LargeChoices.score(&best)? >= 20.0);
/// # Ok::<(), Failure>(())
/// ```
///
/// # References
/// - M. S. Abdelfattah, A. Mehrotra, Ł. Dudziak, N. D. Lane. Zero-Cost Proxies for Lightweight NAS.
///   ICLR 2021, arXiv 2101.08134.
pub struct ScreenedSpace {
    space: Arc<dyn Space>,
    scorer: Arc<dyn Scorer>,
    screening: Screening,
    scores: Mutex<HashMap<Architecture, f64>>,
}

impl ScreenedSpace {
    /// `space`, screened by the scores of `scorer`. A number of candidates of 0 counts as 1.
    pub fn new(space: Arc<dyn Space>, scorer: Arc<dyn Scorer>, screening: Screening) -> Self {
        Self {
            space,
            scorer,
            screening,
            scores: Mutex::default(),
        }
    }

    /// How many architectures were scored so far.
    pub fn scored(&self) -> usize {
        let scores = self.known();
        scores.values().filter(|score| !score.is_nan()).count()
    }

    /// How many architectures could not be scored so far.
    pub fn unscored(&self) -> usize {
        let scores = self.known();
        scores.values().filter(|score| score.is_nan()).count()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<Architecture, f64>> {
        // A score is whole before it is inserted.
        self.scores.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The score, or NaN where there is none.
    fn score(&self, architecture: &Architecture) -> f64 {
        if let Some(&score) = self.known().get(architecture) {
            return score;
        }
        let score = self.scorer.score(architecture).unwrap_or(f64::NAN);
        self.known().insert(architecture.clone(), score);
        score
    }

    /// The best of `count` candidates, of equals the first. Ends with the first error of `next`.
    fn best<E>(
        &self,
        count: u32,
        mut next: impl FnMut() -> Result<Architecture, E>,
    ) -> Result<Architecture, E> {
        let mut best = next()?;
        if count <= 1 {
            return Ok(best);
        }
        let mut score = self.score(&best);
        for _ in 1..count {
            let candidate = next()?;
            let of_candidate = self.score(&candidate);
            if compare(of_candidate, score) == Ordering::Greater {
                (best, score) = (candidate, of_candidate);
            }
        }
        Ok(best)
    }
}

/// The order of scores; what has none comes below all others.
fn compare(a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.total_cmp(&b),
    }
}

impl fmt::Debug for ScreenedSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScreenedSpace")
            .field("space", &self.space)
            .field("scorer", &self.scorer.description())
            .field("screening", &self.screening)
            .finish_non_exhaustive()
    }
}

impl Space for ScreenedSpace {
    fn name(&self) -> &str {
        self.space.name()
    }

    fn decisions(&self) -> &[Decision] {
        self.space.decisions()
    }

    fn operations(&self) -> &Operations {
        self.space.operations()
    }

    fn genotype(&self, architecture: &Architecture) -> Result<Genotype, SpaceError> {
        self.space.genotype(architecture)
    }

    fn architecture(&self, genotype: &Genotype) -> Result<Architecture, SpaceError> {
        self.space.architecture(genotype)
    }

    fn growth(&self) -> Option<&dyn Growth> {
        self.space.growth()
    }

    fn cells(&self) -> Option<&CellSpace> {
        self.space.cells()
    }

    fn enas_macro(&self) -> Option<&EnasMacroSpace> {
        self.space.enas_macro()
    }

    fn part(&self) -> Option<&dyn Part> {
        self.space.part()
    }

    fn validate(&self, architecture: &Architecture) -> Result<(), SpaceError> {
        self.space.validate(architecture)
    }

    fn sample(&self, rng: &mut ChaCha8Rng) -> Architecture {
        let drawn: Result<_, std::convert::Infallible> =
            self.best(self.screening.draws, || Ok(self.space.sample(rng)));
        match drawn {
            Ok(best) => best,
            Err(never) => match never {},
        }
    }

    fn mutate(&self, architecture: &Architecture, rng: &mut ChaCha8Rng) -> Result<Architecture, SpaceError> {
        self.best(self.screening.mutants, || self.space.mutate(architecture, rng))
    }

    fn neighbours(&self, architecture: &Architecture) -> Result<Vec<Architecture>, SpaceError> {
        self.space.neighbours(architecture)
    }

    fn size(&self) -> BigUint {
        self.space.size()
    }

    fn network(&self, architecture: &Architecture, config: &NetworkConfig) -> Result<Network, SpaceError> {
        self.space.network(architecture, config)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::search::{Failure, FailureKind};
    use crate::seed::Seed;
    use crate::testing::TinySpace;

    /// The first choice; nothing where it is the last option of 5. Counts what it scores.
    #[derive(Default)]
    struct First {
        asked: Mutex<BTreeMap<String, u32>>,
    }

    impl Scorer for First {
        fn description(&self) -> String {
            "first choice".to_owned()
        }

        fn score(&self, architecture: &Architecture) -> Result<f64, Failure> {
            *self
                .asked
                .lock()
                .unwrap()
                .entry(architecture.to_string())
                .or_default() += 1;
            match architecture.choices()[0] {
                4 => Err(Failure::new(FailureKind::Invalid, "no score")),
                choice => Ok(choice as f64),
            }
        }
    }

    fn screened(draws: u32, mutants: u32) -> (ScreenedSpace, Arc<First>) {
        let scorer = Arc::new(First::default());
        let space = Arc::new(TinySpace::new(&[5, 7]));
        let screening = Screening { draws, mutants };
        (ScreenedSpace::new(space, scorer.clone(), screening), scorer)
    }

    #[test]
    fn a_draw_is_the_first_of_the_best() {
        let (space, _) = screened(6, 1);
        let plain = TinySpace::new(&[5, 7]);
        for seed in 0..50 {
            let mut rng = Seed::new(seed).rng();
            let candidates: Vec<Architecture> = (0..6).map(|_| plain.sample(&mut rng)).collect();
            // What has no score, a first choice of 4, is worse than a 0.
            let value = |architecture: &Architecture| match architecture.choices()[0] {
                4 => -1,
                choice => choice as i32,
            };
            let most = candidates.iter().map(value).max().unwrap();
            let expected = candidates.iter().find(|one| value(one) == most).unwrap();
            assert_eq!(&space.sample(&mut Seed::new(seed).rng()), expected, "seed {seed}");
        }
    }

    #[test]
    fn a_mutant_is_the_best_of_several_of_one_parent() {
        let (space, _) = screened(1, 200);
        let parent = Architecture::new([1, 3]);
        let mutant = space.mutate(&parent, &mut Seed::new(3).rng()).unwrap();
        assert_eq!(mutant, Architecture::new([3, 3]));
    }

    #[test]
    fn each_architecture_is_scored_once_and_what_has_no_score_is_counted() {
        let (space, scorer) = screened(500, 500);
        space.sample(&mut Seed::new(1).rng());
        space
            .mutate(&Architecture::new([0, 0]), &mut Seed::new(2).rng())
            .unwrap();
        let asked = scorer.asked.lock().unwrap();
        // 500 draws miss one of 35 with a probability of 2 · 10⁻⁵.
        assert_eq!((asked.len(), asked.values().max()), (35, Some(&1)));
        assert_eq!((space.scored(), space.unscored()), (28, 7));
    }

    #[test]
    fn with_one_candidate_nothing_is_scored_and_the_space_is_as_it_was() {
        let (space, scorer) = screened(1, 0);
        let plain = TinySpace::new(&[5, 7]);
        let (mut a, mut b) = (Seed::new(7).rng(), Seed::new(7).rng());
        for _ in 0..20 {
            let drawn = space.sample(&mut a);
            assert_eq!(drawn, plain.sample(&mut b));
            assert_eq!(
                space.mutate(&drawn, &mut a).unwrap(),
                plain.mutate(&drawn, &mut b).unwrap()
            );
        }
        assert!(scorer.asked.lock().unwrap().is_empty());
    }

    #[test]
    fn an_architecture_of_another_space_is_refused() {
        let (space, _) = screened(2, 2);
        let refused = space.mutate(&Architecture::new([9, 0]), &mut Seed::new(1).rng());
        assert!(matches!(refused, Err(SpaceError::ChoiceRange { .. })));
    }
}
