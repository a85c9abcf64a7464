//! The space of NAS-Bench-201.

use super::grammar::{CellGrammar, Output, Wiring};
use super::{CellSpace, Skeleton};
use crate::cell::Combine;
use crate::op::Operations;

/// The operations that can be chosen; the index of each is its code in tables of the benchmark.
pub const NB201_OPERATIONS: [&str; 5] = [
    "none",
    "skip_connect",
    "nor_conv_1x1",
    "nor_conv_3x3",
    "avg_pool_3x3",
];

/// Source and target state of each edge, in the order of an architecture's choices.
pub const NB201_EDGES: [(usize, usize); 6] = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)];

/// The space of NAS-Bench-201 and of NATS-Bench's topologies (Dong & Yang 2020, arXiv 2001.00326,
/// section 2.1): a cell of four states, the first one its input and the last one its output, with
/// one of five operations on each of the six edges. Size: 15,625.
///
/// It grows node by node. A cell of fewer nodes passes its last one on by a skip connection and has
/// `none` on all other edges, so that its genotype is one of the 15,625 as well.
pub fn nb201() -> CellSpace {
    let grammar = CellGrammar {
        inputs: 1,
        nodes: 3,
        wiring: Wiring::All,
        operations: NB201_OPERATIONS.map(str::to_owned).to_vec(),
        combines: vec![Combine::Add],
        output: Output::Last,
        filled: true,
    };
    CellSpace::new("nb201", Skeleton::Nb201, grammar, false, Operations::standard())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Architecture;
    use crate::spaces::Space;

    #[test]
    fn choices_are_the_digits_of_the_table() {
        let space = nb201();
        assert_eq!(space.size(), 15_625_u32.into());
        let names: Vec<String> = NB201_EDGES
            .map(|(from, to)| format!("cell.edge_{from}_{to}"))
            .to_vec();
        assert!(space.decisions().iter().map(|d| &d.name).eq(&names));
        let genotype = space.genotype(&Architecture::new([4, 2, 1, 2, 1, 1])).unwrap();
        let text =
            "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|";
        assert_eq!(genotype.to_string(), text);
    }

    #[test]
    fn a_cell_of_fewer_nodes_is_filled_up() {
        let space = nb201();
        let text = |choices: &[usize]| space.genotype(&Architecture::new(choices)).unwrap().to_string();
        assert_eq!(
            text(&[3]),
            "|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|"
        );
        assert_eq!(
            text(&[3, 1, 2]),
            "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|none~1|skip_connect~2|"
        );
        let growth = space.growth().unwrap();
        let sizes = [1, 2, 3].map(|level| growth.size_at(level));
        assert_eq!(sizes, [5_u32, 125, 15_625].map(Into::into));
    }
}
