//! A part of a space as a space of its own.

use num_bigint::BigUint;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{CellSpace, EnasMacroSpace, Growth, Part, Space, SpaceError};
use crate::arch::{Architecture, Decision};
use crate::genotype::Genotype;
use crate::network::{Network, NetworkConfig};
use crate::op::Operations;

/// Draws for one sample. Where one in a thousand is in the part, all of them miss with a
/// probability of 10⁻⁴³.
const DRAWS: usize = 100_000;
/// Mutants made before all neighbours are looked at.
const MUTANTS: usize = 100;

/// Which architectures of a space are in a part of it.
pub trait Filter: Part {
    /// The space that this is a part of.
    fn whole(&self) -> &dyn Space;

    /// Checks that an architecture of the whole space is in the part.
    ///
    /// # Errors
    /// The reason why it is not.
    fn check(&self, architecture: &Architecture) -> Result<(), SpaceError>;

    /// An architecture of the part, full-grown.
    fn sample(&self, rng: &mut ChaCha8Rng) -> Architecture;

    /// The whole space as one that grows, if the part grows as it does.
    fn growth(&self) -> Option<&dyn Growth> {
        None
    }
}

/// The architectures of a space that are in a part of it.
///
/// What it samples, mutates to and gives as neighbours is in the part; what is not is refused by
/// [`Space::validate`] and whatever depends on it, as architectures of another space are. Mutants
/// are as the whole space makes them but for those outside; where those inside are rare, a mutant
/// is drawn uniformly from the neighbours. Decisions and [`Space::size`] are those of the whole
/// space, so that not any combination of options is an architecture here: a method that lists a
/// space has to validate what it lists. So it is with what a growing space's architectures grow
/// into.
#[derive(Debug, Clone)]
pub struct FilteredSpace<F>(pub F);

impl<F: Filter> FilteredSpace<F> {
    fn contains(&self, architecture: &Architecture) -> bool {
        self.0.check(architecture).is_ok()
    }
}

/// The first draw that is in the part.
pub(crate) fn first_within(filter: &dyn Filter, draw: impl FnMut() -> Architecture) -> Option<Architecture> {
    std::iter::repeat_with(draw)
        .take(DRAWS)
        .find(|drawn| filter.check(drawn).is_ok())
}

impl<F: Filter> Space for FilteredSpace<F> {
    fn name(&self) -> &str {
        self.0.whole().name()
    }

    fn decisions(&self) -> &[Decision] {
        self.0.whole().decisions()
    }

    fn operations(&self) -> &Operations {
        self.0.whole().operations()
    }

    fn genotype(&self, architecture: &Architecture) -> Result<Genotype, SpaceError> {
        self.validate(architecture)?;
        self.0.whole().genotype(architecture)
    }

    fn architecture(&self, genotype: &Genotype) -> Result<Architecture, SpaceError> {
        let architecture = self.0.whole().architecture(genotype)?;
        self.0.check(&architecture)?;
        Ok(architecture)
    }

    fn growth(&self) -> Option<&dyn Growth> {
        self.0.growth().map(|_| self as &dyn Growth)
    }

    fn cells(&self) -> Option<&CellSpace> {
        self.0.whole().cells()
    }

    fn enas_macro(&self) -> Option<&EnasMacroSpace> {
        self.0.whole().enas_macro()
    }

    fn part(&self) -> Option<&dyn Part> {
        Some(&self.0)
    }

    fn validate(&self, architecture: &Architecture) -> Result<(), SpaceError> {
        self.0.whole().validate(architecture)?;
        self.0.check(architecture)
    }

    fn sample(&self, rng: &mut ChaCha8Rng) -> Architecture {
        self.0.sample(rng)
    }

    fn mutate(&self, architecture: &Architecture, rng: &mut ChaCha8Rng) -> Result<Architecture, SpaceError> {
        self.validate(architecture)?;
        for _ in 0..MUTANTS {
            let mutant = self.0.whole().mutate(architecture, rng)?;
            if self.validate(&mutant).is_ok() {
                return Ok(mutant);
            }
        }
        let mut neighbours = self.neighbours(architecture)?;
        if neighbours.is_empty() {
            return Err(SpaceError::Isolated {
                space: self.name().to_owned(),
                architecture: architecture.to_string(),
            });
        }
        Ok(neighbours.swap_remove(rng.random_range(0..neighbours.len())))
    }

    fn neighbours(&self, architecture: &Architecture) -> Result<Vec<Architecture>, SpaceError> {
        self.validate(architecture)?;
        let mut neighbours = self.0.whole().neighbours(architecture)?;
        neighbours.retain(|neighbour| self.contains(neighbour));
        Ok(neighbours)
    }

    /// That of the whole space: how many are in the part may not be known.
    fn size(&self) -> BigUint {
        self.0.whole().size()
    }

    fn network(&self, architecture: &Architecture, config: &NetworkConfig) -> Result<Network, SpaceError> {
        self.validate(architecture)?;
        self.0.whole().network(architecture, config)
    }
}

impl<F: Filter> Growth for FilteredSpace<F> {
    fn levels(&self) -> usize {
        self.0.growth().map_or(0, Growth::levels)
    }

    fn choices_at(&self, level: usize) -> usize {
        self.0.growth().map_or(0, |growth| growth.choices_at(level))
    }

    fn is_ordered(&self, architecture: &Architecture) -> Result<bool, SpaceError> {
        self.validate(architecture)?;
        let growth = self.0.growth();
        growth.map_or(Ok(true), |growth| growth.is_ordered(architecture))
    }

    /// As [`Growth::sample_at`], in the part where it has such: of the smallest level it may have
    /// none.
    fn sample_at(&self, level: usize, rng: &mut ChaCha8Rng) -> Architecture {
        let Some(growth) = self.0.growth() else {
            return self.sample(rng);
        };
        first_within(&self.0, || growth.sample_at(level, rng)).unwrap_or_else(|| growth.sample_at(level, rng))
    }
}
