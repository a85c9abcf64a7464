//! Pictures of images: of those that were read as the network sees them, of others from their
//! files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use nas_data::decode::{Decoded, decode};
use nas_data::resize::resize;
use nas_data::{OwnData, Part, ReadOptions, Resize};
use nas_report::page::Picture;
use nas_runner::picture;

/// The most bytes of a file that is read for its picture.
const LARGEST_FILE: u64 = 64 << 20;

/// Where pictures are made.
pub(super) struct Pictures<'a> {
    data: &'a OwnData,
    /// The folder that names are paths from.
    root: PathBuf,
    resize: Resize,
    /// The longest side of a picture, in pixels.
    side: usize,
    /// Where images lie that were read.
    places: HashMap<&'a str, (&'a Part, usize)>,
}

impl<'a> Pictures<'a> {
    /// Of the images that were read from this path. Pictures have at most `side` pixels a side.
    pub(super) fn new(data: &'a OwnData, path: &Path, read: &ReadOptions, side: usize) -> Self {
        let parts = [Some(&data.train), data.valid.as_ref(), Some(&data.test)];
        let mut places = HashMap::new();
        for part in parts.into_iter().flatten() {
            places.extend(
                part.names
                    .iter()
                    .enumerate()
                    .map(|(index, name)| (name.as_str(), (part, index))),
            );
        }
        let root = match path.is_dir() {
            true => path.to_owned(),
            false => path.parent().unwrap_or(Path::new("")).to_owned(),
        };
        Self {
            data,
            root,
            resize: read.resize,
            side,
            places,
        }
    }

    /// Whether pictures are smaller than what the network sees.
    pub(super) fn are_reduced(&self) -> bool {
        self.data.shape.width.max(self.data.shape.height) > self.side
    }

    /// An image of a split.
    pub(super) fn of(&self, part: &Part, index: usize) -> Option<Picture> {
        let length = self.data.shape.numel();
        let pixels = part.pixels.get(index * length..(index + 1) * length)?;
        picture::of_planes(pixels, self.data.shape, self.side)
    }

    /// The image of this name: one that was read, or, where it is not used, from its file. None
    /// where it is neither.
    pub(super) fn named(&self, name: &str) -> Option<Picture> {
        if let Some(&(part, index)) = self.places.get(name) {
            return self.of(part, index);
        }
        let bytes = nas_files::read_bytes(&self.root.join(name), LARGEST_FILE).ok()?;
        let image = decode(&bytes).ok()?;
        let (width, height) = (self.data.shape.width as u32, self.data.shape.height as u32);
        let pixels = resize(&image, width, height, self.resize);
        let image = Decoded {
            width,
            height,
            channels: image.channels,
            pixels,
        };
        picture::of_image(image, self.side)
    }
}
