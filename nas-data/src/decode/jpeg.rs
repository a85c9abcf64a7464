//! Checks of JPEG files that the decoder does not make.

use super::{DecodeError, Format};

/// More passes over an image than any program writes; the usual number is 1 or 10. Each costs the decoder the time
/// of a whole image, even where its data is a few bytes.
const MOST_SCANS: usize = 100;

/// Walks over the segments of a file up to the mark of its end.
///
/// The decoder silently fills the missing end of a file with grey.
///
/// # Errors
/// [`DecodeError::Truncated`] if there is no such mark; [`DecodeError::Damaged`] for too many scans.
pub(super) fn check(bytes: &[u8]) -> Result<(), DecodeError> {
    let truncated = || DecodeError::truncated(Format::Jpeg);
    let mut scans = 0;
    let mut rest = bytes;
    loop {
        // Between segments this skips filling; after the header of a scan, its data.
        let mark = rest.iter().position(|&byte| byte == 0xff).ok_or_else(truncated)?;
        rest = &rest[mark + 1..];
        let (&kind, after) = rest.split_first().ok_or_else(truncated)?;
        match kind {
            // It may be the beginning of the next mark.
            0xff => {}
            // A byte of data that is 0xff; marks without a segment.
            0x00 | 0x01 | 0xd0..=0xd8 => rest = after,
            0xd9 => return Ok(()),
            _ => {
                let &[high, low] = after.first_chunk().ok_or_else(truncated)?;
                // The length counts its own two bytes. One that does not is the decoder's to report.
                let length = usize::from(u16::from_be_bytes([high, low])).max(2);
                rest = after.get(length..).ok_or_else(truncated)?;
                scans += usize::from(kind == 0xda);
                if scans > MOST_SCANS {
                    let reason = format!("it has more than {MOST_SCANS} scans");
                    return Err(DecodeError::damaged(Format::Jpeg, reason));
                }
            }
        }
    }
}
