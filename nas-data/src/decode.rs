//! Image files into 8-bit pixels, grey or RGB.
//!
//! The format is recognised by its first bytes, not by the name of the file: PNG, JPEG, WebP, BMP, GIF, TIFF and
//! PNM. Of files with several images, the first is read.
//!
//! # Pixels
//! They are those that Pillow gives for `ImageOps.exif_transpose(image).convert("RGB")`, bit for bit, except as follows:
//! - BMP of 16 bits, and TIFF with CMYK or with JPEG inside, differ by 1 level at most.
//! - Transparent pixels lie on white, as `Image.alpha_composite` computes it. What the first frame of a GIF leaves
//!   uncovered is transparent too.
//! - Values of 16 bits are `round(v * 255 / 65535)`. Pillow clips them or cuts off their low byte.
//! - An image whose pixels are all grey has one channel, whatever its file says.
//!
//! The orientation in EXIF, or in the tags of a TIFF, is applied. Colour profiles and gamma are ignored, as Pillow
//! ignores them.
//!
//! # Damage
//! A file that is cut off is an error, never half an image. A JPEG without the mark of its end counts as cut off, even
//! if nothing else is missing. One that is damaged in the middle may show grey or other colours there, as in Pillow; which
//! ones may depend on whether the program was built with `nasm`.
//!
//! Not supported are TIFF with a palette, with fax compression of group 3, or with values that are not integers of 1,
//! 8 or 16 bits; and JPEG with arithmetic or lossless coding, or with values of 12 bits.
//!
//! libjpeg-turbo, which decodes JPEG, reports errors by unwinding. A program built with `panic = "abort"` aborts at a
//! damaged JPEG file.
//!
//! # Memory
//! A header of a few bytes can claim an image of gigabytes. No buffer is made before these bounds are checked:
//! - An image may have 64 MiB as it comes out of its decoder, before alpha and the second byte of 16 bits are removed.
//! - One of up to 512 MiB is decoded only if the file has at least one byte for each 3,000 of them. A photograph has
//!   one for 5 to 50, an empty page in PNG one for 1,000.
//!
//! A progressive JPEG, and one of several scans, takes two more bytes for each value while it is decoded.

mod error;
mod jpeg;
mod pixels;
mod webp;

use std::io::Cursor;

use image::codecs::{bmp, gif, png, pnm, tiff, webp as webp_codec};
use image::metadata::Orientation;
use image::{ImageDecoder, ImageError, Limits};

pub use error::DecodeError;

/// An image of this many bytes, as its decoder gives it, is always decoded.
const ALWAYS: u64 = 64 << 20;
/// No image may have more bytes than this.
const NEVER: u64 = 512 << 20;
/// How many bytes of an image one byte of its file may claim, above [`ALWAYS`].
const CLAIM: u64 = 3000;

/// The pixels of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// Columns, as the image is looked at.
    pub width: u32,
    /// Rows, as the image is looked at.
    pub height: u32,
    /// 1 where all pixels are grey, else 3: red, green and blue.
    pub channels: u8,
    /// `height` × `width` × `channels` values of 0 to 255: rows from the top, channels interleaved.
    pub pixels: Vec<u8>,
}

/// Decodes an image.
///
/// # Errors
/// [`DecodeError`] if the file is not an image, has an unsupported format or variant, is truncated
/// or damaged, or exceeds the bounds of [this module](self).
pub fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let mut opened = Opened::new(bytes)?;
    let format = opened.format;
    let orientation = opened.orientation()?;
    let (width, height) = opened.decoder.dimensions();
    let color = opened.decoder.color_type();
    let mut raw = vec![0; opened.bytes];
    opened
        .decoder
        .read_image_boxed(&mut raw)
        .map_err(|error| DecodeError::from_image(format, &error))?;
    let (channels, pixels) = pixels::to_8_bit(raw, color);
    Ok(pixels::oriented(
        Decoded {
            width,
            height,
            channels,
            pixels,
        },
        orientation,
    ))
}

