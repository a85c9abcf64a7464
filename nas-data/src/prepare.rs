//! One image file, made ready for a network.

use nas_space::shape::Shape;

use crate::decode::{DecodeError, decode};
use crate::resize::{Resize, resize};

/// Red, green and blue in grey, in parts of 65,536.
const GREY: [u32; 3] = [19_595, 38_470, 7_471];

/// The pixels of an image file as a network of this shape sees them: those that
/// [`read`](crate::read) gives for the same file. It is decoded, turned as EXIF says, and brought to
/// the size.
///
/// # Shapes
/// `shape` has one channel or three. The result has `shape.numel()` values: of each channel its
/// rows. A grey image has the same values in all channels. For one channel, a coloured image becomes
/// grey as in Pillow's `convert("L")`: (19595 R + 38470 G + 7471 B + 32768) / 65536, rounded down.
///
/// # Errors
/// [`DecodeError`] if the file is not an image or is damaged.
pub fn prepare(file: &[u8], shape: Shape, how: Resize) -> Result<Vec<u8>, DecodeError> {
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    let image = decode(file)?;
    let pixels = resize(&image, side(shape.width), side(shape.height), how);
    Ok(match (image.channels, shape.channels) {
        (1, channels) => pixels.repeat(channels),
        (_, 1) => pixels.chunks_exact(3).map(grey).collect(),
        (channels, _) => planes(pixels, channels),
    })
}

fn grey(pixel: &[u8]) -> u8 {
    let weighted = GREY
        .iter()
        .zip(pixel)
        .map(|(weight, &value)| weight * u32::from(value));
    ((weighted.sum::<u32>() + (1 << 15)) >> 16) as u8
}

/// Channel by channel what was pixel by pixel.
pub(crate) fn planes(pixels: Vec<u8>, channels: u8) -> Vec<u8> {
    if channels == 1 {
        return pixels;
    }
    let channels = usize::from(channels);
    (0..channels)
        .flat_map(|channel| pixels.iter().skip(channel).step_by(channels).copied())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLOURED: &[u8] = b"P3 2 1 255 255 0 0 10 200 30";

    #[test]
    fn channels_become_those_of_the_network() {
        let shape = |channels| Shape::new(channels, 1, 2);
        let prepared = |file: &[u8], channels| prepare(file, shape(channels), Resize::Stretch).unwrap();
        assert_eq!(prepared(COLOURED, 3), [255, 10, 0, 200, 0, 30]);
        // Pillow 13: Image.convert("L").
        assert_eq!(prepared(COLOURED, 1), [76, 124]);
        assert_eq!(prepared(b"P2 2 1 255 7 9", 3), [7, 9, 7, 9, 7, 9]);
        assert_eq!(prepared(b"P2 2 1 255 7 9", 1), [7, 9]);
        assert!(prepare(b"no image", shape(1), Resize::Pad).is_err());
    }
}
