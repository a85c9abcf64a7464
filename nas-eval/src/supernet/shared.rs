//! Spaces whose architectures share the weights of one supernet.

use nas_space::arch::Architecture;
use nas_space::error::SpaceError;
use nas_space::network::{Network, NetworkConfig};
use nas_space::spaces::{CellSpace, EnasMacroSpace, MixedChannels, RelaxedCell, Space};
use ndarray::Array2;

use super::one_hot::one_hot;
use super::{Mixture, SupernetTraining};
use crate::error::EvalError;
use crate::model::Pass;
use crate::train::Scores;

/// A space whose architectures share the weights of one supernet.
#[derive(Debug, Clone)]
pub struct SharedSpace(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// One of cells.
    Cells(CellSpace, Vec<RelaxedCell>),
    /// That of whole networks.
    Macro(EnasMacroSpace),
}

impl SharedSpace {
    /// The space as one that has a supernet.
    ///
    /// # Errors
    /// [`SpaceError::Config`] where it has none.
    pub fn new(space: &dyn Space) -> Result<Self, SpaceError> {
        match (space.cells(), space.enas_macro()) {
            (Some(cells), _) => Ok(Self(Kind::Cells(cells.clone(), cells.relaxed()?))),
            (None, Some(whole)) => Ok(Self(Kind::Macro(whole.clone()))),
            (None, None) => {
                let expected = "one of cells whose edges have one operation each, or enas-macro: others have no supernet";
                Err(SpaceError::config("space", space.name(), expected))
            }
        }
    }

    /// The space.
    pub fn space(&self) -> &dyn Space {
        match &self.0 {
            Kind::Cells(space, _) => space,
            Kind::Macro(space) => space,
        }
    }

    /// The network of a supernet of this size, with this rate of dropout before the classifier, in
    /// \[0, 1).
    ///
    /// # Errors
    /// [`SpaceError`] where it cannot be of this size.
    pub fn network(&self, size: &NetworkConfig, dropout: f64) -> Result<Network, SpaceError> {
        let network = match &self.0 {
            Kind::Cells(space, _) => space.supernet(size, MixedChannels::All)?,
            Kind::Macro(space) => space.supernet(size)?,
        };
        network.with_dropout(dropout)
    }

