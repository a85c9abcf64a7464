//! Arrays of images in a file.

use std::path::{Path, PathBuf};

use nas_space::shape::Shape;
use sha2::{Digest as _, Sha256};

use super::stamp::Stamp;
use super::{Content, Entry, Listing, Side, Source, check, io};
use crate::decode::Decoded;
use crate::error::DataError;
use crate::npz::{Arrays, Layout, read_npz};
use crate::progress::Progress;

/// A file of arrays. They are read when they are needed.
#[derive(Debug)]
pub(super) struct ArraysFile {
    /// As the user calls it.
    path: PathBuf,
    /// Where it is.
    canonical: PathBuf,
    layout: Option<Layout>,
    stamp: Stamp,
    listing: Listing,
    /// Of each image.
    shape: Shape,
    /// Of all images, plane by plane: training, validation, test.
    pixels: Vec<Vec<u8>>,
}

impl ArraysFile {
    /// Looks at the file.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn open(path: &Path, layout: Option<Layout>) -> Result<Self, DataError> {
        let found = std::fs::metadata(path).map_err(io(path, "read"))?;
        Ok(Self {
            path: path.to_owned(),
            canonical: std::fs::canonicalize(path).map_err(io(path, "read"))?,
            layout,
            stamp: Stamp::of(&found),
            listing: Listing::default(),
            shape: Shape::new(1, 1, 1),
            pixels: Vec::new(),
        })
    }

    /// Takes the arrays: each image is an entry, named by its place in its array.
    fn take(&mut self, arrays: Arrays) -> Result<(), DataError> {
        self.shape = arrays.shape;
        let gives_splits = arrays.valid.is_some() || arrays.test.is_some();
        let parts = [
            (Side::Train, Some(arrays.train)),
            (Side::Valid, arrays.valid),
            (Side::Test, arrays.test),
        ];
        let (mut entries, mut labels) = (Vec::new(), Vec::new());
        for (side, (pixels, its_labels)) in parts.into_iter().filter_map(|(side, part)| Some((side, part?))) {
            entries.extend((0..its_labels.len()).map(|number| Entry {
                // Names sort like numbers.
                path: PathBuf::from(format!("{}/{number:09}", side.name())),
                label: 0,
                side: gives_splits.then_some(side),
                group: None,
            }));
            self.pixels.push(pixels);
            labels.extend(its_labels);
        }
        let mut classes = labels.clone();
        classes.sort_unstable();
        classes.dedup();
        for (entry, label) in entries.iter_mut().zip(&labels) {
            entry.label = classes.partition_point(|class| class < label) as u32;
        }
        self.listing = Listing {
            classes: classes.iter().map(i64::to_string).collect(),
            entries,
            ..Listing::default()
        };
        check(&self.path, &self.listing)
    }

    /// The planes of an image.
    fn planes(&self, entry: usize) -> Option<&[u8]> {
        let numel = self.shape.numel();
        let mut at = entry.checked_mul(numel)?;
        for part in &self.pixels {
            if at < part.len() {
                return part.get(at..at + numel);
            }
            at -= part.len();
        }
        None
    }
}

impl Source for ArraysFile {
    fn load(&mut self, _: &(dyn Fn(Progress) + Sync)) -> Result<(), DataError> {
        let arrays = read_npz(&self.path, self.layout)?;
        self.take(arrays)
    }

    fn listing(&self) -> &Listing {
        &self.listing
    }

    fn fetch(&self, entry: usize) -> Result<Content, String> {
        let planes = self.planes(entry).ok_or("its pixels are missing")?;
        let plane = self.shape.height * self.shape.width;
        let (first, others) = planes.split_at(plane);
        let is_grey = others.chunks(plane).all(|other| other == first);
        let pixels = if is_grey {
            first.to_vec()
        } else {
            (0..plane)
                .flat_map(|pixel| planes.iter().skip(pixel).step_by(plane).copied())
                .collect()
        };
        Ok(Content::Decoded(Decoded {
            width: self.shape.width as u32,
            height: self.shape.height as u32,
            channels: if is_grey { 1 } else { 3 },
            pixels,
        }))
    }

    fn dimensions(&self, _: usize) -> Option<(u32, u32)> {
        Some((self.shape.width as u32, self.shape.height as u32))
    }

    fn signal_length(&self) -> Option<u32> {
        (self.shape.height == 1).then_some(self.shape.width as u32)
    }

    fn stamp(&self, hash: &mut Sha256) {
        hash.update("arrays");
        hash.update(self.canonical.as_os_str().as_encoded_bytes());
        self.stamp.hash(hash);
    }

    fn folder(&self) -> Option<&Path> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npz::Part;

    fn source(arrays: Arrays) -> Result<ArraysFile, DataError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut source = ArraysFile::open(file.path(), None).unwrap();
        source.take(arrays)?;
        Ok(source)
    }

    #[test]
    fn images_are_found_in_their_parts_and_labels_are_numbers_in_order() {
        let part = |first: u8, labels: &[i64]| ((first..).take(6 * labels.len()).collect(), labels.to_vec());
        let source = source(arrays(part(0, &[10, -1]), Some(part(100, &[10])))).unwrap();
        assert_eq!(source.listing.classes, ["-1", "10"]);
        let entries: Vec<(String, u32, Option<Side>)> = source
            .listing
            .entries
            .iter()
            .map(|entry| (entry.name(), entry.label, entry.side))
            .collect();
        assert_eq!(
            entries,
            [
                ("train/000000000".to_owned(), 1, Some(Side::Train)),
                ("train/000000001".to_owned(), 0, Some(Side::Train)),
                ("test/000000000".to_owned(), 1, Some(Side::Test)),
            ]
        );
        let pixels = |entry| match source.fetch(entry).unwrap() {
            Content::Decoded(image) => image.pixels,
            Content::Bytes(_) => unreachable!(),
        };
        assert_eq!(pixels(1), [6, 8, 10, 7, 9, 11]);
        assert_eq!(pixels(2), [100, 102, 104, 101, 103, 105]);
        assert!(source.fetch(3).is_err());
    }

    #[test]
    fn a_class_without_images_to_train_on_is_refused() {
        let refused = source(arrays((vec![0; 12], vec![0, 1]), Some((vec![0; 6], vec![2])))).unwrap_err();
        assert!(
            matches!(&refused, DataError::NotInTraining { class, .. } if class == "2"),
            "{refused}"
        );
    }

    fn arrays(train: Part, test: Option<Part>) -> Arrays {
        Arrays {
            layout: Layout::Nhw,
            range: (0.0, 255.0),
            shape: Shape::new(3, 1, 2),
            train,
            valid: None,
            test,
        }
    }
}
