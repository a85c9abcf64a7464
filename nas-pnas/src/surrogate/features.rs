//! Architectures as vectors of a fixed length.

use std::collections::BTreeSet;
use std::sync::Arc;

use nas_space::arch::Architecture;
use nas_space::encode::{adjacency, one_hot, path_count, path_encoding};
use nas_space::genotype::Genotype;
use nas_space::op::Role;
use nas_space::spaces::{Growth, Space, SpaceError};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::PnasError;

/// What an architecture is to a surrogate that learns from features.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Which option each decision took; nothing for those that an architecture has not reached. For
    /// every space.
    #[default]
    OneHot,
    /// Edges and operations of the cell, as the network has it. For spaces of cells.
    Adjacency,
    /// Which chains of operations lead through the cell, up to the first 512. It does not depend on
    /// how a cell is written down. For spaces of cells.
    ///
    /// The limit is [`PATHS`].
    Paths,
}

/// The largest number of features of [`Encoding::Paths`]: there are so many longer paths that each
/// is rare.
pub const PATHS: usize = 512;

/// Makes features of the architectures of a space.
#[derive(Debug, Clone)]
pub(crate) struct Encoder {
    space: Arc<dyn Space>,
    encoding: Encoding,
    /// The operations that make a difference.
    vocabulary: Vec<String>,
    nodes: usize,
    paths: usize,
}

impl Encoder {
    pub(crate) fn new(space: &Arc<dyn Space>, encoding: Encoding) -> Result<Self, PnasError> {
        let mut encoder = Self {
            space: Arc::clone(space),
            encoding,
            vocabulary: Vec::new(),
            nodes: 0,
            paths: 0,
        };
        if encoding == Encoding::OneHot {
            return Ok(encoder);
        }
        let Some(cells) = space.cells() else {
            let got = format!("{encoding:?}, in space {}", space.name());
            return Err(PnasError::config(
                "surrogate.encoding",
                got,
                "one_hot: the space is not one of cells",
            ));
        };
        let makes_a_difference = |name: &&String| space.operations().role(name) != Role::Nothing;
        let names: BTreeSet<&String> = cells.choosable().iter().filter(makes_a_difference).collect();
        let mut vocabulary: Vec<String> = names.into_iter().cloned().collect();
        let skip = "skip_connect".to_owned();
        // What a cell of fewer nodes is filled up with.
        if space.operations().get(&skip).is_ok() && !vocabulary.contains(&skip) {
            vocabulary.push(skip);
        }
        encoder.nodes = cells.levels();
        let inputs = match cells.skeleton() {
            nas_space::spaces::Skeleton::Darts => 2,
            nas_space::spaces::Skeleton::Nb201 => 1,
        };
        encoder.paths =
            path_count(inputs, vocabulary.len(), encoder.nodes as u32).map_or(PATHS, |n| n.min(PATHS));
        encoder.vocabulary = vocabulary;
        Ok(encoder)
    }

    /// The features of one architecture.
    pub(crate) fn features(&self, architecture: &Architecture) -> Result<Vec<f32>, SpaceError> {
        if self.encoding == Encoding::OneHot {
            return Ok(one_hot(self.space.as_ref(), architecture)?.to_vec());
        }
        let genotype: Genotype = self.space.genotype(architecture)?;
        let vocabulary: Vec<&str> = self.vocabulary.iter().map(String::as_str).collect();
        let mut features = Vec::new();
        for (_, cell) in genotype.cells() {
            let of_cell = match self.encoding {
                Encoding::Adjacency => adjacency(cell, self.space.operations(), &vocabulary, self.nodes)?,
                _ => path_encoding(cell, self.space.operations(), &vocabulary, self.paths)?,
            };
            features.extend(of_cell);
        }
        Ok(features)
    }

    /// Those of many, side by side.
    pub(crate) fn all<'a>(
        &self,
        architectures: impl IndexedParallelIterator<Item = &'a Architecture>,
    ) -> Result<Vec<Vec<f32>>, SpaceError> {
        let features: Vec<Result<Vec<f32>, SpaceError>> =
            architectures.with_min_len(64).map(|a| self.features(a)).collect();
        features.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use nas_space::seed::Seed;
    use nas_space::spaces::{PnasConfig, by_name, nb201, pnas};

    use super::*;

    fn features(space: &Arc<dyn Space>, encoding: Encoding, choices: &[usize]) -> Vec<f32> {
        let encoder = Encoder::new(space, encoding).unwrap();
        encoder.features(&Architecture::new(choices)).unwrap()
    }

    #[test]
    fn features_of_all_levels_are_of_one_length() {
        for (space, lengths) in [
            (Arc::new(nb201()) as Arc<dyn Space>, [30, 39, 84]),
            (
                Arc::new(pnas(&PnasConfig::default()).unwrap()),
                [2 * (2 + 3 + 4 + 5 + 6) + 80, 195, PATHS],
            ),
        ] {
            let growth = space.growth().unwrap();
            let mut rng = Seed::new(1).rng();
            for level in 1..=growth.levels() {
                let architecture = growth.sample_at(level, &mut rng);
                for (encoding, length) in [Encoding::OneHot, Encoding::Adjacency, Encoding::Paths]
                    .into_iter()
                    .zip(lengths)
                {
                    assert_eq!(
                        features(&space, encoding, architecture.choices()).len(),
                        length,
                        "{encoding:?}"
                    );
                }
            }
        }
    }

    /// The same network written in two ways, one of them a cell of fewer nodes.
    #[test]
    fn paths_do_not_depend_on_how_a_cell_is_written_down() {
        let space: Arc<dyn Space> = Arc::new(nb201());
        let paths = |choices: &[usize]| features(&space, Encoding::Paths, choices);
        assert_eq!(paths(&[3, 1, 2]), paths(&[3, 1, 2, 0, 0, 1]));
        assert_ne!(paths(&[3, 1, 2]), paths(&[3, 1, 3]));
    }

    #[test]
    fn what_is_of_cells_is_refused_for_others() {
        let chain = by_name("chain").unwrap();
        Encoder::new(&chain, Encoding::OneHot).unwrap();
        let error = Encoder::new(&chain, Encoding::Paths).unwrap_err().to_string();
        assert!(error.contains("not one of cells"), "{error}");
    }
}
