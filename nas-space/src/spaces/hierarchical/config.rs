//! How large a hierarchical space is.

use serde::{Deserialize, Serialize};

use crate::error::SpaceError;
use crate::hierarchy::{MAX_LEVELS, NONE};
use crate::op::Operations;

/// The primitive operations of the paper (section 2.3), beside `none`.
pub const HIERARCHICAL_OPERATIONS: [&str; 6] = [
    "nor_conv_1x1",
    "dw_conv_3x3",
    "sep_conv_3x3_once",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
];

/// Most nodes that a flattened cell of the space may have.
const MAX_STATES: usize = 1_000;

/// Size of a [`HierarchicalSpace`](super::HierarchicalSpace).
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `primitives` | the paper's six | operations of level 1 beside `none` | known, different, one or more; not `none` |
/// | `initial_mutations` | 1,000 | mutations of the trivial architecture that make a sample | 0 to 1,000,000 |
/// | `levels` | 6 of 4 nodes, 1 of 5 nodes | motifs of each level from 2 up | 1 to 8 levels; one motif in the last |
/// | `levels[].motifs` | | motifs of the level | 1 to 100 |
/// | `levels[].nodes` | | nodes of each, input and output among them | 2 to 20 |
///
/// With every edge there, the flattened cell may have at most 1,000 nodes. One level of one motif
/// of 11 nodes is the paper's flat baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct HierarchicalConfig {
    /// Operations of level 1, beside `none`.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), extend("uniqueItems" = true)))]
    pub primitives: Vec<String>,
    /// Mutations of the trivial architecture that make a sample.
    #[cfg_attr(feature = "schema", schemars(range(max = 1_000_000)))]
    pub initial_mutations: u32,
    /// Motifs of each level, from level 2 up; the last level has one motif.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = MAX_LEVELS)))]
    pub levels: Vec<LevelConfig>,
}

/// Motifs of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LevelConfig {
    /// Number of motifs.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 100)))]
    pub motifs: usize,
    /// Nodes of each motif, input and output among them.
    #[cfg_attr(feature = "schema", schemars(range(min = 2, max = 20)))]
    pub nodes: usize,
}

impl LevelConfig {
    /// Edges of each motif.
    pub(super) fn edges(self) -> usize {
        self.nodes * (self.nodes - 1) / 2
    }
}

impl Default for HierarchicalConfig {
    fn default() -> Self {
        Self::of_levels([(6, 4), (1, 5)])
    }
}

impl HierarchicalConfig {
    /// Three motifs of three nodes below a cell of four nodes: 1.65e11 architectures, whose
    /// flattened cells have at most 15 nodes where those of the paper's size have up to 34.
    pub fn small() -> Self {
        Self::of_levels([(3, 3), (1, 4)])
    }

    /// The paper's baseline without hierarchy: primitive operations between 11 nodes.
    pub fn flat() -> Self {
        Self::of_levels([(1, 11)])
    }

    fn of_levels<const N: usize>(levels: [(usize, usize); N]) -> Self {
        Self {
            primitives: HIERARCHICAL_OPERATIONS.map(str::to_owned).to_vec(),
            initial_mutations: 1_000,
            levels: levels
                .map(|(motifs, nodes)| LevelConfig { motifs, nodes })
                .to_vec(),
        }
    }

