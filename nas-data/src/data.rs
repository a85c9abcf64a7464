//! Images that were read.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use nas_files::Mapped;
use nas_space::shape::Shape;

use crate::findings::Findings;
use crate::resize::Resize;

/// The user's own images: all of one shape, labelled and split.
#[derive(Debug, Clone)]
pub struct OwnData {
    /// The name of the folder, or of the file without its ending.
    pub name: String,
    /// What the images are: a SHA-256 in 64 hexadecimal digits of the files' contents, names,
    /// labels, splits and groups, and of the shape they were given. Neither times nor places of
    /// files change it.
    pub fingerprint: String,
    /// Channels, height and width of each image. There is one channel where all images are grey,
    /// else three.
    pub shape: Shape,
    /// How they were brought to it.
    pub resize: Resize,
    /// Names of the classes. A label is a place in this list.
    pub classes: Vec<String>,
    /// The images to train on.
    pub train: Part,
    /// The images to validate on, where the source gives some. Otherwise [`split`](crate::split)
    /// draws them from `train`.
    pub valid: Option<Part>,
    /// The images to test on: those that the source gives, else drawn, always the same ones for the
    /// same images.
    pub test: Part,
    /// What was found on reading.
    pub findings: Findings,
}

/// The images of a split, in the order of their names.
#[derive(Debug, Clone)]
pub struct Part {
    /// All pixels: of each image its channels, of each channel its rows.
    pub pixels: Pixels,
    /// The class of each image: a place in [`OwnData::classes`].
    pub labels: Vec<u32>,
    /// The group of each image. Images with one number belong on one side of any split: they are
    /// the same, or the source says so. The numbers mean the same in all parts.
    pub groups: Vec<u32>,
    /// The name of each image: its path in the source. What is not UTF-8 in it is written as
    /// `\xNN`.
    pub names: Vec<String>,
}

impl Part {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

/// Pixels in a file of the cache, which the system reads on access. Clones share them.
#[derive(Clone)]
pub struct Pixels {
    file: Arc<Mapped>,
    range: Range<usize>,
}

impl Pixels {
    /// The bytes `range` of `file`; none if the file is too short.
    pub(crate) fn new(file: Arc<Mapped>, range: Range<usize>) -> Self {
        Self { file, range }
    }

    /// These pixels and those that come next in the same file; of others, from the first of these
    /// to the last of those.
    #[must_use]
    pub fn joined(&self, next: &Self) -> Self {
        Self {
            file: Arc::clone(&self.file),
            range: self.range.start..next.range.end,
        }
    }
}

impl Deref for Pixels {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.file.get(self.range.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pixels({} bytes)", self.len())
    }
}
