//! Converts the output of decoders to 8-bit pixels, grey or RGB, with the right orientation.

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, GrayImage, RgbImage};

use super::Decoded;

/// Whether [`to_8_bit`] knows such pixels.
pub(super) fn is_supported(color: ColorType) -> bool {
    use ColorType::{L8, L16, La8, La16, Rgb8, Rgb16, Rgba8, Rgba16};
    matches!(color, L8 | La8 | Rgb8 | Rgba8 | L16 | La16 | Rgb16 | Rgba16)
}

/// The number of channels and pixels of 8 bits on white: one channel where they are all grey, else three.
///
/// Values of 16 bits have the byte order of the machine. The colour must be one that [`is_supported`] accepts.
pub(super) fn to_8_bit(mut raw: Vec<u8>, color: ColorType) -> (u8, Vec<u8>) {
    use ColorType::{L8, L16, La8, La16, Rgb16, Rgba8, Rgba16};
    if matches!(color, L16 | La16 | Rgb16 | Rgba16) {
        shorten(&mut raw, |value| [to_one_byte(u16::from_ne_bytes(value))]);
    }
    match color {
        La8 | La16 => shorten(&mut raw, |[grey, alpha]| [over_white(grey, alpha)]),
        Rgba8 | Rgba16 => shorten(&mut raw, |[red, green, blue, alpha]| {
            [red, green, blue].map(|value| over_white(value, alpha))
        }),
        _ => {}
    }
    if matches!(color, L8 | L16 | La8 | La16) {
        return (1, raw);
    }
    let is_grey = |&[red, green, blue]: &[u8; 3]| red == green && green == blue;
    if !raw.as_chunks().0.iter().all(is_grey) {
        return (3, raw);
    }
    shorten(&mut raw, |[grey, _, _]| [grey]);
    (1, raw)
}

/// Replaces each `FROM` values by `TO`, which may not be more, without a second buffer.
fn shorten<const FROM: usize, const TO: usize>(
    values: &mut Vec<u8>,
    replace: impl Fn([u8; FROM]) -> [u8; TO],
) {
    let pixels = values.len() / FROM;
    for pixel in 0..pixels {
        if let Some(&from) = values[pixel * FROM..].first_chunk() {
            values[pixel * TO..][..TO].copy_from_slice(&replace(from));
        }
    }
    values.truncate(pixels * TO);
    // The pixels may live long beside those of many other images.
    values.shrink_to_fit();
}

/// `round(value * 255 / 65535)`, which is `round(value / 257)`: no value lies in the middle.
fn to_one_byte(value: u16) -> u8 {
    ((u32::from(value) + 128) / 257) as u8
}

/// `(value * alpha + 255 * (255 - alpha)) / 255`, rounded as Pillow does.
fn over_white(value: u8, alpha: u8) -> u8 {
    let alpha = u32::from(alpha);
    // Pillow has 7 more bits here, because in general it divides by the sum of two alphas. On white that is 255.
    let sum = (u32::from(value) * alpha + 255 * (255 - alpha) + 128) << 7;
    ((((sum >> 8) + sum) >> 8) >> 7) as u8
}

/// The image with the right orientation.
pub(super) fn oriented(decoded: Decoded, orientation: Orientation) -> Decoded {
    if orientation == Orientation::NoTransforms {
        return decoded;
    }
    let Decoded {
        width,
        height,
        channels,
        pixels,
    } = decoded;
    // The buffers have these sizes, so neither is ever missing.
    let image = if channels == 1 {
        GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8)
    };
    let mut image = image.unwrap_or_default();
    image.apply_orientation(orientation);
    Decoded {
        width: image.width(),
        height: image.height(),
        channels,
        pixels: image.into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_are_rounded_not_cut() {
        for value in 0..=u16::MAX {
            let exact = f64::from(value) * 255.0 / 65535.0;
            assert_eq!(f64::from(to_one_byte(value)), exact.round(), "{value}");
        }
    }

    #[test]
    fn white_shines_through_by_the_rounded_share() {
        for alpha in 0..=255_u8 {
            for value in 0..=255_u8 {
                let sum = f64::from(value) * f64::from(alpha) + 255.0 * f64::from(255 - alpha);
                assert_eq!(f64::from(over_white(value, alpha)), (sum / 255.0).round());
            }
        }
    }

    #[test]
    fn colours_of_grey_become_one_channel() {
        let grey = to_8_bit(vec![7, 7, 7, 9, 9, 9], ColorType::Rgb8);
        assert_eq!(grey, (1, vec![7, 9]));
        let colour = to_8_bit(vec![7, 7, 7, 9, 9, 8], ColorType::Rgb8);
        assert_eq!(colour, (3, vec![7, 7, 7, 9, 9, 8]));
    }
}
