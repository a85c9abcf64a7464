//! Children of one parent.

use nas_space::arch::Architecture;
use nas_space::error::SpaceError;
use nas_space::spaces::Space;
use rand_chacha::ChaCha8Rng;

/// `parent` with exactly one choice changed, as the space changes it. Where nothing differs from it
/// in one choice only, as in a space of one architecture or where limits leave it alone, a fresh
/// draw.
pub(crate) fn mutant(
    space: &dyn Space,
    parent: &Architecture,
    rng: &mut ChaCha8Rng,
) -> Result<Architecture, SpaceError> {
    match space.mutate(parent, rng) {
        Err(SpaceError::Isolated { .. }) => Ok(space.sample(rng)),
        mutant => mutant,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use nas_space::seed::Seed;
    use nas_space::testing::TinySpace;

    use super::*;

    /// Two open decisions are each changed half the time, to each of their other options as often.
    /// The counts' standard deviations are at most 55.
    #[test]
    fn exactly_one_choice_changes_and_all_changes_are_as_likely_as_stated() {
        let space = TinySpace::new(&[3, 1, 5]);
        let parent = Architecture::new([1, 0, 4]);
        let mut rng = Seed::new(5).rng();
        let mut counts = BTreeMap::new();
        for _ in 0..12_000 {
            let mutant = mutant(&space, &parent, &mut rng).unwrap();
            space.validate(&mutant).unwrap();
            let changed = (0..3)
                .filter(|&i| mutant.choices()[i] != parent.choices()[i])
                .count();
            assert_eq!(changed, 1, "{mutant}");
            *counts.entry(mutant.to_string()).or_insert(0_u32) += 1;
        }
        let expected = |text: &str| if text.ends_with('4') { 3000 } else { 1500 };
        assert_eq!(counts.len(), 2 + 4);
        assert!(
            counts.iter().all(|(text, n)| n.abs_diff(expected(text)) < 220),
            "{counts:?}"
        );
    }

    #[test]
    fn where_there_is_nothing_to_choose_the_parent_is_all_there_is() {
        let space = TinySpace::new(&[1, 1]);
        let parent = Architecture::new([0, 0]);
        let mutant = mutant(&space, &parent, &mut Seed::new(0).rng()).unwrap();
        assert_eq!(mutant, parent);
    }

    #[test]
    fn a_parent_of_another_space_is_refused() {
        let space = TinySpace::new(&[2, 2]);
        let refused = mutant(&space, &Architecture::new([5, 0]), &mut Seed::new(0).rng());
        assert!(matches!(refused, Err(SpaceError::ChoiceRange { .. })));
    }
}
