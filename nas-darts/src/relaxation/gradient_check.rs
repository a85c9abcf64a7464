//! What the tests of all relaxations share.

use nas_space::seed::Seed;
use nas_space::spaces::RelaxedCell;
use ndarray::Array2;

use super::{Mixed, Relaxation};
use crate::alphas::Alphas;

/// Architecture parameters of a good size, the same at each call.
pub(super) fn alphas(cells: &[RelaxedCell], weighs_edges: bool) -> Alphas {
    Alphas::random(cells, weighs_edges, 0.8, Seed::new(11)).unwrap()
}

/// Compares the gradients of a relaxation that leaves nothing to chance with central differences of
/// a linear function of its weights.
pub(super) fn assert_gradients_are_differences(relaxation: &dyn Relaxation, cells: &[RelaxedCell]) {
    assert_differences(relaxation, cells, |alphas| {
        relaxation.mix(alphas, 0.5, &mut Seed::new(1).rng())
    });
}

/// The same of weights that `mixed` makes without chance.
pub(super) fn assert_differences(
    relaxation: &dyn Relaxation,
    cells: &[RelaxedCell],
    mixed: impl Fn(&Alphas) -> Mixed,
) {
    let alphas = alphas(cells, relaxation.weighs_edges());
    let start = mixed(&alphas);
    let up: Vec<Array2<f64>> = start
        .weights
        .iter()
        .enumerate()
        .map(|(i, table)| Array2::from_shape_fn(table.dim(), |(r, c)| ((i * 100 + r * 9 + c) as f64).cos()))
        .collect();
    let value = |alphas: &Alphas| -> f64 {
        let weights = mixed(alphas).weights;
        weights.iter().zip(&up).map(|(w, up)| (w * up).sum()).sum()
    };
    let got = relaxation.pull_back(&alphas, &start, &up);
    assert_eq!(got.iter().count(), alphas.iter().count());
    let h = 1e-6;
    for (i, got) in got.iter().enumerate() {
        let moved = |by: f64| {
            let mut moved = alphas.clone();
            if let Some(entry) = moved.iter_mut().nth(i) {
                *entry += by;
            }
            value(&moved)
        };
        let measured = (moved(h) - moved(-h)) / (2.0 * h);
        assert!((measured - got).abs() < 1e-8, "{i}: {got} {measured}");
    }
}
