use std::collections::BTreeSet;

use super::*;
use crate::nb101::MODULES;

/// A module by its matrix, written as rows of digits, and the operations of its inner vertices.
fn module(rows: &[&str], operations: &[usize]) -> Result<Module, SpaceError> {
    let matrix: Vec<Vec<u8>> = rows
        .iter()
        .map(|row| row.bytes().map(|digit| digit - b'0').collect())
        .collect();
    let mut labels = vec![INPUT];
    labels.extend(operations.iter().map(|&operation| NB101_OPERATIONS[operation]));
    labels.push(OUTPUT);
    Module::new(&matrix, &labels)
}

#[test]
fn the_order_of_vertices_and_those_without_effect_do_not_count() {
    let one = module(&["0110", "0001", "0001", "0000"], &[0, 2]).unwrap();
    let other = module(&["0110", "0001", "0001", "0000"], &[2, 0]).unwrap();
    let third = module(&["0110", "0001", "0001", "0000"], &[0, 1]).unwrap();
    // A vertex that leads nowhere, and ten edges of which one is on no path.
    let loose = module(&["01110", "00001", "00001", "00000", "00000"], &[0, 2, 1]).unwrap();
    assert_eq!(loose, one);
    assert_ne!(one, other);
    assert_eq!(one.canonical(), other.canonical());
    assert_eq!(one.hash(), other.hash());
    assert_ne!(third.canonical(), one.canonical());
    assert_ne!(third.hash(), one.hash());
    assert_eq!(one.canonical().canonical(), one.canonical());
    let bits = |module: &Module| {
        let choices = module.choices();
        Module::of_bits(choices[..21].iter().map(|&bit| bit == 1), &choices[21..])
    };
    assert_eq!(bits(&other).unwrap(), other);
}

/// The first and the last are rows of the benchmark's file, the best of all among them; the second
/// is the example of its manual.
#[test]
fn the_names_are_those_of_the_benchmark() {
    let inception = [
        "0111010", "0000001", "0000001", "0000100", "0000001", "0000001", "0000000",
    ];
    let best = [
        "0110011", "0000010", "0001000", "0000100", "0000010", "0000001", "0000000",
    ];
    for (rows, operations, name) in [
        (&best, [1, 0, 2, 0, 0], "02e5a0247bbdcf2860b7e96f74961594"),
        (&inception, [1, 0, 0, 0, 2], "28cfc7874f6d200472e1a9dcd8650aa0"),
    ] {
        let module = module(rows, &operations).unwrap();
        assert_eq!(module.hash(), name);
        assert_eq!(module.canonical().hash(), name);
    }
}

#[test]
fn channels_are_divided_as_in_the_benchmark() {
    // Three vertices share the output; the other one has as many as the widest that it leads to.
    let four = module(
        &["011000", "000110", "000001", "000001", "000001", "000000"],
        &[0, 0, 0, 0],
    );
    assert_eq!(four.unwrap().widths(128), [128, 43, 43, 43, 42, 128]);
    let direct = module(&["01", "00"], &[]).unwrap();
    assert_eq!(direct.widths(7), [7, 7]);
}

#[test]
fn what_is_no_module_is_refused_with_the_reason() {
    let path = vec![vec![0, 1, 0], vec![0, 0, 1], vec![0, 0, 0]];
    let conv = NB101_OPERATIONS[0];
    let with = |matrix: &[Vec<u8>], labels: &[&str]| Module::new(matrix, labels).unwrap_err().to_string();
    let changed = |row: usize, column: usize, value: u8| {
        let mut matrix = path.clone();
        matrix[row][column] = value;
        matrix
    };
    let good = [INPUT, conv, OUTPUT];
    assert!(Module::new(&path, &good).is_ok());
    let full: Vec<Vec<u8>> = (0..6)
        .map(|x| (0..6).map(|y| u8::from(x < y)).collect())
        .collect();
    let eight = vec![vec![0; 8]; 8];
    let long = "x".repeat(1000);
    for (error, named) in [
        (
            with(&path, &[conv, conv, OUTPUT]),
            "first operation is 'conv3x3-bn-relu'; expected 'input'",
        ),
        (
            with(&path, &[INPUT, conv, conv]),
            "last operation is 'conv3x3-bn-relu'; expected 'output'",
        ),
        (with(&path, &[OUTPUT, conv, INPUT]), "first operation is 'output'"),
        (
            with(&path, &[INPUT, INPUT, OUTPUT]),
            "no operation 'input' for vertex 1; expected conv3x3-bn-relu",
        ),
        (with(&path, &[INPUT, &long, OUTPUT]), "xxx…' for vertex 1"),
        (with(&path, &[INPUT, OUTPUT]), "3 rows and there are 2 operations"),
        (with(&path[..2], &[INPUT, OUTPUT]), "square"),
        (with(&[], &[]), "0 rows"),
        (with(&[vec![0]], &[INPUT]), "1 rows"),
        (with(&eight, &[INPUT; 8]), "2 to 7 vertices"),
        (with(&changed(1, 0, 1), &good), "below or on its diagonal"),
        (with(&changed(1, 1, 1), &good), "below or on its diagonal"),
        (with(&changed(0, 1, 2), &good), "numbers above 1"),
        (with(&changed(0, 1, 0), &good), "no path"),
        (
            with(&full, &[INPUT, conv, conv, conv, conv, OUTPUT]),
            "15 edges on paths from its input to its output; expected at most 9",
        ),
    ] {
        assert!(
            error.starts_with("this is not a module of NAS-Bench-101: "),
            "{error}"
        );
        assert!(error.contains(named) && error.len() < 300, "{named}: {error}");
    }
}

