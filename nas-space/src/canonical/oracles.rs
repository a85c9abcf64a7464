//! Canonical ids against brute force and against published counts.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{CanonicalCell, CanonicalId, CellStride, canonical_form, canonical_id};
use crate::cell::{Cell, Combine, Node};
use crate::genotype::{DartsGenotype, Genotype, Nb201Genotype};
use crate::op::Operations;
use crate::seed::Seed;

fn form(cell: &Cell) -> CanonicalCell {
    canonical_form(cell, &Operations::standard(), CellStride::Two)
}

/// Few operations and sources, so that ties and symmetries are common.
fn random_cell(rng: &mut ChaCha8Rng, ops: &[&str], most_nodes: usize) -> Cell {
    let inputs = rng.random_range(1..=2);
    let count = rng.random_range(1..=most_nodes);
    let nodes: Vec<Node> = (0..count)
        .map(|i| {
            let edges: Vec<(&str, usize)> = (0..rng.random_range(1..=2))
                .map(|_| {
                    (
                        ops[rng.random_range(0..ops.len())],
                        rng.random_range(0..inputs + i),
                    )
                })
                .collect();
            let combine = if rng.random_range(0..8) == 0 {
                Combine::Concat
            } else {
                Combine::Add
            };
            Node {
                combine,
                ..Node::add(edges)
            }
        })
        .collect();
    let mut output: Vec<usize> = (inputs..inputs + count).filter(|_| rng.random()).collect();
    if output.is_empty() {
        output.push(inputs + count - 1);
    }
    Cell::new(inputs, nodes, output).unwrap()
}

/// The cell with inner state `i` (counted from the inputs) moved to place `place[i]`; `None` where
/// a state would then come before one that it reads.
fn relabelled(cell: &Cell, place: &[usize]) -> Option<(usize, Vec<Node>, Vec<usize>)> {
    let inputs = cell.inputs();
    let renamed = |state: usize| state.checked_sub(inputs).map_or(state, |i| inputs + place[i]);
    let mut nodes = vec![Node::add::<String>([]); cell.len()];
    for (i, mut node) in cell.nodes().into_iter().enumerate() {
        for (_, from) in &mut node.edges {
            *from = renamed(*from);
        }
        if node.edges.iter().any(|&(_, from)| from >= inputs + place[i]) {
            return None;
        }
        nodes[place[i]] = node;
    }
    Some((
        inputs,
        nodes,
        cell.output().iter().map(|&state| renamed(state)).collect(),
    ))
}

#[test]
fn relabelling_never_changes_the_form() {
    let ops = [
        "sep_conv_3x3",
        "sep_conv_3x3",
        "max_pool_3x3",
        "skip_connect",
        "none",
    ];
    let mut rng = Seed::new(1).rng();
    let mut moved = 0;
    for _ in 0..3_000 {
        let cell = random_cell(&mut rng, &ops, 7);
        let mut place: Vec<usize> = (0..cell.len()).collect();
        let sound = (0..20).find_map(|_| {
            place.shuffle(&mut rng);
            relabelled(&cell, &place)
        });
        let Some((inputs, mut nodes, mut output)) = sound else {
            continue;
        };
        for node in &mut nodes {
            node.edges.shuffle(&mut rng);
        }
        output.shuffle(&mut rng);
        let other = Cell::new(inputs, nodes, output).unwrap();
        moved += usize::from(other != cell);
        for stride in [CellStride::One, CellStride::Two] {
            let operations = Operations::standard();
            assert_eq!(
                canonical_form(&cell, &operations, stride),
                canonical_form(&other, &operations, stride)
            );
        }
    }
    assert!(moved > 1_000, "only {moved} cells were really relabelled");
}

/// All sound ways to write a cell down, the smallest of which is canonical by definition.
fn smallest_relabelling(cell: &Cell) -> String {
    let mut best: Option<String> = None;
    let mut place: Vec<usize> = (0..cell.len()).collect();
    permute(&mut place, 0, &mut |place| {
        if let Some((inputs, mut nodes, mut output)) = relabelled(cell, place) {
            nodes.iter_mut().for_each(|node| node.edges.sort());
            output.sort_unstable();
            let text = format!("{inputs} {nodes:?} {output:?}");
            if best.as_ref().is_none_or(|best| text < *best) {
                best = Some(text);
            }
        }
    });
    best.unwrap()
}

fn permute(items: &mut Vec<usize>, from: usize, visit: &mut impl FnMut(&[usize])) {
    if from == items.len() {
        visit(items);
    }
    for i in from..items.len() {
        items.swap(from, i);
        permute(items, from + 1, visit);
        items.swap(from, i);
    }
}

