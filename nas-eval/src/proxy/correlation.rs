//! Correlations of the gradients of images, and the eigenvalues of their matrix.

use candle_core::Tensor;
use rayon::prelude::*;

use super::ProxyBatch;
use super::weights::values;
use crate::error::EvalError;
use crate::model::{Logits, Model, Wanted};

/// The gradient of the sum of all class scores of the batch with respect to each image, \[N\] of
/// C·H·W values.
///
/// Batch norms by the statistics of the batch, so that the scores of one image depend a little on
/// the others, as in the published programs.
pub(super) fn jacobian(model: &Model, batch: &ProxyBatch) -> Result<Vec<Vec<f64>>, EvalError> {
    let sum = Box::new(|logits: &Logits| logits.main.sum_all());
    let done = model.differentiate_untrained(&batch.images, Wanted::Images, sum, None)?;
    let missing = || candle_core::Error::msg("the pass has no gradient of the images");
    let gradient: Tensor = done.images.ok_or_else(missing)?;
    let all = values(&gradient)?;
    let rows = all.chunks_exact(all.len() / batch.len());
    Ok(rows.map(<[f64]>::to_vec).collect())
}

/// Pearson's correlations of the rows, \[N, N\].
///
/// A row without variance has no correlation. Here it has none with rows that have some (0), and is
/// the same as every other without (1): a network that does not look at its images tells none of
/// them apart.
pub(super) fn correlations(rows: &[&[f64]]) -> Vec<Vec<f64>> {
    let centred: Vec<(Vec<f64>, f64)> = rows
        .par_iter()
        .map(|row| {
            let mean = row.iter().sum::<f64>() / row.len() as f64;
            let deviations: Vec<f64> = row.iter().map(|value| value - mean).collect();
            let norm = deviations.iter().map(|d| d * d).sum::<f64>().sqrt();
            (deviations, norm)
        })
        .collect();
    let n = rows.len();
    let upper: Vec<Vec<f64>> = (0..n)
        .into_par_iter()
        .map(|i| {
            let (a, norm) = &centred[i];
            let with = |(b, other): &(Vec<f64>, f64)| match (*norm > 0.0, *other > 0.0) {
                (true, true) => (dot(a, b) / norm / other).clamp(-1.0, 1.0),
                (false, false) => 1.0,
                _ => 0.0,
            };
            centred[i + 1..].iter().map(with).collect()
        })
        .collect();
    let mut matrix = vec![vec![1.0; n]; n];
    for (i, row) in upper.iter().enumerate() {
        for (offset, &value) in row.iter().enumerate() {
            let j = i + 1 + offset;
            (matrix[i][j], matrix[j][i]) = (value, value);
        }
    }
    matrix
}

/// Σ a · b in eight interleaved sums, so that it need not wait for one addition after the other.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        for (lane, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane += a * b;
        }
    }
    lanes.iter().sum()
}

/// The eigenvalues of a symmetric matrix, in no order, by cyclic Jacobi rotations (Golub & Van
/// Loan, "Matrix Computations", section 8.5).
pub(super) fn eigenvalues(mut a: Vec<Vec<f64>>) -> Vec<f64> {
    const MOST_SWEEPS: usize = 60;
    let n = a.len();
    for _ in 0..MOST_SWEEPS {
        let squares = |f: &dyn Fn(usize, usize) -> bool| -> f64 {
            let all = (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
            all.filter(|&(i, j)| f(i, j))
                .map(|(i, j)| a[i][j] * a[i][j])
                .sum()
        };
        let (off, on) = (squares(&|i, j| i != j), squares(&|i, j| i == j));
        if off <= 1e-30 * on {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q] == 0.0 {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for row in &mut a {
                    let (x, y) = (row[p], row[q]);
                    (row[p], row[q]) = (c * x - s * y, s * x + c * y);
                }
                let (before, from_q) = a.split_at_mut(q);
                for (x, y) in before[p].iter_mut().zip(&mut from_q[0]) {
                    (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
                }
            }
        }
    }
    (0..n).map(|i| a[i][i]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_are_pearsons_and_rows_without_variance_are_alike() {
        let rows = [
            vec![1.0, 2.0, 4.0],
            vec![-2.0, -4.0, -8.0],
            vec![1.0, 0.0, 2.0],
            vec![0.0; 3],
            vec![3.0; 3],
        ];
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let found = correlations(&rows);
        // (1, 2, 4) and (1, 0, 2) less their means are (−4, −1, 5)/3 and (0, −1, 1).
        let expected = (1.0 + 5.0) / 3.0 / (f64::sqrt(42.0 / 9.0) * f64::sqrt(2.0));
        assert!((found[0][1] + 1.0).abs() < 1e-12);
        assert!((found[0][2] - expected).abs() < 1e-12 && (found[1][2] + expected).abs() < 1e-12);
        assert_eq!(
            (found[0][3], found[3][0], found[3][4], found[4][3]),
            (0.0, 0.0, 1.0, 1.0)
        );
        assert!((0..5).all(|i| found[i][i] == 1.0));
    }

    #[test]
    fn eigenvalues_are_those_of_a_known_matrix() {
        // The second difference of n points: 2 − 2 cos(kπ / (n + 1)).
        let n = 17;
        let entry = |i: usize, j: usize| match i.abs_diff(j) {
            0 => 2.0,
            1 => -1.0,
            _ => 0.0,
        };
        let matrix = (0..n).map(|i| (0..n).map(|j| entry(i, j)).collect()).collect();
        let mut found = eigenvalues(matrix);
        found.sort_by(f64::total_cmp);
        for (k, value) in found.iter().enumerate() {
            let angle = (k + 1) as f64 * std::f64::consts::PI / (n + 1) as f64;
            assert!((value - (2.0 - 2.0 * angle.cos())).abs() < 1e-12, "{k}: {value}");
        }
    }

    #[test]
    fn a_matrix_of_ones_has_one_eigenvalue() {
        let mut found = eigenvalues(vec![vec![1.0; 6]; 6]);
        found.sort_by(f64::total_cmp);
        assert!(found[..5].iter().all(|value| value.abs() < 1e-12));
        assert!((found[5] - 6.0).abs() < 1e-12);
    }
}
