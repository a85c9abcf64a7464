//! Spaces whose architectures share the weights of one supernet.

use nas_eval::supernet::Mixture;
use nas_space::arch::Architecture;
use nas_space::error::SpaceError;
use nas_space::network::Network;
use nas_space::spaces::{CellSpace, EnasMacroSpace, MixedChannels, RelaxedCell, Space};
use ndarray::Array2;

use super::EnasConfig;
use super::one_hot::one_hot;
use crate::error::RlError;

/// A space that has a supernet.
#[derive(Debug)]
pub(super) enum Shared {
    /// One of cells.
    Cells(CellSpace, Vec<RelaxedCell>),
    /// That of whole networks.
    Macro(EnasMacroSpace),
}

impl Shared {
    /// The space as one that has a supernet.
    pub(super) fn new(space: &dyn Space) -> Result<Self, RlError> {
        match (space.cells(), space.enas_macro()) {
            (Some(cells), _) => Ok(Self::Cells(cells.clone(), cells.relaxed()?)),
            (None, Some(whole)) => Ok(Self::Macro(whole.clone())),
            (None, None) => {
                let expected = "one of cells whose edges have one operation each, or enas-macro: others have no supernet";
                Err(SpaceError::config("space", space.name(), expected).into())
            }
        }
    }

    /// The space.
    pub(super) fn space(&self) -> &dyn Space {
        match self {
            Self::Cells(space, _) => space,
            Self::Macro(space) => space,
        }
    }

    /// The supernet that the configuration asks for.
    pub(super) fn network(&self, config: &EnasConfig) -> Result<Network, RlError> {
        let network = match self {
            Self::Cells(space, _) => space.supernet(&config.network, MixedChannels::All)?,
            Self::Macro(space) => space.supernet(&config.network)?,
        };
        Ok(network.with_dropout(config.dropout)?)
    }

    /// The mixture in which everything that the architecture has weighs 1, and nothing else anything.
    pub(super) fn mixture(&self, architecture: &Architecture) -> Result<Mixture, SpaceError> {
        match self {
            Self::Cells(space, cells) => one_hot(space, cells, architecture),
            Self::Macro(space) => {
                space.validate(architecture)?;
                let (rows, columns) = space.table();
                let operations = columns + 1 - rows;
                let mut table = Array2::zeros((rows, columns));
                let mut choices = architecture.choices().iter();
                for row in 0..rows {
                    if let Some(&operation) = choices.next() {
                        table[[row, operation]] = 1.0;
                    }
                    for (state, &skip) in choices.by_ref().take(row).enumerate() {
                        table[[row, operations + state]] = skip as f64;
                    }
                }
                Ok(Mixture::new(vec![table]))
            }
        }
    }

    /// What tells it from other spaces in a checkpoint.
    pub(super) fn identity(&self) -> String {
        match self {
            Self::Cells(space, cells) => format!("{} {cells:?}", space.name()),
            Self::Macro(space) => format!("{} {:?}", space.name(), space.config()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nas_eval::model::{Model, Pass};
    use nas_eval::supernet::Supernet;
    use nas_eval::{DType, Device};
    use nas_space::network::NetworkConfig;
    use nas_space::seed::Seed;
    use nas_space::shape::Shape;
    use nas_space::spaces::EnasMacroConfig;

    use super::*;

    /// With the parameters of the supernet, a network by itself gives the scores of the supernet with its mixture.
    #[test]
    fn a_part_of_the_macro_supernet_is_the_network_by_itself() {
        let space = EnasMacroSpace::new(EnasMacroConfig { layers: 5 }).unwrap();
        let config = EnasConfig {
            network: NetworkConfig {
                image: Shape::new(1, 8, 8),
                channels: 4,
                ..NetworkConfig::default()
            },
            ..EnasConfig::default()
        };
        let shared = Shared::new(&space).unwrap();
        let (cpu, dtype) = (Device::Cpu, DType::F64);
        let network = Arc::new(shared.network(&config).unwrap());
        let supernet = Supernet::new(network, Seed::new(1), &cpu, dtype).unwrap();
        let values: Vec<f64> = (0..192).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let images = candle_core::Tensor::from_vec(values, (3, 1, 8, 8), &cpu).unwrap();
        let mut rng = Seed::new(2).rng();
        for _ in 0..8 {
            let architecture = space.sample(&mut rng);
            let alone = space.network(&architecture, &config.network).unwrap();
            let alone = Model::new(Arc::new(alone), Seed::new(3), &cpu, dtype).unwrap();
            for (name, parameter) in alone.parameters().iter() {
                let shared = supernet.parameters().get(name).unwrap();
                parameter.var.set(shared.var.as_tensor()).unwrap();
            }
            let mixture = shared.mixture(&architecture).unwrap();
            let pass = Pass::BatchStatistics;
            let expected = alone.forward(&images, &pass).unwrap().main;
            let got = supernet.forward(&images, &pass, &mixture).unwrap().main;
            let difference = (got - expected).unwrap().abs().unwrap().max_all().unwrap();
            assert!(difference.to_scalar::<f64>().unwrap() < 1e-10, "{architecture}");
        }
    }
}
