//! Files of images, decoded.

use thiserror::Error;

/// An image as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// 1 where all pixels are grey, else 3.
    pub channels: u8,
    /// Rows from above, of each pixel all channels.
    pub pixels: Vec<u8>,
}

/// Why a file is no image that can be read.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct DecodeError(String);

/// Decodes an image of any format that is read.
///
/// # Errors
/// What is wrong with the bytes.
pub fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let image = image::load_from_memory(bytes).map_err(|error| DecodeError(error.to_string()))?;
    let colour = image.to_rgb8();
    let (width, height) = colour.dimensions();
    let pixels = colour.into_raw();
    let grey = pixels
        .chunks_exact(3)
        .all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]);
    Ok(Decoded {
        width,
        height,
        channels: if grey { 1 } else { 3 },
        pixels: if grey {
            pixels.into_iter().step_by(3).collect()
        } else {
            pixels
        },
    })
}
