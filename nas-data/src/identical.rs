//! Images that are the same.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use crate::scan::Image;

/// Things joined to sets. A set is named by its first member.
#[derive(Debug, Clone)]
pub(crate) struct Sets {
    /// Of each thing one before it in its set, or itself.
    before: Vec<usize>,
}

impl Sets {
    /// So many things, each alone.
    pub(crate) fn alone(things: usize) -> Self {
        Self {
            before: (0..things).collect(),
        }
    }

    /// The first member of the set that `thing` is in.
    pub(crate) fn first(&mut self, thing: usize) -> usize {
        let mut first = thing;
        while self.before[first] != first {
            first = self.before[first];
        }
        // The way is short the next time.
        let mut next = thing;
        while self.before[next] != first {
            next = std::mem::replace(&mut self.before[next], first);
        }
        first
    }

    /// Joins the sets of two things.
    pub(crate) fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.first(one), self.first(other));
        self.before[one.max(other)] = one.min(other);
    }

    /// Joins all things with equal keys. Things without one stay as they are.
    pub(crate) fn join_equal<K: Eq + Hash>(&mut self, keys: impl Iterator<Item = Option<K>>) {
        let mut seen = HashMap::new();
        for (thing, key) in keys.enumerate() {
            if let Some(key) = key {
                let first = *seen.entry(key).or_insert(thing);
                self.join(first, thing);
            }
        }
    }

    /// The sets of more than one thing, each ascending, by their first members.
    pub(crate) fn several(&mut self) -> Vec<Vec<usize>> {
        let mut sets: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for thing in 0..self.before.len() {
            let first = self.first(thing);
            if first != thing {
                sets.entry(first).or_insert_with(|| vec![first]).push(thing);
            }
        }
        sets.into_values().collect()
    }
}

/// Joins images whose bytes are the same, or all of whose pixels are.
pub(crate) fn identical(images: &[Option<Image>]) -> Sets {
    let mut sets = Sets::alone(images.len());
    sets.join_equal(images.iter().map(|image| image.map(|image| image.bytes)));
    sets.join_equal(images.iter().map(|image| image.map(|image| image.pixels)));
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_equal_in_one_thing_or_another_is_one_set() {
        let mut sets = Sets::alone(7);
        sets.join_equal([Some(1), Some(2), Some(1), None, None, Some(3), Some(3)].into_iter());
        sets.join_equal(["a", "b", "c", "d", "e", "a", "f"].into_iter().map(Some));
        assert_eq!(sets.several(), [[0, 2, 5, 6]]);
        assert_eq!([1, 3, 4].map(|thing| sets.first(thing)), [1, 3, 4]);
    }
}
