//! The tables that are part of the program.

use std::path::Path;

use super::nb201::Nb201Table;
use super::{Table, TableError};

/// A table that is part of the program.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn {
    /// Its name: what `--benchmark` and [`built_in`] take.
    pub name: &'static str,
    /// One line about its content.
    pub description: &'static str,
    content: Content,
}

/// NAS-Bench-201's accuracies: the columns that [`Nb201Table`] reads, one line for each cell.
pub(super) const NB201: &[u8] = include_bytes!("nb201.csv.gz");

/// How a table is kept.
#[derive(Debug, Clone, Copy)]
enum Content {
    /// As a table's file.
    File(&'static [u8]),
    /// As gzipped CSV of NAS-Bench-201's accuracies.
    Nb201(&'static [u8]),
}

/// All of them; the first is what methods are compared on where nothing else is named.
pub const BUILT_IN: [BuiltIn; 2] = [
    BuiltIn {
        name: "nb201",
        description: "NAS-Bench-201: 15,625 cells, each trained on CIFAR-10, CIFAR-100 and ImageNet16-120",
        content: Content::Nb201(NB201),
    },
    BuiltIn {
        name: "digits",
        description: "cells of four states with none, skip, 3x3 convolution or pooling on each edge, each trained three times on digits",
        content: Content::File(include_bytes!("digits.nastab")),
    },
];

/// The built-in table of this name.
///
/// `nb201` holds accuracies that Dong & Yang have published with NAS-Bench-201 (ICLR 2020,
/// arXiv:2001.00326): on validation images after 12 epochs and on test images after 200, the latter
/// as means over their training seeds.
///
/// # Errors
/// [`TableError::BuiltIn`] with the known names.
pub fn built_in(name: &str) -> Result<Table, TableError> {
    let found = BUILT_IN.iter().find(|table| table.name == name);
    let found = found.ok_or_else(|| TableError::BuiltIn {
        name: name.to_owned(),
        known: BUILT_IN.map(|table| table.name).join(", "),
    })?;
    match found.content {
        Content::File(bytes) => Table::from_bytes(bytes, found.name),
        Content::Nb201(packed) => Nb201Table::unpack(Path::new(found.name), packed)?.to_table(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_table_can_be_opened_and_is_small() {
        for table in BUILT_IN {
            let (Content::File(bytes) | Content::Nb201(bytes)) = table.content;
            assert!(bytes.len() < 1 << 20, "{}", table.name);
            let opened = built_in(table.name).unwrap();
            assert!(opened.is_complete());
        }
        assert_eq!(built_in("nb201").unwrap().len(), 15_625);
        let error = built_in("digit").unwrap_err().to_string();
        assert!(
            error.contains("'digit'") && error.contains(": nb201, digits"),
            "{error}"
        );
    }
}
