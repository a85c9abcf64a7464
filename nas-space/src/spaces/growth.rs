//! Spaces that grow, and iterators over the children of an architecture.

use num_bigint::BigUint;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Space, SpaceError};
use crate::arch::Architecture;

/// A space whose architectures can be grown level by level (Liu et al. 2018, arXiv 1712.00559).
///
/// An architecture of level `l` has the choices of the first [`Growth::choices_at`]`(l)` decisions;
/// what it grows into has those of level `l + 1`, and begins with the same ones. Implementors give
/// the first two; the rest follows, since any combination of options is an architecture.
///
/// # Example
/// ```
/// use nas_space::spaces::{self, PnasConfig, Space};
///
/// # fn main() -> Result<(), nas_space::error::SpaceError> {
/// let space = spaces::pnas(&PnasConfig { blocks: 3 })?;
/// if let Some(growth) = space.growth() {
///     assert_eq!(growth.first_level().len(), 256);
///     for parent in growth.first_level().take(3) {
///         assert_eq!(growth.children(&parent)?.len(), 576);
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub trait Growth: Space {
    /// Number of levels; the last one is the full-grown space.
    fn levels(&self) -> usize;

    /// Number of choices of an architecture of this level (1 to `levels`): more than at the level
    /// before.
    fn choices_at(&self, level: usize) -> usize;

    /// The level of an architecture, from 1.
    ///
    /// # Errors
    /// As [`Space::validate`].
    fn level_of(&self, architecture: &Architecture) -> Result<usize, SpaceError> {
        self.validate(architecture)?;
        let choices = architecture.choices().len();
        let below = (1..self.levels()).filter(|&level| self.choices_at(level) < choices);
        Ok(below.count() + 1)
    }

    /// All architectures of level 1, the last decision's options changing fastest.
    fn first_level(&self) -> Extensions {
        extensions(self, &[], 1)
    }

    /// All architectures of the next level that begin with this one's choices, the last decision's
    /// options changing fastest; none for one of the last level. They are made as they are asked
    /// for.
    ///
    /// # Errors
    /// As [`Space::validate`].
    fn children(&self, architecture: &Architecture) -> Result<Extensions, SpaceError> {
        let level = self.level_of(architecture)?;
        Ok(if level == self.levels() {
            Extensions::none()
        } else {
            extensions(self, architecture.choices(), level + 1)
        })
    }

    /// Whether this is the one that stands for all architectures which differ from it only in the
    /// order of interchangeable choices within a level, such as (I1, O1) and (I2, O2) of a PNAS
    /// block. Of those exactly one says yes, at a glance: an expansion can pass over the others
    /// before it asks for canonical ids, which tell many more.
    ///
    /// Where no choices are interchangeable, all of them do, as here.
    ///
    /// # Errors
    /// As [`Space::validate`].
    fn is_ordered(&self, architecture: &Architecture) -> Result<bool, SpaceError> {
        self.validate(architecture)?;
        Ok(true)
    }

    /// Number of architectures of this level (1 to `levels`), isomorphic ones counted apart.
    fn size_at(&self, level: usize) -> BigUint {
        let decisions = &self.decisions()[..self.choices_at(level)];
        decisions
            .iter()
            .map(|decision| BigUint::from(decision.options.len()))
            .product()
    }

    /// An architecture drawn uniformly from those of this level (1 to `levels`).
    fn sample_at(&self, level: usize, rng: &mut ChaCha8Rng) -> Architecture {
        let decisions = &self.decisions()[..self.choices_at(level)];
        let choices: Vec<usize> = decisions
            .iter()
            .map(|decision| rng.random_range(0..decision.options.len()))
            .collect();
        Architecture::new(choices)
    }
}

/// The continuations of `choices` to those of `level`, which are more.
fn extensions(growth: &(impl Growth + ?Sized), choices: &[usize], level: usize) -> Extensions {
    let new = &growth.decisions()[choices.len()..growth.choices_at(level)];
    Extensions::new(choices, new.iter().map(|decision| decision.options.len()))
}

/// Iterator over all continuations of an architecture, in lexicographic order. It keeps one of them
/// at a time.
#[derive(Debug, Clone)]
pub struct Extensions {
    /// What comes next, if anything does.
    next: Option<Vec<usize>>,
    /// How many options each of the new choices has.
    options: Vec<usize>,
}

impl Extensions {
    pub(crate) fn new(prefix: &[usize], options: impl Iterator<Item = usize>) -> Self {
        let options: Vec<usize> = options.collect();
        let mut first = prefix.to_vec();
        first.resize(prefix.len() + options.len(), 0);
        Self {
            next: Some(first),
            options,
        }
    }

    fn none() -> Self {
        Self {
            next: None,
            options: Vec::new(),
        }
    }

    /// How many are left. `usize::MAX` where there are more.
    pub fn len(&self) -> usize {
        let Some(next) = &self.next else {
            return 0;
        };
        let new = &next[next.len() - self.options.len()..];
        let (mut all, mut gone) = (1_usize, 0_usize);
        for (&options, &choice) in self.options.iter().zip(new) {
            let Some(product) = all.checked_mul(options) else {
                return usize::MAX;
            };
            all = product;
            gone = gone * options + choice;
        }
        all - gone
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.next.is_none()
    }
}

impl Iterator for Extensions {
    type Item = Architecture;

    fn next(&mut self) -> Option<Architecture> {
        let current = self.next.take()?;
        let fixed = current.len() - self.options.len();
        let mut following = current.clone();
        for (choice, &options) in following[fixed..].iter_mut().zip(&self.options).rev() {
            *choice += 1;
            if *choice < options {
                self.next = Some(following);
                break;
            }
            *choice = 0;
        }
        Some(Architecture::new(current))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.len();
        (len, (len < usize::MAX).then_some(len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_continuation_comes_once_in_order() {
        let all: Vec<String> = Extensions::new(&[7], [2, 3].into_iter())
            .map(|a| a.to_string())
            .collect();
        assert_eq!(all, ["7.0.0", "7.0.1", "7.0.2", "7.1.0", "7.1.1", "7.1.2"]);
    }

    #[test]
    fn the_length_is_what_is_left() {
        let mut all = Extensions::new(&[], [2, 3].into_iter());
        for left in (0..6).rev() {
            assert_eq!(all.len(), left + 1);
            assert!(all.next().is_some());
        }
        assert!(all.is_empty() && all.next().is_none());
        assert_eq!(all.size_hint(), (0, Some(0)));
        assert_eq!(Extensions::new(&[], [2; 70].into_iter()).len(), usize::MAX);
        assert_eq!(Extensions::none().count(), 0);
    }
}
