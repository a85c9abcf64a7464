//! Where images come from.

mod arrays;
mod columns;
mod folder;
mod layout;
mod list;
mod masks;
#[cfg(feature = "parquet")]
mod parquet;
mod rows;
mod stamp;
mod walk;

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufReader, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};

use image::ImageReader;
use sha2::Sha256;

use crate::decode::Decoded;
use crate::error::DataError;
use crate::options::ReadOptions;
use crate::progress::Progress;

/// The most bytes that the file of an image may have.
const LARGEST_FILE: u64 = 512 << 20;

/// The files below a folder, by path bytewise, but for hidden ones and those that programs make beside
/// images. Links are followed.
///
/// # Errors
/// [`DataError::Io`] for a folder that cannot be read.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let walked = walk::walk(folder, &|_| {})?;
    Ok(walked
        .files
        .into_iter()
        .map(|file| folder.join(file.path))
        .collect())
}

/// What images come from: a folder, a list, arrays, or Parquet files. Its entries are known once it is open; their
/// contents are read later, each once, from any thread.
pub(crate) trait Source: Sync {
    /// What there is.
    fn listing(&self) -> &Listing;

    /// The content of an entry, by its place in the listing; where it cannot be read, why.
    fn fetch(&self, entry: usize) -> Result<Content, String>;

    /// Width and height of an entry in pixels, as cheaply as they can be had. `None` where they
    /// cannot.
    fn dimensions(&self, entry: usize) -> Option<(u32, u32)>;

    /// Entries that are read at a time, from the first to the last: each in one block, ascending.
    fn blocks(&self) -> Vec<Range<usize>> {
        std::iter::once(0..self.listing().entries.len()).collect()
    }

    /// Values of each entry where all are signals: images of one row. `None` where they are images.
    fn signal_length(&self) -> Option<u32> {
        None
    }

    /// Whether each entry was named by somebody as an image, rather than found by its ending.
    fn is_listed(&self) -> bool {
        false
    }

    /// Hashes names, lengths and times of files, as a quick test whether anything has changed.
    fn stamp(&self, hash: &mut Sha256);

    /// Reads the rest. It is called before everything except [`stamp`](Self::stamp) and
    /// [`folder`](Self::folder).
    fn load(&mut self, _progress: &(dyn Fn(Progress) + Sync)) -> Result<(), DataError> {
        Ok(())
    }

    /// The folder of images below which nothing may be written.
    fn folder(&self) -> Option<&Path>;
}

/// What a source has.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Names of the classes. There are at least two.
    pub(crate) classes: Vec<String>,
    /// The images, by name bytewise.
    pub(crate) entries: Vec<Entry>,
    /// What is there and is not used.
    pub(crate) skipped: Vec<Skip>,
    /// What should be known, in sentences.
    pub(crate) warnings: Vec<String>,
}

/// An image of a source.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its path in the source, with `/` between folders.
    pub(crate) path: PathBuf,
    /// Its class.
    pub(crate) label: u32,
    /// Its split, where the source gives one.
    pub(crate) side: Option<Side>,
    /// The name of its group, where the source gives one.
    pub(crate) group: Option<String>,
}

impl Entry {
    /// Its path, for people.
    pub(crate) fn name(&self) -> String {
        shown(self.path.as_os_str())
    }
}

/// What is known of an image.
pub(crate) enum Content {
    /// The bytes of its file.
    Bytes(Vec<u8>),
    /// Its pixels.
    Decoded(Decoded),
}

/// Something that is not used.
#[derive(Debug)]
pub(crate) struct Skip {
    /// Its path in the source, for people.
    pub(crate) name: String,
    /// Why.
    pub(crate) reason: &'static str,
    /// What else is known of it.
    pub(crate) detail: Option<String>,
    /// Whether it should be an image and cannot be read.
    pub(crate) is_bad: bool,
}

impl Skip {
    /// Why a file is set aside that has the ending of images and no bytes.
    const EMPTY: &str = "empty: it has zero bytes";
    /// Why a file is set aside whose ending is that of images, and whose content is something else.
    pub(crate) const OTHER_CONTENT: &str = "not an image, in spite of its name";

    /// Whether it was set aside though it has the ending of images.
    pub(crate) fn looks_like_an_image(reason: &str) -> bool {
        [Self::EMPTY, Self::OTHER_CONTENT].contains(&reason)
    }

    /// A file that is nothing to miss.
    pub(crate) fn aside(path: &Path, reason: &'static str) -> Self {
        Self {
            name: shown(path.as_os_str()),
            reason,
            detail: None,
            is_bad: false,
        }
    }

    /// A file that should be an image.
    pub(crate) fn bad(path: &Path, reason: &'static str, detail: Option<String>) -> Self {
        Self {
            name: shown(path.as_os_str()),
            reason,
            detail,
            is_bad: true,
        }
    }
}

/// A split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Side {
    Train,
    Valid,
    Test,
}

