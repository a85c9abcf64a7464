//! DrNAS: the weights of each edge are a draw from a Dirichlet distribution, anew each step.
//!
//! The concentrations of edge e are c_eo = elu(α_eo) + 1 > 0: with α = 0, all weights that sum to 1
//! are equally likely. The gradient goes through the draw with the quantile of each component held
//! fixed: dx_j/dc_i = r_i (δ_ij − x_j), with r_i from the Beta distribution of x_i
//! (`beta.rs`), as in PyTorch's `Dirichlet.rsample`. A supernet is evaluated, and an architecture
//! read off, at the mean c_eo / Σ_o' c_eo'.
//!
//! The search keeps the distributions from running away by one of two terms. By default it is the
//! weight decay 1e-3 of α in Adam, the L2 distance from the symmetric distribution, as in the
//! authors' searches. With `kl_weight` λ > 0 the loss of the architecture has, in addition,
//! λ Σ_e KL(Dirichlet(c_e) ‖ Dirichlet(1)); the authors' code then sets the weight decay to 0.
//!
//! # Deviations
//! The supernet is evaluated at the mean; the authors' code draws there too. In the space of DARTS
//! the authors leave `none` out of the supernet; here it has a weight as in DARTS, and is not read
//! off. The progressive scheme (partial channels, pruned operations) is not here.
//!
//! # References
//! Xiangning Chen, Ruochen Wang, Minhao Cheng, Xiaocheng Tang, Cho-Jui Hsieh, "DrNAS: Dirichlet
//! Neural Architecture Search", ICLR 2021, arXiv:2006.10355, and the authors' code.

use ndarray::{Array1, Array2, ArrayView1};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, Gamma};

use super::beta::{rate, trigamma};
use super::softmax::in_place;
use super::{Mixed, Relaxation};
use crate::alphas::Alphas;

/// Draws the weights of each edge from a Dirichlet distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dirichlet {
    /// λ, the weight of the divergence from the symmetric distribution; ≥ 0.
    pub kl_weight: f64,
}

impl Relaxation for Dirichlet {
    fn name(&self) -> &'static str {
        "drnas"
    }

    fn mix(&self, alphas: &Alphas, _share: f64, rng: &mut ChaCha8Rng) -> Mixed {
        let concentrations = || alphas.operations.iter().map(|table| table.mapv(concentration));
        let weights: Vec<Array2<f64>> = concentrations().map(|table| drawn(&table, rng)).collect();
        let tables = concentrations().zip(&weights);
        Mixed {
            rates: tables.map(|(table, drawn)| rates(&table, drawn)).collect(),
            ..Mixed::certain(weights)
        }
    }

    /// The mean. How it follows its concentrations has the same form as for a draw, with
    /// r = 1 / Σ c.
    fn expected(&self, alphas: &Alphas) -> Mixed {
        let of_mean = |table: &Array2<f64>| {
            let mut rates = table.mapv(concentration);
            for mut row in rates.rows_mut() {
                let sum = row.sum();
                row.fill(1.0 / sum);
            }
            rates
        };
        Mixed {
            rates: alphas.operations.iter().map(of_mean).collect(),
            ..Mixed::certain(self.strengths(alphas))
        }
    }

    fn pull_back(&self, alphas: &Alphas, mixed: &Mixed, gradient: &[Array2<f64>]) -> Alphas {
        let tables = mixed.weights.iter().zip(&mixed.rates).zip(gradient);
        let mut operations = Vec::new();
        for (table, ((weights, rates), gradient)) in alphas.operations.iter().zip(tables) {
            let against_mean = less_mean(gradient, weights);
            operations.push(against_mean * rates * table.mapv(slope));
        }
        Alphas {
            operations,
            edges: Vec::new(),
        }
    }

    fn regulariser(&self, alphas: &Alphas) -> Option<Alphas> {
        if self.kl_weight == 0.0 {
            return None;
        }
        let of_table = |table: &Array2<f64>| {
            let mut gradient = table.mapv(concentration);
            for mut row in gradient.rows_mut() {
                let of_row = divergence_gradient(&row.view());
                row.assign(&of_row);
            }
            gradient * table.mapv(slope) * self.kl_weight
        };
        Some(Alphas {
            operations: alphas.operations.iter().map(of_table).collect(),
            edges: Vec::new(),
        })
    }

    fn strengths(&self, alphas: &Alphas) -> Vec<Array2<f64>> {
        let mean = |table: &Array2<f64>| {
            let mut mean = table.mapv(concentration);
            for mut row in mean.rows_mut() {
                let sum = row.sum();
                row /= sum;
            }
            mean
        };
        alphas.operations.iter().map(mean).collect()
    }
}

