//! Reads all images of a source once: decodes, resizes and writes each.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::decode::{DecodeError, Decoded, decode};
use crate::findings::Spread;
use crate::options::ImageSize;
use crate::prepare::planes;
use crate::progress::{Progress, Stage};
use crate::resize::{Resize, resize};
use crate::source::{Content, Skip, Source};

/// How often progress is reported in a stage.
const TIMES_TOLD: usize = 500;

/// A SHA-256.
pub(crate) type Digest = [u8; 32];

/// What is known of an image that was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Image {
    /// Of the bytes of its file.
    pub(crate) bytes: Digest,
    /// Of its size, its channels and all pixels before resizing.
    pub(crate) pixels: Digest,
    /// Columns before resizing.
    pub(crate) width: u32,
    /// Rows before resizing.
    pub(crate) height: u32,
    /// Whether it has one channel, else three.
    pub(crate) is_grey: bool,
    /// Where its resized pixels begin in the file they were written to.
    pub(crate) at: u64,
}

/// A source that was read.
#[derive(Debug)]
pub(crate) struct Scan {
    /// Of each entry; `None` where it cannot be read.
    pub(crate) images: Vec<Option<Image>>,
    /// Entries that cannot be read.
    pub(crate) bad: Vec<Skip>,
}

/// Columns and rows of all images once they are resized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Reads all entries, and appends their pixels to `file`: resized, channel by channel. Each thread
/// holds one image at a time.
///
/// # Errors
/// What the system says on writing.
pub(crate) fn scan(
    source: &dyn Source,
    size: Size,
    how: Resize,
    file: File,
    progress: &(dyn Fn(Progress) + Sync),
) -> io::Result<Scan> {
    let entries = &source.listing().entries;
    let pixels = Appended::new(file);
    let counter = Counter::new(Stage::Reading, entries.len(), progress);
    let mut results: Vec<Result<Image, Skip>> = Vec::with_capacity(entries.len());
    for block in source.blocks() {
        let read = block.into_par_iter().map(|entry| {
            let image = one(source, entry, size, how, &pixels);
            counter.count();
            image
        });
        results.extend(read.collect::<io::Result<Vec<_>>>()?);
    }
    pixels.finish()?;
    let mut scan = Scan {
        images: Vec::with_capacity(entries.len()),
        bad: Vec::new(),
    };
    for result in results {
        match result {
            Ok(image) => scan.images.push(Some(image)),
            Err(skip) => {
                scan.images.push(None);
                scan.bad.push(skip);
            }
        }
    }
    Ok(scan)
}

fn one(
    source: &dyn Source,
    entry: usize,
    size: Size,
    how: Resize,
    pixels: &Appended,
) -> io::Result<Result<Image, Skip>> {
    let bad = |reason, detail| {
        Ok(Err(Skip::bad(
            &source.listing().entries[entry].path,
            reason,
            Some(detail),
        )))
    };
    let (bytes, image) = match source.fetch(entry) {
        Err(detail) => return bad("cannot be read", detail),
        Ok(Content::Decoded(image)) => (None, image),
        Ok(Content::Bytes(bytes)) => match decode(&bytes) {
            Ok(image) => (Some(Sha256::digest(&bytes).into()), image),
            Err(DecodeError::NotAnImage { .. } | DecodeError::Empty) if !source.is_listed() => {
                let path = &source.listing().entries[entry].path;
                return Ok(Err(Skip::aside(path, Skip::OTHER_CONTENT)));
            }
            Err(error) => return bad("cannot be decoded", error.to_string()),
        },
    };
    let digest = digest_of_pixels(&image);
    let resized = planes(resize(&image, size.width, size.height, how), image.channels);
    Ok(Ok(Image {
        bytes: bytes.unwrap_or(digest),
        pixels: digest,
        width: image.width,
        height: image.height,
        is_grey: image.channels == 1,
        at: pixels.append(&resized)?,
    }))
}

fn digest_of_pixels(image: &Decoded) -> Digest {
    let mut hash = Sha256::new();
    hash.update(image.width.to_le_bytes());
    hash.update(image.height.to_le_bytes());
    hash.update([image.channels]);
    hash.update(&image.pixels);
    hash.finalize().into()
}

impl Size {
    /// The size that all images get. Signals keep their one row, and where the user names no side,
    /// all values.
    pub(crate) fn choose(
        source: &dyn Source,
        named: ImageSize,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Self {
        match (named, source.signal_length()) {
            (ImageSize::Side(side), None) => Self::square(side),
            (ImageSize::Side(side), Some(_)) => Self {
                width: side,
                height: 1,
            },
            (ImageSize::Auto, Some(length)) => Self {
                width: length,
                height: 1,
            },
            (ImageSize::Auto, None) => Self::square(usual_side(source, progress)),
        }
    }

    const fn square(side: u32) -> Self {
        Self {
            width: side,
            height: side,
        }
    }
}

/// The median of the images' shorter sides, rounded down to a multiple of 4, at least 8 and at most
/// 64 pixels.
fn usual_side(source: &dyn Source, progress: &(dyn Fn(Progress) + Sync)) -> u32 {
    let entries = source.listing().entries.len();
    let counter = Counter::new(Stage::Measuring, entries, progress);
    let mut shorter: Vec<u32> = Vec::with_capacity(entries);
    for block in source.blocks() {
        shorter.par_extend(block.into_par_iter().filter_map(|entry| {
            let dimensions = source.dimensions(entry);
            counter.count();
            dimensions.map(|(width, height)| width.min(height))
        }));
    }
    let median = Spread::of(shorter).median;
    (median / 4 * 4).clamp(8, 64)
}

/// A file that threads append to.
struct Appended {
    /// The file and its length.
    file: Mutex<(BufWriter<File>, u64)>,
}

impl Appended {
    fn new(file: File) -> Self {
        Self {
            file: Mutex::new((BufWriter::with_capacity(1 << 18, file), 0)),
        }
    }

    /// Appends, and says where.
    fn append(&self, bytes: &[u8]) -> io::Result<u64> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let at = file.1;
        file.0.write_all(bytes)?;
        file.1 += bytes.len() as u64;
        Ok(at)
    }

    fn finish(self) -> io::Result<()> {
        self.file
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .flush()
    }
}

/// Counts the progress of a stage and reports it from time to time.
pub(crate) struct Counter<'a> {
    stage: Stage,
    total: usize,
    done: AtomicUsize,
    progress: &'a (dyn Fn(Progress) + Sync),
}

impl<'a> Counter<'a> {
    pub(crate) fn new(stage: Stage, total: usize, progress: &'a (dyn Fn(Progress) + Sync)) -> Self {
        progress(Progress {
            stage,
            done: 0,
            total,
        });
        Self {
            stage,
            total,
            done: AtomicUsize::new(0),
            progress,
        }
    }

    /// Counts one.
    pub(crate) fn count(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if done == self.total || done.is_multiple_of((self.total / TIMES_TOLD).max(1)) {
            (self.progress)(Progress {
                stage: self.stage,
                done,
                total: self.total,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_taken_apart() {
        assert_eq!(planes(vec![1, 2, 3, 4, 5, 6], 3), [1, 4, 2, 5, 3, 6]);
        assert_eq!(planes(vec![1, 2, 3], 1), [1, 2, 3]);
    }
}
