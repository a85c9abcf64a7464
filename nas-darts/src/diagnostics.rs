//! Signs of collapse in a search: skip connections, entropy, gaps.

use nas_space::spaces::{ChosenEdge, RelaxedCell};
use ndarray::Array2;

use crate::report::CellReport;

/// The operation that a collapsing search drifts to (Chu et al. 2020, arXiv 1911.12126, section 3).
const SKIP: &str = "skip_connect";

/// The diagnostics of a cell with these strengths and these chosen edges.
///
/// # Shapes
/// `strengths` is edges × operations.
pub fn cell_report(cell: &RelaxedCell, strengths: &Array2<f64>, chosen: &[ChosenEdge]) -> CellReport {
    let rows = || strengths.rows().into_iter().map(|row| row.to_vec());
    CellReport {
        name: cell.name.clone(),
        edges: cell.edges.clone(),
        operations: cell.operations.clone(),
        strengths: rows().collect(),
        chosen: chosen.iter().map(|edge| (edge.row, edge.column)).collect(),
        skip_connections: chosen
            .iter()
            .filter(|edge| cell.operations.get(edge.column).is_some_and(|name| name == SKIP))
            .count(),
        mean_entropy: mean(rows().map(|row| entropy(&row))),
        mean_gap: mean(rows().map(|row| gap(&row))),
    }
}

/// −Σ p ln p of values made to sum to 1, in nats; 0 where they sum to 0.
fn entropy(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    let shares = values.iter().map(|value| value / sum);
    let terms = shares
        .filter(|&share| share > 0.0)
        .map(|share| share * share.ln());
    0.0 - terms.sum::<f64>()
}

/// The largest value less the second largest; 0 where there is one alone.
fn gap(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    match sorted[..] {
        [first, second, ..] => first - second,
        _ => 0.0,
    }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use nas_space::spaces::nb201;

    #[test]
    fn a_cell_is_described_by_its_numbers() {
        let cell = &nb201().relaxed().unwrap()[0];
        let mut strengths = Array2::from_elem((6, 5), 0.2);
        for row in [0, 1, 2] {
            strengths.row_mut(row).fill(0.0);
            strengths[[row, 1]] = 0.5;
            strengths[[row, 3]] = 0.25;
        }
        let chosen = [1, 1, 3, 0, 2, 1].into_iter().enumerate();
        let chosen: Vec<ChosenEdge> = chosen.map(|(row, column)| ChosenEdge { row, column }).collect();
        let report = cell_report(cell, &strengths, &chosen);
        assert_eq!(report.skip_connections, 3);
        // Half of the edges are even, ln 5; half are 2 : 1.
        let uneven = -(2.0_f64 / 3.0) * (2.0_f64 / 3.0).ln() - (1.0_f64 / 3.0) * (1.0_f64 / 3.0).ln();
        assert!((report.mean_entropy - (5.0_f64.ln() + uneven) / 2.0).abs() < 1e-12);
        assert!((report.mean_gap - 0.125).abs() < 1e-12);
        assert_eq!(report.strengths[1], [0.0, 0.5, 0.0, 0.25, 0.0]);
        assert_eq!(report.chosen_edges(), chosen);
        assert_eq!(entropy(&[0.0, 0.0]), 0.0);
        assert_eq!(gap(&[1.0]), 0.0);
    }
}
