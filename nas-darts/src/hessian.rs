//! Eigenvalues of a Hessian, computed from its products with vectors.
//!
//! Lanczos' method builds, product by product, an orthonormal basis q₁, q₂, … in which the matrix
//! is tridiagonal: β_j q_{j+1} = H q_j − α_j q_j − β_{j−1} q_{j−1} with α_j = q_jᵀ H q_j. The
//! extreme eigenvalues of the small matrix come close to those of the large one after few steps.
//! Each new vector is made orthogonal to all earlier ones twice, since rounding would else bring
//! found eigenvalues back.
//!
//! # Deviations
//! A search takes 12 steps, where the code of RobustDARTS (Zela et al. 2020, arXiv 1909.09656)
//! computes the whole Hessian, a product for each of 224 parameters of the DARTS space. On a
//! supernet of two cells with 2 channels, on digits, before and after an epoch, the largest
//! eigenvalue by 12 steps differs from that by 224 by 1e-7 of it (0.859077 and 1.156461); the test
//! of it allows 1e-3.
//!
//! # References
//! Cornelius Lanczos, "An iteration method for the solution of the eigenvalue problem of linear
//! differential and integral operators", 1950; Gene Golub, Charles Van Loan, "Matrix Computations",
//! 4th edition, sections 8.4 and 10.1 to 10.3.

use nas_space::seed::Seed;
use rand_distr::{Distribution, StandardNormal};

/// The ends of a spectrum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extremes {
    /// The largest eigenvalue, with its sign.
    pub largest: f64,
    /// The smallest.
    pub smallest: f64,
}

/// What is left of a vector, relative to the matrix, where there is nothing new in it.
const NOTHING: f64 = 1e-10;

/// The extreme eigenvalues of a symmetric matrix of this `dimension`, at least 1, given by `apply`,
/// its product with a vector, after at most `steps` such products. The start is drawn from `seed`.
///
/// # Errors
/// Those of `apply`.
///
/// # Complexity
/// `steps` products and O(`steps`² · `dimension`) operations.
pub fn extreme_eigenvalues<E>(
    dimension: usize,
    seed: Seed,
    steps: usize,
    mut apply: impl FnMut(&[f64]) -> Result<Vec<f64>, E>,
) -> Result<Extremes, E> {
    let mut rng = seed.rng();
    let mut vector: Vec<f64> = (0..dimension).map(|_| StandardNormal.sample(&mut rng)).collect();
    let length = norm(&vector);
    scale(&mut vector, 1.0 / length);
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let (mut diagonal, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..steps.clamp(1, dimension.max(1)) {
        let mut next = apply(&vector)?;
        diagonal.push(dot(&vector, &next));
        basis.push(vector);
        let size = norm(&next);
        for _ in 0..2 {
            for known in &basis {
                let along = dot(known, &next);
                add(&mut next, -along, known);
            }
        }
        let left = norm(&next);
        // Also if it is not a number, because the search cannot continue from that.
        if left.is_nan() || left <= NOTHING * size {
            break;
        }
        scale(&mut next, 1.0 / left);
        beside.push(left);
        vector = next;
    }
    beside.truncate(diagonal.len().saturating_sub(1));
    Ok(of_tridiagonal(&diagonal, &beside))
}

/// The product of the Hessian of a function with `direction`, by a central difference of its
/// gradient: `gradient` gives it at an offset from where the Hessian is wanted.
///
/// The offset has the length 1e-2, a small step for architecture parameters, which are of the order
/// of 1e-3 to 1: far above the rounding of a gradient in single precision, far below where the loss
/// looks different.
///
/// # Errors
/// Those of `gradient`.
pub fn hessian_vector<E>(
    direction: &[f64],
    mut gradient: impl FnMut(&[f64]) -> Result<Vec<f64>, E>,
) -> Result<Vec<f64>, E> {
    let length = norm(direction);
    if length == 0.0 {
        return Ok(vec![0.0; direction.len()]);
    }
    let step = OFFSET / length;
    let mut at = |by: f64| {
        let offset: Vec<f64> = direction.iter().map(|value| by * value).collect();
        gradient(&offset)
    };
    let (ahead, behind) = (at(step)?, at(-step)?);
    let pairs = ahead.iter().zip(&behind);
    Ok(pairs
        .map(|(ahead, behind)| (ahead - behind) / (2.0 * step))
        .collect())
}

const OFFSET: f64 = 1e-2;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn scale(a: &mut [f64], by: f64) {
    a.iter_mut().for_each(|value| *value *= by);
}

fn add(a: &mut [f64], by: f64, b: &[f64]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a += by * b;
    }
}

