//! Small changes of an architecture.

use nas_space::arch::Architecture;
use nas_space::spaces::Space;
use rand::{Rng, RngExt};

/// `parent` with exactly one choice changed: one decision that has more than one option, each as likely, takes another of
/// its options, each as likely. `None` in a space that has no such decision.
pub(crate) fn mutate(space: &dyn Space, parent: &Architecture, rng: &mut impl Rng) -> Option<Architecture> {
    let decisions = space.decisions();
    let open: Vec<usize> = (0..decisions.len())
        .filter(|&i| decisions[i].options.len() > 1)
        .collect();
    if open.is_empty() {
        return None;
    }
    let place = open[rng.random_range(0..open.len())];
    let mut choices = parent.choices().to_vec();
    // Of the others: those from the present one on move up by one.
    let other = rng.random_range(0..decisions[place].options.len() - 1);
    choices[place] = other + usize::from(other >= choices[place]);
    Some(Architecture::new(choices))
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
    fn where_there_is_nothing_to_choose_there_is_no_mutant() {
        let space = TinySpace::new(&[1, 1]);
        assert_eq!(
            mutate(&space, &Architecture::new([0, 0]), &mut Seed::new(0).rng()),
            None
        );
    }
}
