//! Features of architectures, for models that learn from them.
//!
//! | Function | Features | Length |
//! |---|---|---|
//! | [`one_hot`] | which option each decision of a space took | sum of the numbers of options |
//! | [`adjacency`] | edges and operations of a cell | [`adjacency_len`] |
//! | [`path_encoding`] | which chains of operations lead from input to output | as asked, at most [`path_count`] |
//!
//! All lengths are fixed for a space, so vectors of its architectures stack into a matrix. The
//! first two depend on how an architecture is written down; paths do not.
//!
//! The features of cells speak of operations by their places in a `vocabulary`: the names that
//! occur in the space, each once, in an order that has to stay the same. Edges that pass nothing on
//! (`none`) are no edges, so the vocabulary need not name their operation.

mod adjacency;
mod one_hot;
mod paths;

pub use adjacency::{adjacency, adjacency_len};
pub use one_hot::one_hot;
pub use paths::{path_count, path_encoding};

use crate::error::SpaceError;

/// Place of an operation in the vocabulary.
fn place(vocabulary: &[&str], operation: &str) -> Result<usize, SpaceError> {
    vocabulary
        .iter()
        .position(|&name| name == operation)
        .ok_or_else(|| SpaceError::UnknownName {
            what: "operation in the vocabulary",
            name: operation.to_owned(),
            known: vocabulary.iter().map(|&name| name.to_owned()).collect(),
        })
}
