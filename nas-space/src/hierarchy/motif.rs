//! Motifs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::error::SpaceError;

/// The operation of an edge that is not there.
pub const NONE: &str = "none";

/// A graph with an operation, or [`NONE`], from each of its nodes to each later one.
///
/// Written as a NAS-Bench-201 string: `|a~0|+|none~0|b~1|` leads from node 0, the input, by `a` to
/// node 1, and from there by `b` to node 2, the output.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Motif {
    operations: Vec<Vec<String>>,
}

impl Motif {
    /// The motif with these operations: the first list holds the one into node 1, the second those
    /// into node 2 from nodes 0 and 1, and so on.
    ///
    /// # Errors
    /// [`SpaceError::Cell`] where there is no node but the input, list number i has not i + 1
    /// entries, or a name is not made of letters, digits, `_`, `-` and `.`.
    pub fn new(operations: Vec<Vec<String>>) -> Result<Self, SpaceError> {
        if operations.is_empty() {
            return Err(SpaceError::cell("a motif needs a node besides its input"));
        }
        for (i, into) in operations.iter().enumerate() {
            let (node, got) = (i + 1, into.len());
            if got != node {
                return Err(SpaceError::cell(format!(
                    "node {node} of a motif has {got} operations; expected one from each of {node} nodes"
                )));
            }
            if let Some(name) = into.iter().find(|name| !codec::is_plain(name)) {
                return Err(SpaceError::cell(format!(
                    "an operation of a motif is named '{name}'; expected letters, digits, '_', '-' and '.'"
                )));
            }
        }
        Ok(Self { operations })
    }

    /// Number of nodes, the input among them.
    pub fn nodes(&self) -> usize {
        self.operations.len() + 1
    }

    /// The operations into each node but the input, in the order of [`Motif::new`].
    pub fn operations(&self) -> &[Vec<String>] {
        &self.operations
    }
}

impl fmt::Display for Motif {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, into) in self.operations.iter().enumerate() {
            f.write_str(if i == 0 { "|" } else { "+|" })?;
            for (from, name) in into.iter().enumerate() {
                write!(f, "{name}~{from}|")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Motif {
    type Err = SpaceError;

    fn from_str(text: &str) -> Result<Self, SpaceError> {
        let nodes = codec::parse_nb201(text)?.cell.nodes();
        let names = |edges: Vec<(String, usize)>| edges.into_iter().map(|(name, _)| name).collect();
        Self::new(nodes.into_iter().map(|node| names(node.edges)).collect())
    }
}

impl TryFrom<String> for Motif {
    type Error = SpaceError;

    fn try_from(text: String) -> Result<Self, SpaceError> {
        text.parse()
    }
}

impl From<Motif> for String {
    fn from(motif: Motif) -> Self {
        motif.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips() {
        for text in [
            "|a~0|",
            "|a~0|+|none~0|b~1|",
            "|a~0|+|b~0|c~1|+|d~0|none~1|e.f-g_h~2|",
        ] {
            let motif: Motif = text.parse().unwrap();
            assert_eq!(motif.to_string(), text);
            assert_eq!(motif.nodes(), motif.operations().len() + 1);
        }
    }

    #[test]
    fn what_is_no_motif_is_refused() {
        let names = |lists: &[&[&str]]| {
            let lists = lists
                .iter()
                .map(|list| list.iter().map(|&name| name.to_owned()).collect());
            Motif::new(lists.collect()).unwrap_err().to_string()
        };
        assert!(names(&[]).contains("needs a node besides its input"));
        assert!(
            names(&[&["a"], &["b"]])
                .contains("node 2 of a motif has 1 operations; expected one from each of 2")
        );
        assert!(names(&[&["a|b"]]).contains("named 'a|b'"));
        assert!("|a~0|+|b~0|".parse::<Motif>().is_err());
    }
}
