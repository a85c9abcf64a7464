//! The children of a level's architectures: each once, streamed in batches.

use std::collections::HashSet;
use std::sync::Arc;

use nas_space::arch::Architecture;
use nas_space::canonical::{CanonicalId, canonical_id};
use nas_space::spaces::{Extensions, Growth, Space, SpaceError};
use rayon::prelude::*;

/// An architecture that nothing before it was the same as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The architecture.
    pub architecture: Architecture,
    /// Its canonical id.
    pub id: CanonicalId,
}

/// The stream of different children of some parents.
///
/// Children come parent by parent, in lexicographic order. Those that differ from another in the
/// order of interchangeable choices alone are passed over at sight ([`Growth::is_ordered`]); of the
/// rest, one is left out where its [`CanonicalId`] was seen in this stream or is known from before.
/// So the first of equal ones stands for all. What a space that is a part of another does not have
/// ([`Space::part`]) is left out.
///
/// # Complexity
/// Memory grows by the id of each different child, 16 bytes and what a hash set adds: about 10 MB
/// for the 300,000 children of a PNAS level. The ids of a batch are computed side by side.
#[derive(Debug)]
pub struct Expansion {
    space: Arc<dyn Space>,
    /// The parents still to come, the next one last.
    parents: Vec<Architecture>,
    children: Option<Extensions>,
    /// Whether children are passed over at sight. Those of a parent whose own choices are not in
    /// order never are.
    by_sight: bool,
    seen: HashSet<CanonicalId>,
    written: u64,
    distinct: u64,
}

impl Expansion {
    /// The architectures of level 1.
    ///
    /// # Errors
    /// [`SpaceError::Config`] where the space does not grow.
    pub fn first_level(space: Arc<dyn Space>) -> Result<Self, SpaceError> {
        let children = growth(space.as_ref())?.first_level();
        Ok(Self {
            children: Some(children),
            ..Self::of(space, Vec::new(), HashSet::new())
        })
    }

    /// The children of `parents`, without those that are `known`.
    pub fn of(space: Arc<dyn Space>, mut parents: Vec<Architecture>, known: HashSet<CanonicalId>) -> Self {
        parents.reverse();
        Self {
            space,
            parents,
            children: None,
            by_sight: true,
            seen: known,
            written: 0,
            distinct: 0,
        }
    }

    /// Children so far, each as often as it is written, but once where the order of interchangeable
    /// choices is all that differs.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Different ones so far that are not known from before.
    pub fn distinct(&self) -> u64 {
        self.distinct
    }

    /// The different ones among the next `size` children; fewer at the end, and `None` after it.
    ///
    /// # Errors
    /// As [`Space::validate`] for a parent that is not of the space; [`SpaceError::Config`] where
    /// the space does not grow.
    pub fn next_batch(&mut self, size: usize) -> Result<Option<Vec<Candidate>>, SpaceError> {
        let batch = self.next_written(size.max(1))?;
        if batch.is_empty() {
            return Ok(None);
        }
        self.written += batch.len() as u64;
        let space = self.space.as_ref();
        let identified: Vec<Result<Candidate, SpaceError>> = batch
            .into_par_iter()
            .with_min_len(64)
            .map(|architecture| {
                let id = canonical_id(&space.genotype(&architecture)?, space.operations());
                Ok(Candidate { architecture, id })
            })
            .collect();
        let mut new = Vec::new();
        for candidate in identified {
            let candidate = candidate?;
            if self.seen.insert(candidate.id) {
                new.push(candidate);
            }
        }
        self.distinct += new.len() as u64;
        Ok(Some(new))
    }

    /// The next children whose interchangeable choices are in order.
    fn next_written(&mut self, size: usize) -> Result<Vec<Architecture>, SpaceError> {
        let growth = growth(self.space.as_ref())?;
        let mut batch = Vec::with_capacity(size);
        while batch.len() < size {
            let child = match &mut self.children {
                Some(children) => children.next(),
                None => None,
            };
            match child {
                Some(child) => {
                    // What a space that is a part of another lacks is no child there.
                    let lacking = self.space.part().is_some() && self.space.validate(&child).is_err();
                    if !lacking && (!self.by_sight || growth.is_ordered(&child)?) {
                        batch.push(child);
                    }
                }
                None => match self.parents.pop() {
                    Some(parent) => {
                        self.by_sight = growth.is_ordered(&parent)?;
                        self.children = Some(growth.children(&parent)?);
                    }
                    None => break,
                },
            }
        }
        Ok(batch)
    }
}

fn growth(space: &dyn Space) -> Result<&dyn Growth, SpaceError> {
    let growth = space.growth();
    growth.ok_or_else(|| SpaceError::config("space", space.name(), "one that grows level by level"))
}

#[cfg(test)]
mod tests {
    use nas_space::seed::Seed;
    use nas_space::spaces::{ChainConfig, ChainSpace, PnasConfig, nb201, pnas};
    use proptest::prelude::*;

