//! The stamp of a file, which shows whether it has changed without reading it.

use std::fs::Metadata;
use std::time::UNIX_EPOCH;

use sha2::{Digest as _, Sha256};

/// Length and times of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Bytes.
    pub(super) length: u64,
    /// When its content was last changed, as people and programs set it: nanoseconds since 1970.
    modified: i128,
    /// When anything of it was last changed, where the system knows: nanoseconds since 1970. Nobody
    /// can set it.
    changed: i128,
}

impl Stamp {
    pub(super) fn of(file: &Metadata) -> Self {
        let modified = file
            .modified()
            .map_or(0, |time| match time.duration_since(UNIX_EPOCH) {
                Ok(after) => after.as_nanos() as i128,
                Err(before) => -(before.duration().as_nanos() as i128),
            });
        Self {
            length: file.len(),
            modified,
            changed: changed(file),
        }
    }

    pub(super) fn hash(self, hash: &mut Sha256) {
        hash.update(self.length.to_le_bytes());
        hash.update(self.modified.to_le_bytes());
        hash.update(self.changed.to_le_bytes());
    }
}

#[cfg(unix)]
fn changed(file: &Metadata) -> i128 {
    use std::os::unix::fs::MetadataExt as _;

    i128::from(file.ctime()) * 1_000_000_000 + i128::from(file.ctime_nsec())
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> i128 {
    0
}
