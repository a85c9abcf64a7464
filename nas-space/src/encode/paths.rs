//! Which chains of operations lead through a cell.

use std::collections::BTreeSet;

use ndarray::Array1;

use super::place;
use crate::cell::Cell;
use crate::error::SpaceError;
use crate::op::{Operations, Role};

/// The path encoding of BANANAS: for each possible path, whether the cell has it.
///
/// A path is an input and the operations on the edges from there to a state of the output. Paths
/// are ordered by length (number of operations), then by input, then by operations as places in the
/// vocabulary, first operation first. The encoding is truncated to the first `features` of them:
/// there are so many long paths that each is rare and tells a model little.
///
/// The encoding does not depend on the order of nodes and edges. It forgets how often a path is
/// there and what paths share.
///
/// # Shapes
/// (`features`); [`path_count`] says how many there are up to a length.
///
/// # Errors
/// [`SpaceError::UnknownName`] for an operation on a live edge that is not in the vocabulary.
///
/// # References
/// C. White, W. Neiswanger, Y. Savani: BANANAS: Bayesian optimization with neural architectures for
/// neural architecture search. AAAI 2021, arXiv 1910.11858, section 4.
pub fn path_encoding(
    cell: &Cell,
    operations: &Operations,
    vocabulary: &[&str],
    features: usize,
) -> Result<Array1<f32>, SpaceError> {
    let inputs = cell.inputs();
    let kinds = vocabulary.len();
    let cell = cell.pruned(operations);
    // Number of features that come before those of each length; the first entry is for length 1.
    let mut starts = vec![0_usize];
    let mut of_length = inputs;
    while let Some(&start) = starts.last()
        && start < features
        && starts.len() <= cell.len()
    {
        of_length = of_length.saturating_mul(kinds);
        starts.push(start.saturating_add(of_length));
    }
    let longest = starts.len() - 1;
    // For each state the paths to it, as (length, input and operations as digits of one number).
    let mut paths: Vec<BTreeSet<(usize, usize)>> = (0..inputs).map(|i| BTreeSet::from([(0, i)])).collect();
    for node in cell.nodes() {
        let mut here = BTreeSet::new();
        for (op, from) in &node.edges {
            if operations.role(op) == Role::Nothing {
                continue;
            }
            let digit = place(vocabulary, op)?;
            let shorter = paths[*from].iter().filter(|(length, _)| *length < longest);
            here.extend(shorter.map(|&(length, code)| (length + 1, code.saturating_mul(kinds) + digit)));
        }
        paths.push(here);
    }
    let mut encoding = Array1::zeros(features);
    for &(length, code) in cell.output().iter().flat_map(|&state| &paths[state]) {
        let index = starts[length - 1].saturating_add(code);
        if index < features {
            encoding[index] = 1.0;
        }
    }
    Ok(encoding)
}

/// Number of possible paths of 1 to `longest` operations: Σ `inputs`·`operations`^length. `None`
/// where it does not fit a `usize`.
pub fn path_count(inputs: usize, operations: usize, longest: u32) -> Option<usize> {
    (1..=longest).try_fold(0_usize, |sum, length| {
        let of_length = inputs.checked_mul(operations.checked_pow(length)?)?;
        sum.checked_add(of_length)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Node;

    const VOCABULARY: [&str; 2] = ["sep_conv_3x3", "max_pool_3x3"];

    fn present(cell: &Cell, features: usize) -> Vec<usize> {
        let encoding = path_encoding(cell, &Operations::standard(), &VOCABULARY, features).unwrap();
        assert_eq!(encoding.len(), features);
        (0..features).filter(|&i| encoding[i] == 1.0).collect()
    }

    /// Paths of one input: 0 s, 1 m; 2 ss, 3 sm, 4 ms, 5 mm; 6 sss, …
    #[test]
    fn paths_are_ordered_by_length_then_operations() {
        let nodes = vec![
            Node::add([("sep_conv_3x3", 0)]),
            Node::add([("max_pool_3x3", 1), ("max_pool_3x3", 0)]),
            Node::add([("max_pool_3x3", 2)]),
        ];
        let cell = Cell::new(1, nodes, vec![3]).unwrap();
        // mm by way of 2 and smm by way of 1 and 2.
        assert_eq!(present(&cell, path_count(1, 2, 3).unwrap()), [5, 6 + 3]);
        assert_eq!(present(&cell, 9), [5]);
        assert_eq!(present(&cell, 3), Vec::<usize>::new());
        assert_eq!(present(&cell, 1_000), [5, 9]);
    }

    /// Of two inputs: 0 s from 0, 1 m from 0, 2 s from 1, 3 m from 1; 4 to 7 from 0, 8 to 11
    /// from 1.
    #[test]
    fn inputs_are_told_apart() {
        let nodes = vec![
            Node::add([("max_pool_3x3", 1), ("sep_conv_3x3", 0)]),
            Node::add([("sep_conv_3x3", 2)]),
        ];
        let cell = Cell::new(2, nodes, vec![2, 3]).unwrap();
        assert_eq!(present(&cell, 12), [0, 3, 4, 10]);
    }

    #[test]
    fn every_choice_of_digits_has_its_own_feature() {
        let mut seen = BTreeSet::new();
        for number in 0..8 {
            let op = |bit: usize| VOCABULARY[number >> bit & 1];
            let nodes = (0..3).map(|bit| Node::add([(op(bit), bit)])).collect();
            seen.extend(present(&Cell::new(1, nodes, vec![3]).unwrap(), 14));
        }
        assert_eq!(seen, (6..14).collect());
    }

    #[test]
    fn an_edge_that_passes_nothing_on_makes_no_path() {
        let node = Node::add([("none", 0), ("sep_conv_3x3", 0)]);
        let cell = Cell::new(1, vec![node, Node::add([("none", 1)])], vec![1, 2]).unwrap();
        assert_eq!(present(&cell, 6), [0]);
    }

    /// NAS-Bench-201 with five operations has 5 + 25 + 125 paths (White et al., appendix).
    #[test]
    fn counts_are_sums_of_powers() {
        assert_eq!(path_count(1, 5, 3), Some(155));
        assert_eq!(path_count(2, 7, 1), Some(14));
        assert_eq!(path_count(1, 10, 64), None);
    }

    #[test]
    fn huge_path_spaces_are_truncated_without_overflow() {
        let names: Vec<String> = (0..1_000).map(|i| format!("op{i}")).collect();
        let vocabulary: Vec<&str> = names.iter().map(String::as_str).collect();
        let nodes = (0..30).map(|i| Node::add([("op999", i), ("op998", i)])).collect();
        let cell = Cell::new(1, nodes, vec![1, 30]).unwrap();
        let encoding = path_encoding(&cell, &Operations::standard(), &vocabulary, 2_000).unwrap();
        let ones: Vec<usize> = (0..2_000).filter(|&i| encoding[i] == 1.0).collect();
        assert_eq!(ones, [998, 999]);
    }
}
