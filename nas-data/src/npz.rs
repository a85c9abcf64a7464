//! Arrays of images in `.npz` files.

use std::path::Path;

use nas_space::shape::Shape;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Where the channels of an array of images are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Image, row, column.
    Nhw,
    /// Image, row, column, channel.
    Nhwc,
    /// Image, channel, row, column.
    Nchw,
}

/// Pixels, plane by plane, and labels.
pub type Part = (Vec<u8>, Vec<i64>);

/// Images and their labels.
#[derive(Debug)]
pub struct Arrays {
    /// Of every image.
    pub shape: Shape,
    /// Images to train on.
    pub train: Part,
    /// Images to validate on.
    pub valid: Option<Part>,
    /// Images to test on.
    pub test: Option<Part>,
}

/// Why the arrays cannot be read.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct NpzError(String);

/// Reads the arrays of a file.
///
/// # Errors
/// What is wrong with it.
pub fn read_npz(path: &Path, layout: Option<Layout>) -> Result<Arrays, NpzError> {
    let _ = layout;
    Err(NpzError(format!("{}: arrays are not read yet", path.display())))
}