#[test]
fn the_text_round_trips_and_the_names_of_the_interface_are_read() {
    let module = module(&["0101", "0010", "0001", "0000"], &[0, 2]).unwrap();
    let text = serde_json::to_string(&module).unwrap();
    let ops = r#"["input","conv3x3-bn-relu","maxpool3x3","output"]"#;
    assert_eq!(
        text,
        format!(r#"{{"matrix":[[0,1,0,1],[0,0,1,0],[0,0,0,1],[0,0,0,0]],"ops":{ops}}}"#)
    );
    let other = text
        .replace("matrix", "module_adjacency")
        .replace("ops", "module_operations");
    for text in [text, other] {
        assert_eq!(serde_json::from_str::<Module>(&text).unwrap(), module);
    }
}

#[test]
fn any_edges_and_operations_stand_for_a_module() {
    let of = |edges: [usize; 21]| Module::of_any(edges.map(|bit| bit == 1), &[0, 1, 2, 0, 1]);
    assert_eq!(of([0; 21]), module(&["01", "00"], &[]).unwrap());
    // With the edges that are taken out go those that then lead nowhere.
    assert_eq!(of([1; 21]).edge_count(), 6);
    // What is a module stands for itself.
    let ten = module(
        &[
            "0110011", "0000010", "0001000", "0000100", "0000010", "0000001", "0000000",
        ],
        &[1; 5],
    );
    let choices = ten.as_ref().unwrap().choices();
    assert_eq!(
        Module::of_any(choices[..21].iter().map(|&bit| bit == 1), &choices[21..]),
        ten.unwrap()
    );
}

/// All matrices of up to five vertices with all operations: as many forms, and as many names, as
/// the benchmark has modules.
#[test]
fn small_modules_are_as_many_as_the_benchmark_has() {
    for (inner, &published) in MODULES[..4].iter().enumerate() {
        let vertices = inner + 2;
        let (mut forms, mut names) = (BTreeSet::new(), BTreeSet::new());
        for bits in 0..1_u32 << (vertices * (vertices - 1) / 2) {
            let mut edges = Matrix::default();
            for (place, (from, to)) in pairs(vertices).enumerate() {
                edges[from][to] = bits >> place & 1 == 1;
            }
            for code in 0..3_usize.pow(inner as u32) {
                let operations = (0..inner).map(|i| code / 3_usize.pow(i as u32) % 3).collect();
                let whole = Module { edges, operations };
                let module = whole.pruned().filter(|module| module.edge_count() <= MAX_EDGES);
                // One with a vertex that does nothing was counted among the smaller ones.
                if let Some(module) = module.filter(|module| module.vertices() == vertices)
                    && forms.insert(module.canonical().choices())
                {
                    names.insert(module.hash());
                }
            }
        }
        assert_eq!(
            (forms.len(), names.len()),
            (published as usize, published as usize),
            "{vertices} vertices"
        );
    }
}

/// All graphs of up to seven vertices: of each, the first of those that are the same up to the
/// order of the inner vertices, and the different ways to put three operations on it, by Burnside's
/// lemma.
#[test]
fn there_are_423_624_modules() {
    let mut total = 0;
    for (inner, &published) in MODULES.iter().enumerate() {
        let vertices = inner + 2;
        let all: Vec<(usize, usize)> = pairs(vertices).collect();
        let mut count = 0;
        for bits in 0..1_u32 << all.len() {
            if bits.count_ones() as usize > MAX_EDGES {
                continue;
            }
            let mut edges = Matrix::default();
            for (place, &(from, to)) in all.iter().enumerate() {
                edges[from][to] = bits >> place & 1 == 1;
            }
            let leads_on = (0..vertices - 1).all(|from| edges[from].contains(&true));
            let is_reached = (1..vertices).all(|to| (0..to).any(|from| edges[from][to]));
            if leads_on && is_reached {
                count += labelings(
                    &Module {
                        edges,
                        operations: vec![0; inner],
                    },
                    bits,
                    &all,
                );
            }
        }
        assert_eq!(count, published, "{vertices} vertices");
        total += count;
    }
    assert_eq!(total, 423_624);
}

/// Different ways to put operations on a graph that comes before all others it is the same as; 0
/// for the others.
fn labelings(module: &Module, bits: u32, all: &[(usize, usize)]) -> u32 {
    let last = module.vertices() - 1;
    let (mut fixed, mut symmetries, mut is_first) = (0, 0, true);
    order::each(module, &mut |order| {
        if !is_first {
            return;
        }
        let at = |vertex: usize| match vertex {
            0 => 0,
            _ if vertex == last => last,
            _ => order[vertex - 1],
        };
        let moved = all.iter().enumerate().fold(0_u32, |code, (place, &(from, to))| {
            code | u32::from(module.edges[at(from)][at(to)]) << place
        });
        is_first = moved >= bits;
        if moved == bits {
            symmetries += 1;
            let mut seen = [false; MAX_VERTICES];
            let mut cycles = 0;
            for start in 1..last {
                if !seen[start] {
                    cycles += 1;
                    let mut vertex = start;
                    while !seen[vertex] {
                        seen[vertex] = true;
                        vertex = at(vertex);
                    }
                }
            }
            fixed += 3_u32.pow(cycles);
        }
    });
    if is_first { fixed / symmetries } else { 0 }
}
