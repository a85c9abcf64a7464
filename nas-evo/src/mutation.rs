//! Small changes of an architecture.

use nas_space::arch::Architecture;
use nas_space::error::SpaceError;
use nas_space::spaces::Space;
use rand_chacha::ChaCha8Rng;

/// `parent` with exactly one choice changed, as the space mutates: where it does not say otherwise, one decision that has
/// more than one option, each as likely, takes another of its options, each as likely. `parent` itself in a space that has
/// no such decision.
pub(crate) fn mutate(
    space: &dyn Space,
    parent: &Architecture,
    rng: &mut ChaCha8Rng,
) -> Result<Architecture, SpaceError> {
    if space
        .decisions()
        .iter()
        .all(|decision| decision.options.len() < 2)
    {
        return Ok(parent.clone());
    }
    space.mutate(parent, rng)
}

/// All architectures that differ from this one in exactly one choice, in the order of the decisions and their options.
pub(crate) fn neighbours(space: &dyn Space, of: &Architecture) -> impl Iterator<Item = Architecture> {
    let decisions = space.decisions().iter().enumerate();
    decisions.flat_map(move |(place, decision)| {
        let others = (0..decision.options.len()).filter(move |&option| option != of.choices()[place]);
        others.map(move |option| {
            let mut choices = of.choices().to_vec();
            choices[place] = option;
            Architecture::new(choices)
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use nas_space::seed::Seed;

    use super::*;
    use crate::tiny_space::TinySpace;

    /// Two open decisions are each changed half the time, to each of their other options as often. The counts' standard
    /// deviations are at most 55.
    #[test]
    fn exactly_one_choice_changes_and_all_changes_are_as_likely_as_stated() {
        let space = TinySpace::new(&[3, 1, 5]);
        let parent = Architecture::new([1, 0, 4]);
        let mut rng = Seed::new(5).rng();
        let mut counts = BTreeMap::new();
        for _ in 0..12_000 {
            let mutant = mutate(&space, &parent, &mut rng).unwrap();
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
    fn neighbours_are_all_that_one_change_can_make() {
        let space = TinySpace::new(&[3, 1, 2]);
        let all: Vec<String> = neighbours(&space, &Architecture::new([1, 0, 1]))
            .map(|a| a.to_string())
            .collect();
        assert_eq!(all, ["0.0.1", "2.0.1", "1.0.0"]);
    }

    #[test]
    fn where_there_is_nothing_to_choose_the_mutant_is_its_parent() {
        let space = TinySpace::new(&[1, 1]);
        let only = Architecture::new([0, 0]);
        assert_eq!(mutate(&space, &only, &mut Seed::new(0).rng()), Ok(only));
    }
}
