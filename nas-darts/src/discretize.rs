//! From the strengths of operations to an architecture.
//!
//! Each node keeps the incoming edges that are strongest, an edge being as strong as its strongest
//! operation other than `none`: that one's strength is not determined where batch norm undoes
//! scales. Of a kept edge the strongest operation that architectures can have is taken. Of equals,
//! the edge from the earlier state and the operation of the lower column win, so that the result
//! depends on the strengths alone.
//!
//! # Deviations
//! None. Where architectures may have `none` on an edge, as in NAS-Bench-201, it is an operation
//! like any other.
//!
//! # References
//! Hanxiao Liu, Karen Simonyan, Yiming Yang, "DARTS: Differentiable Architecture Search", ICLR
//! 2019, arXiv:1806.09055, section 2.4; for NAS-Bench-201 Xuanyi Dong, Yi Yang, ICLR 2020,
//! arXiv:2001.00326.

use nas_space::spaces::{ChosenEdge, RelaxedCell};
use ndarray::Array2;

/// The edges that each cell keeps, with their operations, by row.
///
/// # Shapes
/// `strengths` holds a table a cell, edges × operations; what is not a number is never chosen
/// before a number.
///
/// # Example
/// ```
/// use nas_darts::discretize::discretize;
/// use nas_space::spaces::nb201;
/// use ndarray::Array2;
///
/// # fn main() -> Result<(), nas_space::error::SpaceError> {
/// let space = nb201();
/// let mut strengths = Array2::zeros((6, 5));
/// strengths.column_mut(3).fill(0.9);
/// let chosen = discretize(&space.relaxed()?, &[strengths]);
/// assert_eq!(
///     space.chosen(&chosen)?.to_string(),
///     "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
/// );
/// # Ok(())
/// # }
/// ```
pub fn discretize(cells: &[RelaxedCell], strengths: &[Array2<f64>]) -> Vec<Vec<ChosenEdge>> {
    cells
        .iter()
        .zip(strengths)
        .map(|(cell, table)| of_cell(cell, table))
        .collect()
}

fn of_cell(cell: &RelaxedCell, table: &Array2<f64>) -> Vec<ChosenEdge> {
    let columns = || 0..cell.operations.len();
    let mut chosen = Vec::new();
    for state in cell.states() {
        let mut rows: Vec<usize> = cell.rows_into(state).collect();
        if let Some(kept) = cell.edges_kept.filter(|&kept| kept < rows.len()) {
            let strength = |row: usize| edge_strength(cell, table, row);
            // The sort is stable: of equals, the edge from the earlier state comes first.
            rows.sort_by(|&a, &b| strength(b).total_cmp(&strength(a)));
            rows.truncate(kept);
            rows.sort_unstable();
        }
        for row in rows {
            let candidates = columns().filter(|&column| cell.choosable[column]);
            if let Some(column) = strongest(candidates.map(|column| (column, table[[row, column]]))) {
                chosen.push(ChosenEdge { row, column });
            }
        }
    }
    chosen
}

/// How strong an edge is: its strongest operation other than `none`.
pub(crate) fn edge_strength(cell: &RelaxedCell, table: &Array2<f64>, row: usize) -> f64 {
    let columns = 0..cell.operations.len();
    let something = columns.filter(|&column| cell.operations[column] != "none");
    something
        .map(|column| comparable(table[[row, column]]))
        .fold(f64::NEG_INFINITY, f64::max)
}

/// The key of the largest value, of equals the first.
pub(crate) fn strongest(values: impl Iterator<Item = (usize, f64)>) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (key, value) in values {
        let value = comparable(value);
        if best.is_none_or(|(_, largest)| value > largest) {
            best = Some((key, value));
        }
    }
    best.map(|(key, _)| key)
}