#[test]
fn forms_are_equal_exactly_where_brute_force_finds_an_isomorphism() {
    // Only operations that compute, and everything in use, so that isomorphism is all that counts.
    let mut rng = Seed::new(2).rng();
    let mut by_form: BTreeMap<String, String> = BTreeMap::new();
    let mut smallest_seen = BTreeSet::new();
    for _ in 0..4_000 {
        let drawn = random_cell(&mut rng, &["sep_conv_3x3"], 6);
        let operations = Operations::standard();
        let mut nodes = drawn.pruned(&operations).nodes();
        for node in &mut nodes {
            if node.edges.len() == 1 {
                node.combine = Combine::Add;
            }
        }
        let output = drawn.pruned(&operations).output().to_vec();
        let cell = Cell::new(drawn.inputs(), nodes, output).unwrap();
        let smallest = smallest_relabelling(&cell);
        let key = format!("{} {}", cell.inputs(), form(&cell));
        let known = by_form.entry(key).or_insert_with(|| smallest.clone());
        assert_eq!(*known, smallest, "one form for two graphs: {:?}", cell.nodes());
        smallest_seen.insert(smallest);
    }
    assert_eq!(by_form.len(), smallest_seen.len());
    assert!(
        by_form.len() > 500 && by_form.len() < 3_500,
        "{} classes",
        by_form.len()
    );
}

/// Two layers of nodes, each node of the second reading two of the first along cycles of these
/// lengths.
fn cycles(lengths: &[usize]) -> Cell {
    let count: usize = lengths.iter().sum();
    let mut nodes = vec![Node::add([("sep_conv_3x3", 0)]); count];
    let mut start = 0;
    for &length in lengths {
        for i in 0..length {
            let sources = [1 + start + i, 1 + start + (i + 1) % length];
            nodes.push(Node::add(sources.map(|source| ("max_pool_3x3", source))));
        }
        start += length;
    }
    Cell::new(1, nodes, (1 + count..1 + 2 * count).collect()).unwrap()
}

#[test]
fn graphs_that_colour_refinement_cannot_tell_apart_get_different_forms() {
    assert_ne!(form(&cycles(&[8])), form(&cycles(&[4, 4])));
    assert_ne!(form(&cycles(&[3, 5])), form(&cycles(&[4, 4])));
    assert_eq!(form(&cycles(&[3, 5])), form(&cycles(&[5, 3])));
}

/// Without pruning by symmetries this would take 14! steps.
#[test]
fn symmetric_cells_are_settled_at_once() {
    let chains = 14;
    let mut nodes = vec![Node::add([("sep_conv_3x3", 0)]); chains];
    nodes.extend((0..chains).map(|i| Node::add([("max_pool_3x3", 1 + i)])));
    let parallel = Cell::new(1, nodes, (1 + chains..1 + 2 * chains).collect()).unwrap();
    assert_eq!(form(&parallel).nodes().len(), 2 * chains);
    let twins = vec![Node::add([("sep_conv_3x3", 0)]); 40];
    let twins = Cell::new(1, twins, (1..41).collect()).unwrap();
    assert_eq!(form(&twins).nodes().len(), 40);
    assert_eq!(form(&cycles(&[10, 10])).nodes().len(), 40);
}

/// A PNAS cell: blocks of (input, operation) twice, the output concatenating what no block reads.
fn pnas_cell(blocks: &[[(usize, usize); 2]]) -> Cell {
    const OPS: [&str; 8] = [
        "sep_conv_3x3",
        "sep_conv_5x5",
        "sep_conv_7x7",
        "conv_7x1_1x7",
        "skip_connect",
        "avg_pool_3x3",
        "max_pool_3x3",
        "dil_dense_3x3",
    ];
    let nodes = blocks
        .iter()
        .map(|block| Node::add(block.map(|(from, op)| (OPS[op], from))));
    let unread = |state: usize| !blocks.iter().flatten().any(|&(from, _)| from == state);
    let output = (2..2 + blocks.len()).filter(|&state| unread(state)).collect();
    Cell::new(2, nodes.collect(), output).unwrap()
}

fn pnas_blocks(states: usize) -> Vec<[(usize, usize); 2]> {
    let halves: Vec<(usize, usize)> = (0..states)
        .flat_map(|from| (0..8).map(move |op| (from, op)))
        .collect();
    let pairs = |&first: &(usize, usize)| {
        halves
            .iter()
            .map(move |&second| [first, second])
            .collect::<Vec<_>>()
    };
    halves.iter().flat_map(pairs).collect()
}

fn pnas_id(blocks: &[[(usize, usize); 2]]) -> CanonicalId {
    let genotype = Genotype::Darts(DartsGenotype {
        normal: pnas_cell(blocks),
        reduction: None,
    });
    canonical_id(&genotype, &Operations::standard())
}

/// Liu et al. 2018, arXiv 1712.00559, section 3.1: 256 cells of one block, 136 of them different.
#[test]
fn progressive_search_has_136_cells_of_one_block() {
    let blocks = pnas_blocks(2);
    assert_eq!(blocks.len(), 256);
    let unique: HashSet<CanonicalId> = blocks.iter().map(|&block| pnas_id(&[block])).collect();
    assert_eq!(unique.len(), 136);
}

#[test]
fn progressive_search_has_31_620_cells_of_two_blocks() {
    let (first, second) = (pnas_blocks(2), pnas_blocks(3));
    assert_eq!(first.len() * second.len(), 147_456);
    let mut unordered = HashSet::new();
    let mut unique = HashSet::new();
    for &a in &first {
        for &b in &second {
            let mut sorted = [a, b];
            sorted.iter_mut().for_each(|block| block.sort_unstable());
            unordered.insert(sorted);
            unique.insert(pnas_id(&[a, b]));
        }
    }
    assert_eq!(unordered.len(), 40_800);
    assert_eq!(unique.len(), 31_620);
}

