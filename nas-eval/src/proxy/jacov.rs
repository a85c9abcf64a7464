//! The covariance of the Jacobian (Mellor et al. 2020, "Neural Architecture Search without
//! Training", the first version, arXiv 2006.04647v1, section 3; `jacob_cov` in Abdelfattah et al.
//! 2021).
//!
//! Each image has the gradient of the sum of the class scores with respect to its pixels. With λ
//! the eigenvalues of the matrix of correlations of these gradients, the score is −Σ ln(λ + k) +
//! 1/(λ + k), k = 1e-5. It is highest, −N, where no two gradients correlate.
//!
//! Batch norms by the statistics of the batch; no labels, no loss; PyTorch's initialisation. Where
//! the gradients of all images are constant, they count as equal: the published programs have no
//! score there.

use super::correlation::{correlations, eigenvalues};

/// What is added to eigenvalues.
const K: f64 = 1e-5;

pub(super) fn score(jacobian: &[Vec<f64>]) -> f64 {
    let rows: Vec<&[f64]> = jacobian.iter().map(Vec::as_slice).collect();
    let terms = eigenvalues(correlations(&rows)).into_iter().map(|value| {
        // Rounding may leave a little below 0.
        let shifted = value.max(0.0) + K;
        shifted.ln() + 1.0 / shifted
    });
    -terms.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn independent_gradients_score_highest_and_equal_ones_lowest() {
        let independent = [vec![1.0, -1.0, 0.0, 0.0], vec![0.0, 0.0, 1.0, -1.0]];
        assert!((score(&independent) + 2.0 * ((1.0 + K).ln() + 1.0 / (1.0 + K))).abs() < 1e-9);
        let similar = [vec![1.0, -1.0, 0.5, 0.0], vec![1.0, -1.0, 0.0, 0.5]];
        let equal = [vec![1.0, 2.0, 3.0], vec![1.0, 2.0, 3.0]];
        assert!(score(&independent) > score(&similar) && score(&similar) > score(&equal));
        let none = [vec![0.0; 3], vec![0.0; 3]];
        assert!((score(&none) / score(&equal) - 1.0).abs() < 1e-9);
    }
}
