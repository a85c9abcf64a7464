//! Why arrays could not be read.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why the arrays of an `.npz` file could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NpzError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },

    /// The file is no zip archive, or a damaged one.
    #[error("{}: it is not an intact .npz file: {reason}; write it again with numpy.savez", path.display())]
    Archive {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },

    /// Arrays that are needed have none of the names that are known.
    #[error(
        "{}: it has no {wanted}; it has {}", path.display(),
        if found.is_empty() { "no arrays at all".to_owned() } else { found.join(", ") }
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// The names that would do.
        wanted: String,
        /// Names of the first arrays in the file.
        found: Vec<String>,
    },

    /// An array is invalid.
    #[error("{}: array '{name}': {fault}", path.display())]
    Array {
        /// The file.
        path: PathBuf,
        /// Name of the array.
        name: String,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// What can be wrong with one array.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// It cannot be unpacked, or is no array.
    #[error("it is damaged: {0}; write the file again with numpy.savez")]
    Damaged(String),

    /// It is packed in an unusual way.
    #[error("it cannot be unpacked: {0}; write the file again with numpy.savez or numpy.savez_compressed")]
    Packing(String),

    /// It has values of a type that is not supported.
    #[error(
        "it has values of the type {0}; expected u1, u2, u4, u8, i1, i2, i4, i8, f4, f8 or b1; convert it with .astype"
    )]
    Type(String),

    /// It has another type than the training images.
    #[error("it has values of the type {got}, but the training images have {expected}; convert one of them")]
    OtherType {
        /// Type of the training images.
        expected: String,
        /// Type of this array.
        got: String,
    },

    /// It lies in memory column by column.
    #[error("it is in Fortran order; save numpy.ascontiguousarray(array) instead")]
    Fortran,

    /// Its header and its length contradict each other.
    #[error(
        "its shape {shape} needs {expected} bytes, but it has {got}; write the file again with numpy.savez"
    )]
    Length {
        /// Its shape, as the header says.
        shape: String,
        /// Bytes that such an array has.
        expected: u64,
        /// Bytes that it has.
        got: u64,
    },

    /// It is larger than the limit.
    #[error("its {got} values are more than {most}; make the images smaller, or leave some out")]
    TooLarge {
        /// Values that it has.
        got: u64,
        /// Values that it may have.
        most: u64,
    },

    /// Its shape is not one of images.
    #[error("its shape {shape} is not a shape of images; expected {expected}")]
    Axes {
        /// Its shape.
        shape: String,
        /// Shapes that would do.
        expected: String,
    },

    /// Two axes could be the channels.
    #[error(
        "in its shape {0}, both the second and the last axis could be the channels; choose one with --layout nchw or --layout nhwc"
    )]
    Ambiguous(String),

    /// Images have a number of channels that is not supported.
    #[error("its images have {got} channels in the layout {layout} (shape {shape}); 1 and 3 are supported")]
    Channels {
        /// Its shape.
        shape: String,
        /// The layout that was assumed.
        layout: &'static str,
        /// Channels in this layout.
        got: usize,
    },

    /// Its images have another shape than those of the training part.
    #[error("its images are {got}, but the training images are {expected}; they must be of one shape")]
    OtherShape {
        /// Shape of the training images.
        expected: String,
        /// Shape of these images.
        got: String,
    },

    /// There are no images or labels in it.
    #[error("it is empty, with shape {0}; leave it out, with its labels, or fill it")]
    Empty(String),

    /// A value is infinite or not a number.
    #[error("value number {0} is infinite or not a number; replace it, for example with numpy.nan_to_num")]
    NotFinite(u64),

    /// Labels are not one for each image.
    #[error(
        "its shape is {shape}, but there are {images} images; expected one label for each, N or N x 1 of them"
    )]
    Labels {
        /// Its shape.
        shape: String,
        /// Images that need a label.
        images: usize,
    },

    /// A label is not a whole number.
    #[error("label number {0} is not a whole number below 2^53; use class numbers such as 0, 1, 2")]
    NotWhole(u64),
}
