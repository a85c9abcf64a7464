//! The space of NASNet.

use serde::{Deserialize, Serialize};

use super::grammar::{CellGrammar, Output, Wiring};
use super::pnas::check_blocks;
use super::{CellSpace, Skeleton, SpaceError};
use crate::cell::Combine;
use crate::op::Operations;

/// The operations that can be chosen. The paper's dilated convolution is taken to be a dense one.
pub const NASNET_OPERATIONS: [&str; 13] = [
    "skip_connect",
    "conv_3x1_1x3",
    "conv_7x1_1x7",
    "dil_dense_3x3",
    "avg_pool_3x3",
    "max_pool_3x3",
    "max_pool_5x5",
    "max_pool_7x7",
    "nor_conv_1x1",
    "nor_conv_3x3",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "sep_conv_7x7",
];

/// Size of the [`nasnet`] space.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `blocks` | 5 | blocks of a cell, B in the paper | 1 to 12 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct NasnetConfig {
    /// Blocks of a cell: B in the paper.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 12)))]
    pub blocks: usize,
}

impl Default for NasnetConfig {
    fn default() -> Self {
        Self { blocks: 5 }
    }
}

/// The space of NASNet (Zoph et al. 2018, arXiv 1707.07012, section 3.1): a normal and a reduction
/// cell of B blocks; per block two earlier states, which may be the same, an operation on each, and
/// whether the results are added or concatenated. The output concatenates the blocks that no other
/// reads.
///
/// A block that concatenates projects back to the cell's channels (ReLU, 1×1 convolution, batch
/// norm).
///
/// # Errors
/// [`SpaceError::Config`] where `blocks` is out of range.
pub fn nasnet(config: &NasnetConfig) -> Result<CellSpace, SpaceError> {
    let grammar = CellGrammar {
        inputs: 2,
        nodes: check_blocks(config.blocks)?,
        wiring: Wiring::Pair,
        operations: NASNET_OPERATIONS.map(str::to_owned).to_vec(),
        combines: vec![Combine::Add, Combine::Concat],
        output: Output::Loose,
        filled: false,
    };
    Ok(CellSpace::new(
        "nasnet",
        Skeleton::Darts,
        grammar,
        true,
        Operations::standard(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spaces::Space;
    use num_bigint::BigUint;

    /// Per cell ∏ (b+1)²·13²·2 over b = 1..5, which is 720²·338⁵.
    #[test]
    fn the_size_is_the_product_over_both_cells() {
        let space = nasnet(&NasnetConfig::default()).unwrap();
        let cell = BigUint::from(720_u32 * 720) * BigUint::from(338_u32).pow(5);
        assert_eq!(space.size(), &cell * &cell);
        assert_eq!(space.decisions().len(), 50);
    }
}
