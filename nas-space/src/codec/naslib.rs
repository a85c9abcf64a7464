//! NASLib's compact forms.

use super::darts::{list, state};
use super::literal::{Literal, Value};
use super::scanner::Scanner;
use crate::cell::{Cell, Node};
use crate::error::SpaceError;
use crate::genotype::{DartsGenotype, Genotype, Nb201Genotype};

/// NASLib's operations of NAS-Bench-201, by number.
const NB201: [&str; 5] = [
    "skip_connect",
    "none",
    "nor_conv_3x3",
    "nor_conv_1x1",
    "avg_pool_3x3",
];

/// Its edges, in its order: from which state to which.
const NB201_EDGES: [(usize, usize); 6] = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)];

/// Its operations of DARTS, by number.
///
/// NASLib counts fewer parameters in such a cell than this crate: its batch norms inside of
/// operations have neither scale nor shift, which networks that are trained in full have (Liu et
/// al. 2019: only the supernet does without). With 32 channels and 8 cells the channels add up to
/// 448 over the normal cells and to 192 over the reduction cells, so that the difference is 2 · 448
/// · n + 2 · 192 · (r + f): n and r count two for each separable and one for each dilated
/// convolution of the normal and the reduction cell, f the skip connections from inputs of the
/// reduction cell. `tests/published.rs` counts them.
const DARTS: [&str; 7] = [
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
];

/// Whether these are two cells of DARTS, each a list of pairs of numbers.
pub(super) fn is_darts(elements: &[Literal]) -> bool {
    let is_pair = |literal: &Literal| match &literal.value {
        Value::List(pair) => {
            pair.len() == 2 && pair.iter().all(|part| matches!(part.value, Value::Integer(_)))
        }
        _ => false,
    };
    let is_cell = |literal: &Literal| match &literal.value {
        Value::List(pairs) => !pairs.is_empty() && pairs.iter().all(is_pair),
        _ => false,
    };
    elements.len() == 2 && elements.iter().all(is_cell)
}

/// A cell of NAS-Bench-201 as six numbers of operations, or two of DARTS as pairs of an input and
/// the number of an operation.
pub(super) fn naslib(scanner: &Scanner<'_>, literal: Literal) -> Result<Genotype, SpaceError> {
    let at = literal.at;
    let elements = list(scanner, literal)?;
    if is_darts(&elements) {
        return darts(scanner, elements).map(Genotype::Darts);
    }
    if elements.len() != NB201_EDGES.len() {
        let expected = "six operations of NAS-Bench-201, as (4, 0, 3, 1, 4, 3), or [normal, reduce] of (input, operation) each";
        return Err(scanner.error_at(at, expected));
    }
    let operations: Vec<&str> = elements
        .iter()
        .map(|element| operation(scanner, element, &NB201))
        .collect::<Result<_, _>>()?;
    let into = |state: usize| {
        let edges = NB201_EDGES.iter().zip(&operations);
        let edges = edges.filter(|((_, to), _)| *to == state);
        Node::add(edges.map(|((from, _), op)| ((*op).to_owned(), *from)))
    };
    let cell = Cell::new(1, (1..=3).map(into).collect(), vec![3])?;
    Ok(Genotype::Nb201(Nb201Genotype { cell }))
}

fn darts(scanner: &Scanner<'_>, cells: Vec<Literal>) -> Result<DartsGenotype, SpaceError> {
    let mut read = cells.into_iter().map(|cell| {
        let at = cell.at;
        let mut edges = Vec::new();
        for pair in list(scanner, cell)? {
            let pair = list(scanner, pair)?;
            edges.push((
                operation(scanner, &pair[1], &DARTS)?.to_owned(),
                state(scanner, &pair[0])?,
            ));
        }
        if !edges.len().is_multiple_of(2) {
            return Err(scanner.error_at(at, "an even number of edges, two for each node"));
        }
        let nodes: Vec<Node> = edges
            .chunks(2)
            .map(|pair| Node::add(pair.iter().cloned()))
            .collect();
        let output = (2..2 + nodes.len()).collect();
        Cell::new(2, nodes, output)
    });
    let missing = || SpaceError::parse("a compact list of NASLib", "it has fewer than two cells");
    Ok(DartsGenotype {
        normal: read.next().ok_or_else(missing)??,
        reduction: Some(read.next().ok_or_else(missing)??),
    })
}

fn operation<'a>(scanner: &Scanner<'_>, literal: &Literal, names: &[&'a str]) -> Result<&'a str, SpaceError> {
    let number = match literal.value {
        Value::Integer(number) => usize::try_from(number).ok(),
        _ => None,
    };
    number
        .and_then(|number| names.get(number).copied())
        .ok_or_else(|| {
            let most = names.len() - 1;
            scanner.error_at(literal.at, &format!("the number of an operation, 0 to {most}"))
        })
}
