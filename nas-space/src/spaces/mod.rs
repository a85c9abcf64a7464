//! Search spaces: sets of architectures, each an ordered list of decisions.
//!
//! In every space of this crate, every combination of options is an architecture: constraints are
//! built into the decisions (the two different inputs of a DARTS node are one choice among pairs),
//! so that sampling is uniform, mutation stays valid and the size is a product.
//!
//! | name | architectures | size | grows by |
//! |---|---|---|---|
//! | [`darts`] | a normal and a reduction cell, two operations a node | 1.08e18 | |
//! | [`nb201`] | a cell of four states with an operation on each edge | 15,625 | nodes |
//! | [`pnas`] | one cell of five blocks, which add | 5.57e14 | blocks |
//! | [`nasnet`] | a normal and a reduction cell of five blocks, which add or concatenate | 5.23e36 | |
//! | [`chain`](ChainSpace) | convolutions in a row with skip connections | 2.25e15 at 6 layers | layers |
//! | [`enas-macro`](EnasMacroSpace) | twelve layers, each an operation and skip connections | 1.61e29 | layers |
//! | [`mobile`](MobileSpace) | inverted residuals in stages, for small devices | 6.22e8 | |
//! | [`hierarchical`](HierarchicalSpace) | motifs over motifs over primitive operations | 1.65e11; 7.49e38 in the paper's size | |
//! | [`nb101`] | a module of up to seven vertices and nine edges | 5.10e8, of 423,624 modules | |
//! | [product](ProductConfig) | decisions of which nothing else is known, as of a benchmark table | | |
//! | [custom](CustomConfig) | cells as a TOML text describes them | | nodes, if of one cell |
//!
//! A [`FilteredSpace`] is a part of any of them; the one whose networks are not too large is in
//! `limits`.
//!
//! [`by_name`] gives one in its default size (of the hierarchical one that is
//! [`HierarchicalConfig::small`]), [`SpaceConfig`] in any.

mod cell_space;
mod chain;
mod config;
mod custom;
mod darts;
mod enas_macro;
mod filtered;
mod grammar;
mod growth;
pub mod hierarchical;
mod mobile;
mod nasnet;
mod nb101;
mod nb201;
mod nb201_index;
mod part;
mod pnas;
mod product;
mod relaxed;
mod subsets;

pub use cell_space::{CellSpace, Skeleton};
pub use chain::{ChainConfig, ChainSpace};
pub use config::{SpaceConfig, by_name, names};
pub use custom::{CustomConfig, NodeInputs, OutputStates, Reduction};
pub use darts::{DARTS_OPERATIONS, darts};
pub use enas_macro::{EnasMacroConfig, EnasMacroSpace};
pub(crate) use filtered::first_within;
pub use filtered::{Filter, FilteredSpace};
pub use growth::{Extensions, Growth};
pub use hierarchical::{HIERARCHICAL_OPERATIONS, HierarchicalConfig, HierarchicalSpace, LevelConfig};
pub use mobile::{MobileConfig, MobileSpace, StageConfig};
pub use nasnet::{NASNET_OPERATIONS, NasnetConfig, nasnet};
pub use nb101::{Nb101Space, nb101};
pub use nb201::{NB201_EDGES, NB201_OPERATIONS, nb201};
pub use nb201_index::nb201_by_index;
pub(crate) use part::Listing;
pub use part::Part;
pub use pnas::{PNAS_OPERATIONS, PnasConfig, pnas};
pub use product::{ProductConfig, ProductSpace};
pub use relaxed::{ChosenEdge, MixedChannels, RelaxedCell};

use std::fmt;

use num_bigint::BigUint;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::arch::{Architecture, Decision};

pub use crate::error::SpaceError;
use crate::genotype::Genotype;
use crate::network::{Network, NetworkConfig};
use crate::op::Operations;

/// A set of architectures.
///
/// Implementors give the first five; the rest follows from them. A space that can also be grown
/// level by level returns itself from [`Space::growth`], a space of cells from [`Space::cells`].
pub trait Space: fmt::Debug + Send + Sync {
    /// The name a user types, such as `nb201`.
    fn name(&self) -> &str;

    /// The decisions, in the order of an architecture's choices.
    fn decisions(&self) -> &[Decision];

    /// The vocabulary its architectures are built from.
    fn operations(&self) -> &Operations;

    /// The readable form of an architecture.
    ///
    /// # Errors
    /// As [`Space::validate`].
    fn genotype(&self, architecture: &Architecture) -> Result<Genotype, SpaceError>;

