//! One point of a search space.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The choices that name one architecture: for each decision of its space, in the space's order,
/// the index of the chosen option.
///
/// An architecture means nothing without its [`Space`](crate::spaces::Space), which checks it,
/// gives its readable [`Genotype`](crate::genotype::Genotype) and builds its network. Written
/// `3.0.1`, it is a compact key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Architecture {
    choices: Vec<usize>,
}

impl Architecture {
    /// An architecture with these choices, not checked against any space.
    pub fn new(choices: impl Into<Vec<usize>>) -> Self {
        Self {
            choices: choices.into(),
        }
    }

    /// The index of the chosen option for each decision.
    pub fn choices(&self) -> &[usize] {
        &self.choices
    }

    /// The same architecture with another option at decision `position`.
    ///
    /// # Panics
    /// Where `position` is not below the number of choices.
    #[must_use]
    pub fn with_choice(&self, position: usize, option: usize) -> Self {
        let mut choices = self.choices.clone();
        choices[position] = option;
        Self { choices }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, choice) in self.choices.iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            write!(f, "{choice}")?;
        }
        Ok(())
    }
}

/// What a decision is about and what can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// Name of the decision, unique within the space, such as `normal.node1.operation0`.
    pub name: String,
    /// Kind of the decision: option `i` means the same in all decisions of one kind, though one may
    /// offer fewer options than another.
    ///
    /// A learned model can share what it learns about a kind.
    pub kind: String,
    /// The options, readable.
    #[cfg_attr(feature = "schema", schemars(length(min = 1), extend("uniqueItems" = true)))]
    pub options: Vec<String>,
}

impl Decision {
    /// A decision between `options`.
    pub fn new<S: Into<String>>(
        name: impl Into<String>,
        kind: impl Into<String>,
        options: impl IntoIterator<Item = S>,
    ) -> Self {
        let options = options.into_iter().map(Into::into).collect();
        Self {
            name: name.into(),
            kind: kind.into(),
            options,
        }
    }
}
