//! The canonical id of a genotype.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::form::{CellStride, canonical_form};
use super::order::{Dag, DagNode};
use crate::cell::Cell;
use crate::error::SpaceError;
use crate::genotype::{Chain, Genotype};
use crate::op::Operations;

/// Names an architecture whatever way it is written down: the first 128 bits of SHA-256 over its
/// canonical form.
///
/// Written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CanonicalId([u8; 16]);

/// The id of a genotype: the same for two exactly where the [module](super) calls them the same.
///
/// Where there is no reduction cell, the normal one stands for it, so writing it out twice changes
/// nothing. The layers of a chain are put in canonical order as the nodes of a cell are. A
/// hierarchy is its flattened cell. The same cell in different skeletons makes different
/// architectures. A module of NAS-Bench-101 is the same in any order of its vertices. A selection
/// is its options, each for itself; a network of ENAS' macro space its layers in their order, one
/// of blocks its blocks.
pub fn canonical_id(genotype: &Genotype, operations: &Operations) -> CanonicalId {
    let mut bytes = Vec::with_capacity(512);
    match genotype {
        Genotype::Darts(cells) => {
            bytes.push(0);
            match &cells.reduction {
                Some(reduction) => {
                    canonical_form(&cells.normal, operations, CellStride::One).write(&mut bytes);
                    canonical_form(reduction, operations, CellStride::Two).write(&mut bytes);
                }
                None => {
                    let reduction = canonical_form(&cells.normal, operations, CellStride::Two);
                    // The two forms differ only where an input is copied.
                    if reduction.has_copy_of_input(operations) {
                        canonical_form(&cells.normal, operations, CellStride::One).write(&mut bytes);
                    } else {
                        reduction.write(&mut bytes);
                    }
                    reduction.write(&mut bytes);
                }
            }
        }
        Genotype::Nb201(genotype) => write_nb201(&genotype.cell, operations, &mut bytes),
        Genotype::Hierarchical(hierarchy) => write_nb201(hierarchy.cell(), operations, &mut bytes),
        Genotype::Chain(chain) => {
            bytes.push(2);
            write_chain(chain, &mut bytes);
        }
        Genotype::Blocks(network) => {
            // Their order is part of the network. A bias before a batch norm adds parameters.
            bytes.extend([5, u8::from(network.bias())]);
            for number in network.blocks().iter().flat_map(|block| block.key()) {
                bytes.extend((number as u64).to_le_bytes());
            }
        }
        Genotype::Nb101(module) => {
            bytes.push(101);
            // Each is 0, 1 or 2.
            bytes.extend(module.canonical().choices().iter().map(|&choice| choice as u8));
        }
        Genotype::EnasMacro(network) => {
            // The order of the layers is part of the network: each is read by the next.
            bytes.push(4);
            for layer in network.layers() {
                let numbers = [layer.operation.index(), layer.skips.len()];
                for number in numbers.iter().chain(&layer.skips) {
                    bytes.extend((*number as u64).to_le_bytes());
                }
            }
        }
        Genotype::Selection(selection) => {
            bytes.push(3);
            let names = selection.choices.iter().flat_map(|(name, option)| [name, option]);
            for text in std::iter::once(&selection.space).chain(names) {
                bytes.extend((text.len() as u64).to_le_bytes());
                bytes.extend(text.as_bytes());
            }
        }
    }
    let mut id = [0; 16];
    id.copy_from_slice(&Sha256::digest(&bytes)[..16]);
    CanonicalId(id)
}

/// Appends a cell in the skeleton of NAS-Bench-201.
fn write_nb201(cell: &Cell, operations: &Operations, bytes: &mut Vec<u8>) {
    bytes.push(1);
    canonical_form(cell, operations, CellStride::One).write(bytes);
}

/// Appends the layers of a chain in canonical order. The image is the only input, which a layer
/// that names no other reads.
fn write_chain(chain: &Chain, bytes: &mut Vec<u8>) {
    let layers: Vec<([usize; 5], &[usize])> = chain
        .layers()
        .iter()
        .map(|layer| {
            let filter = [layer.filter_height, layer.filter_width];
            let stride = [layer.stride_height, layer.stride_width];
            (
                [filter[0], filter[1], stride[0], stride[1], layer.filters],
                layer.inputs.as_slice(),
            )
        })
        .collect();
    let mut kinds: Vec<[usize; 5]> = layers.iter().map(|(kind, _)| *kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let nodes = layers.iter().map(|(kind, sources)| {
        let edges = if sources.is_empty() {
            vec![(0, 0)]
        } else {
            sources.iter().map(|source| (0, source + 1)).collect()
        };
        DagNode {
            colour: kinds.binary_search(kind).unwrap_or_default() as u32,
            edges,
        }
    });
    let dag = Dag {
        inputs: 1,
        nodes: nodes.collect(),
    };
    let order = dag.canonical_order();
    let mut place = vec![0; layers.len()];
    for (position, &layer) in order.iter().enumerate() {
        place[layer] = position;
    }
    let mut number = |n: usize| bytes.extend((n as u64).to_le_bytes());
    number(layers.len());
    for &layer in &order {
        let (kind, sources) = layers[layer];
        kind.into_iter().for_each(&mut number);
        let mut places: Vec<usize> = sources.iter().map(|&source| place[source]).collect();
        places.sort_unstable();
        number(places.len());
        places.into_iter().for_each(&mut number);
    }
}

impl fmt::Display for CanonicalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for CanonicalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CanonicalId({self})")
    }
}