    /// The mixture in which everything that the architecture has weighs 1, and nothing else
    /// anything.
    ///
    /// # Errors
    /// [`SpaceError`] for an architecture that is not of the space.
    pub fn mixture(&self, architecture: &Architecture) -> Result<Mixture, SpaceError> {
        match &self.0 {
            Kind::Cells(space, cells) => one_hot(space, cells, architecture),
            Kind::Macro(space) => {
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

    /// Loss and accuracy of an architecture with the shared weights of a training, on the images
    /// with these indices, such as all of [`TrainingData::valid`](crate::train::TrainingData::valid). `epoch` is that to report.
    ///
    /// Batch norms normalise by the statistics of the batch. Running ones would mix those of all
    /// architectures that were trained, of which each has its own; to measure them again for each
    /// architecture takes more passes than to judge it.
    ///
    /// # Errors
    /// [`EvalError::Space`] for an architecture that is not of the space; otherwise as
    /// [`SupernetTraining::evaluate_on`].
    pub fn evaluate(
        &self,
        training: &SupernetTraining,
        architecture: &Architecture,
        indices: &[u32],
        epoch: u32,
    ) -> Result<Scores, EvalError> {
        let mixture = self.mixture(architecture)?;
        let batch_size = training.config().evaluation_batch_size;
        training.evaluate_on(indices, batch_size, &mixture, &Pass::BatchStatistics, epoch)
    }

    /// The text that identifies the space in a checkpoint.
    pub fn identity(&self) -> String {
        match &self.0 {
            Kind::Cells(space, cells) => format!("{} {cells:?}", space.name()),
            Kind::Macro(space) => format!("{} {:?}", space.name(), space.config()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use nas_space::seed::Seed;
    use nas_space::shape::Shape;
    use nas_space::spaces::EnasMacroConfig;

    use super::*;
    use crate::model::{Model, Pass};
    use crate::supernet::Supernet;
    use crate::{Compute, DType};

    /// With the parameters of the supernet, a network by itself gives the scores of the supernet
    /// with its mixture.
    #[test]
    fn a_part_of_the_macro_supernet_is_the_network_by_itself() {
        let space = EnasMacroSpace::new(EnasMacroConfig { layers: 5 }).unwrap();
        let size = NetworkConfig {
            image: Shape::new(1, 8, 8),
            channels: 4,
            ..NetworkConfig::default()
        };
        let shared = SharedSpace::new(&space).unwrap();
        let compute = Compute::cpu().with_dtype(DType::F64);
        let network = Arc::new(shared.network(&size, 0.0).unwrap());
        let supernet = Supernet::new(network, Seed::new(1), &compute).unwrap();
        let values: Vec<f64> = (0..192).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let images = candle_core::Tensor::from_vec(values, (3, 1, 8, 8), &compute.device).unwrap();
        let mut rng = Seed::new(2).rng();
        for _ in 0..8 {
            let architecture = space.sample(&mut rng);
            let alone = space.network(&architecture, &size).unwrap();
            let alone = Model::new(Arc::new(alone), Seed::new(3), &compute).unwrap();
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

    /// The same of cells, with states that only `none` leads to: what reads them is not part of the
    /// network, and not computed in the supernet. Parameters that the network alone has, of batch
    /// norms, are 1 and 0.
    #[test]
    fn a_path_of_the_supernet_is_the_network_by_itself() {
        let space = nas_space::spaces::nb201();
        let size = NetworkConfig {
            image: Shape::new(1, 8, 8),
            channels: 4,
            cells: 1,
            ..NetworkConfig::default()
        };
        let shared = SharedSpace::new(&space).unwrap();
        let compute = Compute::cpu().with_dtype(DType::F64);
        let network = Arc::new(shared.network(&size, 0.0).unwrap());
        let supernet = Supernet::new(network, Seed::new(1), &compute).unwrap();
        let values: Vec<f64> = (0..192).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let images = candle_core::Tensor::from_vec(values, (3, 1, 8, 8), &compute.device).unwrap();
        let mut rng = Seed::new(2).rng();
        let mut architectures: Vec<Architecture> = (0..20).map(|_| space.sample(&mut rng)).collect();
        // The first node unfed; the first two, of which the third reads the input alone.
        architectures
            .extend([[0, 3, 2, 3, 3, 2], [0, 2, 3, 0, 1, 4], [0, 0, 3, 2, 3, 1]].map(Architecture::new));
        let mut unfed = 0;
        for architecture in architectures {
            let alone = space.network(&architecture, &size).unwrap();
            let alone = Model::new(Arc::new(alone), Seed::new(3), &compute).unwrap();
            let names = names_in_the_supernet(architecture.choices());
            for (name, parameter) in alone.parameters().iter() {
                let there = names.iter().find(|(own, _)| name.contains(own));
                let name = match there {
                    Some((own, there)) => name.replace(own.as_str(), there),
                    None => name.to_owned(),
                };
                match supernet.parameters().get(&name) {
                    Some(shared) => parameter.var.set(shared.var.as_tensor()).unwrap(),
                    None => assert!(name.contains(".bn."), "{name}"),
                }
            }
            let mixture = shared.mixture(&architecture).unwrap();
            unfed += usize::from(mixture.tables()[0].sum() < 6.0);
            let pass = Pass::BatchStatistics;
            let expected = alone.forward(&images, &pass).unwrap().main;
            let got = supernet.forward(&images, &pass, &mixture).unwrap().main;
            let difference = (got - expected).unwrap().abs().unwrap().max_all().unwrap();
            assert!(difference.to_scalar::<f64>().unwrap() < 1e-10, "{architecture}");
        }
        assert!(unfed > 3);
    }

    /// What layers of a network of NAS-Bench-201 are called, and the same ones in the supernet. A
    /// network numbers those nodes and edges alone that its output depends on.
    fn names_in_the_supernet(choices: &[usize]) -> Vec<(String, String)> {
        const OPERATIONS: [&str; 5] = [
            "none",
            "skip_connect",
            "nor_conv_1x1",
            "nor_conv_3x3",
            "avg_pool_3x3",
        ];
        let mut choices = choices.iter();
        let (mut fed, mut nodes) = (vec![true], Vec::new());
        for state in 1..4 {
            let into: Vec<(usize, usize)> = choices.by_ref().take(state).copied().enumerate().collect();
            let kept = into
                .into_iter()
                .filter(|&(from, operation)| operation > 0 && fed[from]);
            let kept: Vec<(usize, usize)> = kept.collect();
            fed.push(!kept.is_empty());
            nodes.push(kept);
        }
        let mut used = [false, false, false, true];
        for state in [3, 2, 1] {
            if used[state] {
                nodes[state - 1].iter().for_each(|&(from, _)| used[from] = true);
            }
        }
        let mut names = Vec::new();
        for (number, state) in (1..4).filter(|&state| used[state]).enumerate() {
            for (position, &(from, operation)) in nodes[state - 1].iter().enumerate() {
                let operation = OPERATIONS[operation];
                names.push((
                    format!("node{}.{position}.{operation}.", number + 1),
                    format!("node{state}.edge{from}.{operation}."),
                ));
            }
        }
        names
    }
}
