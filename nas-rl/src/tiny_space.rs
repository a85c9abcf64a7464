//! Small spaces for tests, and outcomes.

use nas_space::arch::Architecture;
use nas_space::spaces::{ChainConfig, ChainSpace, Space};
pub(crate) use nas_space::testing::{TinySpace, outcome};

/// A chain of layers, each of height 1 or 3, with skip connections: 2 architectures of one layer, 8
/// of two, 64 of three.
pub(crate) fn tiny_chain(layers: usize) -> ChainSpace {
    ChainSpace::new(ChainConfig {
        layers,
        filter_heights: vec![1, 3],
        filter_widths: vec![3],
        filters: vec![8],
        ..ChainConfig::default()
    })
    .unwrap()
}

/// Layers with an operation, and then skip connections: decisions alone.
pub(crate) fn tiny_macro(layers: usize) -> TinySpace {
    let mut kinds = Vec::new();
    for layer in 0..layers {
        kinds.push(("operation", 6));
        kinds.extend(vec![("skip", 2); layer]);
    }
    TinySpace::new(&kinds)
}

/// All combinations of options of the first `choices` decisions of a space.
pub(crate) fn all(space: &dyn Space, choices: usize) -> Vec<Architecture> {
    let mut all = vec![Vec::new()];
    for decision in &space.decisions()[..choices] {
        let longer = |start: &Vec<usize>, option: usize| [start.as_slice(), &[option]].concat();
        all = all
            .iter()
            .flat_map(|start| (0..decision.options.len()).map(move |option| longer(start, option)))
            .collect();
    }
    all.into_iter().map(Architecture::new).collect()
}
