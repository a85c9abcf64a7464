//! Spaces by name and by configuration.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    ChainConfig, ChainSpace, CustomConfig, EnasMacroConfig, EnasMacroSpace, HierarchicalConfig,
    HierarchicalSpace, MobileConfig, MobileSpace, NasnetConfig, PnasConfig, ProductConfig, Space, SpaceError,
    darts, nasnet, nb101, nb201, pnas,
};
use crate::op::Operations;

/// Which space, and how large: what a study's configuration says.
///
/// In serde's formats `kind` says which; the fields of its configuration follow, those left out
/// being the paper's: `{"kind": "pnas", "blocks": 3}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum SpaceConfig {
    /// A normal and a reduction cell of four nodes, two operations per node: the space of DARTS.
    ///
    /// See [`darts`], which has one size.
    Darts {},
    /// A module of up to seven vertices and nine edges: the space of NAS-Bench-101.
    ///
    /// See [`nb101`], which has one size.
    Nb101 {},
    /// A cell of four states with an operation on each of six edges: the space of NAS-Bench-201.
    ///
    /// See [`nb201`], which has one size.
    Nb201 {},
    /// One cell of blocks, each the sum of two operations: the space of PNAS.
    ///
    /// See [`pnas`].
    Pnas(PnasConfig),
    /// A normal and a reduction cell of blocks, which add or concatenate: the space of NASNet.
    ///
    /// See [`nasnet`].
    Nasnet(NasnetConfig),
    /// Convolutions in a row with skip connections: the space of Zoph & Le.
    ///
    /// See [`ChainSpace`].
    Chain(ChainConfig),
    /// Layers, each an operation and skip connections: ENAS' space of whole networks.
    ///
    /// See [`EnasMacroSpace`].
    #[serde(rename = "enas-macro")]
    EnasMacro(EnasMacroConfig),
    /// Inverted residuals in stages, for small devices.
    ///
    /// See [`MobileSpace`].
    Mobile(MobileConfig),
    /// Motifs of motifs of primitive operations.
    ///
    /// See [`HierarchicalSpace`].
    Hierarchical(HierarchicalConfig),
    /// Cells as these keys describe them.
    ///
    /// See [`CustomConfig`].
    Custom(CustomConfig),
    /// Decisions without networks, as of a benchmark table over other networks.
    ///
    /// See [`ProductConfig`].
    Product(ProductConfig),
}

const NAMES: [&str; 9] = [
    "darts",
    "nb101",
    "nb201",
    "pnas",
    "nasnet",
    "chain",
    "enas-macro",
    "mobile",
    "hierarchical",
];

/// Names of the built-in spaces.
pub fn names() -> &'static [&'static str] {
    &NAMES
}

/// The built-in space of this name in its default size.
///
/// # Errors
/// [`SpaceError::UnknownName`] with the names there are.
pub fn by_name(name: &str) -> Result<Arc<dyn Space>, SpaceError> {
    SpaceConfig::by_name(name)?.build()
}

impl SpaceConfig {
    /// The configuration of the built-in space of this name in its default size.
    ///
    /// # Errors
    /// [`SpaceError::UnknownName`] with the names there are.
    pub fn by_name(name: &str) -> Result<Self, SpaceError> {
        Ok(match name {
            "darts" => Self::Darts {},
            "nb101" => Self::Nb101 {},
            "nb201" => Self::Nb201 {},
            "pnas" => Self::Pnas(PnasConfig::default()),
            "nasnet" => Self::Nasnet(NasnetConfig::default()),
            "chain" => Self::Chain(ChainConfig::default()),
            "enas-macro" => Self::EnasMacro(EnasMacroConfig::default()),
            "mobile" => Self::Mobile(MobileConfig::default()),
            "hierarchical" => Self::Hierarchical(HierarchicalConfig::small()),
            _ => {
                return Err(SpaceError::UnknownName {
                    what: "space",
                    name: name.to_owned(),
                    known: NAMES.map(str::to_owned).to_vec(),
                });
            }
        })
    }

    /// The space.
    ///
    /// # Errors
    /// [`SpaceError::Config`] names the field that is out of range.
    pub fn build(&self) -> Result<Arc<dyn Space>, SpaceError> {
        Ok(match self {
            Self::Darts {} => Arc::new(darts()),
            Self::Nb101 {} => Arc::new(nb101()),
            Self::Nb201 {} => Arc::new(nb201()),
            Self::Pnas(config) => Arc::new(pnas(config)?),
            Self::Nasnet(config) => Arc::new(nasnet(config)?),
            Self::Chain(config) => Arc::new(ChainSpace::new(config.clone())?),
            Self::EnasMacro(config) => Arc::new(EnasMacroSpace::new(config.clone())?),
            Self::Mobile(config) => Arc::new(MobileSpace::new(config.clone())?),
            Self::Hierarchical(config) => {
                Arc::new(HierarchicalSpace::new(config.clone(), Operations::standard())?)
            }
            Self::Custom(config) => Arc::new(config.build(Operations::standard())?),
            Self::Product(config) => Arc::new(config.build()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_gives_the_space_of_that_name() {
        for &name in names() {
            let space = by_name(name).unwrap();
            assert_eq!(space.name(), name);
            let config = SpaceConfig::by_name(name).unwrap();
            let text = toml::to_string(&config).unwrap();
            assert!(text.contains(&format!("kind = \"{name}\"")), "{text}");
            assert_eq!(toml::from_str::<SpaceConfig>(&text).unwrap(), config);
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = by_name("drats").unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no space named 'drats'; known: darts, nb101, nb201, pnas, nasnet, chain, enas-macro, mobile, hierarchical"
        );
    }

    #[test]
    fn fields_are_optional_but_not_free() {
        let config: SpaceConfig = toml::from_str("kind = \"pnas\"\nblocks = 2").unwrap();
        assert_eq!(config.build().unwrap().size(), 147_456_u32.into());
        let default: SpaceConfig = serde_json::from_str(r#"{"kind": "pnas"}"#).unwrap();
        assert_eq!(default, SpaceConfig::Pnas(PnasConfig { blocks: 5 }));
        for text in [
            "kind = \"pnas\"\nblokcs = 2",
            "kind = \"darts\"\nnodes = 2",
            "kind = \"x\"",
        ] {
            assert!(toml::from_str::<SpaceConfig>(text).is_err(), "{text}");
        }
    }
}
