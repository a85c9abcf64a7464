//! The space of progressive neural architecture search.

use serde::{Deserialize, Serialize};

use super::grammar::{CellGrammar, Output, Wiring};
use super::{CellSpace, Skeleton, SpaceError};
use crate::cell::Combine;
use crate::op::Operations;

/// The operations that can be chosen. The paper's dilated convolution is taken to be a dense one.
pub const PNAS_OPERATIONS: [&str; 8] = [
    "sep_conv_3x3",
    "sep_conv_5x5",
    "sep_conv_7x7",
    "conv_7x1_1x7",
    "skip_connect",
    "avg_pool_3x3",
    "max_pool_3x3",
    "dil_dense_3x3",
];

/// Size of the [`pnas`] space.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `blocks` | 5 | blocks of a cell, B in the paper | 1 to 12 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct PnasConfig {
    /// Blocks of a cell: B in the paper.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 12)))]
    pub blocks: usize,
}

impl Default for PnasConfig {
    fn default() -> Self {
        Self { blocks: 5 }
    }
}

/// The space of PNAS (Liu et al. 2018, arXiv 1712.00559, section 3): one cell of B blocks (I1, I2,
/// O1, O2), each the sum of what two operations make of two earlier states, which may be the same;
/// the output concatenates the blocks that no other reads. The reduction cell is the same one at
/// stride 2.
///
/// It grows block by block. Size at B = 5: 556,627,761,561,600, the order within a block counted.
///
/// # Errors
/// [`SpaceError::Config`] where `blocks` is out of range.
pub fn pnas(config: &PnasConfig) -> Result<CellSpace, SpaceError> {
    let grammar = CellGrammar {
        inputs: 2,
        nodes: check_blocks(config.blocks)?,
        wiring: Wiring::Pair,
        operations: PNAS_OPERATIONS.map(str::to_owned).to_vec(),
        combines: vec![Combine::Add],
        output: Output::Loose,
        filled: false,
    };
    Ok(CellSpace::new(
        "pnas",
        Skeleton::Darts,
        grammar,
        false,
        Operations::standard(),
    ))
}

/// The number of blocks, if it is one.
pub(super) fn check_blocks(blocks: usize) -> Result<usize, SpaceError> {
    if (1..=12).contains(&blocks) {
        Ok(blocks)
    } else {
        Err(SpaceError::config("blocks", blocks, "1 to 12"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spaces::Space;
    use std::collections::BTreeSet;

    #[test]
    fn the_size_is_the_papers() {
        let space = pnas(&PnasConfig::default()).unwrap();
        assert_eq!(space.size(), 556_627_761_561_600_u64.into());
        let growth = space.growth().unwrap();
        assert_eq!(growth.levels(), 5);
        assert_eq!(growth.size_at(1), 256_u32.into());
        assert_eq!(growth.size_at(2), 147_456_u32.into());
    }

    /// 136 cells of one block and 300, 528, 820, 1,176 expansions, once (I1, O1) and (I2, O2) are
    /// not ordered.
    #[test]
    fn the_expansions_are_the_papers() {
        let space = pnas(&PnasConfig::default()).unwrap();
        let growth = space.growth().unwrap();
        let unordered = |children: super::super::Extensions| {
            let mut blocks = BTreeSet::new();
            let mut ordered = 0;
            for child in children {
                let choices = child.choices();
                let mut block: [(usize, usize); 2] = match choices[choices.len() - 4..] {
                    [i1, i2, o1, o2] => [(i1, o1), (i2, o2)],
                    _ => unreachable!(),
                };
                block.sort_unstable();
                blocks.insert(block);
                ordered += usize::from(growth.is_ordered(&child).unwrap());
            }
            assert_eq!(ordered, blocks.len(), "one of each stands for all");
            ordered
        };
        let last_ordered = |children: super::super::Extensions| {
            let ordered = children.filter(|child| growth.is_ordered(child).unwrap());
            ordered.last().unwrap()
        };
        assert_eq!(unordered(growth.first_level()), 136);
        let mut parent = last_ordered(growth.first_level());
        for expected in [300, 528, 820, 1176] {
            assert_eq!(unordered(growth.children(&parent).unwrap()), expected);
            parent = last_ordered(growth.children(&parent).unwrap());
        }
        assert_eq!(growth.children(&parent).unwrap().count(), 0);
    }

    #[test]
    fn a_number_of_blocks_out_of_range_is_refused() {
        for blocks in [0, 13] {
            let error = pnas(&PnasConfig { blocks }).unwrap_err().to_string();
            assert_eq!(error, format!("blocks is {blocks}; expected 1 to 12"));
        }
    }
}
