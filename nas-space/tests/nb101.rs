//! NAS-Bench-101 against the benchmark's own figures.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::read::GzDecoder;
use nas_space::canonical::canonical_id;
use nas_space::genotype::Genotype;
use nas_space::nb101::{INPUT, Module, NB101_OPERATIONS, OUTPUT};
use nas_space::network::NetworkConfig;
use nas_space::op::Operations;

/// Which rows are looked at: every so many-th.
const STEP: usize = 211;

/// The module whose edge from x to y is bit x + y (y − 1) / 2, with these digits as its operations.
fn module(vertices: usize, bits: u32, operations: &str) -> Module {
    let edge = |x: usize, y: usize| x < y && bits >> (x + y * (y - 1) / 2) & 1 == 1;
    let matrix: Vec<Vec<u8>> = (0..vertices)
        .map(|x| (0..vertices).map(|y| u8::from(y > 0 && edge(x, y))).collect())
        .collect();
    let mut labels = vec![INPUT];
    labels.extend(
        operations
            .bytes()
            .map(|digit| NB101_OPERATIONS[usize::from(digit - b'0')]),
    );
    labels.push(OUTPUT);
    Module::new(&matrix, &labels).unwrap()
}

#[test]
fn names_and_sizes_are_those_of_the_file() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/nb101/nb101_test108.csv.gz");
    let Ok(file) = File::open(&path) else {
        println!("skipped: there is no {}", path.display());
        return;
    };
    let operations = Operations::standard();
    let config = NetworkConfig {
        channels: 128,
        cells: 3,
        ..NetworkConfig::default()
    };
    let (mut rows, mut ids) = (0, HashSet::new());
    for line in BufReader::new(GzDecoder::new(file)).lines().skip(1).step_by(STEP) {
        let line = line.unwrap();
        let fields: Vec<&str> = line.split(',').collect();
        let vertices: usize = fields[1].parse().unwrap();
        let module = module(vertices, fields[2].parse().unwrap(), fields[3]);
        assert_eq!(module.vertices(), vertices, "{line}");
        assert_eq!(module.hash(), fields[0], "{line}");
        let genotype = Genotype::Nb101(module);
        let network = genotype.network(&operations, &config).unwrap();
        assert_eq!(network.cost().params, fields[4].parse::<u64>().unwrap(), "{line}");
        assert!(ids.insert(canonical_id(&genotype, &operations)), "{line}");
        rows += 1;
    }
    assert_eq!(rows, 423_624_usize.div_ceil(STEP));
}