    use super::*;

    fn all(mut expansion: Expansion, batch: usize) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        while let Some(batch) = expansion.next_batch(batch).unwrap() {
            candidates.extend(batch);
        }
        assert_eq!(candidates.len() as u64, expansion.distinct());
        candidates
    }

    fn space() -> Arc<dyn Space> {
        Arc::new(pnas(&PnasConfig::default()).unwrap())
    }

    fn parents(candidates: &[Candidate]) -> Vec<Architecture> {
        candidates
            .iter()
            .map(|candidate| candidate.architecture.clone())
            .collect()
    }

    /// 136 of the 256 cells of one block are different, and 31,620 of the 40,800 unordered ones of
    /// two.
    #[test]
    fn the_counts_are_those_of_the_space() {
        let first = all(Expansion::first_level(space()).unwrap(), 50);
        assert_eq!(first.len(), 136);
        let mut second = Expansion::of(space(), parents(&first), HashSet::new());
        while second.next_batch(4096).unwrap().is_some() {}
        assert_eq!((second.written(), second.distinct()), (40_800, 31_620));
    }

    #[test]
    fn a_parent_of_each_level_has_as_many_children_as_the_paper_says() {
        let mut parent = all(Expansion::first_level(space()).unwrap(), 256)
            .remove(135)
            .architecture;
        for written in [300, 528, 820, 1176] {
            let mut expansion = Expansion::of(space(), vec![parent], HashSet::new());
            let children = expansion.next_batch(10_000).unwrap().unwrap();
            assert_eq!(expansion.written(), written);
            parent = children[children.len() - 1].architecture.clone();
        }
        let mut beyond = Expansion::of(space(), vec![parent], HashSet::new());
        assert_eq!(beyond.next_batch(10).unwrap(), None);
    }

    /// Of the 125 cells of two nodes, those that are a cell of one node, or nothing at all, are
    /// known.
    #[test]
    fn what_is_known_from_before_is_left_out() {
        let space: Arc<dyn Space> = Arc::new(nb201());
        let first = all(Expansion::first_level(Arc::clone(&space)).unwrap(), 2);
        assert_eq!(first.len(), 5);
        let known: HashSet<CanonicalId> = first.iter().map(|candidate| candidate.id).collect();
        let with = all(
            Expansion::of(Arc::clone(&space), parents(&first), known.clone()),
            7,
        );
        let without = all(Expansion::of(space, parents(&first), HashSet::new()), 7);
        assert!(with.iter().all(|candidate| !known.contains(&candidate.id)));
        let again = without
            .iter()
            .filter(|candidate| known.contains(&candidate.id))
            .count();
        assert_eq!(without.len(), with.len() + again);
        assert_eq!(again, 5, "each of them is a cell of two nodes as well");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

        /// For parents of any level of any growing space: children are of the space and of the next
        /// level, begin with one of the parents, and no two have the same id, nor one that is
        /// known.
        #[test]
        fn an_expansion_is_valid_and_never_repeats_itself(seed in any::<u64>(), batch in 1_usize..200) {
            let spaces: [Arc<dyn Space>; 3] = [
                space(),
                Arc::new(nb201()),
                Arc::new(ChainSpace::new(ChainConfig { filter_heights: vec![1, 3], filter_widths: vec![3], ..ChainConfig::default() }).unwrap()),
            ];
            let mut rng = Seed::new(seed).rng();
            for space in spaces {
                let growth = space.growth().unwrap();
                let level = 1 + (seed % 2) as usize;
                let parents: Vec<Architecture> = (0..2).map(|_| growth.sample_at(level, &mut rng)).collect();
                let id = |a: &Architecture| canonical_id(&space.genotype(a).unwrap(), space.operations());
                let known: HashSet<CanonicalId> = parents.iter().map(id).collect();
                let children = all(Expansion::of(Arc::clone(&space), parents.clone(), known.clone()), batch);
                let mut ids = known;
                for child in &children {
                    prop_assert_eq!(growth.level_of(&child.architecture).unwrap(), level + 1);
                    prop_assert!(parents.iter().any(|parent| child.architecture.choices().starts_with(parent.choices())));
                    prop_assert_eq!(child.id, id(&child.architecture));
                    prop_assert!(ids.insert(child.id), "{} twice", child.architecture);
                }
                prop_assert!(!children.is_empty());
            }
        }
    }

    #[test]
    fn the_stream_is_the_same_however_it_is_cut_and_for_any_number_of_threads() {
        let first = all(Expansion::first_level(space()).unwrap(), 256);
        let expansion = || Expansion::of(space(), parents(&first[..8]), HashSet::new());
        let expected = all(expansion(), 10_000);
        assert_eq!(all(expansion(), 33), expected);
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            assert_eq!(pool.install(|| all(expansion(), 500)), expected);
        }
    }
}