    /// Checks the ranges in the table above.
    ///
    /// # Errors
    /// [`SpaceError::Config`] names the field.
    pub fn validate(&self, operations: &Operations) -> Result<(), SpaceError> {
        if self.primitives.is_empty() {
            return Err(SpaceError::config("primitives", "[]", "at least one name"));
        }
        for (i, name) in self.primitives.iter().enumerate() {
            let refuse = |expected: String| {
                Err(SpaceError::config(
                    format!("primitives[{i}]"),
                    format!("'{name}'"),
                    expected,
                ))
            };
            if name == NONE {
                return refuse("an operation other than none, which is always there".to_owned());
            }
            if operations.get(name).is_err() {
                let known: Vec<&str> = operations.names().filter(|&known| known != NONE).collect();
                return refuse(format!("one of {}", known.join(", ")));
            }
            if self.primitives[..i].contains(name) {
                return refuse("different operations".to_owned());
            }
        }
        if self.initial_mutations > 1_000_000 {
            return Err(SpaceError::config(
                "initial_mutations",
                self.initial_mutations,
                "0 to 1,000,000",
            ));
        }
        if !(1..=MAX_LEVELS).contains(&self.levels.len()) {
            return Err(SpaceError::config(
                "levels",
                self.levels.len(),
                format!("1 to {MAX_LEVELS} levels"),
            ));
        }
        let mut states = 0_usize;
        for (i, level) in self.levels.iter().enumerate() {
            let most = if i + 1 == self.levels.len() { 1 } else { 100 };
            for (field, got, least, most) in
                [("motifs", level.motifs, 1, most), ("nodes", level.nodes, 2, 20)]
            {
                if !(least..=most).contains(&got) {
                    let expected = match (field, most) {
                        ("motifs", 1) => "1 in the last level".to_owned(),
                        _ => format!("{least} to {most}"),
                    };
                    return Err(SpaceError::config(format!("levels[{i}].{field}"), got, expected));
                }
            }
            let inner = level.edges().saturating_mul(states);
            states = inner.saturating_add(level.nodes - 1);
        }
        if states > MAX_STATES {
            let expected = format!("levels whose flattened cell has at most {MAX_STATES} nodes");
            return Err(SpaceError::config(
                "levels",
                format!("one of {states} nodes"),
                expected,
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut HierarchicalConfig)) -> String {
        let mut config = HierarchicalConfig::default();
        change(&mut config);
        config.validate(&Operations::standard()).unwrap_err().to_string()
    }

    #[test]
    fn presets_are_valid_and_defaults_the_papers() {
        for config in [
            HierarchicalConfig::default(),
            HierarchicalConfig::small(),
            HierarchicalConfig::flat(),
        ] {
            config.validate(&Operations::standard()).unwrap();
        }
        let config: HierarchicalConfig = toml::from_str("").unwrap();
        assert_eq!(config, HierarchicalConfig::default());
        assert_eq!((config.primitives.len(), config.initial_mutations), (6, 1_000));
        let sizes: Vec<(usize, usize)> = config
            .levels
            .iter()
            .map(|level| (level.motifs, level.nodes))
            .collect();
        assert_eq!(sizes, [(6, 4), (1, 5)]);
    }

    #[test]
    fn the_description_round_trips_through_toml() {
        let config = HierarchicalConfig::small();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(
            toml::from_str::<HierarchicalConfig>(&text).unwrap(),
            config,
            "{text}"
        );
        assert!(
            toml::from_str::<HierarchicalConfig>("levels = [{ motifs = 1, nodes = 3, depth = 2 }]").is_err()
        );
    }

    #[test]
    fn errors_name_the_field() {
        let level = |motifs, nodes| LevelConfig { motifs, nodes };
        let cases = [
            (
                refusal(|c| c.primitives.clear()),
                "primitives is []; expected at least one",
            ),
            (
                refusal(|c| c.primitives[1] = "none".to_owned()),
                "primitives[1] is 'none'; expected an operation other",
            ),
            (
                refusal(|c| c.primitives[2] = "conv".to_owned()),
                "primitives[2] is 'conv'; expected one of avg_pool_3x3",
            ),
            (
                refusal(|c| c.primitives[3] = "nor_conv_1x1".to_owned()),
                "primitives[3] is 'nor_conv_1x1'; expected different",
            ),
            (
                refusal(|c| c.initial_mutations = 1_000_001),
                "initial_mutations is 1000001; expected 0 to",
            ),
            (refusal(|c| c.levels.clear()), "levels is 0; expected 1 to 8"),
            (
                refusal(|c| c.levels = vec![level(1, 2); 9]),
                "levels is 9; expected 1 to 8",
            ),
            (
                refusal(|c| c.levels[0].motifs = 0),
                "levels[0].motifs is 0; expected 1 to 100",
            ),
            (
                refusal(|c| c.levels[0].motifs = 101),
                "levels[0].motifs is 101; expected 1 to 100",
            ),
            (
                refusal(|c| c.levels[1].motifs = 2),
                "levels[1].motifs is 2; expected 1 in the last level",
            ),
            (
                refusal(|c| c.levels[0].nodes = 1),
                "levels[0].nodes is 1; expected 2 to 20",
            ),
            (
                refusal(|c| c.levels[1].nodes = 21),
                "levels[1].nodes is 21; expected 2 to 20",
            ),
            (
                refusal(|c| c.levels = vec![level(1, 20), level(1, 20)]),
                "levels is one of 3629 nodes; expected levels whose flattened cell",
            ),
        ];
        for (error, expected) in cases {
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
