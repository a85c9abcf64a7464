//! NASWOT: how well ReLUs tell images apart (Mellor et al. 2021, "Neural Architecture Search
//! without Training", arXiv 2006.04647, section 3).
//!
//! The signs of what all ReLUs read are a binary code of each image. With K the matrix of the
//! number of bits in which two codes agree (all bits less their Hamming distance), the score is ln
//! det K. Two images with the same code make K singular: the score is −∞.
//!
//! - **ReLUs** count as the network has them: where three operations rectify the same map, its bits
//!   count three times.
//! - **Batch norms** by the statistics of the batch, as in the authors' program.
//! - **Data**: one batch without augmentation; no labels, no loss. **Initialisation** is PyTorch's.

use super::agreement::Agreement;

/// Pivots below this share of the diagonal are rounding errors.
const SINGULAR: f64 = 1e-12;

pub(super) fn score(agreement: &Agreement) -> f64 {
    log_determinant(agreement.kernel())
}

/// ln det of a symmetric positive semidefinite matrix, −∞ where it is singular.
fn log_determinant(mut a: Vec<Vec<f64>>) -> f64 {
    let n = a.len();
    let mut sum = 0.0;
    for k in 0..n {
        // The diagonal only gets smaller: what has been there is the scale.
        let scale = a.iter().map(|row| row[k].abs()).fold(0.0, f64::max).max(1.0);
        let pivot = a[k][k];
        if pivot <= SINGULAR * scale {
            return f64::NEG_INFINITY;
        }
        sum += pivot.ln();
        let (done, below) = a.split_at_mut(k + 1);
        for row in below {
            let factor = row[k] / pivot;
            for (value, above) in row.iter_mut().zip(&done[k]).skip(k + 1) {
                *value -= factor * above;
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_determinant_is_that_of_the_matrix() {
        let a = vec![vec![4.0, 1.0, 2.0], vec![1.0, 3.0, 0.0], vec![2.0, 0.0, 5.0]];
        let determinant = 4.0 * 15.0 - 1.0 * 5.0 + 2.0 * (0.0 - 6.0);
        assert!((log_determinant(a) - f64::ln(determinant)).abs() < 1e-12);
    }

    #[test]
    fn two_images_of_one_code_give_no_score() {
        let a = vec![vec![7.0, 3.0, 7.0], vec![3.0, 7.0, 3.0], vec![7.0, 3.0, 7.0]];
        assert_eq!(log_determinant(a), f64::NEG_INFINITY);
    }
}
