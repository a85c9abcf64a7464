//! GDAS: one operation an edge, drawn anew each step.
//!
//! With Gumbel noise g_eo = −ln E, E ~ Exp(1), and a temperature τ, p_e =
//! softmax((log_softmax(α_e) + g_e) / τ). The operation of the largest p_eo weighs 1 and all others
//! 0, so that it alone is computed; the gradient is taken as if the weights were p (straight
//! through). τ falls linearly over the epochs. In each turn the weights make their step before the
//! architecture.
//!
//! # Deviations
//! None. As in the authors' code, noise that gives no finite probabilities is drawn again, and the
//! gradient of a weight that is 0, that of `none` included, is that of a number added to the node
//! ([`Mixture`](nas_eval::supernet::Mixture)).
//!
//! # References
//! Xuanyi Dong, Yi Yang, "Searching for a Robust Neural Architecture in Four GPU Hours", CVPR 2019,
//! arXiv:1910.04465, section 3.2.

use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1};

use super::softmax::{in_place, rows, rows_back};
use super::{Mixed, Relaxation};
use crate::alphas::Alphas;
use crate::discretize::strongest;

/// Draws one operation an edge by the Gumbel-max trick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gumbel {
    /// Temperature of the first epoch, > 0.
    pub first_temperature: f64,
    /// Temperature of the last epoch, > 0.
    pub last_temperature: f64,
}

impl Gumbel {
    /// The temperature when this share of the search is done.
    fn temperature(&self, share: f64) -> f64 {
        self.first_temperature + (self.last_temperature - self.first_temperature) * share
    }
}

/// How often noise is drawn again before α itself is taken to be at fault.
const DRAWS: usize = 100;

impl Relaxation for Gumbel {
    fn name(&self) -> &'static str {
        "gdas"
    }

    fn weights_first(&self) -> bool {
        true
    }

    fn mix(&self, alphas: &Alphas, share: f64, rng: &mut ChaCha8Rng) -> Mixed {
        let temperature = self.temperature(share);
        let (mut weights, mut probabilities) = (Vec::new(), Vec::new());
        for table in &alphas.operations {
            let log = rows(table).mapv(f64::ln);
            let mut p = log.clone();
            for _ in 0..DRAWS {
                p = log.mapv(|value| {
                    let noise: f64 = Exp1.sample(rng);
                    (value - noise.ln()) / temperature
                });
                for row in p.rows_mut() {
                    in_place(row);
                }
                if p.iter().all(|value| value.is_finite()) {
                    break;
                }
            }
            weights.push(one_hot(&p));
            probabilities.push(p);
        }
        Mixed {
            weights,
            probabilities,
            rates: Vec::new(),
            temperature,
        }
    }

    fn expected(&self, alphas: &Alphas) -> Mixed {
        Mixed::certain(alphas.operations.iter().map(one_hot).collect())
    }

    fn pull_back(&self, alphas: &Alphas, mixed: &Mixed, gradient: &[Array2<f64>]) -> Alphas {
        let mut operations = Vec::new();
        for ((table, p), gradient) in alphas.operations.iter().zip(&mixed.probabilities).zip(gradient) {
            let for_log = rows_back(p, gradient) / mixed.temperature;
            // Through the logarithm of the softmax: g − softmax · Σ g.
            let softmax = rows(table);
            let mut result = for_log.clone();
            for (i, mut row) in result.rows_mut().into_iter().enumerate() {
                let sum = for_log.row(i).sum();
                for (entry, softmax) in row.iter_mut().zip(softmax.row(i)) {
                    *entry -= softmax * sum;
                }
            }
            operations.push(result);
        }
        Alphas {
            operations,
            edges: Vec::new(),
        }
    }

    fn strengths(&self, alphas: &Alphas) -> Vec<Array2<f64>> {
        alphas.operations.iter().map(rows).collect()
    }
}

