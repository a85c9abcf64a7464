//! Folders of tiny images.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{ImageFormat, RgbImage};
use nas_data::{DataError, OwnData, ReadOptions};
use tempfile::TempDir;

/// A folder of images, and a cache elsewhere.
pub(crate) struct Folder {
    dir: TempDir,
    cache: TempDir,
}

impl Folder {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            cache: tempfile::tempdir().unwrap(),
        }
    }

    /// A folder with so many images, all different, in each of these class folders.
    pub(crate) fn of(classes: &[(&str, usize)]) -> Self {
        let folder = Self::new();
        for (class, images) in classes {
            for image in 0..*images {
                folder.image(&format!("{class}/{image:04}.png"));
            }
        }
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn cache(&self) -> &Path {
        self.cache.path()
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Writes an image that is like no other of another path.
    pub(crate) fn image(&self, path: &str) -> PathBuf {
        let number = path.bytes().fold(17_u32, |hash, byte| {
            hash.wrapping_mul(16_777_619) ^ u32::from(byte)
        });
        self.write(path, png(8, 8, number))
    }

    /// The options of tests: the cache of this folder.
    pub(crate) fn options(&self) -> ReadOptions {
        ReadOptions {
            cache: Some(self.cache.path().to_owned()),
            ..ReadOptions::default()
        }
    }

    pub(crate) fn read(&self) -> Result<OwnData, DataError> {
        self.read_with(|_| {})
    }

    pub(crate) fn read_with(&self, change: impl FnOnce(&mut ReadOptions)) -> Result<OwnData, DataError> {
        let mut options = self.options();
        change(&mut options);
        nas_data::read(self.path(), &options, &|_| {})
    }

    /// Reads a list in the folder.
    pub(crate) fn read_list(&self, name: &str, text: &str) -> Result<OwnData, DataError> {
        let path = self.write(name, text);
        nas_data::read(&path, &self.options(), &|_| {})
    }

    /// What reading fails with.
    pub(crate) fn refusal(&self) -> String {
        self.read().unwrap_err().to_string()
    }
}

/// An image of `width` × `height` coloured pixels that follow from `number`.
pub(crate) fn picture(width: u32, height: u32, number: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let value = number.wrapping_add(x + width * y).wrapping_mul(2_654_435_761);
        let [red, green, blue, _] = value.to_be_bytes();
        image::Rgb([red, green, blue])
    })
}

pub(crate) fn png(width: u32, height: u32, number: u32) -> Vec<u8> {
    encoded(&picture(width, height, number), ImageFormat::Png)
}

pub(crate) fn grey_png(width: u32, height: u32, number: u32) -> Vec<u8> {
    let mut image = picture(width, height, number);
    for pixel in image.pixels_mut() {
        pixel.0 = [pixel.0[0]; 3];
    }
    encoded(&image, ImageFormat::Png)
}

pub(crate) fn encoded(image: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// All files below a folder with their contents.
pub(crate) fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.insert(path.clone(), Vec::new());
            files.extend(contents(&path));
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    files
}

/// Images of each class and split: training, validation, test.
pub(crate) fn counts(data: &OwnData) -> Vec<(&str, [usize; 3])> {
    let classes = data.findings.classes.iter();
    classes
        .map(|count| (count.class.as_str(), [count.train, count.valid, count.test]))
        .collect()
}
