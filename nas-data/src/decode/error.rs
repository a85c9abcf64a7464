//! Why an image could not be decoded.

use std::error::Error;
use std::io;

use image::ImageError;
use image::error::UnsupportedErrorKind;
use thiserror::Error as ThisError;

use super::Format;

/// Why an image could not be decoded. The text is meant to follow the name of the file.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum DecodeError {
    /// There are no bytes.
    #[error("the file is empty; expected an image. Copy or download it again")]
    Empty,

    /// The bytes begin like no known format.
    #[error("it is not an image: it begins with {begins}; expected PNG, JPEG, WebP, BMP, GIF, TIFF or PNM")]
    NotAnImage {
        /// The first bytes, to print.
        begins: String,
    },

    /// The format is known but cannot be decoded.
    #[error("it is in {format} format, which is not supported; convert it, for example to PNG")]
    NotBuiltIn {
        /// Name of the format.
        format: &'static str,
    },

    /// The format can be decoded, but not this variant of it.
    #[error("this {format} has an unsupported feature: {what}; convert it, for example to a PNG of 8 bits")]
    Unsupported {
        /// Name of the format.
        format: &'static str,
        /// What is not built in.
        what: String,
    },

    /// The file ends before the image does.
    #[error("the {format} is truncated; copy or download it again")]
    Truncated {
        /// Name of the format.
        format: &'static str,
    },

    /// The image is larger than it may be, or much larger than its file makes plausible.
    #[error(
        "the {format} claims {width}x{height} pixels, {} MiB; a file of its length may have {} MiB; if the \
         claim is right, make the image smaller",
        claimed >> 20, most >> 20
    )]
    TooLarge {
        /// Name of the format.
        format: &'static str,
        /// Columns, as the file says.
        width: u32,
        /// Rows, as the file says.
        height: u32,
        /// Bytes that its pixels take when they are decoded.
        claimed: u64,
        /// Bytes that they may take.
        most: u64,
    },

    /// Decoding needs more memory than it may have, in a part of the image.
    #[error("decoding the {format} takes more memory than a file of its length may use; save it again")]
    Memory {
        /// Name of the format.
        format: &'static str,
    },

    /// The file does not follow its format.
    #[error("the {format} is damaged: {reason}; copy or download it again")]
    Damaged {
        /// Name of the format.
        format: &'static str,
        /// What is wrong, as the decoder says.
        reason: String,
    },
}

impl DecodeError {
    pub(super) fn truncated(format: Format) -> Self {
        Self::Truncated {
            format: format.name(),
        }
    }

    pub(super) fn unsupported(format: Format, what: String) -> Self {
        Self::Unsupported {
            format: format.name(),
            what,
        }
    }

    pub(super) fn damaged(format: Format, reason: String) -> Self {
        Self::Damaged {
            format: format.name(),
            reason,
        }
    }

    /// What a decoder says, sorted.
    pub(super) fn from_image(format: Format, error: &ImageError) -> Self {
        match error {
            ImageError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Self::truncated(format)
            }
            ImageError::Unsupported(error) => Self::unsupported(format, feature(&error.kind())),
            ImageError::Limits(_) => Self::Memory {
                format: format.name(),
            },
            error => {
                // The outer error only names the format again.
                let reason = error.source().unwrap_or(error).to_string();
                if ENDS.iter().any(|end| reason.contains(end)) {
                    Self::truncated(format)
                } else {
                    Self::damaged(format, reason)
                }
            }
        }
    }
}

/// What is not supported, without the sentence around it.
fn feature(kind: &UnsupportedErrorKind) -> String {
    match kind {
        UnsupportedErrorKind::GenericFeature(feature) => feature.clone(),
        UnsupportedErrorKind::Color(color) => format!("pixels of the kind {color:?}"),
        kind => format!("{kind:?}"),
    }
}

/// How decoders say that a file ends early, where they have no kind of error for it.
const ENDS: &[&str] = &[
    "unexpected end of file",
    "Unexpected End of File",
    "failed to fill whole buffer",
    "Not enough data was provided",
];

/// The first bytes of a file, to print.
pub(super) fn beginning(bytes: &[u8]) -> String {
    let first = &bytes[..bytes.len().min(8)];
    if first.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        format!("'{}'", String::from_utf8_lossy(first))
    } else {
        let hex: Vec<String> = first.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("the bytes {}", hex.join(" "))
    }
}

/// The name of a format of images that is known and not built in.
pub(super) fn foreign(bytes: &[u8]) -> Option<&'static str> {
    const BEGINNINGS: &[(&[u8], &str)] = &[
        (b"\xff\x0a", "JPEG XL"),
        (b"\0\0\0\x0cJXL ", "JPEG XL"),
        (b"\0\0\0\x0cjP  ", "JPEG 2000"),
        (b"\xff\x4f\xff\x51", "JPEG 2000"),
        (b"\0\0\x01\0", "ICO"),
        (b"8BPS", "Photoshop"),
        (b"%PDF", "PDF"),
        (b"%!PS", "PostScript"),
        (b"<svg", "SVG"),
        (b"<?xml", "XML (perhaps SVG)"),
        (b"DDS ", "DDS"),
        (b"farbfeld", "farbfeld"),
        (b"qoif", "QOI"),
        (b"v/1\x01", "OpenEXR"),
        (b"#?RADIANCE", "Radiance HDR"),
        (b"PF\n", "PFM"),
        (b"Pf\n", "PFM"),
        (b"SIMPLE  =", "FITS"),
        (b"\x89HDF", "HDF5"),
        (b"\x93NUMPY", "npy"),
    ];
    // Formats of this family have the length of their first box in front.
    match bytes.get(4..12) {
        Some(b"ftypavif" | b"ftypavis") => return Some("AVIF"),
        Some([b'f', b't', b'y', b'p', b'h', b'e', ..] | b"ftypmif1" | b"ftypmsf1") => {
            return Some("HEIC");
        }
        _ => {}
    }
    if bytes.get(128..132) == Some(b"DICM") {
        return Some("DICOM");
    }
    BEGINNINGS
        .iter()
        .find(|(beginning, _)| bytes.starts_with(beginning))
        .map(|&(_, name)| name)
}
