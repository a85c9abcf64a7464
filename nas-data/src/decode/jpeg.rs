//! JPEG files, decoded by libjpeg-turbo, whose decoder is that of the crate `mozjpeg`.
//!
//! Pillow, OpenCV and most pipelines that networks are trained with use it, too. The standard
//! leaves open how colours are enlarged and how blocks are rounded, so another decoder gives other
//! pixels.
//!
//! The header is read here: what is too large, cut off or not built in is refused before
//! libjpeg-turbo sees the file.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::error::{DecodingError, ImageFormatHint};
use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageResult};
use mozjpeg::{ColorSpace, Decompress};

use super::{DecodeError, Format};

/// More passes over an image than any program writes; the usual number is 1 or 10. Each costs the
/// decoder the time of a whole image, even where its data is a few bytes.
const MOST_SCANS: usize = 100;
/// How a segment of EXIF begins.
const EXIF: &[u8] = b"Exif\0\0";

/// What the values of a pixel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Components {
    Grey,
    /// Red, green and blue, or brightness and two differences of colour.
    Colours,
    /// Cyan, magenta, yellow and black, or the latter and the other three as above.
    Inks,
}

/// The frame of a file: the segment that says what image follows.
#[derive(Debug, Clone, Copy)]
struct Frame {
    width: u16,
    height: u16,
    components: Components,
}

/// A file that has a header that can be decoded, and an end.
#[derive(Debug)]
pub(super) struct JpegDecoder<'a> {
    bytes: &'a [u8],
    frame: Frame,
    exif: Option<&'a [u8]>,
}

impl<'a> JpegDecoder<'a> {
    /// Walks over the segments of a file up to the mark of its end.
    ///
    /// libjpeg-turbo fills with grey what is missing at the end of a file, and says nothing.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if there is no such mark; [`DecodeError::Damaged`] for no frame
    /// or too many scans; [`DecodeError::Unsupported`].
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let truncated = || DecodeError::truncated(Format::Jpeg);
        let damaged = |reason: String| DecodeError::damaged(Format::Jpeg, reason);
        let (mut frame, mut exif, mut scans) = (None, None, 0);
        let mut rest = bytes;
        loop {
            // Between segments this skips filling; after the header of a scan, its data.
            let mark = rest.iter().position(|&byte| byte == 0xff).ok_or_else(truncated)?;
            rest = &rest[mark + 1..];
            let (&kind, after) = rest.split_first().ok_or_else(truncated)?;
            match kind {
                // It may be the beginning of the next mark.
                0xff => continue,
                // A byte of data that is 0xff; marks without a segment.
                0x00 | 0x01 | 0xd0..=0xd8 => {
                    rest = after;
                    continue;
                }
                0xd9 => break,
                _ => {}
            }
            let &[high, low] = after.first_chunk().ok_or_else(truncated)?;
            // The length counts its own two bytes. One that does not is the decoder's to report.
            let length = usize::from(u16::from_be_bytes([high, low])).max(2);
            let (segment, next) = after.split_at_checked(length).ok_or_else(truncated)?;
            let content = &segment[2..];
            match kind {
                // The other three are no frames: Huffman tables, an extension, arithmetic codes.
                0xc0..=0xcf if !matches!(kind, 0xc4 | 0xc8 | 0xcc) && frame.is_none() => {
                    frame = Some(Frame::read(kind, content)?);
                }
                // As Pillow does, only the first of several counts, and none behind the pixels.
                0xe1 if exif.is_none() && scans == 0 => exif = content.strip_prefix(EXIF),
                0xda => scans += 1,
                _ => {}
            }
            if scans > MOST_SCANS {
                return Err(damaged(format!("it has more than {MOST_SCANS} scans")));
            }
            rest = next;
        }
        let frame = frame.ok_or_else(|| damaged("it does not say how large it is".to_owned()))?;
        Ok(Self { bytes, frame, exif })
    }

    /// Fills `pixels` with rows from the top, channels interleaved.
    ///
    /// # Errors
    /// What libjpeg-turbo says of a damaged file.
    fn fill(&self, pixels: &mut [u8]) -> Result<(), String> {
        // libjpeg-turbo leaves by unwinding. Half-filled pixels are dropped then.
        catch_unwind(AssertUnwindSafe(|| self.fill_or_unwind(pixels)))
            .unwrap_or_else(|payload| Err(reason(&*payload)))
    }

    fn fill_or_unwind(&self, pixels: &mut [u8]) -> Result<(), String> {
        let Frame {
            width,
            height,
            components,
        } = self.frame;
        let (colours, values) = match components {
            Components::Grey => (ColorSpace::JCS_GRAYSCALE, 1),
            Components::Colours => (ColorSpace::JCS_RGB, 3),
            Components::Inks => (ColorSpace::JCS_CMYK, 4),
        };
        let failed = |error: std::io::Error| error.to_string();
        let header = Decompress::new_mem(self.bytes).map_err(failed)?;
        let found = (header.width(), header.height(), header.components().len());
        if found != (usize::from(width), usize::from(height), values) {
            return Err("it says in two ways how large it is".to_owned());
        }
        let mut started = header.to_colorspace(colours).map_err(failed)?;
        if components == Components::Inks {
            let mut row = vec![0; usize::from(width) * values];
            for row_of_pixels in pixels.chunks_exact_mut(usize::from(width) * 3) {
                started.read_scanlines_into(&mut row).map_err(failed)?;
                for (pixel, inks) in row_of_pixels.as_chunks_mut().0.iter_mut().zip(row.as_chunks().0) {
                    *pixel = on_paper(*inks);
                }
            }
        } else {
            started.read_scanlines_into(pixels).map_err(failed)?;
        }
        started.finish().map_err(failed)
    }
}