/// The extreme eigenvalues of a symmetric tridiagonal matrix, by bisection on the number of those
/// below a point.
fn of_tridiagonal(diagonal: &[f64], beside: &[f64]) -> Extremes {
    let n = diagonal.len();
    // Gershgorin: no eigenvalue is further from a diagonal entry than its neighbours' sum.
    let radius = |i: usize| {
        let left = if i > 0 { beside[i - 1].abs() } else { 0.0 };
        let right = if i + 1 < n { beside[i].abs() } else { 0.0 };
        left + right
    };
    let low = (0..n)
        .map(|i| diagonal[i] - radius(i))
        .fold(f64::INFINITY, f64::min);
    let high = (0..n)
        .map(|i| diagonal[i] + radius(i))
        .fold(f64::NEG_INFINITY, f64::max);
    let below = |x: f64| {
        let (mut count, mut pivot) = (0, 1.0);
        for i in 0..n {
            let coupling = if i > 0 { beside[i - 1] * beside[i - 1] } else { 0.0 };
            pivot = diagonal[i] - x - coupling / pivot;
            if pivot == 0.0 {
                pivot = f64::MIN_POSITIVE;
            }
            count += usize::from(pivot < 0.0);
        }
        count
    };
    // The point at which more than `k` eigenvalues lie below.
    let find = |k: usize| {
        let (mut low, mut high) = (low, high);
        for _ in 0..200 {
            let middle = low + (high - low) / 2.0;
            if below(middle) > k {
                high = middle;
            } else {
                low = middle;
            }
        }
        low + (high - low) / 2.0
    };
    if diagonal.iter().chain(beside).any(|value| !value.is_finite()) {
        let nan = f64::NAN;
        return Extremes {
            largest: nan,
            smallest: nan,
        };
    }
    Extremes {
        largest: find(n - 1),
        smallest: find(0),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    /// A symmetric matrix of these eigenvalues: reflections of the diagonal one.
    fn matrix(eigenvalues: &[f64]) -> Vec<Vec<f64>> {
        let n = eigenvalues.len();
        let mut a: Vec<Vec<f64>> = (0..n)
            .map(|i| {
                (0..n)
                    .map(|j| if i == j { eigenvalues[i] } else { 0.0 })
                    .collect()
            })
            .collect();
        let mut rng = Seed::new(8).rng();
        for _ in 0..4 {
            let mut u: Vec<f64> = (0..n).map(|_| StandardNormal.sample(&mut rng)).collect();
            let length = norm(&u);
            scale(&mut u, 1.0 / length);
            // (I − 2uuᵀ) A (I − 2uuᵀ)
            for row in &mut a {
                let along = dot(row, &u);
                add(row, -2.0 * along, &u);
            }
            let mut along = vec![0.0; n];
            for (row, &u) in a.iter().zip(&u) {
                add(&mut along, u, row);
            }
            for (row, &u) in a.iter_mut().zip(&u) {
                add(row, -2.0 * u, &along);
            }
        }
        a
    }

    fn extremes(a: &[Vec<f64>], steps: usize) -> Extremes {
        let product = |v: &[f64]| Ok::<_, Infallible>(a.iter().map(|row| dot(row, v)).collect());
        extreme_eigenvalues(a.len(), Seed::new(2), steps, product).unwrap()
    }

    #[test]
    fn the_ends_of_known_spectra_are_found() {
        let linear: Vec<f64> = (0..40).map(|i| f64::from(i) - 30.0).collect();
        let mut clustered = vec![1.0; 30];
        clustered.extend([1.5, 1.6, 9.0, -2.0]);
        for (eigenvalues, steps) in [
            (linear, 40),
            (clustered, 34),
            (vec![-3.0], 5),
            (vec![2.0, 2.0, 2.0], 3),
        ] {
            let expected = Extremes {
                largest: eigenvalues.iter().copied().fold(f64::NEG_INFINITY, f64::max),
                smallest: eigenvalues.iter().copied().fold(f64::INFINITY, f64::min),
            };
            let got = extremes(&matrix(&eigenvalues), steps);
            assert!(
                (got.largest - expected.largest).abs() < 1e-8,
                "{got:?} {expected:?}"
            );
            assert!(
                (got.smallest - expected.smallest).abs() < 1e-8,
                "{got:?} {expected:?}"
            );
        }
    }

    #[test]
    fn few_steps_are_enough_for_an_eigenvalue_that_stands_out() {
        let mut eigenvalues: Vec<f64> = (0..112).map(|i| f64::from(i) * 1e-3).collect();
        eigenvalues.extend([1.0, -0.4]);
        let got = extremes(&matrix(&eigenvalues), 12);
        assert!(
            (got.largest - 1.0).abs() < 1e-6 && (got.smallest + 0.4).abs() < 1e-6,
            "{got:?}"
        );
    }

    #[test]
    fn what_is_not_a_number_stays_none() {
        let got =
            extreme_eigenvalues(3, Seed::new(0), 3, |_| Ok::<_, Infallible>(vec![f64::NAN; 3])).unwrap();
        assert!(got.largest.is_nan() && got.smallest.is_nan());
    }

    #[test]
    fn products_are_differences_of_the_gradient() {
        // f = x² y + y³ at (1, 2): the Hessian is ((2y, 2x), (2x, 6y)) = ((4, 2), (2, 12)).
        let gradient = |offset: &[f64]| {
            let (x, y) = (1.0 + offset[0], 2.0 + offset[1]);
            Ok::<_, Infallible>(vec![2.0 * x * y, x * x + 3.0 * y * y])
        };
        for direction in [[1.0, 0.0], [0.0, 1.0], [30.0, -40.0]] {
            let got = hessian_vector(&direction, gradient).unwrap();
            let expected = [
                4.0 * direction[0] + 2.0 * direction[1],
                2.0 * direction[0] + 12.0 * direction[1],
            ];
            for (got, expected) in got.iter().zip(expected) {
                assert!(
                    (got - expected).abs() < 1e-8 * norm(&direction).max(1.0),
                    "{got} {expected}"
                );
            }
        }
        assert_eq!(hessian_vector(&[0.0, 0.0], gradient).unwrap(), [0.0, 0.0]);
    }
}