/// Exactly 1 at the largest entry of each row (the first of equals), exactly 0 elsewhere.
fn one_hot(table: &Array2<f64>) -> Array2<f64> {
    let mut result = Array2::zeros(table.dim());
    for (i, row) in table.rows().into_iter().enumerate() {
        if let Some(column) = strongest(row.iter().copied().enumerate()) {
            result[[i, column]] = 1.0;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relaxation::gradient_check::alphas;
    use nas_space::seed::Seed;
    use nas_space::spaces::nb201;

    const GUMBEL: Gumbel = Gumbel {
        first_temperature: 10.0,
        last_temperature: 0.1,
    };

    #[test]
    fn the_temperature_falls_linearly() {
        for (share, expected) in [(0.0, 10.0), (0.5, 5.05), (1.0, 0.1)] {
            assert!((GUMBEL.temperature(share) - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn one_operation_an_edge_is_drawn_and_the_same_again_from_the_same_stream() {
        let cells = nb201().relaxed().unwrap();
        let alphas = alphas(&cells, false);
        let draw = |seed| GUMBEL.mix(&alphas, 0.3, &mut Seed::new(seed).rng());
        let mixed = draw(1);
        for (row, p) in mixed.weights[0]
            .rows()
            .into_iter()
            .zip(mixed.probabilities[0].rows())
        {
            assert_eq!(row.iter().filter(|&&weight| weight == 1.0).count(), 1);
            assert_eq!(row.sum(), 1.0);
            let chosen = row.iter().position(|&weight| weight == 1.0).unwrap();
            assert!(p.iter().all(|&other| other <= p[chosen]));
            assert!((p.sum() - 1.0).abs() < 1e-12);
        }
        assert_eq!(draw(1).weights, mixed.weights);
        assert_ne!(draw(2).probabilities, mixed.probabilities);
    }

    /// The Gumbel-max trick: at any temperature, an operation is drawn as often as its softmax
    /// says.
    #[test]
    fn operations_are_drawn_as_often_as_the_softmax_says() {
        let cells = nb201().relaxed().unwrap();
        let mut alphas = Alphas::zeros(&cells, false);
        for (column, value) in [1.0, -1.0, 0.5, 0.0, 2.0].into_iter().enumerate() {
            alphas.operations[0][[0, column]] = value;
        }
        let mut rng = Seed::new(5).rng();
        let draws = 20_000;
        let mut counts = [0.0; 5];
        for _ in 0..draws {
            let mixed = GUMBEL.mix(&alphas, 0.9, &mut rng);
            for (count, weight) in counts.iter_mut().zip(mixed.weights[0].row(0)) {
                *count += weight;
            }
        }
        let expected = GUMBEL.strengths(&alphas);
        for (count, p) in counts.iter().zip(expected[0].row(0)) {
            let deviation = (p * (1.0 - p) / f64::from(draws)).sqrt();
            let share = count / f64::from(draws);
            assert!((share - p).abs() < 4.0 * deviation, "{share}, expected {p}");
        }
    }

    /// With the noise held fixed, as it is within a step.
    #[test]
    fn gradients_are_those_of_the_probabilities() {
        let cells = nb201().relaxed().unwrap();
        let alphas = alphas(&cells, false);
        let at = |alphas: &Alphas| GUMBEL.mix(alphas, 0.6, &mut Seed::new(3).rng());
        let mixed = at(&alphas);
        let up = Array2::from_shape_fn((6, 5), |(row, column)| ((row * 5 + column) as f64).cos());
        let got = GUMBEL.pull_back(&alphas, &mixed, std::slice::from_ref(&up));
        let value = |alphas: &Alphas| (&at(alphas).probabilities[0] * &up).sum();
        let h = 1e-6;
        for row in 0..6 {
            for column in 0..5 {
                let moved = |by: f64| {
                    let mut moved = alphas.clone();
                    moved.operations[0][[row, column]] += by;
                    value(&moved)
                };
                let measured = (moved(h) - moved(-h)) / (2.0 * h);
                let got = got.operations[0][[row, column]];
                assert!((measured - got).abs() < 1e-7, "{got} {measured}");
            }
        }
    }

    /// One edge of two operations by hand, p = (1/4, 3/4) at τ = 2. For the weights' gradient g =
    /// (0, 1), that of α is p_o (g_o − Σ p g) / τ = (1/4 · (−3/4), 3/4 · 1/4) / 2 = (−3/32, 3/32),
    /// from whose sum, 0, the logarithm of the softmax takes nothing.
    #[test]
    fn an_operation_that_is_not_drawn_learns_by_the_gradient_of_its_weight() {
        let alphas = Alphas {
            operations: vec![ndarray::array![[0.25_f64.ln(), 0.75_f64.ln()]]],
            edges: Vec::new(),
        };
        let mixed = Mixed {
            weights: vec![ndarray::array![[0.0, 1.0]]],
            probabilities: vec![ndarray::array![[0.25, 0.75]]],
            rates: Vec::new(),
            temperature: 2.0,
        };
        for (gradient, expected) in [
            ([0.0, 1.0], [-3.0 / 32.0, 3.0 / 32.0]),
            // The operation not drawn alone has a gradient: the other learns the opposite.
            ([1.0, 0.0], [3.0 / 32.0, -3.0 / 32.0]),
        ] {
            let up = ndarray::array![[gradient[0], gradient[1]]];
            let got = GUMBEL.pull_back(&alphas, &mixed, &[up]);
            for (got, expected) in got.iter().zip(expected) {
                assert!((got - expected).abs() < 1e-15, "{got} {expected}");
            }
        }
    }

    #[test]
    fn without_chance_the_largest_alpha_is_taken() {
        let cells = nb201().relaxed().unwrap();
        let mut alphas = Alphas::zeros(&cells, false);
        alphas.operations[0][[2, 3]] = 0.1;
        let weights = &GUMBEL.expected(&alphas).weights[0];
        assert_eq!(weights[[2, 3]], 1.0);
        assert_eq!(weights.column(0).sum(), 5.0, "of equals the first one");
    }
}
