//! The architecture parameters.

use nas_space::seed::Seed;
use nas_space::spaces::RelaxedCell;
use ndarray::{Array1, Array2};
use rand_distr::{Distribution, Normal};

use crate::error::DartsError;

/// The architecture parameters of a supernet, or something of their shape, such as their gradient:
/// what a search learns beside the weights of the operations.
///
/// # Shapes
/// One table a cell, in the order of [`CellSpace::relaxed`](nas_space::spaces::CellSpace::relaxed).
#[derive(Debug, Clone, PartialEq)]
pub struct Alphas {
    /// α: a row for each edge, a column for each operation.
    pub operations: Vec<Array2<f64>>,
    /// β: a value for each edge. No tables where the relaxation does not weigh edges.
    pub edges: Vec<Array1<f64>>,
}

impl Alphas {
    /// Zeros, with β if `weighs_edges`.
    pub fn zeros(cells: &[RelaxedCell], weighs_edges: bool) -> Self {
        let operations = cells
            .iter()
            .map(|cell| Array2::zeros((cell.edges.len(), cell.operations.len())));
        let edges = cells.iter().map(|cell| Array1::zeros(cell.edges.len()));
        Self {
            operations: operations.collect(),
            edges: if weighs_edges { edges.collect() } else { Vec::new() },
        }
    }

    /// Drawn from N(0, `deviation`²); each table has a stream of its own below `seed`.
    ///
    /// # Errors
    /// [`DartsError::Eval`] where `deviation` is negative or not finite.
    pub fn random(
        cells: &[RelaxedCell],
        weighs_edges: bool,
        deviation: f64,
        seed: Seed,
    ) -> Result<Self, DartsError> {
        let normal = Normal::new(0.0, deviation)
            .ok()
            .filter(|_| deviation >= 0.0)
            .ok_or_else(|| DartsError::config("alpha_deviation", deviation, "a number of at least 0"))?;
        let mut alphas = Self::zeros(cells, weighs_edges);
        for (i, table) in alphas.operations.iter_mut().enumerate() {
            let mut rng = seed.derive("alpha", i as u64).rng();
            table
                .iter_mut()
                .for_each(|value| *value = normal.sample(&mut rng));
        }
        for (i, row) in alphas.edges.iter_mut().enumerate() {
            let mut rng = seed.derive("beta", i as u64).rng();
            row.iter_mut().for_each(|value| *value = normal.sample(&mut rng));
        }
        Ok(alphas)
    }

    /// All values: α table by table, row by row, then β.
    pub fn iter(&self) -> impl Iterator<Item = &f64> {
        let edges = self.edges.iter().flat_map(|row| row.iter());
        self.operations.iter().flat_map(|table| table.iter()).chain(edges)
    }

    /// All values in the same order, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut f64> {
        let edges = self.edges.iter_mut().flat_map(|row| row.iter_mut());
        self.operations
            .iter_mut()
            .flat_map(|table| table.iter_mut())
            .chain(edges)
    }

    /// This plus `factor` times `other`, which has the same shape.
    #[must_use]
    pub fn plus(&self, factor: f64, other: &Self) -> Self {
        let mut sum = self.clone();
        for (value, other) in sum.iter_mut().zip(other.iter()) {
            *value += factor * other;
        }
        sum
    }
}
