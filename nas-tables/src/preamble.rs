//! The beginning of a table's file, which shows whether it is a complete and unchanged table.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use super::error::TableError;
use super::header::Header;

/// What every table begins with. The first byte is no text, and the last one shows a transfer that
/// changed line ends.
pub const MAGIC: [u8; 8] = *b"\x89nastab\n";
/// The newest version of the format that this program reads and writes. Tables that use nothing of
/// version 2 are written as version 1, which earlier programs read as well.
pub const VERSION: u32 = 2;

/// Bytes before the header.
pub(super) const PREAMBLE: usize = 28;
/// Where the checksum is.
const CHECKSUM: std::ops::Range<usize> = 24..28;
/// Longest header.
const MAX_HEADER: usize = 1 << 20;

/// Checks everything before and of the header, and the checksum.
pub(super) fn read_header(bytes: &[u8], path: &Path) -> Result<Header, TableError> {
    let path = || -> PathBuf { path.to_owned() };
    if !bytes.starts_with(&MAGIC[..bytes.len().min(MAGIC.len())]) {
        return Err(TableError::Foreign { path: path() });
    }
    let Some(version) = number32(bytes, 8) else {
        return Err(TableError::Truncated {
            path: path(),
            expected: None,
            got: bytes.len() as u64,
        });
    };
    if !(1..=VERSION).contains(&version) {
        return Err(TableError::Version {
            path: path(),
            got: version,
        });
    }
    let Some((preamble, rest)) = bytes.split_at_checked(PREAMBLE) else {
        return Err(TableError::Truncated {
            path: path(),
            expected: None,
            got: bytes.len() as u64,
        });
    };
    let mut length = [0; 8];
    length.copy_from_slice(&preamble[16..24]);
    let length = u64::from_le_bytes(length);
    match length.cmp(&(bytes.len() as u64)) {
        Ordering::Equal => {}
        Ordering::Greater => {
            return Err(TableError::Truncated {
                path: path(),
                expected: Some(length),
                got: bytes.len() as u64,
            });
        }
        Ordering::Less => return Err(TableError::Damaged { path: path() }),
    }
    if checksum(bytes) != stored_checksum(bytes) {
        return Err(TableError::Damaged { path: path() });
    }
    let refuse = |reason: String| TableError::Header { path: path(), reason };
    let header = rest
        .get(..header_length(bytes))
        .filter(|header| header.len() <= MAX_HEADER)
        .ok_or_else(|| {
            refuse(format!(
                "its header is longer than {MAX_HEADER} bytes or than the file"
            ))
        })?;
    let header: Header = serde_json::from_slice(header).map_err(|error| refuse(error.to_string()))?;
    header.validate().map_err(refuse)?;
    if header.version() > version {
        let least = header.version();
        return Err(refuse(format!(
            "it says that it is of format {version} and uses what format {least} added"
        )));
    }
    Ok(header)
}

/// The four bytes from `at` on as a number.
fn number32(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_le_bytes(bytes))
}

/// The length that the preamble gives for the header.
pub(super) fn header_length(bytes: &[u8]) -> usize {
    number32(bytes, 12).map_or(0, |length| length as usize)
}

pub(super) fn stored_checksum(bytes: &[u8]) -> u32 {
    number32(bytes, CHECKSUM.start).unwrap_or_default()
}

/// Of all bytes but the checksum's own; there are at least those of the preamble.
fn checksum(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[..CHECKSUM.start]);
    hasher.update(&bytes[CHECKSUM.end..]);
    hasher.finalize()
}

/// The file of a table: preamble, header, and what follows it.
pub(super) fn assemble(version: u32, header: &[u8], blocks: &[u8]) -> Vec<u8> {
    let length = PREAMBLE + header.len() + blocks.len();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(MAGIC);
    bytes.extend(version.to_le_bytes());
    bytes.extend((header.len() as u32).to_le_bytes());
    bytes.extend((length as u64).to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(header);
    bytes.extend(blocks);
    let checksum = checksum(&bytes);
    bytes[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
    bytes
}
