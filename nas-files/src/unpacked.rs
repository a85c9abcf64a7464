//! Files read whole, plain or gzipped, up to a limit.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use thiserror::Error;

/// The two bytes every gzip member begins with (RFC 1952, section 2.3.1).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The most bytes that a byte of a packed file may unpack to. Images and tables take 3 to 30; gzip can do a thousand.
const MOST_UNPACKED: u64 = 200;

/// What any packed file may unpack to.
const ALWAYS_UNPACKED: u64 = 16 << 20;

/// Why a file cannot be read at all.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// The system refused.
    #[error("{}: cannot be read: {reason}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said. It is part of the message and thus no `source`: a chain of errors would print it twice.
        reason: io::Error,
    },

    /// The file begins like gzip, but the rest is not gzip: it is truncated or damaged.
    #[error(
        "{}: expected a complete gzip file, got a truncated or damaged one ({reason}); copy it again", path.display()
    )]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decoder said; part of the message and thus no `source`.
        reason: io::Error,
    },

    /// The file unpacks to so much more than itself that it was made to fill the memory.
    #[error(
        "{}: its {packed} bytes unpack to more than {limit}, which is too much for images or a table; if it is correct, unpack it first",
        path.display()
    )]
    Bomb {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        packed: u64,
        /// The largest unpacked size that this number of bytes may have.
        limit: u64,
    },

    /// The content is longer than it can be.
    #[error("{}: expected at most {limit} bytes of content, got more; it is another kind of file", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most bytes that it may hold, unpacked.
        limit: u64,
    },
}

/// The content of the file at `path`, unpacked if it begins like gzip, regardless of its name.
///
/// Never more than `limit` + 1 bytes are read or unpacked, and memory grows with what is there, not with what a header
/// claims: a byte of a packed file gives 200 at most, where that is more than 16 MiB in all.
///
/// # Errors
/// See [`FileError`].
pub fn read_unpacked(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let io = |reason| FileError::Io {
        path: path.to_owned(),
        reason,
    };
    let mut file = File::open(path).map_err(io)?;
    let mut magic = Vec::with_capacity(GZIP_MAGIC.len());
    file.by_ref()
        .take(GZIP_MAGIC.len() as u64)
        .read_to_end(&mut magic)
        .map_err(io)?;
    file.rewind().map_err(io)?;

    let mut content = Vec::new();
    if magic == GZIP_MAGIC {
        let packed = file.metadata().map_err(io)?.len();
        let due = packed.saturating_mul(MOST_UNPACKED).max(ALWAYS_UNPACKED);
        MultiGzDecoder::new(BufReader::new(file))
            .take(limit.min(due).saturating_add(1))
            .read_to_end(&mut content)
            .map_err(|reason| FileError::Gzip {
                path: path.to_owned(),
                reason,
            })?;
        if due < limit && content.len() as u64 > due {
            return Err(FileError::Bomb {
                path: path.to_owned(),
                packed,
                limit: due,
            });
        }
    } else {
        file.take(limit.saturating_add(1))
            .read_to_end(&mut content)
            .map_err(io)?;
    }
    if content.len() as u64 > limit {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    #[test]
    fn what_unpacks_to_much_more_than_itself_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bomb.gz");
        let zeros = |megabytes: usize| gzip(&vec![0; megabytes << 20]);
        std::fs::write(&path, zeros(40)).unwrap();
        let refused = read_unpacked(&path, 1 << 30).unwrap_err();
        assert!(matches!(refused, FileError::Bomb { .. }), "{refused}");
        // The lower of two bounds is the one that is named.
        let refused = read_unpacked(&path, 1000).unwrap_err();
        assert!(matches!(refused, FileError::TooLarge { .. }), "{refused}");
        // Little is always unpacked, however tightly it is packed.
        std::fs::write(&path, zeros(16)).unwrap();
        assert_eq!(read_unpacked(&path, 1 << 30).unwrap().len(), 16 << 20);
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn read(content: &[u8], limit: u64) -> Result<Vec<u8>, FileError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, content).unwrap();
        read_unpacked(&path, limit)
    }

    #[test]
    fn plain_and_gzipped_content_is_told_apart_by_its_first_bytes() {
        assert_eq!(read(b"hello", 5).unwrap(), b"hello");
        assert_eq!(read(&gzip(b"hello"), 5).unwrap(), b"hello");
        assert_eq!(read(b"", 5).unwrap(), b"");
        assert_eq!(read(b"\x1f", 5).unwrap(), b"\x1f");
    }

    #[test]
    fn content_over_the_limit_is_refused_before_it_is_unpacked() {
        let bomb = gzip(&vec![0; 50_000_000]);
        assert!(bomb.len() < 100_000);
        assert!(matches!(
            read(&bomb, 1000),
            Err(FileError::TooLarge { limit: 1000, .. })
        ));
        assert!(matches!(
            read(b"hello", 4),
            Err(FileError::TooLarge { limit: 4, .. })
        ));
    }

    #[test]
    fn a_gzip_file_cut_anywhere_or_damaged_is_refused() {
        let whole = gzip(b"some content that is long enough to be cut in many places");
        for end in 2..whole.len() {
            assert!(
                matches!(read(&whole[..end], 1000), Err(FileError::Gzip { .. })),
                "cut at {end}"
            );
        }
        let mut damaged = whole.clone();
        let crc = damaged.len() - 8;
        damaged[crc] ^= 1;
        assert!(matches!(read(&damaged, 1000), Err(FileError::Gzip { .. })));
    }

    #[test]
    fn what_the_system_refuses_is_an_error_with_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        assert!(
            read_unpacked(&missing, 10)
                .unwrap_err()
                .to_string()
                .contains("missing")
        );
        assert!(matches!(read_unpacked(dir.path(), 10), Err(FileError::Io { .. })));
    }
}
