//! Positive definite matrices, in double precision and in a fixed order of sums.

/// A lower triangular matrix L, row by row: row i has i + 1 numbers.
#[derive(Debug, Clone)]
pub(super) struct Cholesky(Vec<Vec<f64>>);

impl Cholesky {
    /// L with L·Lᵀ = A, of which `matrix` gives the lower triangle: row i has i + 1 numbers. `None`
    /// where A is not positive definite.
    pub(super) fn of(mut matrix: Vec<Vec<f64>>) -> Option<Self> {
        for i in 0..matrix.len() {
            let (done, rest) = matrix.split_at_mut(i);
            let row = &mut rest[0];
            for j in 0..i {
                row[j] = (row[j] - dot(&row[..j], &done[j][..j])) / done[j][j];
            }
            let square = row[i] - dot(&row[..i], &row[..i]);
            if !(square > 0.0 && square.is_finite()) {
                return None;
            }
            row[i] = square.sqrt();
        }
        Some(Self(matrix))
    }

    /// L⁻¹·b.
    pub(super) fn forward(&self, b: &[f64]) -> Vec<f64> {
        let mut x = Vec::with_capacity(b.len());
        for (row, &b) in self.0.iter().zip(b) {
            let i = x.len();
            x.push((b - dot(&row[..i], &x)) / row[i]);
        }
        x
    }

    /// A⁻¹·b.
    pub(super) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = self.forward(b);
        for i in (0..x.len()).rev() {
            x[i] /= self.0[i][i];
            let value = x[i];
            for (x, l) in x[..i].iter_mut().zip(&self.0[i]) {
                *x -= l * value;
            }
        }
        x
    }

    /// The diagonal of A⁻¹.
    pub(super) fn inverse_diagonal(&self) -> Vec<f64> {
        // Column j of L⁻¹ is 0 above j; the diagonal of A⁻¹ holds the squares of the columns.
        (0..self.0.len())
            .map(|j| {
                let mut column: Vec<f64> = Vec::with_capacity(self.0.len() - j);
                for (i, row) in self.0.iter().enumerate().skip(j) {
                    let unit = if i == j { 1.0 } else { 0.0 };
                    column.push((unit - dot(&row[j..i], &column)) / row[i]);
                }
                dot(&column, &column)
            })
            .collect()
    }

    /// ln det A.
    pub(super) fn log_determinant(&self) -> f64 {
        let diagonal = self.0.iter().filter_map(|row| row.last());
        2.0 * diagonal.map(|value| value.ln()).sum::<f64>()
    }
}

/// Σ aᵢ·bᵢ, in four interleaved sums so that it need not wait for one addition after the other.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (a, b) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A = MᵀM + 1 for an M of 9 rows.
    fn matrix() -> Vec<Vec<f64>> {
        let m = |i: usize, j: usize| ((3 * i + 7 * j + i * j) % 11) as f64 / 5.0 - 1.0;
        let entry = |i: usize, j: usize| {
            (0..9).map(|k| m(k, i) * m(k, j)).sum::<f64>() + if i == j { 1.0 } else { 0.0 }
        };
        (0..9).map(|i| (0..=i).map(|j| entry(i, j)).collect()).collect()
    }

    #[test]
    fn what_is_solved_multiplies_back() {
        let (a, b) = (matrix(), [1.0, -2.0, 3.0, 0.5, 0.0, 4.0, -1.0, 2.0, 1.5]);
        let at = |i: usize, j: usize| a[i.max(j)][i.min(j)];
        let cholesky = Cholesky::of(a.clone()).unwrap();
        let x = cholesky.solve(&b);
        for (i, b) in b.iter().enumerate() {
            let product: f64 = (0..9).map(|j| at(i, j) * x[j]).sum();
            assert!((product - b).abs() < 1e-9, "{product}");
        }
        let half = cholesky.forward(&b);
        assert!((dot(&half, &half) - dot(&b, &x)).abs() < 1e-9, "bᵀA⁻¹b");
        for (j, diagonal) in cholesky.inverse_diagonal().into_iter().enumerate() {
            let mut unit = [0.0; 9];
            unit[j] = 1.0;
            assert!((cholesky.solve(&unit)[j] - diagonal).abs() < 1e-9);
        }
    }

    #[test]
    fn the_determinant_is_that_of_the_product() {
        let cholesky = Cholesky::of(vec![vec![4.0], vec![2.0, 5.0]]).unwrap();
        assert!((cholesky.log_determinant() - 16_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_positive_definite_has_no_root() {
        assert!(Cholesky::of(vec![vec![1.0], vec![2.0, 1.0]]).is_none());
        assert!(Cholesky::of(vec![vec![f64::NAN]]).is_none());
    }
}