const NB201_OPS: [&str; 5] = [
    "none",
    "skip_connect",
    "nor_conv_1x1",
    "nor_conv_3x3",
    "avg_pool_3x3",
];

/// Operations of the edges 0→1, 0→2, 1→2, 0→3, 1→3, 2→3 of every cell of NAS-Bench-201.
fn nb201_cells() -> impl Iterator<Item = [&'static str; 6]> {
    (0..15_625_usize)
        .map(|number| std::array::from_fn(|edge| NB201_OPS[number / 5_usize.pow(edge as u32) % 5]))
}

fn nb201_cell(ops: &[&str; 6]) -> Cell {
    let nodes = vec![
        Node::add([(ops[0], 0)]),
        Node::add([(ops[1], 0), (ops[2], 1)]),
        Node::add([(ops[3], 0), (ops[4], 1), (ops[5], 2)]),
    ];
    Cell::new(1, nodes, vec![3]).unwrap()
}

/// What an expression string makes of zeros.
#[derive(Clone, Copy, PartialEq)]
enum Zeros {
    /// `none` is an operation like any other.
    Opaque,
    /// A term that is zero is written `#`.
    Marked,
    /// A term that is zero is left out, and so are sums that are zero altogether.
    Dropped,
}

/// A cell as the expression its output is: skips are left out, sums are sorted (the authors'
/// `to_unique_str` for the first two ways to treat zeros).
fn expression(ops: &[&str; 6], zeros: Zeros) -> String {
    let mut states = vec!["0".to_owned()];
    for sources in [&[(0, 0)][..], &[(1, 0), (2, 1)], &[(3, 0), (4, 1), (5, 2)]] {
        let mut terms: Vec<String> = Vec::new();
        for &(edge, from) in sources {
            let source = &states[from];
            let is_zero = ops[edge] == "none" || source == "#";
            terms.push(match ops[edge] {
                _ if is_zero && zeros == Zeros::Marked => "#".to_owned(),
                _ if is_zero && zeros == Zeros::Dropped => continue,
                "skip_connect" => source.clone(),
                op => format!("({source})@{op}"),
            });
        }
        terms.sort();
        let sum = if terms.is_empty() {
            "#".to_owned()
        } else {
            terms.join("+")
        };
        states.push(sum);
    }
    states.remove(3)
}

/// 15,625 cells; 12,751 and 6,466 distinct by the authors' two expression strings (Dong & Yang
/// 2020, arXiv 2001.00326); 5,390 where zero terms are dropped.
#[test]
fn expression_strings_of_nas_bench_201_give_the_published_counts() {
    for (zeros, count) in [
        (Zeros::Opaque, 12_751),
        (Zeros::Marked, 6_466),
        (Zeros::Dropped, 5_390),
    ] {
        let distinct: HashSet<String> = nb201_cells().map(|ops| expression(&ops, zeros)).collect();
        assert_eq!(distinct.len(), count);
    }
}

/// Graphs are finer than the 5,390 expressions, for two reasons. An expression forgets whether two
/// equal terms are one node read twice, which shares its weights, or two nodes, which do not. And
/// it writes a sum within a sum as one sum, where the graph keeps the node in between. Equal ids
/// always mean equal expressions. All cells without a path to the output are one.
#[test]
fn nas_bench_201_has_6_985_distinct_graphs() {
    let mut expressions: BTreeMap<CanonicalId, String> = BTreeMap::new();
    let mut unconnected = HashSet::new();
    for ops in nb201_cells() {
        let genotype = Genotype::Nb201(Nb201Genotype {
            cell: nb201_cell(&ops),
        });
        let id = canonical_id(&genotype, &Operations::standard());
        let text = expression(&ops, Zeros::Dropped);
        if text == "#" {
            unconnected.insert(id);
        }
        let known = expressions.entry(id).or_insert_with(|| text.clone());
        assert_eq!(*known, text);
    }
    assert_eq!(unconnected.len(), 1);
    assert_eq!(expressions.len(), 6_985);

    let id = |ops: [&str; 6]| {
        let genotype = Genotype::Nb201(Nb201Genotype {
            cell: nb201_cell(&ops),
        });
        canonical_id(&genotype, &Operations::standard())
    };
    let (conv, pool, skip, none) = ("nor_conv_3x3", "avg_pool_3x3", "skip_connect", "none");
    let read_twice = [conv, none, skip, none, skip, skip];
    let computed_twice = [conv, conv, none, none, skip, skip];
    let nested_sum = [conv, none, none, pool, skip, none];
    let flat_sum = [skip, conv, pool, none, none, skip];
    for (one, other) in [(read_twice, computed_twice), (nested_sum, flat_sum)] {
        assert_eq!(
            expression(&one, Zeros::Dropped),
            expression(&other, Zeros::Dropped)
        );
        assert_ne!(id(one), id(other));
    }
}
