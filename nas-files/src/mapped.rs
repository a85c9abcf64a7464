//! Files whose bytes are read on access.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

use crate::FileError;

/// The bytes of a file, which the system reads as they are looked at, and may forget again. They do
/// not change as long as nobody rewrites the file in place; it can be replaced or removed
/// meanwhile.
#[derive(Debug)]
pub struct Mapped {
    /// `None` for an empty file, which cannot be mapped.
    map: Option<Mmap>,
}

impl Mapped {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// [`FileError::Io`] with what the system says.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        File::open(path)
            .and_then(|file| Self::of(&file))
            .map_err(|reason| FileError::Io {
                path: path.to_owned(),
                reason,
            })
    }

    /// Maps an open file, as long as it is now.
    ///
    /// # Errors
    /// What the system says.
    #[expect(unsafe_code, reason = "a file is mapped, which another process could change")]
    pub fn of(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() == 0 {
            return Ok(Self { map: None });
        }
        // SAFETY: what is read of the map are bytes, of which any are legal, each time anew and
        // with bounds checked, so that a process that rewrites the file in place can make answers
        // wrong, and nothing else. One that cuts it short makes the system end this process when it
        // reads beyond. This toolkit does neither: it replaces files.
        let map = unsafe { Mmap::map(file) }?;
        Ok(Self { map: Some(map) })
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_file_has_the_bytes_it_had_also_once_it_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pixels");
        std::fs::write(&path, "old").unwrap();
        let mapped = Mapped::open(&path).unwrap();
        crate::replace(&path, b"newer").unwrap();
        assert_eq!(&mapped[..], b"old");
        assert_eq!(&Mapped::open(&path).unwrap()[..], b"newer");
    }

    #[test]
    fn an_empty_file_has_no_bytes_and_a_missing_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("empty");
        assert!(Mapped::open(&path).unwrap_err().to_string().contains("empty"));
        std::fs::write(&path, "").unwrap();
        assert!(Mapped::open(&path).unwrap().is_empty());
    }
}