/// elu(α) + 1.
fn concentration(alpha: f64) -> f64 {
    match alpha > 0.0 {
        true => alpha + 1.0,
        false => alpha.exp(),
    }
}

/// The derivative of [`concentration`].
fn slope(alpha: f64) -> f64 {
    match alpha > 0.0 {
        true => 1.0,
        false => alpha.exp(),
    }
}

/// A draw for each row: independent gamma variables, divided by their sum.
fn drawn(concentrations: &Array2<f64>, rng: &mut ChaCha8Rng) -> Array2<f64> {
    let mut logarithms = concentrations.mapv(|c| log_gamma_variable(c, rng));
    for row in logarithms.rows_mut() {
        in_place(row);
    }
    logarithms
}

/// The logarithm of a draw from Gamma(`shape`, 1), which is finite for the smallest shapes, too: as
/// Gamma(c + 1) · U^(1/c) is distributed as Gamma(c). Not a number where the shape is none.
///
/// Marsaglia, Tsang, "A Simple Method for Generating Gamma Variables", ACM TOMS 2000, section 6.
fn log_gamma_variable(shape: f64, rng: &mut ChaCha8Rng) -> f64 {
    let Ok(above) = Gamma::new(shape + 1.0, 1.0) else {
        return f64::NAN;
    };
    let exponential: f64 = Exp1.sample(rng);
    above.sample(rng).ln() - exponential / shape
}

/// How fast each component of a draw follows its concentration.
fn rates(concentrations: &Array2<f64>, drawn: &Array2<f64>) -> Array2<f64> {
    let others = |row: usize, column: usize| -> f64 {
        let row = concentrations.row(row).into_iter().enumerate();
        row.filter(|&(other, _)| other != column).map(|(_, c)| c).sum()
    };
    Array2::from_shape_fn(drawn.dim(), |(row, column)| {
        rate(
            drawn[[row, column]],
            concentrations[[row, column]],
            others(row, column),
        )
    })
}

/// g_i − Σ_j x_j g_j in each row.
fn less_mean(gradient: &Array2<f64>, weights: &Array2<f64>) -> Array2<f64> {
    let mut result = gradient.clone();
    for (mut row, weights) in result.rows_mut().into_iter().zip(weights.rows()) {
        let mean = row.dot(&weights);
        row -= mean;
    }
    result
}

/// The gradient of KL(Dirichlet(c) ‖ Dirichlet(1)) = ln Γ(Σ c) − Σ ln Γ(c_i) − ln Γ(K) +
/// Σ (c_i − 1) (ψ(c_i) − ψ(Σ c)): (c_i − 1) ψ′(c_i) − ψ′(Σ c) Σ_j (c_j − 1).
fn divergence_gradient(c: &ArrayView1<'_, f64>) -> Array1<f64> {
    let common = trigamma(c.sum()) * c.iter().map(|c| c - 1.0).sum::<f64>();
    c.mapv(|c| (c - 1.0) * trigamma(c) - common)
}

#[cfg(test)]
mod tests {
    use nas_space::seed::Seed;
    use nas_space::spaces::{darts, nb201};
    use ndarray::Axis;

    use super::*;
    use crate::relaxation::gradient_check::{alphas, assert_differences};

    const PLAIN: Dirichlet = Dirichlet { kl_weight: 0.0 };

    /// One edge of these concentrations.
    fn edge(concentrations: &[f64]) -> Alphas {
        let of = |&c: &f64| if c > 1.0 { c - 1.0 } else { c.ln() };
        let row: Array1<f64> = concentrations.iter().map(of).collect();
        Alphas {
            operations: vec![row.insert_axis(Axis(0))],
            edges: Vec::new(),
        }
    }

    fn draw(alphas: &Alphas, seed: u64) -> Mixed {
        PLAIN.mix(alphas, 0.5, &mut Seed::new(seed).rng())
    }

    #[test]
    fn concentrations_are_elu_plus_one() {
        for (alpha, expected) in [(2.5, 3.5), (0.0, 1.0), (-1.0, (-1.0_f64).exp())] {
            assert_eq!(concentration(alpha), expected);
        }
        let strengths = &PLAIN.strengths(&edge(&[0.5, 1.5, 2.0]))[0];
        for (got, expected) in strengths.iter().zip([0.125, 0.375, 0.5]) {
            assert!((got - expected).abs() < 1e-15);
        }
    }

    #[test]
    fn draws_are_probabilities_and_the_same_again_from_the_same_stream() {
        let alphas = alphas(&darts().relaxed().unwrap(), false);
        let mixed = draw(&alphas, 1);
        assert_eq!(mixed.weights.len(), 2);
        for row in mixed.weights[0].rows() {
            assert!(row.iter().all(|&weight| weight > 0.0));
            assert!((row.sum() - 1.0).abs() < 1e-12);
        }
        assert_eq!(draw(&alphas, 1).weights, mixed.weights);
        assert_ne!(draw(&alphas, 2).weights, mixed.weights);
        assert_ne!(mixed.weights[0].row(0), mixed.weights[0].row(1));
    }

