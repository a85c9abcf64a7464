//! The architecture parameters, with their optimizer and their checkpoints.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use nas_eval::Compute;
use nas_eval::nn::{Gradients, Init, Optimizer, OptimizerConfig, Parameters};
use nas_eval::supernet::Learned;
use nas_space::seed::Seed;
use nas_space::spaces::RelaxedCell;
use ndarray::{Array1, Array2};

use crate::alphas::Alphas;
use crate::config::DartsConfig;
use crate::error::DartsError;

/// The architecture parameters with their optimizer: `alpha.CELL` and, where edges are weighed,
/// `beta.CELL`. They are few, and are kept on the CPU in double precision whatever the weights are.
#[derive(Debug)]
pub(crate) struct ArchParameters {
    names: Vec<String>,
    weighs_edges: bool,
    parameters: Parameters,
    adam: Box<dyn Optimizer>,
}

impl ArchParameters {
    /// Freshly drawn, as the configuration says.
    pub(crate) fn new(
        cells: &[RelaxedCell],
        weighs_edges: bool,
        config: &DartsConfig,
        seed: Seed,
    ) -> Result<Self, DartsError> {
        let mut parameters = Parameters::new(seed, &Compute::cpu().with_dtype(DType::F64));
        for cell in cells {
            let shape = [cell.edges.len(), cell.operations.len()];
            parameters.create(&format!("alpha.{}", cell.name), &shape, Init::Zeros, true)?;
            if weighs_edges {
                parameters.create(&format!("beta.{}", cell.name), &shape[..1], Init::Zeros, true)?;
            }
        }
        let architecture = Self {
            names: cells.iter().map(|cell| cell.name.clone()).collect(),
            weighs_edges,
            parameters,
            adam: OptimizerConfig::Adam(config.alpha).build()?,
        };
        let start = Alphas::random(cells, weighs_edges, config.alpha_deviation, seed)?;
        for (name, tensor) in architecture.tensors(&start)? {
            if let Some(parameter) = architecture.parameters.get(&name) {
                parameter.var.set(&tensor)?;
            }
        }
        Ok(architecture)
    }

    /// Their values.
    pub(crate) fn alphas(&self) -> Result<Alphas, DartsError> {
        let mut alphas = Alphas {
            operations: Vec::new(),
            edges: Vec::new(),
        };
        for name in &self.names {
            let rows = self.value(&format!("alpha.{name}"))?.to_vec2::<f64>()?;
            let columns = rows.first().map_or(0, Vec::len);
            let flat: Vec<f64> = rows.concat();
            let table = Array2::from_shape_vec((rows.len(), columns), flat)
                .map_err(|error| candle_core::Error::Msg(error.to_string()))?;
            alphas.operations.push(table);
            if self.weighs_edges {
                let row = self.value(&format!("beta.{name}"))?.to_vec1::<f64>()?;
                alphas.edges.push(Array1::from_vec(row));
            }
        }
        Ok(alphas)
    }

    fn value(&self, name: &str) -> Result<Tensor, candle_core::Error> {
        match self.parameters.get(name) {
            Some(parameter) => Ok(parameter.var.as_detached_tensor()),
            None => candle_core::bail!("there are no architecture parameters '{name}'"),
        }
    }

    /// One step along this gradient.
    pub(crate) fn step(&mut self, gradient: &Alphas, learning_rate: f64) -> Result<(), DartsError> {
        let named: HashMap<String, Tensor> = self.tensors(gradient)?.into_iter().collect();
        let gradients = Gradients::from_named(named, &self.parameters);
        Ok(self.adam.step(&self.parameters, &gradients, learning_rate)?)
    }

    /// Tensors of this shape by the names of the parameters.
    fn tensors(&self, alphas: &Alphas) -> Result<Vec<(String, Tensor)>, candle_core::Error> {
        let mut tensors = Vec::new();
        for (name, table) in self.names.iter().zip(&alphas.operations) {
            let values: Vec<f64> = table.iter().copied().collect();
            let tensor = Tensor::from_vec(values, table.dim(), &Device::Cpu)?;
            tensors.push((format!("alpha.{name}"), tensor));
        }
        for (name, row) in self.names.iter().zip(&alphas.edges) {
            let tensor = Tensor::from_vec(row.to_vec(), row.len(), &Device::Cpu)?;
            tensors.push((format!("beta.{name}"), tensor));
        }
        Ok(tensors)
    }

    /// The parameters and their optimizer, to be saved and restored.
    pub(crate) fn learned(&mut self) -> Learned<'_> {
        Learned {
            name: "alpha",
            parameters: &self.parameters,
            optimizer: self.adam.as_mut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use nas_space::spaces::{CellSpace, darts};

    use super::*;

    fn cells(space: &CellSpace) -> Vec<RelaxedCell> {
        space.relaxed().unwrap()
    }

    #[test]
    fn they_start_small_and_from_their_seed() {
        let cells = cells(&darts());
        let start = |seed, deviation| {
            let config = DartsConfig {
                alpha_deviation: deviation,
                ..DartsConfig::default()
            };
            let architecture = ArchParameters::new(&cells, true, &config, Seed::new(seed)).unwrap();
            architecture.alphas().unwrap()
        };
        let drawn = start(1, 1e-3);
        assert_eq!(drawn, start(1, 1e-3));
        assert_ne!(drawn, start(2, 1e-3));
        assert_eq!(drawn.iter().count(), 2 * (14 * 8 + 14));
        let squares: f64 = drawn.iter().map(|value| value * value).sum();
        let deviation = (squares / drawn.iter().count() as f64).sqrt();
        assert!((0.8e-3..1.2e-3).contains(&deviation), "{deviation}");
        assert!(
            start(1, 0.0).iter().all(|&value| value == 0.0),
            "the paper's zeros"
        );
    }

    /// Adam's first step is the learning rate against the gradient's sign, whatever the gradient's
    /// size.
    #[test]
    fn a_step_goes_against_the_gradient() {
        let cells = cells(&darts());
        let config = DartsConfig {
            alpha_deviation: 0.0,
            ..DartsConfig::default()
        };
        let mut architecture = ArchParameters::new(&cells, false, &config, Seed::new(0)).unwrap();
        let mut gradient = Alphas::zeros(&cells, false);
        gradient.operations[1][[3, 2]] = 5.0;
        gradient.operations[0][[0, 0]] = -1e-3;
        architecture.step(&gradient, 0.01).unwrap();
        let moved = architecture.alphas().unwrap();
        assert!((moved.operations[1][[3, 2]] + 0.01).abs() < 1e-9);
        assert!((moved.operations[0][[0, 0]] - 0.01).abs() < 1e-6);
        assert_eq!(moved.operations[0][[5, 5]], 0.0);
    }
}