/// Width and height of an image as [`decode`] gives them, from its header.
///
/// No pixel is decoded, so the image may still turn out to be damaged.
///
/// # Errors
/// As [`decode`], for what the header shows.
pub fn dimensions(bytes: &[u8]) -> Result<(u32, u32), DecodeError> {
    let mut opened = Opened::new(bytes)?;
    let (width, height) = opened.decoder.dimensions();
    Ok(if is_turned(opened.orientation()?) {
        (height, width)
    } else {
        (width, height)
    })
}

/// Whether rows become columns.
fn is_turned(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// The formats that are built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Png,
    Jpeg,
    WebP,
    Bmp,
    Gif,
    Tiff,
    Pnm,
}

impl Format {
    /// The format that begins like this.
    fn of(bytes: &[u8]) -> Result<Self, DecodeError> {
        match bytes {
            [] => Err(DecodeError::Empty),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Ok(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(Self::WebP),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Ok(Self::Gif),
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Ok(Self::Tiff),
            [b'P', b'1'..=b'7', b' ' | b'\t' | b'\r' | b'\n' | b'#', ..] => Ok(Self::Pnm),
            // Two letters are little to go by, so the size of the second header must be one that exists.
            [
                b'B',
                b'M',
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                _,
                12..=124,
                0,
                0,
                0,
                ..,
            ] => Ok(Self::Bmp),
            _ => Err(match error::foreign(bytes) {
                Some(format) => DecodeError::NotBuiltIn { format },
                None => DecodeError::NotAnImage {
                    begins: error::beginning(bytes),
                },
            }),
        }
    }

    /// Its name in messages.
    const fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
            Self::Tiff => "TIFF",
            Self::Pnm => "PNM",
        }
    }
}

/// An image whose header is read and within bounds.
struct Opened<'a> {
    format: Format,
    decoder: Box<dyn ImageDecoder + 'a>,
    /// Size of the buffer that the decoder fills.
    bytes: usize,
}

impl<'a> Opened<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let format = Format::of(bytes)?;
        let most = (bytes.len() as u64).saturating_mul(CLAIM).clamp(ALWAYS, NEVER);
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(most);
        let failed = |error: ImageError| DecodeError::from_image(format, &error);
        let mut decoder = start(format, bytes, &limits)?;

        let (width, height) = decoder.dimensions();
        if width == 0 || height == 0 {
            return Err(DecodeError::damaged(format, "it has no pixels".to_owned()));
        }
        let color = decoder.color_type();
        if !pixels::is_supported(color) {
            let what = "values that are not integers of 1 to 16 bits".to_owned();
            return Err(DecodeError::unsupported(format, what));
        }
        let claimed = decoder.total_bytes();
        let too_large = || DecodeError::TooLarge {
            format: format.name(),
            width,
            height,
            claimed,
            most,
        };
        if claimed > most {
            return Err(too_large());
        }
        decoder.set_limits(limits).map_err(failed)?;
        Ok(Self {
            format,
            decoder,
            bytes: usize::try_from(claimed).map_err(|_| too_large())?,
        })
    }

    fn orientation(&mut self) -> Result<Orientation, DecodeError> {
        let read = self.decoder.orientation();
        read.map_err(|error| DecodeError::from_image(self.format, &error))
    }
}

/// Reads the header of an image. What decoders themselves do not notice is checked here.
fn start<'a>(
    format: Format,
    bytes: &'a [u8],
    limits: &Limits,
) -> Result<Box<dyn ImageDecoder + 'a>, DecodeError> {
    let failed = |error: ImageError| DecodeError::from_image(format, &error);
    let reader = Cursor::new(bytes);
    Ok(match format {
        Format::Png => Box::new(png::PngDecoder::with_limits(reader, limits.clone()).map_err(failed)?),
        Format::Jpeg => Box::new(jpeg::JpegDecoder::new(bytes)?),
        Format::WebP => {
            webp::check(bytes)?;
            Box::new(webp_codec::WebPDecoder::new(reader).map_err(failed)?)
        }
        Format::Bmp => Box::new(bmp::BmpDecoder::new(reader).map_err(failed)?),
        Format::Gif => Box::new(gif::GifDecoder::new(reader).map_err(failed)?),
        Format::Tiff => Box::new(tiff::TiffDecoder::new(reader).map_err(failed)?),
        Format::Pnm => Box::new(pnm::PnmDecoder::new(reader).map_err(failed)?),
    })
}