    /// c_i / C and m (1 − m) / (C + 1), of concentrations on both sides of 1.
    #[test]
    fn draws_have_the_moments_of_the_distribution() {
        let concentrations = [0.1, 0.7, 1.0, 3.0, 9.0];
        let (alphas, total) = (edge(&concentrations), 13.8);
        let mut rng = Seed::new(4).rng();
        let count = 40_000;
        let (mut sum, mut squares) = ([0.0; 5], [0.0; 5]);
        for _ in 0..count {
            let mixed = PLAIN.mix(&alphas, 0.0, &mut rng);
            for (i, x) in mixed.weights[0].iter().enumerate() {
                (sum[i], squares[i]) = (sum[i] + x, squares[i] + x * x);
            }
        }
        for (i, c) in concentrations.into_iter().enumerate() {
            let (mean, expected) = (sum[i] / f64::from(count), c / total);
            let variance = expected * (1.0 - expected) / (total + 1.0);
            let error = (variance / f64::from(count)).sqrt();
            assert!((mean - expected).abs() < 4.0 * error, "{mean} {expected}");
            let got = squares[i] / f64::from(count) - mean * mean;
            assert!((got / variance - 1.0).abs() < 0.1, "{got} {variance}");
        }
    }

    /// Draws of PyTorch 1.12.1 in double precision and their gradients:
    ///
    /// ```python
    /// c = torch.tensor(concentrations, requires_grad=True)
    /// x = torch.distributions.Dirichlet(c).rsample()
    /// (x * torch.tensor([math.cos(k) for k in range(len(c))])).sum().backward()
    /// print(x, c.grad)
    /// ```
    ///
    /// PyTorch approximates the derivative by fitted functions, here within 0.1 % of the
    /// largest gradient of the edge; `beta.rs` compares with exact values.
    #[test]
    fn gradients_are_those_of_pytorch() {
        type Case<'a> = (&'a [f64], &'a [f64], &'a [f64]);
        let cases: &[Case<'_>] = &[
            (
                &[0.1, 0.1, 0.1, 0.1, 0.1],
                &[
                    0.996561076606,
                    0.00101140327666,
                    0.00224553272816,
                    0.000178494718075,
                    3.49267084536e-06,
                ],
                &[
                    0.08453043362,
                    -0.03889688972,
                    -0.2424318924,
                    -0.03605655786,
                    -0.000812657614,
                ],
            ),
            (
                &[0.1, 0.5, 2.0, 20.0],
                &[
                    1.4899143636e-12,
                    0.000740424924881,
                    0.102064782096,
                    0.897194792978,
                ],
                &[6.819746875e-10, 0.009152429747, 0.02692752731, -0.002722550507],
            ),
            (
                &[0.3, 1.0, 4.0],
                &[0.0860615559844, 0.489483852122, 0.424454591894],
                &[0.3151613494, 0.1367028231, -0.09060511196],
            ),
            (
                &[1.0, 1.0, 1.0, 1.0, 1.0],
                &[
                    0.134405648381,
                    0.338828203702,
                    0.0598417710999,
                    0.251563979438,
                    0.215360397379,
                ],
                &[
                    0.2213790781,
                    0.208264331,
                    -0.03971327189,
                    -0.2518155731,
                    -0.1449075461,
                ],
            ),
            (
                &[0.9, 1.1, 1.0, 2.5, 0.4],
                &[
                    0.0951411327868,
                    0.383814728056,
                    0.305256636183,
                    0.189868240991,
                    0.0259192619823,
                ],
                &[
                    0.169768687,
                    0.1683667292,
                    -0.108914391,
                    -0.1183834832,
                    -0.08876930901,
                ],
            ),
            (
                &[20.0, 20.0],
                &[0.444555065293, 0.555444934707],
                &[0.006114966979, -0.005473760346],
            ),
            (
                &[20.0, 3.0, 0.1],
                &[0.820293048221, 0.179706951779, 4.11988625023e-13],
                &[0.003561751141, -0.02051342258, -1.372185242e-10],
            ),
            (
                &[8.0, 12.0, 16.0, 20.0],
                &[0.181841809084, 0.168788772265, 0.285809011298, 0.363560407353],
                &[0.02490385497, 0.01202643219, -0.003818156972, -0.01433125573],
            ),
        ];
        for &(concentrations, x, expected) in cases {
            let alphas = edge(concentrations);
            let weights = Array2::from_shape_vec((1, x.len()), x.to_vec()).unwrap();
            let rates = rates(&alphas.operations[0].mapv(concentration), &weights);
            let mixed = Mixed {
                rates: vec![rates],
                ..Mixed::certain(vec![weights])
            };
            let up = Array2::from_shape_fn((1, x.len()), |(_, column)| (column as f64).cos());
            let got = PLAIN.pull_back(&alphas, &mixed, &[up]);
            let largest = expected.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
            for ((got, alpha), expected) in got.iter().zip(alphas.iter()).zip(expected) {
                let got = got / slope(*alpha);
                assert!(
                    (got - expected).abs() < 1e-3 * largest,
                    "{concentrations:?}: {got}, PyTorch {expected}"
                );
            }
        }
    }

    #[test]
    fn gradients_at_the_mean_are_the_finite_differences() {
        let cells = darts().relaxed().unwrap();
        assert_differences(&PLAIN, &cells, |alphas| PLAIN.expected(alphas));
    }

    /// On average, the gradient through a draw is that of the expectation: of Σ u_i x_i², which is
    /// Σ u_i c_i (c_i + 1) / (C (C + 1)).
    #[test]
    fn gradients_of_draws_are_unbiased() {
        let up = [1.0, -0.5, 2.0, 0.3];
        let expectation = |alphas: &Alphas| {
            let c = alphas.operations[0].mapv(concentration);
            let total = c.sum();
            let terms = c.iter().zip(up).map(|(c, up)| up * c * (c + 1.0));
            terms.sum::<f64>() / (total * (total + 1.0))
        };
        for concentrations in [[0.2, 0.9, 0.4, 0.1], [1.0, 1.5, 0.5, 6.0]] {
            let alphas = edge(&concentrations);
            let mut rng = Seed::new(7).rng();
            let count = 40_000;
            let (mut sum, mut squares) = ([0.0; 4], [0.0; 4]);
            for _ in 0..count {
                let mixed = PLAIN.mix(&alphas, 0.0, &mut rng);
                let gradient = Array2::from_shape_fn((1, 4), |at| 2.0 * up[at.1] * mixed.weights[0][at]);
                let got = PLAIN.pull_back(&alphas, &mixed, &[gradient]);
                for (i, value) in got.iter().enumerate() {
                    (sum[i], squares[i]) = (sum[i] + value, squares[i] + value * value);
                }
            }
            for i in 0..4 {
                let moved = |by: f64| {
                    let mut moved = alphas.clone();
                    moved.operations[0][[0, i]] += by;
                    expectation(&moved)
                };
                let expected = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                let mean = sum[i] / f64::from(count);
                let error = (squares[i] / f64::from(count) / f64::from(count)).sqrt();
                assert!(
                    (mean - expected).abs() < 4.0 * error,
                    "{concentrations:?} {i}: {mean} ± {error}, expected {expected}"
                );
            }
        }
    }

    #[test]
    fn the_regulariser_is_the_slope_of_the_divergence() {
        use statrs::function::gamma::{digamma, ln_gamma};
        let of_edge = |c: Array1<f64>| -> f64 {
            let of_sum = digamma(c.sum());
            let terms = c.iter().map(|&c| (c - 1.0) * (digamma(c) - of_sum) - ln_gamma(c));
            ln_gamma(c.sum()) - ln_gamma(c.len() as f64) + terms.sum::<f64>()
        };
        let divergence = |alphas: &Alphas| -> f64 {
            let edges = alphas.operations[0].rows().into_iter();
            edges.map(|row| of_edge(row.mapv(concentration))).sum()
        };
        let cells = nb201().relaxed().unwrap();
        assert!(divergence(&Alphas::zeros(&cells, false)).abs() < 1e-12);
        let alphas = alphas(&cells, false);
        assert!(PLAIN.regulariser(&alphas).is_none());
        let kl = Dirichlet { kl_weight: 0.25 };
        let got = kl.regulariser(&alphas).unwrap();
        for (i, got) in got.iter().enumerate() {
            let moved = |by: f64| {
                let mut moved = alphas.clone();
                *moved.iter_mut().nth(i).unwrap() += by;
                0.25 * divergence(&moved)
            };
            let measured = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((measured - got).abs() < 1e-7, "{i}: {got} {measured}");
        }
    }

    /// Concentrations at which a plain gamma variable would be 0.
    #[test]
    fn small_concentrations_give_finite_weights_and_gradients() {
        let alphas = edge(&[1e-6, 1e-5, 1e-6, 3e-6]);
        for seed in 0..50 {
            let mixed = draw(&alphas, seed);
            assert!((mixed.weights[0].sum() - 1.0).abs() < 1e-12);
            let got = PLAIN.pull_back(&alphas, &mixed, &[Array2::from_elem((1, 4), 1.0)]);
            assert!(got.iter().all(|value| value.abs() < 1e-9), "{got:?}");
        }
    }
}
