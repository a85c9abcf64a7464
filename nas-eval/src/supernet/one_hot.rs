//! An architecture as weights of a supernet: 1 for its operations, 0 for all others.

use nas_space::arch::Architecture;
use nas_space::error::SpaceError;
use nas_space::op::Role;
use nas_space::spaces::{CellSpace, RelaxedCell, Space};
use ndarray::Array2;

use super::Mixture;

/// The mixture in which every operation that the architecture has weighs 1, and no other anything.
///
/// What reads a state to which nothing is passed on weighs 0, too: networks by themselves leave such
/// operations out ([`Cell::pruned`](nas_space::cell::Cell::pruned)). They would take time, and a
/// batch norm by running statistics would make something of the zeros. What is not read by anything
/// has its weight, and is not computed either.
pub(super) fn one_hot(
    space: &CellSpace,
    cells: &[RelaxedCell],
    architecture: &Architecture,
) -> Result<Mixture, SpaceError> {
    let mut tables = marks(space, cells, architecture)?;
    for (cell, table) in cells.iter().zip(&mut tables) {
        unmark_unfed(space, cell, table);
    }
    Ok(Mixture::new(tables))
}

/// Sets the rows of edges from unfed states to 0: those into which every edge has an operation that
/// passes nothing on, or is from an unfed state itself.
fn unmark_unfed(space: &CellSpace, cell: &RelaxedCell, table: &mut Array2<f64>) {
    let something: Vec<bool> = cell
        .operations
        .iter()
        .map(|name| space.operations().role(name) != Role::Nothing)
        .collect();
    let mut fed = vec![true; cell.inputs];
    for state in cell.states() {
        let mut reached = false;
        for row in cell.rows_into(state) {
            let mut weights = table.row_mut(row);
            if !fed[cell.edges[row].0] {
                weights.fill(0.0);
            }
            let mut chosen = weights.iter().zip(&something);
            reached |= chosen.any(|(&weight, &something)| weight != 0.0 && something);
        }
        fed.push(reached);
    }
}

/// 1 for each operation that the architecture has: a table a cell, as of a [`Mixture`].
fn marks(
    space: &CellSpace,
    cells: &[RelaxedCell],
    architecture: &Architecture,
) -> Result<Vec<Array2<f64>>, SpaceError> {
    let genotype = space.genotype(architecture)?;
    let mut tables = Vec::with_capacity(cells.len());
    for (relaxed, (_, cell)) in cells.iter().zip(genotype.cells()) {
        let mut table = Array2::zeros((relaxed.edges.len(), relaxed.operations.len()));
        for (node, joint) in cell.nodes().into_iter().enumerate() {
            let to = relaxed.inputs + node;
            for (operation, from) in joint.edges {
                let row = relaxed.edges.iter().position(|&edge| edge == (from, to));
                let column = relaxed.operations.iter().position(|name| *name == operation);
                let (Some(row), Some(column)) = (row, column) else {
                    return Err(SpaceError::NotInSpace {
                        space: space.name().to_owned(),
                        reason: format!("its supernet has no {operation} from state {from} to state {to}"),
                    });
                };
                table[[row, column]] = 1.0;
            }
        }
        tables.push(table);
    }
    Ok(tables)
}

#[cfg(test)]
mod tests {
    use nas_space::seed::Seed;
    use nas_space::spaces::{ChosenEdge, darts, nb201};

    use super::*;

    /// What is marked, put together again by the space, is the architecture.
    #[test]
    fn the_marks_are_the_architecture() {
        for space in [nb201(), darts()] {
            let cells = space.relaxed().unwrap();
            let mut rng = Seed::new(1).rng();
            for _ in 0..20 {
                let architecture = space.sample(&mut rng);
                let tables = marks(&space, &cells, &architecture).unwrap();
                let marked = |table: &Array2<f64>| {
                    let marks = table.indexed_iter().filter(|(_, weight)| **weight == 1.0);
                    marks
                        .map(|((row, column), _)| ChosenEdge { row, column })
                        .collect::<Vec<_>>()
                };
                let chosen: Vec<Vec<ChosenEdge>> = tables.iter().map(marked).collect();
                let genotype = space.chosen(&chosen).unwrap();
                assert_eq!(space.architecture(&genotype).unwrap(), architecture);
            }
        }
    }
}
