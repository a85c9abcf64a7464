//! What can be wrong with data.

use std::fmt::Display;
use std::path::PathBuf;

use nas_files::FileError;
use nas_space::shape::Shape;
use thiserror::Error;

/// Why a data set could not be read, split or batched.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// No data set has this name.
    #[error("there is no data set '{name}'; there are: {}", list(known))]
    UnknownDataset {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },

    /// The data set is read from files, and no directory was given.
    #[error(
        "{dataset} is not built in: get {} from {url} (`nas data list` has the address of each file) and say where they are with --data-dir DIR or NAS_DATA_DIR",
        list(files)
    )]
    NoDataDir {
        /// The data set asked for.
        dataset: &'static str,
        /// The files it consists of, by their official names.
        files: Vec<&'static str>,
        /// The official page it can be had from.
        url: &'static str,
    },

    /// A file of the data set is in none of the places where it may be.
    #[error(
        "{file} of {dataset} was not found (needed in one folder: {needed}; each plain or with .gz). Looked in: {}. \
         Get it from {url} (`nas data list` has the address of each file) and say where it is with --data-dir DIR or NAS_DATA_DIR",
        list(looked.iter().map(|path| path.display()))
    )]
    MissingFile {
        /// The data set asked for.
        dataset: &'static str,
        /// The first file that is missing, by its official name.
        file: &'static str,
        /// All the files that are needed, with the alternatives.
        needed: String,
        /// The folders searched, in order.
        looked: Vec<PathBuf>,
        /// The official page it can be had from.
        url: &'static str,
    },

    /// A file cannot be read at all.
    #[error(transparent)]
    File(#[from] FileError),

    /// The user's own data cannot be read or split.
    #[error(transparent)]
    Own(#[from] nas_data::DataError),

    /// A file was read but is invalid: damaged, truncated or foreign.
    #[error("{}: {what}: expected {expected}, got {got}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Which property of it is wrong.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        got: String,
    },

    /// A label names no class.
    #[error("{}: image {index} has label {label}; the classes are 0 to {}", path.display(), classes.saturating_sub(1))]
    LabelInFile {
        /// The file.
        path: PathBuf,
        /// Number of the image in the file, from 0.
        index: usize,
        /// Its label.
        label: u32,
        /// Number of classes.
        classes: usize,
    },

    /// Pixels and labels given to [`Images::new`](super::Images::new) that do not fit together.
    #[error("expected the pixels of {images} images of {shape}, got {pixels} pixels")]
    PixelCount {
        /// Number of labels, thus of images.
        images: usize,
        /// Shape of each.
        shape: Shape,
        /// Number of pixels given.
        pixels: usize,
    },

    /// A label given to [`Images::new`](super::Images::new) that names no class.
    #[error("image {index} has label {label}; the classes are 0 to {}", classes.saturating_sub(1))]
    Label {
        /// Number of the image, from 0.
        index: usize,
        /// Its label.
        label: u32,
        /// Number of classes.
        classes: usize,
    },

    /// A set of images, labels or indices with nothing in it.
    #[error("{what} is empty; at least one is needed")]
    Empty {
        /// What is empty.
        what: &'static str,
    },

    /// More images than indices of 32 bits can number.
    #[error("{images} images are more than the {} that can be numbered", u32::MAX)]
    TooManyImages {
        /// Number of images.
        images: usize,
    },

    /// An index that is no image's.
    #[error("index {index} is out of range: there are {images} images")]
    IndexOutOfRange {
        /// The index.
        index: u32,
        /// Number of images.
        images: usize,
    },

    /// A fraction of validation images that leaves one of the two sides empty.
    #[error("the fraction of validation images must lie strictly between 0 and 1, got {fraction}")]
    Fraction {
        /// The fraction given.
        fraction: f64,
    },

    /// No class has two images, so there is nothing to validate on.
    #[error(
        "{images} training images cannot be split: none of the {classes} classes has two of them, so none \
         is left for validation; expected more images; {} are always enough",
        classes + 1
    )]
    Unsplittable {
        /// Number of images.
        images: usize,
        /// Number of classes that have one.
        classes: usize,
    },

    /// A subsample that is empty or larger than what it is drawn from.
    #[error("cannot draw a subsample of {wanted} from {available} images; expected 1 to {available}")]
    SubsampleSize {
        /// The size asked for.
        wanted: usize,
        /// The size of what it is drawn from.
        available: usize,
    },

    /// A subsample of images in groups that is too small for a validation split.
    #[error(
        "cannot draw {wanted} of {available} training images: some images stay together, and each of \
         {classes} classes needs 2 that do not, one to train and one to validate; expected {least} to \
         {available}"
    )]
    SubsampleOfGroups {
        /// The size asked for.
        wanted: usize,
        /// Number of classes.
        classes: usize,
        /// The smallest size that can be drawn.
        least: usize,
        /// The size of what it is drawn from.
        available: usize,
    },

    /// An augmentation setting that makes no sense for images of this size.
    #[error("augmentation: {field} must be {expected} for images of {shape}, got {got}")]
    Augmentation {
        /// The setting.
        field: &'static str,
        /// The values it may have.
        expected: String,
        /// Its value.
        got: usize,
        /// Shape of the images.
        shape: Shape,
    },

    /// Normalisation constants that fit neither the images nor each other.
    #[error("normalisation: expected {expected}, got {got}")]
    Normalization {
        /// What is needed.
        expected: String,
        /// What was given.
        got: String,
    },

    /// A batch size of 0.
    #[error("the batch size must be at least 1, got 0")]
    BatchSize,

    /// An epoch without a single batch.
    #[error(
        "{images} images do not fill one batch of {batch_size}, and incomplete batches are dropped; use a smaller batch or more images"
    )]
    NoBatch {
        /// Number of images.
        images: usize,
        /// Images in a batch.
        batch_size: usize,
    },

    /// An epoch cannot start at this batch.
    #[error("cannot start at batch {from_batch}: an epoch has {batches} batches")]
    BatchOutOfRange {
        /// The batch asked for, from 0.
        from_batch: usize,
        /// Number of batches in an epoch.
        batches: usize,
    },

    /// The thread that prepares batches could not be started or stopped before its time.
    #[error("the thread that prepares batches stopped: {reason}")]
    Preparation {
        /// What happened.
        reason: String,
    },

    /// A tensor could not be made or moved to its device.
    #[error("a batch could not be moved to its device: {0}")]
    Tensor(Box<candle_core::Error>),
}

impl From<candle_core::Error> for DataError {
    fn from(error: candle_core::Error) -> Self {
        Self::Tensor(Box::new(error))
    }
}

/// `a, b, c`.
fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    items
        .into_iter()
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}
