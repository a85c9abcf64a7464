//! Pictures of images: of those that were read as the network sees them, of others from their
//! files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use nas_data::decode::{Decoded, decode};
use nas_data::resize::resize;
use nas_data::{OwnData, Part, ReadOptions, Resize};
use nas_report::page::{Colours, Picture};
use nas_space::shape::Shape;

/// The most bytes of a file that is read for its picture.
const LARGEST_FILE: u64 = 64 << 20;
/// Rows of the picture of a signal, which has one.
const SIGNAL_ROWS: usize = 8;

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
        let Shape {
            channels,
            height,
            width,
        } = self.data.shape;
        let plane = height * width;
        let pixels = part
            .pixels
            .get(index * channels * plane..(index + 1) * channels * plane)?;
        let interleaved =
            (0..plane).flat_map(|place| (0..channels).map(move |channel| pixels[channel * plane + place]));
        self.picture(Decoded {
            width: width as u32,
            height: height as u32,
            channels: channels as u8,
            pixels: interleaved.collect(),
        })
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
        self.picture(Decoded {
            width,
            height,
            channels: image.channels,
            pixels,
        })
    }

    /// An image as a picture, smaller where it is large.
    fn picture(&self, image: Decoded) -> Option<Picture> {
        let colours = match image.channels {
            1 => Colours::Grey,
            3 => Colours::Rgb,
            _ => return None,
        };
        let (width, height) = (image.width as usize, image.height as usize);
        let longest = width.max(height);
        let (width, height, pixels) = if longest > self.side {
            let shorter = |side: usize| (side * self.side / longest).max(1);
            let (width, height) = (shorter(width), shorter(height));
            (
                width,
                height,
                resize(&image, width as u32, height as u32, Resize::Stretch),
            )
        } else {
            (width, height, image.pixels)
        };
        match height {
            1 => Picture::new(width, SIGNAL_ROWS, colours, pixels.repeat(SIGNAL_ROWS)),
            _ => Picture::new(width, height, colours, pixels),
        }
    }
}
