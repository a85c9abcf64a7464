//! An architecture as weights of a supernet: 1 for its operations, 0 for all others.

use nas_space::arch::Architecture;
use nas_space::error::SpaceError;
use nas_space::spaces::{CellSpace, RelaxedCell, Space};
use ndarray::Array2;

use super::Mixture;

/// The mixture in which every operation that the architecture has weighs 1, and no other anything.
pub(super) fn one_hot(
    space: &CellSpace,
    cells: &[RelaxedCell],
    architecture: &Architecture,
) -> Result<Mixture, SpaceError> {
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
    Ok(Mixture::new(tables))
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
                let mixture = one_hot(&space, &cells, &architecture).unwrap();
                let marked = |table: &Array2<f64>| {
                    let marks = table.indexed_iter().filter(|(_, weight)| **weight == 1.0);
                    marks
                        .map(|((row, column), _)| ChosenEdge { row, column })
                        .collect::<Vec<_>>()
                };
                let chosen: Vec<Vec<ChosenEdge>> = mixture.tables().iter().map(marked).collect();
                let genotype = space.chosen(&chosen).unwrap();
                assert_eq!(space.architecture(&genotype).unwrap(), architecture);
            }
        }
    }
}
