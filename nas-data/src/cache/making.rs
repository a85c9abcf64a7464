//! A cache being made.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use nas_files::{Mapped, sync_directory_of};

use super::index::{self, Index};
use super::{Cache, Lock, MAKING, Opened, io_error, pixels};
use crate::error::DataError;

/// Name of the file that pixels are first written to, in the order in which they are read.
const SCRATCH: &str = "scratch";

/// A folder that a cache is made in. Dropping it removes the folder.
#[derive(Debug)]
pub(crate) struct Making<'a> {
    cache: &'a Cache,
    folder: PathBuf,
    /// Whoever has it owns the folder.
    _lock: &'a Lock,
}

impl<'a> Making<'a> {
    /// An empty folder to make in what `key` leads to, whose `lock` must be held.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn begin(cache: &'a Cache, key: &str, lock: &'a Lock) -> Result<Self, DataError> {
        let folder = cache.root.join(format!("{MAKING}{key}"));
        remove_if_there(&folder).map_err(io_error(&folder, "removed"))?;
        fs::create_dir(&folder).map_err(io_error(&folder, "created"))?;
        Ok(Self {
            cache,
            folder,
            _lock: lock,
        })
    }

    /// A new file for pixels as they come.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn scratch(&self) -> Result<File, DataError> {
        let path = self.folder.join(SCRATCH);
        File::create_new(&path).map_err(io_error(&path, "created"))
    }

    /// What the system says on writing or reading that file.
    pub(crate) fn scratch_error(&self, reason: io::Error) -> DataError {
        io_error(&self.folder.join(SCRATCH), "written")(reason)
    }

    /// Writes the cache, from pixels in the scratch file: `images` gives of each, in the final
    /// order, where its pixels begin there and whether it is grey. Grey images get as many equal
    /// channels as the shape has. `tell` is called for each.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn write(
        &self,
        index: &Index,
        images: impl Iterator<Item = (u64, bool)>,
        tell: impl Fn(),
    ) -> Result<(), DataError> {
        let path = self.folder.join(pixels::NAME);
        self.write_pixels(&path, index, images, tell)
            .map_err(io_error(&path, "written"))
    }

    fn write_pixels(
        &self,
        path: &Path,
        index: &Index,
        images: impl Iterator<Item = (u64, bool)>,
        tell: impl Fn(),
    ) -> io::Result<()> {
        let scratch = self.folder.join(SCRATCH);
        let read = Mapped::of(&File::open(&scratch)?)?;
        let plane = index.shape.height * index.shape.width;
        let mut written = pixels::Writer::create(path)?;
        for (at, is_grey) in images {
            let (length, times) = if is_grey {
                (plane, index.shape.channels)
            } else {
                (plane * 3, 1)
            };
            let bytes = usize::try_from(at)
                .ok()
                .and_then(|at| read.get(at..at.checked_add(length)?))
                .ok_or_else(|| {
                    io::Error::new(
                        ErrorKind::UnexpectedEof,
                        "the pixels that were written are missing",
                    )
                })?;
            for _ in 0..times {
                written.write(bytes)?;
            }
            tell();
        }
        let text = serde_json::to_vec(index)?;
        nas_files::replace(&self.folder.join(index::NAME), &text)?;
        written.finish(&text)?;
        drop(read);
        fs::remove_file(&scratch)?;
        sync_directory_of(path)
    }

    /// Gives the folder its final name, unless a complete folder already has it, and opens the
    /// folder of that name.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn install(self, fingerprint: &str) -> Result<Opened, DataError> {
        let target = self.cache.root.join(fingerprint);
        let _lock = self.cache.lock(fingerprint, || {})?;
        if let Some(opened) = self.cache.open(fingerprint) {
            return Ok(opened);
        }
        self.rename(&target).map_err(io_error(&target, "put in place"))?;
        self.cache.open(fingerprint).ok_or_else(|| {
            let reason = io::Error::new(
                ErrorKind::InvalidData,
                "it is damaged right after it was written; check the disk",
            );
            io_error(&target, "read")(reason)
        })
    }

    /// What is damaged at the final name makes way, and is removed with this.
    fn rename(&self, target: &Path) -> io::Result<()> {
        let aside = self.aside();
        remove_if_there(&aside)?;
        match fs::rename(target, &aside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => fs::rename(&self.folder, target)?,
        }
        sync_directory_of(target)
    }

    fn aside(&self) -> PathBuf {
        self.folder.with_extension("damaged")
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        let _ = remove_if_there(&self.folder);
        let _ = remove_if_there(&self.aside());
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
