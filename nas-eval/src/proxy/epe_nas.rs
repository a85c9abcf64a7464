//! EPE-NAS: correlations of the Jacobian within classes (Lopes et al. 2021, "EPE-NAS: Efficient
//! Performance Estimation Without Training for Neural Architecture Search", arXiv 2102.08099,
//! section 3).
//!
//! The gradients of the images are those of `jacov`. For each class c among the batch, e_c = Σ
//! ln(|r| + k) over all entries r of the matrix of correlations of its images, k = 1e-5. With at
//! most 100 classes the score is Σ |e_c|. With more, e_c is divided by the number of its images,
//! and the score is the mean over c of Σ |e_c − e_d| over all d, as in the authors' program.
//!
//! Batch norms by the statistics of the batch; no loss; PyTorch's initialisation.

use std::collections::BTreeMap;

use super::correlation::correlations;

/// What is added to correlations.
const K: f64 = 1e-5;
/// The most classes whose sums are added up.
const FEW_CLASSES: usize = 100;

pub(super) fn score(jacobian: &[Vec<f64>], labels: &[u32], classes: usize) -> f64 {
    let mut of_class: BTreeMap<u32, Vec<&[f64]>> = BTreeMap::new();
    for (row, label) in jacobian.iter().zip(labels) {
        of_class.entry(*label).or_default().push(row);
    }
    let few = classes <= FEW_CLASSES;
    let sums: Vec<f64> = of_class
        .values()
        .map(|rows| {
            let matrix = correlations(rows);
            let sum: f64 = matrix.iter().flatten().map(|r| (r.abs() + K).ln()).sum();
            if few { sum } else { sum / rows.len() as f64 }
        })
        .collect();
    if few {
        return sums.iter().map(|sum| sum.abs()).sum();
    }
    let differences = sums.iter().flat_map(|a| sums.iter().map(move |b| (a - b).abs()));
    differences.sum::<f64>() / sums.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_images_of_one_class_are_compared() {
        let a = vec![1.0, 2.0, 4.0];
        let jacobian = [a.clone(), a.clone(), vec![0.0, 1.0, 0.0], a];
        let one = (1.0 + K).ln();
        // Two images of class 3, which are equal, and one of each of two others.
        let found = score(&jacobian, &[3, 3, 1, 7], 10);
        assert!((found - (4.0 * one + 2.0 * one)).abs() < 1e-12);
        // The means are 2 · one for class 3, and one for the others: four differences of one.
        let found = score(&jacobian, &[3, 3, 1, 7], 101);
        assert!((found - 4.0 * one / 3.0).abs() < 1e-12);
    }
}