impl Side {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Train, Self::Valid, Self::Test];

    /// The split that people call `name`, in any case.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "train" | "training" => Some(Self::Train),
            "val" | "valid" | "validation" => Some(Self::Valid),
            "test" | "testing" => Some(Self::Test),
            _ => None,
        }
    }

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Valid => "valid",
            Self::Test => "test",
        }
    }
}

/// Opens the source at `path` and lists its images.
pub(crate) fn open(
    path: &Path,
    options: &ReadOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Box<dyn Source>, DataError> {
    let found = fs::metadata(path).map_err(|reason| match reason.kind() {
        ErrorKind::NotFound => DataError::Missing {
            path: path.to_owned(),
        },
        _ => io(path, "opened")(reason),
    })?;
    if found.is_dir() && parquet_files(path).is_ok_and(|files| !files.is_empty()) {
        return open_parquet(path, options);
    }
    if found.is_dir() {
        return Ok(Box::new(folder::Folder::open(
            path,
            options.glob.as_deref(),
            progress,
        )?));
    }
    let kind = |found: &str| DataError::Kind {
        path: path.to_owned(),
        found: found.to_owned(),
    };
    if !found.is_file() {
        return Err(kind("a pipe, a socket or a device"));
    }
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    match ending.as_deref() {
        Some("npz") => Ok(Box::new(arrays::ArraysFile::open(path, options.layout)?)),
        Some("csv" | "tsv" | "txt" | "lst" | "list") => Ok(Box::new(list::List::open(
            path,
            options.columns.as_deref(),
            progress,
        )?)),
        Some("parquet") => open_parquet(path, options),
        Some("zip" | "tar" | "gz" | "tgz" | "7z" | "rar") => Err(kind("an archive; unpack it")),
        Some(ending) if folder::is_image_ending(ending) => Err(kind("a single image")),
        Some("npy") => Err(kind("a single array without labels")),
        _ => Err(kind("of another kind")),
    }
}

#[cfg(feature = "parquet")]
fn open_parquet(path: &Path, options: &ReadOptions) -> Result<Box<dyn Source>, DataError> {
    let files = parquet::ParquetFiles::open(path, options.columns.as_deref())?;
    Ok(Box::new(files))
}

#[cfg(not(feature = "parquet"))]
fn open_parquet(path: &Path, _options: &ReadOptions) -> Result<Box<dyn Source>, DataError> {
    Err(DataError::WithoutFeature {
        path: path.to_owned(),
        format: "Parquet",
        feature: "parquet",
    })
}

/// The Parquet files of a folder that has these and no folders, or a folder `data` of that kind and
/// no other. Hidden folders do not count.
fn parquet_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_hidden {
            continue;
        }
        if path.is_dir() {
            folders.push(path);
        } else if path
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("parquet"))
        {
            files.push(path);
        }
    }
    match folders.as_slice() {
        [] => Ok(files),
        [only] if files.is_empty() && only.ends_with("data") && !folder.ends_with("data") => {
            parquet_files(only)
        }
        _ => Ok(Vec::new()),
    }
}

/// A path for display: bytes that are not UTF-8 are written as `\xNN`.
pub(crate) fn shown(path: &OsStr) -> String {
    let mut text = String::new();
    for chunk in path.as_encoded_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a text cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

/// An error of the system at `path`.
fn io(path: &Path, action: &'static str) -> impl Fn(std::io::Error) -> DataError {
    move |reason| DataError::Io {
        path: path.to_owned(),
        action,
        reason,
    }
}

/// Reads the file of an image.
fn fetch_file(path: &Path) -> Result<Content, String> {
    nas_files::read_bytes(path, LARGEST_FILE)
        .map(Content::Bytes)
        .map_err(|error| error.to_string())
}

/// Width and height in the header of an image's file. Some formats must be read whole for that.
fn dimensions_of_file(path: &Path) -> Option<(u32, u32)> {
    let file = File::open(path).ok()?;
    if file.metadata().ok()?.len() > LARGEST_FILE {
        return None;
    }
    let reader = ImageReader::new(BufReader::new(file));
    reader.with_guessed_format().ok()?.into_dimensions().ok()
}

/// Refuses a listing without two classes, or with a class that has nothing to train on.
fn check(path: &Path, listing: &Listing) -> Result<(), DataError> {
    if listing.classes.len() < 2 {
        return Err(DataError::TooSmall {
            what: format!(
                "{}: there is 1 class, '{}'",
                path.display(),
                listing.classes.first().map_or("", String::as_str)
            ),
            remedy: "a data set has at least 2".to_owned(),
        });
    }
    let mut counts = vec![[0; 3]; listing.classes.len()];
    for entry in &listing.entries {
        counts[entry.label as usize][entry.side.unwrap_or(Side::Train) as usize] += 1;
    }
    for (class, count) in listing.classes.iter().zip(counts) {
        for side in [Side::Valid, Side::Test] {
            let images = count[side as usize];
            if count[Side::Train as usize] == 0 && images > 0 {
                return Err(DataError::NotInTraining {
                    path: path.to_owned(),
                    class: class.clone(),
                    split: side.name(),
                    images,
                });
            }
        }
    }
    Ok(())
}
