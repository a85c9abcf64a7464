//! Architectures as texts.

use anyhow::Result;
use nas_space::canonical::canonical_id;
use nas_space::genotype::Genotype;
use nas_space::hierarchy::Motif;
use nas_space::network::NetworkConfig;
use nas_space::op::Operations;
use nas_space::shape::Shape;

use super::MIB;
use crate::target::{Due, Target, Use};

const WORDS: &[&str] = &[
    "Genotype",
    "normal",
    "normal_concat",
    "reduce",
    "reduce_concat",
    "range(0, 9999)",
    "range",
    "sep_conv_3x3",
    "skip_connect",
    "max_pool_3x3",
    "none",
    "nor_conv_3x3",
    "|",
    "+",
    "~0|",
    "~",
    "kind",
    "darts",
    "nb201",
    "chain",
    "enas-macro:",
    "enas_macro",
    "blocks",
    "inverted",
    "0 | 3 0 | 0 1 0",
    "skips",
    "hierarchical",
    "selection",
    "levels",
    "motif0",
    "motif1",
    "cell",
    "inputs",
    "nodes",
    "edges",
    "output",
    "concat",
    "combine",
    "layers",
    "filter_height",
    "filters",
    "reduction",
    "choices",
    "DARTS_V2",
    "[",
    "]",
    "null",
];

/// The size that networks are built at.
pub(super) fn small() -> NetworkConfig {
    NetworkConfig {
        image: Shape::new(3, 16, 16),
        channels: 2,
        cells: 2,
        ..NetworkConfig::default()
    }
}

pub(super) fn text(input: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(input).map_err(|_| "not a text".to_owned())
}

/// Any written form of an architecture.
pub(super) fn genotype() -> Result<Target> {
    let parse = |input: &[u8]| -> Result<Genotype, String> {
        text(input)?.parse().map_err(|error| format!("{error}"))
    };
    Ok(Target {
        using: Due {
            base: 16 * MIB,
            per_byte: 1024,
        },
        ..Target::new("genotype", WORDS, move |input, _| {
            let genotype = parse(input)?;
            Ok(Box::new(move || check(&genotype)))
        })
    })
}

/// Every way to write it down leads back to it, and it can be built and named.
fn check(genotype: &Genotype) -> Result<(), String> {
    if genotype.to_string().parse().as_ref() != Ok(genotype) {
        return Err(format!("as a text it comes back changed: {genotype}"));
    }
    if serde_json::from_str::<Genotype>(&genotype.to_json())
        .ok()
        .as_ref()
        != Some(genotype)
    {
        return Err(format!("as JSON it comes back changed: {}", genotype.to_json()));
    }
    let operations = Operations::standard();
    if let Ok(network) = genotype.network(&operations, &small()) {
        network.cost();
        canonical_id(genotype, &operations);
    }
    Ok(())
}

/// A motif of a hierarchy.
pub(super) fn motif() -> Result<Target> {
    Ok(Target::new("motif", WORDS, |input, _| {
        let motif: Motif = text(input)?.parse().map_err(|error| format!("{error}"))?;
        Ok(Box::new(move || {
            let same = motif.to_string().parse().as_ref() == Ok(&motif);
            same.then_some(())
                .ok_or_else(|| format!("it comes back changed: {motif}"))
        }))
    }))
}

/// A shape.
pub(super) fn shape() -> Result<Target> {
    Ok(Target::new("shape", &["x", "3x32x32", "1x"], |input, _| {
        let shape: Shape = text(input)?.parse().map_err(|error| format!("{error}"))?;
        Ok(Box::new(move || {
            shape.numel();
            let same = shape.to_string().parse() == Ok(shape);
            same.then_some(())
                .ok_or_else(|| format!("it comes back changed: {shape}"))
        }) as Use<'_>)
    }))
}
