//! Checks of WebP files that the decoder does not make.

use super::{DecodeError, Format};

/// Checks that the file, and every chunk in it, is as long as it says.
///
/// The decoder fills up what is missing at the end, and makes buffers for chunks as long as they claim to be.
///
/// # Errors
/// [`DecodeError::Truncated`] for what ends outside of the file.
pub(super) fn check(bytes: &[u8]) -> Result<(), DecodeError> {
    let truncated = || DecodeError::truncated(Format::WebP);
    // "RIFF", the length of all that follows, "WEBP", then chunks: a name, a length, so many bytes, and one more if
    // their number is odd.
    let length = length_at(bytes, 4).ok_or_else(truncated)?;
    let file = bytes.get(8..).and_then(|rest| rest.get(..length));
    let mut chunks = file.and_then(|file| file.get(4..)).ok_or_else(truncated)?;
    while let Some(length) = length_at(chunks, 4) {
        let content = chunks.get(8..).and_then(|rest| rest.get(length..));
        let rest = content.ok_or_else(truncated)?;
        chunks = rest.get(length % 2..).unwrap_or_default();
    }
    Ok(())
}

/// The number of 4 bytes, lowest first.
fn length_at(bytes: &[u8], at: usize) -> Option<usize> {
    let number = bytes.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*number)).ok()
}
