//! The tables that are part of the program.

use super::{Table, TableError};

/// A table that is part of the program.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn {
    /// The name it is asked for by.
    pub name: &'static str,
    /// One line on what it holds.
    pub description: &'static str,
    bytes: &'static [u8],
}

/// All of them.
pub const BUILT_IN: [BuiltIn; 1] = [BuiltIn {
    name: "digits",
    description: "cells of four states with none, skip, 3x3 convolution or pooling on each edge, each trained three times on digits",
    bytes: include_bytes!("digits.nastab"),
}];

/// The built-in table of this name.
///
/// # Errors
/// [`TableError::BuiltIn`] with the names there are.
pub fn built_in(name: &str) -> Result<Table, TableError> {
    let found = BUILT_IN.iter().find(|table| table.name == name);
    let found = found.ok_or_else(|| TableError::BuiltIn {
        name: name.to_owned(),
        known: BUILT_IN.map(|table| table.name).join(", "),
    })?;
    Table::from_bytes(found.bytes, found.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_table_can_be_opened_and_is_small() {
        for table in BUILT_IN {
            assert!(table.bytes.len() < 1 << 20, "{}", table.name);
            let opened = built_in(table.name).unwrap();
            assert_eq!(opened.header().name, table.name);
            assert!(opened.is_complete());
        }
        let error = built_in("digit").unwrap_err().to_string();
        assert!(error.contains("'digit'") && error.contains(": digits"), "{error}");
    }
}