fn comparable(value: f64) -> f64 {
    if value.is_nan() { f64::NEG_INFINITY } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nas_space::op::Operations;
    use nas_space::spaces::{CustomConfig, darts, nb201};

    /// Columns of the table of DARTS.
    const NONE: usize = 0;
    const SKIP: usize = 3;
    const SEP3: usize = 4;

    fn rows_of(chosen: &[ChosenEdge]) -> Vec<usize> {
        chosen.iter().map(|edge| edge.row).collect()
    }

    #[test]
    fn the_two_strongest_edges_of_each_node_are_kept_with_their_strongest_operations() {
        let space = darts();
        let cells = space.relaxed().unwrap();
        let mut table = Array2::from_elem((14, 8), 0.1);
        // Node 3 reads the states 0, 1, 2 by the rows 2, 3, 4.
        table[[2, SEP3]] = 0.3;
        table[[4, SKIP]] = 0.5;
        table[[4, SEP3]] = 0.4;
        let chosen = discretize(&cells, &[table.clone(), table]);
        assert_eq!(rows_of(&chosen[0])[..4], [0, 1, 2, 4]);
        assert_eq!(chosen[0][2], ChosenEdge { row: 2, column: SEP3 });
        assert_eq!(chosen[0][3], ChosenEdge { row: 4, column: SKIP });
        space.chosen(&chosen).unwrap();
    }

    #[test]
    fn of_equals_the_earlier_state_and_the_lower_column_win() {
        let space = darts();
        let cells = space.relaxed().unwrap();
        let table = Array2::from_elem((14, 8), 0.125);
        let chosen = discretize(&cells, &[table.clone(), table]);
        assert_eq!(rows_of(&chosen[0]), [0, 1, 2, 3, 5, 6, 9, 10]);
        // Column 0 is `none`, which cannot be chosen.
        assert!(chosen[0].iter().all(|edge| edge.column == 1));
        space.chosen(&chosen).unwrap();
    }

    #[test]
    fn an_edge_that_none_dominates_is_ranked_by_its_best_operation() {
        let cells = darts().relaxed().unwrap();
        let mut table = Array2::from_elem((14, 8), 0.1);
        for (row, best) in [(2, 0.02), (3, 0.03), (4, 0.01)] {
            table.row_mut(row).fill(0.001);
            table[[row, NONE]] = 0.99;
            table[[row, SEP3]] = best;
        }
        // `none` is all but certain on the edge that ranks last.
        table[[4, NONE]] = 0.999;
        let chosen = discretize(&cells[..1], &[table]);
        assert_eq!(rows_of(&chosen[0])[2..4], [2, 3]);
        assert_eq!(chosen[0][2].column, SEP3);
    }

    #[test]
    fn where_architectures_may_have_none_it_can_win() {
        let space = nb201();
        let cells = space.relaxed().unwrap();
        let mut table = Array2::from_elem((6, 5), 0.1);
        for (row, column) in [(0, 3), (1, 0), (2, 1), (3, 4), (4, 0), (5, 2)] {
            table[[row, column]] = 0.6;
        }
        let chosen = discretize(&cells, &[table]);
        assert_eq!(rows_of(&chosen[0]), [0, 1, 2, 3, 4, 5]);
        assert_eq!(
            space.chosen(&chosen).unwrap().to_string(),
            "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_1x1~2|"
        );
    }

    #[test]
    fn a_node_with_fewer_edges_than_are_kept_keeps_them_all() {
        let text = "name = 'mine'\nskeleton = 'darts'\noperations = ['skip_connect', 'nor_conv_3x3']\nnodes = 3\ninputs = 3";
        let space = CustomConfig::from_toml(text)
            .unwrap()
            .build(Operations::standard())
            .unwrap();
        let cells = space.relaxed().unwrap();
        let mut table = Array2::from_elem((9, 3), 0.2);
        table[[7, 2]] = 0.9;
        let chosen = discretize(&cells, &[table]);
        assert_eq!(rows_of(&chosen[0]), [0, 1, 2, 3, 4, 5, 6, 7]);
        space.chosen(&chosen).unwrap();
    }

    #[test]
    fn what_is_not_a_number_never_wins() {
        assert_eq!(
            strongest([(0, f64::NAN), (1, -1.0), (2, -1.0)].into_iter()),
            Some(1)
        );
        assert_eq!(strongest([(0, f64::NAN)].into_iter()), Some(0));
        assert_eq!(strongest(std::iter::empty()), None);
    }
}