    /// The choices that give this genotype.
    ///
    /// # Errors
    /// [`SpaceError::NotInSpace`] says what does not fit.
    fn architecture(&self, genotype: &Genotype) -> Result<Architecture, SpaceError>;

    /// The space as one that grows, if it does.
    fn growth(&self) -> Option<&dyn Growth> {
        None
    }

    /// The space as one of cells, if it is.
    fn cells(&self) -> Option<&CellSpace> {
        None
    }

    /// The space as ENAS' macro space, if it is.
    fn enas_macro(&self) -> Option<&EnasMacroSpace> {
        None
    }

    /// The space as a part of another, if not any combination of options is one of its
    /// architectures.
    fn part(&self) -> Option<&dyn Part> {
        None
    }

    /// Checks that the architecture is a point of the space.
    ///
    /// # Errors
    /// [`SpaceError::ChoiceCount`] or [`SpaceError::ChoiceRange`].
    fn validate(&self, architecture: &Architecture) -> Result<(), SpaceError> {
        let got = architecture.choices().len();
        let levels: Vec<usize> = match self.growth() {
            Some(growth) => (1..=growth.levels())
                .map(|level| growth.choices_at(level))
                .collect(),
            None => vec![self.decisions().len()],
        };
        if !levels.contains(&got) {
            let expected: Vec<String> = levels.iter().map(ToString::to_string).collect();
            let (space, expected) = (self.name().to_owned(), expected.join(" or "));
            return Err(SpaceError::ChoiceCount { space, expected, got });
        }
        for (decision, &choice) in self.decisions().iter().zip(architecture.choices()) {
            if choice >= decision.options.len() {
                return Err(SpaceError::ChoiceRange {
                    space: self.name().to_owned(),
                    decision: decision.name.clone(),
                    options: decision.options.len(),
                    got: choice,
                });
            }
        }
        Ok(())
    }

    /// An architecture drawn uniformly from the (full-grown) space, unless the space says
    /// otherwise.
    fn sample(&self, rng: &mut ChaCha8Rng) -> Architecture {
        let choices: Vec<usize> = self
            .decisions()
            .iter()
            .map(|decision| rng.random_range(0..decision.options.len()))
            .collect();
        Architecture::new(choices)
    }

    /// The architecture with exactly one choice changed: a decision drawn uniformly from those with
    /// more than one option, then one of its other options, unless the space says otherwise.
    ///
    /// # Errors
    /// As [`Space::validate`]; [`SpaceError::Isolated`] where there is none, as in a space of a
    /// single architecture.
    fn mutate(&self, architecture: &Architecture, rng: &mut ChaCha8Rng) -> Result<Architecture, SpaceError> {
        self.validate(architecture)?;
        let decisions = &self.decisions()[..architecture.choices().len()];
        let open: Vec<usize> = (0..decisions.len())
            .filter(|&i| decisions[i].options.len() > 1)
            .collect();
        if open.is_empty() {
            return Err(SpaceError::Isolated {
                space: self.name().to_owned(),
                architecture: architecture.to_string(),
            });
        }
        let position = open[rng.random_range(0..open.len())];
        let other = rng.random_range(0..decisions[position].options.len() - 1);
        let option = if other < architecture.choices()[position] {
            other
        } else {
            other + 1
        };
        Ok(architecture.with_choice(position, option))
    }

    /// All architectures that differ in exactly one choice, in the order of decisions and options.
    ///
    /// # Errors
    /// As [`Space::validate`].
    fn neighbours(&self, architecture: &Architecture) -> Result<Vec<Architecture>, SpaceError> {
        self.validate(architecture)?;
        let mut all = Vec::new();
        for (position, &choice) in architecture.choices().iter().enumerate() {
            for option in 0..self.decisions()[position].options.len() {
                if option != choice {
                    all.push(architecture.with_choice(position, option));
                }
            }
        }
        Ok(all)
    }

    /// Number of (full-grown) architectures, isomorphic ones counted apart.
    fn size(&self) -> BigUint {
        self.decisions()
            .iter()
            .map(|decision| BigUint::from(decision.options.len()))
            .product()
    }

    /// The network of an architecture at this size.
    ///
    /// # Errors
    /// As [`Space::genotype`] and [`Genotype::network`].
    fn network(&self, architecture: &Architecture, config: &NetworkConfig) -> Result<Network, SpaceError> {
        self.genotype(architecture)?.network(self.operations(), config)
    }
}