impl Frame {
    /// Reads the segment of a frame, without its length.
    fn read(kind: u8, content: &[u8]) -> Result<Self, DecodeError> {
        let unsupported = |what: &str| Err(DecodeError::unsupported(Format::Jpeg, what.to_owned()));
        match kind {
            0xc0..=0xc2 => {}
            0xc9 | 0xca => return unsupported("arithmetic coding"),
            0xc3 | 0xc7 | 0xcb | 0xcf => return unsupported("lossless coding"),
            _ => return unsupported("hierarchical coding"),
        }
        let Some(&[bits, high, low, wide, narrow, components]) = content.first_chunk() else {
            let reason = "it does not say how large it is".to_owned();
            return Err(DecodeError::damaged(Format::Jpeg, reason));
        };
        if bits != 8 {
            return unsupported(&format!("values of {bits} bits"));
        }
        Ok(Self {
            width: u16::from_be_bytes([wide, narrow]),
            height: u16::from_be_bytes([high, low]),
            components: match components {
                1 => Components::Grey,
                3 => Components::Colours,
                4 => Components::Inks,
                _ => return unsupported(&format!("{components} values a pixel")),
            },
        })
    }
}

impl ImageDecoder for JpegDecoder<'_> {
    fn dimensions(&self) -> (u32, u32) {
        (self.frame.width.into(), self.frame.height.into())
    }

    fn color_type(&self) -> ColorType {
        match self.frame.components {
            Components::Grey => ColorType::L8,
            Components::Colours | Components::Inks => ColorType::Rgb8,
        }
    }

    fn exif_metadata(&mut self) -> ImageResult<Option<Vec<u8>>> {
        Ok(self.exif.map(<[u8]>::to_vec))
    }

    fn read_image(self, pixels: &mut [u8]) -> ImageResult<()> {
        self.fill(pixels).map_err(|reason| {
            let hint = ImageFormatHint::Exact(ImageFormat::Jpeg);
            ImageError::Decoding(DecodingError::new(hint, reason))
        })
    }

    fn read_image_boxed(self: Box<Self>, pixels: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(pixels)
    }
}

/// What was thrown, as a reason.
fn reason(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map_or("", String::as_str);
    let text = text.strip_prefix("libjpeg fatal error: ").unwrap_or(text);
    if text.is_empty() {
        "it does not follow the standard".to_owned()
    } else {
        text.to_owned()
    }
}

/// Red, green and blue of cyan, magenta, yellow and black, which JPEG files have inverted: 255 is
/// no ink. It is rounded as Pillow does.
fn on_paper([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    let white = u32::from(black);
    [cyan, magenta, yellow].map(|light| {
        let product = u32::from(255 - light) * white + 128;
        (white - (((product >> 8) + product) >> 8)) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ink_takes_its_rounded_share_of_light() {
        for black in 0..=255_u8 {
            for light in 0..=255_u8 {
                let taken = f64::from(255 - light) * f64::from(black) / 255.0;
                let left = f64::from(black) - taken.round();
                assert_eq!(f64::from(on_paper([light, 0, 0, black])[0]), left);
            }
        }
    }
}
