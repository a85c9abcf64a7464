//! Genotypes: architectures as people read and write them.

mod blocks;
mod enas_macro;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::cell::Cell;
use crate::codec;
use crate::error::SpaceError;
use crate::hierarchy::Hierarchy;
use crate::nb101::Module;
use crate::network::{self, Network, NetworkConfig};
use crate::op::Operations;

pub(crate) use blocks::MAX_EXPANSION;
pub use blocks::{Block, Blocks};
pub(crate) use enas_macro::MAX_MACRO_LAYERS;
pub use enas_macro::{MacroGenotype, MacroLayer, MacroOperation};

/// An architecture in its readable form: cells in a skeleton, a chain of layers, blocks in a row, a
/// whole network of ENAS, motifs over motifs, or the options of a table.
///
/// It stands for itself: unlike an [`Architecture`](crate::arch::Architecture) it needs no space to
/// be understood, built, drawn or counted; a [`Selection`] alone can only be understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Genotype {
    /// Cells of two inputs in the skeleton of DARTS.
    Darts(DartsGenotype),
    /// A cell of one input in the skeleton of NAS-Bench-201.
    Nb201(Nb201Genotype),
    /// A chain of convolutions with skip connections.
    Chain(Chain),
    /// Convolutional blocks in a row.
    Blocks(Blocks),
    /// A whole network of ENAS' macro space.
    EnasMacro(MacroGenotype),
    /// Motifs over motifs, whose flattened cell stands in the skeleton of NAS-Bench-201.
    Hierarchical(Hierarchy),
    /// A module of NAS-Bench-101 in its skeleton.
    Nb101(Module),
    /// Options of decisions, of which nothing else is known.
    Selection(Selection),
}

/// An architecture that is known by its options alone, such as one of a benchmark table: no network
/// can be built of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Name of the space.
    pub space: String,
    /// For each decision its name and the option.
    pub choices: Vec<(String, String)>,
}

/// Cells in the skeleton of DARTS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DartsGenotype {
    /// The cell that keeps height and width. Two inputs: the outputs of the cell before the
    /// previous one (0) and of the previous one (1).
    pub normal: Cell,
    /// The cell that halves them; where there is none, the normal one with stride 2 on the edges
    /// from its inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduction: Option<Cell>,
}

/// A cell in the skeleton of NAS-Bench-201.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nb201Genotype {
    /// The cell, repeated throughout. One input, one output state.
    pub cell: Cell,
}

/// Most layers of a chain.
const MAX_LAYERS: usize = 1_000;
/// Largest filter size in one direction.
pub(crate) const MAX_FILTER_SIZE: usize = 1_023;
/// Largest stride of a layer of a chain.
pub(crate) const MAX_STRIDE: usize = 1_024;
/// Most filters of a layer of a chain.
pub(crate) const MAX_FILTERS: usize = 65_536;

/// A chain of convolutional layers (Zoph & Le 2017), 1 to 1,000 of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ChainText", into = "ChainText")]
pub struct Chain {
    layers: Vec<ChainLayer>,
}

/// One layer of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainLayer {
    /// Rows of the filter: odd, at most 1,023.
    pub filter_height: usize,
    /// Columns of the filter: odd, at most 1,023.
    pub filter_width: usize,
    /// Step between rows, 1 to 1,024.
    pub stride_height: usize,
    /// Step between columns, 1 to 1,024.
    pub stride_width: usize,
    /// Number of filters, 1 to 65,536.
    pub filters: usize,
    /// The earlier layers it reads, in increasing order; none means the image.
    pub inputs: Vec<usize>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainText {
    layers: Vec<ChainLayer>,
}

impl Chain {
    /// A chain of these layers.
    ///
    /// # Errors
    /// [`SpaceError::Config`] for no layers or more than 1,000, a field of a [`ChainLayer`] that is
    /// out of its range, or inputs that are not earlier layers in increasing order.
    pub fn new(layers: Vec<ChainLayer>) -> Result<Self, SpaceError> {
        if !(1..=MAX_LAYERS).contains(&layers.len()) {
            let expected = format!("1 to {MAX_LAYERS} layers");
            return Err(SpaceError::config("layers", layers.len(), expected));
        }
        for (i, layer) in layers.iter().enumerate() {
            let at = |field: &str| format!("layers[{i}].{field}");
            for (field, size) in [
                ("filter_height", layer.filter_height),
                ("filter_width", layer.filter_width),
            ] {
                if size.is_multiple_of(2) || size > MAX_FILTER_SIZE {
                    let expected = format!("an odd number of at most {MAX_FILTER_SIZE}");
                    return Err(SpaceError::config(at(field), size, expected));
                }
            }
            let counts = [
                ("stride_height", layer.stride_height, MAX_STRIDE),
                ("stride_width", layer.stride_width, MAX_STRIDE),
                ("filters", layer.filters, MAX_FILTERS),
            ];
            for (field, count, most) in counts {
                if !(1..=most).contains(&count) {
                    return Err(SpaceError::config(at(field), count, format!("1 to {most}")));
                }
            }
            let increasing = layer.inputs.windows(2).all(|pair| pair[0] < pair[1]);
            if !increasing || layer.inputs.last().is_some_and(|&last| last >= i) {
                let got = format!("{:?}", layer.inputs);
                return Err(SpaceError::config(
                    at("inputs"),
                    got,
                    format!("earlier layers (below {i}), in order"),
                ));
            }
        }
        Ok(Self { layers })
    }

