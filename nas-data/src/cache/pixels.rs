//! The file of pixels: a header, then bytes.
//!
//! | bytes | what they are |
//! |---|---|
//! | 8 | `NASPIXEL` |
//! | 4 | version, all numbers with the lowest byte first |
//! | 4 | CRC-32 of the pixels |
//! | 8 | bytes of pixels |
//! | 8 | bytes of the index |
//! | 4 | CRC-32 of the index |
//! | 4 | CRC-32 of the header so far |
//! | 24 | zeros |

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, Write as _};
use std::path::Path;

use crc32fast::Hasher;

use super::VERSION;

/// Name of the file.
pub(super) const NAME: &str = "pixels";
/// Bytes of the header; the first pixel is behind it.
pub(super) const BEGIN: usize = 64;

const MAGIC: &[u8; 8] = b"NASPIXEL";
/// Bytes of the header that its checksum is of.
const CHECKED: usize = 36;

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) pixels_length: u64,
    pub(super) index_length: u64,
    pixels_checksum: u32,
    index_checksum: u32,
}

impl Header {
    /// The header of a file; `None` where it has none of this version.
    pub(super) fn of(file: &[u8]) -> Option<Self> {
        let header = file.get(..BEGIN)?;
        let short = |at: usize| Some(u32::from_le_bytes(header.get(at..at + 4)?.try_into().ok()?));
        let long = |at: usize| Some(u64::from_le_bytes(header.get(at..at + 8)?.try_into().ok()?));
        let is_one = header.starts_with(MAGIC)
            && short(8)? == VERSION
            && short(CHECKED)? == crc32fast::hash(header.get(..CHECKED)?);
        if !is_one {
            return None;
        }
        Some(Self {
            pixels_checksum: short(12)?,
            pixels_length: long(16)?,
            index_length: long(24)?,
            index_checksum: short(32)?,
        })
    }

    fn bytes(self) -> [u8; BEGIN] {
        let mut header = [0; BEGIN];
        header[..8].copy_from_slice(MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[12..16].copy_from_slice(&self.pixels_checksum.to_le_bytes());
        header[16..24].copy_from_slice(&self.pixels_length.to_le_bytes());
        header[24..32].copy_from_slice(&self.index_length.to_le_bytes());
        header[32..36].copy_from_slice(&self.index_checksum.to_le_bytes());
        let checksum = crc32fast::hash(&header[..CHECKED]);
        header[CHECKED..CHECKED + 4].copy_from_slice(&checksum.to_le_bytes());
        header
    }

    /// Whether the file of pixels and the index are those of the header.
    pub(super) fn agrees(self, file: &[u8], index: &[u8]) -> bool {
        let pixels = file.get(BEGIN..).unwrap_or_default();
        pixels.len() as u64 == self.pixels_length
            && index.len() as u64 == self.index_length
            && crc32fast::hash(index) == self.index_checksum
            && crc32fast::hash(pixels) == self.pixels_checksum
    }
}

/// A file of pixels being written. It has no header, and so is none, until it is finished.
#[derive(Debug)]
pub(super) struct Writer {
    file: BufWriter<File>,
    checksum: Hasher,
    length: u64,
}

impl Writer {
    /// A new file.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::with_capacity(1 << 18, File::create_new(path)?);
        file.write_all(&[0; BEGIN])?;
        Ok(Self {
            file,
            checksum: Hasher::new(),
            length: 0,
        })
    }

    /// Adds pixels.
    pub(super) fn write(&mut self, pixels: &[u8]) -> io::Result<()> {
        self.checksum.update(pixels);
        self.length += pixels.len() as u64;
        self.file.write_all(pixels)
    }

    /// Writes the header, and all of it to disk.
    pub(super) fn finish(self, index: &[u8]) -> io::Result<()> {
        let header = Header {
            pixels_length: self.length,
            pixels_checksum: self.checksum.finalize(),
            index_length: index.len() as u64,
            index_checksum: crc32fast::hash(index),
        };
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        file.write_all(&header.bytes())?;
        file.sync_all()
    }
}
