//! Steps within a part of a space.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Space, SpaceError};
use crate::arch::Architecture;

/// Mutants made before all neighbours are looked at.
const MUTANTS: usize = 100;

/// A mutant of an architecture of `part`, as `whole` mutates, that is in `part` too; where such ones are rare, one of the neighbours
/// in `part`, drawn uniformly. For spaces that are a part of another.
///
/// # Errors
/// Those of [`Space::validate`] and [`Space::mutate`]; [`SpaceError::Isolated`] for an architecture without neighbours in `part`.
pub fn mutate_within(
    part: &dyn Space,
    whole: &dyn Space,
    architecture: &Architecture,
    rng: &mut ChaCha8Rng,
) -> Result<Architecture, SpaceError> {
    part.validate(architecture)?;
    for _ in 0..MUTANTS {
        let mutant = whole.mutate(architecture, rng)?;
        if part.validate(&mutant).is_ok() {
            return Ok(mutant);
        }
    }
    let mut neighbours = part.neighbours(architecture)?;
    if neighbours.is_empty() {
        return Err(SpaceError::Isolated {
            space: part.name().to_owned(),
            architecture: architecture.to_string(),
        });
    }
    Ok(neighbours.swap_remove(rng.random_range(0..neighbours.len())))
}
