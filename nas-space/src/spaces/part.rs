//! Spaces that are a part of another: not every combination of options is an architecture.

use std::fmt;

use crate::arch::Architecture;

/// A part of a space: which architectures it contains, in addition to [`Space`](super::Space).
///
/// A method that makes one decision after the other asks it which options lead to an architecture
/// of the part, so that it proposes no other.
pub trait Part: fmt::Debug + Send + Sync {
    /// Whether an architecture with this number of choices can begin with these choices.
    ///
    /// Of all `choices` choices the answer is whether they are an architecture of the part. Where
    /// it is yes for fewer, it is yes for at least one of their continuations by one choice. Where
    /// the part has no architecture with that number of choices, it is always yes.
    ///
    /// A part that cannot be listed may say no to the beginnings of some of its architectures; it
    /// documents of which.
    fn can_begin(&self, beginning: &[usize], choices: usize) -> bool;

    /// All full-grown architectures of the part, in lexicographic order, if they can be listed.
    fn members(&self) -> Option<Vec<Architecture>>;
}

/// Architectures in order, in which beginnings are looked up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    sorted: Vec<Architecture>,
}

impl Listing {
    /// A listing of these.
    pub(crate) fn new(mut architectures: Vec<Architecture>) -> Self {
        architectures.sort_unstable();
        architectures.dedup();
        Self {
            sorted: architectures,
        }
    }

    /// Those that are listed, in order.
    pub(crate) fn architectures(&self) -> &[Architecture] {
        &self.sorted
    }

    /// Whether one of them begins with these choices.
    pub(crate) fn can_begin(&self, beginning: &[usize]) -> bool {
        // A beginning comes before whatever it begins, and nothing else comes between.
        let first = self
            .sorted
            .partition_point(|architecture| architecture.choices() < beginning);
        self.sorted
            .get(first)
            .is_some_and(|architecture| architecture.choices().starts_with(beginning))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_finds_what_its_architectures_begin_with_and_nothing_else() {
        let all = [[2, 0, 1], [0, 1, 1], [0, 1, 0], [0, 1, 1]].map(Architecture::new);
        let listing = Listing::new(all.to_vec());
        assert_eq!(listing.architectures().len(), 3);
        for (beginning, expected) in [
            (&[][..], true),
            (&[0], true),
            (&[1], false),
            (&[2], true),
            (&[0, 0], false),
            (&[0, 1], true),
            (&[2, 0, 0], false),
            (&[2, 0, 1], true),
            (&[3], false),
        ] {
            assert_eq!(listing.can_begin(beginning), expected, "{beginning:?}");
        }
        assert!(!Listing::default().can_begin(&[]));
    }
}
