//! Spaces as texts.

use std::sync::Arc;

use anyhow::Result;
use nas_space::op::Operations;
use nas_space::seed::Seed;
use nas_space::spaces::{CustomConfig, Space, SpaceConfig};

use super::genotypes::{small, text};
use super::{MIB, TOML};
use crate::target::{Due, Target, Use};

const WORDS: &[&str] = &[
    "kind",
    "name",
    "skeleton",
    "operations",
    "nodes",
    "inputs",
    "reduction",
    "filled",
    "output",
    "\"all\"",
    "\"loose\"",
    "\"last\"",
    "\"shared\"",
    "\"separate\"",
    "darts",
    "nb201",
    "pnas",
    "nasnet",
    "chain",
    "enas-macro",
    "mobile",
    "hierarchical",
    "custom",
    "product",
    "blocks",
    "layers",
    "filter_heights",
    "filter_widths",
    "strides",
    "filters",
    "skips",
    "true",
    "false",
    "primitives",
    "initial_mutations",
    "levels",
    "motifs",
    "decisions",
    "options",
    "\"none\"",
    "\"skip_connect\"",
    "\"sep_conv_3x3\"",
    "\"nor_conv_1x1\"",
    "\n",
    "[[decisions]]",
    "[[levels]]",
    "= 20",
    "= 1000",
];

/// The description of a space: `kind` says which, and one without it is a custom space's.
pub(super) fn space() -> Result<Target> {
    Ok(Target {
        read: TOML,
        using: Due {
            base: 32 * MIB,
            per_byte: 256,
        },
        ..Target::new("space", WORDS, |input, _| {
            let text = text(input)?;
            let config = match toml::from_str::<SpaceConfig>(text) {
                Ok(config) => config,
                Err(_) if !text.contains("kind") => {
                    SpaceConfig::Custom(CustomConfig::from_toml(text).map_err(|error| error.to_string())?)
                }
                Err(error) => return Err(error.message().to_owned()),
            };
            Ok(Box::new(move || check(&config)) as Use<'_>)
        })
    })
}

/// It comes back as it was, and so does what is drawn from the space.
fn check(config: &SpaceConfig) -> Result<(), String> {
    // What TOML cannot express, such as a number beyond 2⁶³, JSON can.
    if let Ok(text) = toml::to_string(config)
        && toml::from_str::<SpaceConfig>(&text).ok().as_ref() != Some(config)
    {
        return Err(format!("as TOML it comes back changed: {text}"));
    }
    let json = serde_json::to_string(config).map_err(|error| format!("it cannot be written: {error}"))?;
    if serde_json::from_str::<SpaceConfig>(&json).ok().as_ref() != Some(config) {
        return Err(format!("as JSON it comes back changed: {json}"));
    }
    let Ok(space) = config.build() else {
        return Ok(());
    };
    draw(&space)
}

/// What a space gives is of the space.
pub(super) fn draw(space: &Arc<dyn Space>) -> Result<(), String> {
    let failed = |what: &str, error: &dyn std::fmt::Display| format!("{what} of '{}': {error}", space.name());
    let mut rng = Seed::new(1).rng();
    let architecture = space.sample(&mut rng);
    space
        .validate(&architecture)
        .map_err(|error| failed("a sample", &error))?;
    let genotype = space
        .genotype(&architecture)
        .map_err(|error| failed("a genotype", &error))?;
    let back = space
        .architecture(&genotype)
        .map_err(|error| failed("the way back", &error))?;
    if space.genotype(&back).as_ref() != Ok(&genotype) {
        return Err(format!("{architecture} comes back as {back}"));
    }
    if let Ok(mutant) = space.mutate(&architecture, &mut rng) {
        space
            .validate(&mutant)
            .map_err(|error| failed("a mutant", &error))?;
    }
    space.size();
    if let Ok(network) = genotype.network(&Operations::standard(), &small()) {
        network.cost();
    }
    Ok(())
}