    /// The layers, in order.
    pub fn layers(&self) -> &[ChainLayer] {
        &self.layers
    }
}

impl TryFrom<ChainText> for Chain {
    type Error = SpaceError;

    fn try_from(text: ChainText) -> Result<Self, SpaceError> {
        Self::new(text.layers)
    }
}

impl From<Chain> for ChainText {
    fn from(chain: Chain) -> Self {
        Self { layers: chain.layers }
    }
}

impl Genotype {
    /// The network of this architecture at this size.
    ///
    /// # Errors
    /// [`SpaceError`] where an operation is not known or the size cannot be.
    pub fn network(&self, operations: &Operations, config: &NetworkConfig) -> Result<Network, SpaceError> {
        match self {
            Self::Darts(cells) => {
                let reduction = cells.reduction.as_ref().unwrap_or(&cells.normal);
                network::darts(operations, &cells.normal, reduction, config)
            }
            Self::Nb201(genotype) => network::nb201(operations, &genotype.cell, config),
            Self::Chain(chain) => network::chain(chain, config),
            Self::Blocks(blocks) => network::blocks(blocks, config),
            Self::Nb101(module) => network::nb101(operations, module, config),
            Self::EnasMacro(network) => network::enas_macro(network, config),
            Self::Hierarchical(hierarchy) => network::nb201(operations, hierarchy.cell(), config),
            Self::Selection(selection) => Err(SpaceError::NoNetwork {
                space: selection.space.clone(),
            }),
        }
    }

    /// The cells it is made of, with their names; none for a chain, blocks, a whole network, a
    /// module or a selection, the flattened one for a hierarchy.
    pub fn cells(&self) -> Vec<(&'static str, &Cell)> {
        match self {
            Self::Darts(DartsGenotype {
                normal,
                reduction: Some(reduction),
            }) => {
                vec![("normal", normal), ("reduction", reduction)]
            }
            Self::Darts(DartsGenotype {
                normal,
                reduction: None,
            }) => vec![("normal", normal)],
            Self::Nb201(genotype) => vec![("cell", &genotype.cell)],
            Self::Hierarchical(hierarchy) => vec![("cell", hierarchy.cell())],
            Self::Chain(_) | Self::Blocks(_) | Self::EnasMacro(_) | Self::Nb101(_) | Self::Selection(_) => {
                Vec::new()
            }
        }
    }

    /// One line of JSON, which [`serde_json::from_str`] reads back.
    pub fn to_json(&self) -> String {
        // A genotype is made of strings, numbers and lists alone, which always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Display for Genotype {
    /// The shortest written form that holds it: a NAS-Bench-201 string, a `Genotype(…)` text, the
    /// numbers of a [`MacroGenotype`], or one line of JSON. [`str::parse`] reads it back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Nb201(genotype) => codec::format_nb201(genotype),
            Self::Darts(genotype) => codec::format_darts(genotype),
            Self::EnasMacro(network) => Some(network.to_string()),
            Self::Chain(_)
            | Self::Blocks(_)
            | Self::Hierarchical(_)
            | Self::Nb101(_)
            | Self::Selection(_) => None,
        };
        f.write_str(&text.unwrap_or_else(|| self.to_json()))
    }
}

impl FromStr for Genotype {
    type Err = SpaceError;

    /// Reads any form that [`codec::read`] reads, of a text with one architecture.
    fn from_str(text: &str) -> Result<Self, SpaceError> {
        codec::read_one(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape::Shape;

    fn layer() -> ChainLayer {
        ChainLayer {
            filter_height: MAX_FILTER_SIZE,
            filter_width: MAX_FILTER_SIZE,
            stride_height: MAX_STRIDE,
            stride_width: MAX_STRIDE,
            filters: MAX_FILTERS,
            inputs: vec![],
        }
    }

    #[test]
    fn the_largest_chain_is_counted_without_wrapping_around() {
        let chain = Chain::new(vec![layer(); MAX_LAYERS]).unwrap();
        let config = NetworkConfig {
            image: Shape::new(65_536, 65_536, 65_536),
            classes: 1_000_000,
            ..NetworkConfig::default()
        };
        let network = Genotype::Chain(chain)
            .network(&Operations::standard(), &config)
            .unwrap();
        assert_eq!(network.cost().macs, u64::MAX);
    }

    type Change = fn(&mut ChainLayer);

    #[test]
    fn a_chain_beyond_the_ranges_is_refused_by_the_field() {
        let cases: [(&str, Change); 8] = [
            ("filter_height is 1025", |l| l.filter_height = 1_025),
            ("filter_width is 2", |l| l.filter_width = 2),
            ("filter_width is 18446744073709551615", |l| {
                l.filter_width = usize::MAX
            }),
            ("stride_height is 1025; expected 1 to 1024", |l| {
                l.stride_height = 1_025
            }),
            ("stride_width is 0; expected 1 to 1024", |l| l.stride_width = 0),
            ("filters is 65537; expected 1 to 65536", |l| l.filters = 65_537),
            ("filters is 0", |l| l.filters = 0),
            ("inputs is [0]", |l| l.inputs = vec![0]),
        ];
        for (expected, change) in cases {
            let mut wrong = layer();
            change(&mut wrong);
            let error = Chain::new(vec![wrong]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("layers[0].{expected}")), "{error}");
        }
        for count in [0, MAX_LAYERS + 1] {
            let error = Chain::new(vec![layer(); count]).unwrap_err().to_string();
            assert_eq!(error, format!("layers is {count}; expected 1 to 1000 layers"));
        }
    }
}