impl FromStr for CanonicalId {
    type Err = SpaceError;

    /// Reads 32 hexadecimal digits, in upper or lower case.
    fn from_str(text: &str) -> Result<Self, SpaceError> {
        let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u128::from_str_radix(text, 16) {
            Ok(number) if digits => Ok(Self(number.to_be_bytes())),
            _ => Err(SpaceError::parse(
                "a canonical id",
                format!("'{text}' is not one; expected 32 hexadecimal digits"),
            )),
        }
    }
}

impl TryFrom<String> for CanonicalId {
    type Error = SpaceError;

    fn try_from(text: String) -> Result<Self, SpaceError> {
        text.parse()
    }
}

impl From<CanonicalId> for String {
    fn from(id: CanonicalId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Node;
    use crate::genotype::{ChainLayer, DartsGenotype, Nb201Genotype};

    fn id(genotype: &Genotype) -> CanonicalId {
        canonical_id(genotype, &Operations::standard())
    }

    fn darts(normal: Cell, reduction: Option<Cell>) -> CanonicalId {
        id(&Genotype::Darts(DartsGenotype { normal, reduction }))
    }

    fn layer(filters: usize, inputs: &[usize]) -> ChainLayer {
        ChainLayer {
            filter_height: 3,
            filter_width: 5,
            stride_height: 1,
            stride_width: 1,
            filters,
            inputs: inputs.to_vec(),
        }
    }

    fn chain(layers: Vec<ChainLayer>) -> CanonicalId {
        id(&Genotype::Chain(Chain::new(layers).unwrap()))
    }

    /// A change of these ids makes every recorded study forget what it has seen.
    #[test]
    fn value_stability() {
        let cell = Cell::new(1, vec![Node::add([("nor_conv_3x3", 0)])], vec![1]).unwrap();
        let genotype = Genotype::Nb201(Nb201Genotype { cell });
        assert_eq!(id(&genotype).to_string(), "118806b19979d39e0a7bf3cf6a7c5d96");
        assert_eq!(
            chain(vec![layer(24, &[])]).to_string(),
            "ae98527ba4b58a9204dacbbdcadd2491"
        );
    }

    #[test]
    fn text_round_trips_and_other_text_is_refused() {
        let id = chain(vec![layer(24, &[])]);
        assert_eq!(id.to_string().parse(), Ok(id));
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<CanonicalId>(&json).unwrap(), id);
        for text in [
            "",
            "12",
            "+0000000000000000000000000000000",
            &"g".repeat(32),
            &"0".repeat(33),
        ] {
            assert!(text.parse::<CanonicalId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_missing_reduction_cell_is_the_normal_cell_written_twice() {
        for op in ["skip_connect", "sep_conv_3x3"] {
            let nodes = vec![Node::add([(op, 0)]), Node::add([("max_pool_3x3", 2), (op, 1)])];
            let cell = Cell::new(2, nodes, vec![2, 3]).unwrap();
            assert_eq!(darts(cell.clone(), None), darts(cell.clone(), Some(cell)));
        }
    }

    #[test]
    fn normal_and_reduction_cell_are_told_apart() {
        let cell = |op| Cell::new(2, vec![Node::add([(op, 0)])], vec![2]).unwrap();
        let (conv, pool) = (cell("sep_conv_3x3"), cell("max_pool_3x3"));
        assert_ne!(darts(conv.clone(), Some(pool.clone())), darts(pool, Some(conv)));
    }

    #[test]
    fn an_input_is_copied_for_free_in_a_normal_cell_only() {
        let with = |first: &str| {
            let nodes = vec![Node::add([("skip_connect", 0)]), Node::add([("max_pool_3x3", 2)])];
            let direct = vec![Node::add([("max_pool_3x3", 0)])];
            match first {
                "copy" => Cell::new(2, nodes, vec![3]).unwrap(),
                _ => Cell::new(2, direct, vec![2]).unwrap(),
            }
        };
        let reduction = with("direct");
        assert_eq!(
            darts(with("copy"), Some(reduction.clone())),
            darts(with("direct"), Some(reduction))
        );
        assert_ne!(darts(with("copy"), None), darts(with("direct"), None));
        let normal = with("direct");
        assert_ne!(
            darts(normal.clone(), Some(with("copy"))),
            darts(normal.clone(), Some(normal))
        );
    }

    #[test]
    fn the_order_of_independent_layers_of_a_chain_does_not_count() {
        let one = chain(vec![
            layer(24, &[]),
            layer(36, &[]),
            layer(48, &[0]),
            layer(64, &[1, 2]),
        ]);
        let other = chain(vec![
            layer(36, &[]),
            layer(24, &[]),
            layer(48, &[1]),
            layer(64, &[0, 2]),
        ]);
        assert_eq!(one, other);
        let crossed = chain(vec![
            layer(36, &[]),
            layer(24, &[]),
            layer(48, &[0]),
            layer(64, &[1, 2]),
        ]);
        assert_ne!(one, crossed);
    }

    #[test]
    fn every_number_of_a_layer_counts() {
        let base = layer(24, &[]);
        let mut variants = vec![base.clone(); 6];
        variants[1].filters = 36;
        variants[2].filter_height = 1;
        variants[3].filter_width = 1;
        variants[4].stride_height = 2;
        variants[5].stride_width = 2;
        let ids: std::collections::BTreeSet<CanonicalId> =
            variants.into_iter().map(|variant| chain(vec![variant])).collect();
        assert_eq!(ids.len(), 6);
    }
}
