//! Architectures as blocks of choices: what a network reads.
//!
//! A block is what one level adds: (I1, I2, O1, O2) in the PNAS space, the edges into one node of a
//! NAS-Bench-201 cell, one layer of a chain. A decision has a kind, which says what its options
//! mean, and a slot: its place in the block, such that the second input of every block is in the
//! same slot.

use nas_space::spaces::{Growth, Space};

use crate::error::PnasError;

/// How the decisions of a growing space make blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blocks {
    /// How many options there are of each kind.
    pub(crate) kinds: Vec<usize>,
    /// The kind of each slot.
    pub(crate) slots: Vec<usize>,
    /// The slot of each decision.
    pub(crate) slot_of: Vec<usize>,
    /// Number of choices of an architecture of level 1, 2, …
    ends: Vec<usize>,
}

impl Blocks {
    pub(crate) fn new(space: &dyn Space) -> Result<Self, PnasError> {
        let growth = growth(space)?;
        let decisions = space.decisions();
        let ends: Vec<usize> = (1..=growth.levels())
            .map(|level| growth.choices_at(level))
            .collect();
        let mut names: Vec<&str> = Vec::new();
        let mut kinds: Vec<usize> = Vec::new();
        // A slot is identified by its kind and by the number of slots of this kind before it in the
        // block.
        let mut slots: Vec<(usize, usize)> = Vec::new();
        let mut slot_of = Vec::with_capacity(decisions.len());
        let mut start = 0;
        for &end in &ends {
            let mut before: Vec<usize> = Vec::new();
            for decision in &decisions[start..end] {
                let kind = names
                    .iter()
                    .position(|name| *name == decision.kind)
                    .unwrap_or_else(|| {
                        names.push(&decision.kind);
                        kinds.push(0);
                        names.len() - 1
                    });
                kinds[kind] = kinds[kind].max(decision.options.len());
                let slot = (kind, before.iter().filter(|&&other| other == kind).count());
                before.push(kind);
                let place = slots.iter().position(|other| *other == slot).unwrap_or_else(|| {
                    slots.push(slot);
                    slots.len() - 1
                });
                slot_of.push(place);
            }
            start = end;
        }
        Ok(Self {
            kinds,
            slots: slots.into_iter().map(|(kind, _)| kind).collect(),
            slot_of,
            ends,
        })
    }

    /// How many blocks these choices are.
    pub(crate) fn count(&self, choices: &[usize]) -> usize {
        1 + self.ends.iter().filter(|&&end| end < choices.len()).count()
    }

    /// The kind of a decision.
    pub(crate) fn kind_of(&self, decision: usize) -> usize {
        self.slots[self.slot_of[decision]]
    }
}

/// The space as one that grows.
pub(crate) fn growth(space: &dyn Space) -> Result<&dyn Growth, PnasError> {
    space.growth().ok_or_else(|| PnasError::DoesNotGrow {
        space: space.name().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use nas_space::spaces::{ChainConfig, ChainSpace, PnasConfig, darts, nb201, pnas};

    use super::*;

    #[test]
    fn a_pnas_block_has_two_inputs_and_two_operations() {
        let blocks = Blocks::new(&pnas(&PnasConfig::default()).unwrap()).unwrap();
        assert_eq!(blocks.kinds, [6, 8]);
        assert_eq!(blocks.slots, [0, 0, 1, 1]);
        assert_eq!(blocks.slot_of[16..], [0, 1, 2, 3]);
        assert_eq!([4, 8, 20].map(|n| blocks.count(&vec![0; n])), [1, 2, 5]);
    }

    #[test]
    fn blocks_grow_with_the_node_or_the_layer() {
        let blocks = Blocks::new(&nb201()).unwrap();
        assert_eq!((blocks.kinds, blocks.slots), (vec![5], vec![0; 3]));
        assert_eq!(blocks.slot_of, [0, 0, 1, 0, 1, 2]);
        let config = ChainConfig {
            layers: 3,
            ..ChainConfig::default()
        };
        let blocks = Blocks::new(&ChainSpace::new(config).unwrap()).unwrap();
        // Height, width and filters; then skips, which the first layer has none of.
        assert_eq!(blocks.kinds, [4, 4, 4, 2]);
        assert_eq!(blocks.slots, [0, 1, 2, 3, 3]);
        assert_eq!(blocks.slot_of, [0, 1, 2, 3, 0, 1, 2, 3, 4, 0, 1, 2]);
    }

    #[test]
    fn a_space_that_does_not_grow_is_refused() {
        let error = Blocks::new(&darts()).unwrap_err().to_string();
        assert!(error.starts_with("space 'darts' does not grow"), "{error}");
    }
}
