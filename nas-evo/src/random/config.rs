//! The parameters of random search.

use serde::{Deserialize, Serialize};

/// The parameters of random search.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `duplicates` | `with` | whether an architecture may be proposed again | `with`, `without`, `without_isomorphic` |
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RandomSearchConfig {
    /// Whether an architecture may be proposed more than once.
    pub duplicates: Replacement,
}

/// Whether a drawn architecture can be drawn again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Replacement {
    /// Draws are independent: an architecture may come again.
    #[default]
    With,
    /// No two proposals have the same choices, and the search ends when the space is exhausted.
    ///
    /// Architectures of different choices that are isomorphic count as different.
    Without,
    /// No two proposals are isomorphic, and the search ends when every class of the space was
    /// proposed.
    ///
    /// [`canonical_id`](nas_space::canonical::canonical_id) tells which are.
    WithoutIsomorphic,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_field_is_refused() {
        assert!(serde_json::from_str::<RandomSearchConfig>(r#"{"duplicate": "with"}"#).is_err());
    }

    #[test]
    fn the_config_reads_what_it_writes() {
        let config = RandomSearchConfig {
            duplicates: Replacement::Without,
        };
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(text, r#"{"duplicates":"without"}"#);
        assert_eq!(serde_json::from_str::<RandomSearchConfig>(&text).unwrap(), config);
        assert_eq!(
            serde_json::from_str::<RandomSearchConfig>("{}").unwrap(),
            RandomSearchConfig::default()
        );
    }
}
