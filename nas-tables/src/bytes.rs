//! The bytes of a table: mapped from its file, in memory, or part of the program.

use std::ops::Deref;
use std::path::Path;

use nas_files::{FileError, Mapped};

/// Bytes that do not change.
#[derive(Debug)]
pub(super) enum Bytes {
    /// Of a file, which the system reads as they are looked at.
    Mapped(Mapped),
    /// In memory.
    Owned(Vec<u8>),
    /// Part of the program.
    Static(&'static [u8]),
}

impl Bytes {
    /// Maps the file.
    pub(super) fn map(path: &Path) -> Result<Self, FileError> {
        Mapped::open(path).map(Self::Mapped)
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
            Self::Static(bytes) => bytes,
        }
    }
}
