//! The space of DARTS.

use super::grammar::{CellGrammar, Output, Wiring};
use super::{CellSpace, Skeleton};
use crate::cell::Combine;
use crate::op::Operations;

/// The operations that can be chosen, in the order of the authors' code without its first one,
/// `none`.
pub const DARTS_OPERATIONS: [&str; 7] = [
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
];

/// The discrete space of DARTS (Liu et al. 2019, arXiv 1806.09055, section 3.1.1): a normal and a
/// reduction cell of four nodes, each of which adds up what two operations make of two different
/// earlier states; the output concatenates the four.
///
/// Per node there is one decision for the unordered pair of states (kind `input_pair`) and two for
/// the operations (kind `operation`), the first on the edge from the lower state. Size:
/// 1,037,664,180².
pub fn darts() -> CellSpace {
    let grammar = CellGrammar {
        inputs: 2,
        nodes: 4,
        wiring: Wiring::Distinct(2),
        operations: DARTS_OPERATIONS.map(str::to_owned).to_vec(),
        combines: vec![Combine::Add],
        output: Output::All,
        filled: false,
    };
    CellSpace::new("darts", Skeleton::Darts, grammar, true, Operations::standard())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spaces::Space;
    use num_bigint::BigUint;

    #[test]
    fn the_size_is_that_of_two_cells() {
        let cell = BigUint::from(1_037_664_180_u64);
        assert_eq!(darts().size(), &cell * &cell);
    }

    #[test]
    fn the_decisions_are_three_a_node() {
        let space = darts();
        let names: Vec<&str> = space.decisions().iter().map(|d| d.name.as_str()).collect();
        assert_eq!(names.len(), 24);
        assert_eq!(
            names[9..12],
            [
                "normal.node3.inputs",
                "normal.node3.operation0",
                "normal.node3.operation1"
            ]
        );
        assert_eq!(space.decisions()[3].options, ["(0, 1)", "(0, 2)", "(1, 2)"]);
    }
}
