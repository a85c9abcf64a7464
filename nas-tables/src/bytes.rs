//! The bytes of a table: mapped from its file, in memory, or part of the program.

use std::fs::File;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;
use nas_files::FileError;

/// Bytes that do not change.
#[derive(Debug)]
pub(super) enum Bytes {
    /// Of a file, which the system reads as they are looked at.
    Mapped(Mmap),
    /// In memory.
    Owned(Vec<u8>),
    /// Part of the program.
    Static(&'static [u8]),
}

impl Bytes {
    /// Maps the file.
    #[expect(unsafe_code, reason = "a file is mapped, which another process could change")]
    pub(super) fn map(path: &Path) -> Result<Self, FileError> {
        let io = |reason| FileError::Io {
            path: path.to_owned(),
            reason,
        };
        let file = File::open(path).map_err(io)?;
        if file.metadata().map_err(io)?.len() == 0 {
            // An empty file cannot be mapped.
            return Ok(Self::Owned(Vec::new()));
        }
        // SAFETY: what is read of the map are bytes, of which any are legal, each time anew and
        // with bounds checked, so that a process that rewrites the file in place can make answers
        // wrong, and nothing else. One that cuts it short makes the system end this process when it
        // reads beyond. This toolkit does neither: it replaces files.
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        Ok(Self::Mapped(map))
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
