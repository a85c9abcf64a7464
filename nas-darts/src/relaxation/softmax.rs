//! DARTS' own relaxation: a softmax over the operations of each edge.
//!
//! Operation o on edge e weighs exp(α_eo) / Σ_o' exp(α_eo').
//!
//! # Deviations
//! None.
//!
//! # References
//! Hanxiao Liu, Karen Simonyan, Yiming Yang, "DARTS: Differentiable Architecture Search", ICLR
//! 2019, arXiv:1806.09055, section 2.2.

use ndarray::{Array2, ArrayView1, ArrayViewMut1};
use rand_chacha::ChaCha8Rng;

use super::{Mixed, Relaxation};
use crate::alphas::Alphas;

/// Weighs operations by a softmax over those of their edge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Softmax;

impl Relaxation for Softmax {
    fn name(&self) -> &'static str {
        "darts"
    }

    fn mix(&self, alphas: &Alphas, _share: f64, _rng: &mut ChaCha8Rng) -> Mixed {
        Mixed::certain(self.strengths(alphas))
    }

    fn pull_back(&self, _alphas: &Alphas, mixed: &Mixed, gradient: &[Array2<f64>]) -> Alphas {
        let tables = mixed.weights.iter().zip(gradient);
        Alphas {
            operations: tables.map(|(p, g)| rows_back(p, g)).collect(),
            edges: Vec::new(),
        }
    }

    fn strengths(&self, alphas: &Alphas) -> Vec<Array2<f64>> {
        alphas.operations.iter().map(rows).collect()
    }
}

/// The softmax of each row.
pub(super) fn rows(table: &Array2<f64>) -> Array2<f64> {
    let mut result = table.clone();
    for row in result.rows_mut() {
        in_place(row);
    }
    result
}

/// Replaces values by their softmax; the largest one is taken off first, so that none is too large
/// for its exponential.
pub(super) fn in_place(mut values: ArrayViewMut1<'_, f64>) {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.mapv_inplace(|value| (value - largest).exp());
    let sum = values.sum();
    values.mapv_inplace(|value| value / sum);
}

/// The gradient of what the softmax `p` was taken of, from that of `p`.
pub(super) fn back(p: &ArrayView1<'_, f64>, gradient: &ArrayView1<'_, f64>) -> Vec<f64> {
    let mean: f64 = p.iter().zip(gradient).map(|(p, g)| p * g).sum();
    p.iter().zip(gradient).map(|(p, g)| p * (g - mean)).collect()
}

/// [`back`] for each row.
pub(super) fn rows_back(p: &Array2<f64>, gradient: &Array2<f64>) -> Array2<f64> {
    let mut result = Array2::zeros(p.dim());
    for (i, mut row) in result.rows_mut().into_iter().enumerate() {
        for (entry, value) in row.iter_mut().zip(back(&p.row(i), &gradient.row(i))) {
            *entry = value;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relaxation::gradient_check::{alphas, assert_gradients_are_differences};
    use nas_space::seed::Seed;
    use nas_space::spaces::darts;

    #[test]
    fn rows_are_probabilities_in_the_order_of_alpha() {
        let cells = darts().relaxed().unwrap();
        let alphas = alphas(&cells, false);
        let mixed = Softmax.mix(&alphas, 0.0, &mut Seed::new(0).rng());
        assert_eq!(mixed.weights.len(), 2);
        for (weights, alpha) in mixed.weights.iter().zip(&alphas.operations) {
            for (weights, alpha) in weights.rows().into_iter().zip(alpha.rows()) {
                assert!((weights.sum() - 1.0).abs() < 1e-12);
                let ratio = (weights[3] / weights[5]).ln();
                assert!((ratio - (alpha[3] - alpha[5])).abs() < 1e-12);
            }
        }
        let mut huge = Alphas::zeros(&cells, false);
        huge.operations[0][[0, 1]] = 1e4;
        assert_eq!(Softmax.strengths(&huge)[0][[0, 1]], 1.0);
    }

    #[test]
    fn gradients_are_the_finite_differences() {
        assert_gradients_are_differences(&Softmax, &darts().relaxed().unwrap());
    }
}
