//! Files that are read up to a bound.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Reads a text of at most `most` bytes.
///
/// # Errors
/// [`ErrorKind::FileTooLarge`] with the bound, before more than that is read;
/// [`ErrorKind::InvalidData`] for what is no UTF-8; what the system says.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read_bytes(path, most)?)
        .map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is no text: it is not UTF-8"))
}

/// Reads a file of at most `most` bytes.
///
/// # Errors
/// [`ErrorKind::FileTooLarge`] with the bound, before more than that is read; what the system says.
pub fn read_bytes(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let too_large = || {
        let text = format!("it is larger than the {most} bytes that such a file may have");
        io::Error::new(ErrorKind::FileTooLarge, text)
    };
    // What a pipe or a device will give is not known beforehand.
    if file.metadata()?.is_file() && file.metadata()?.len() > most {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(too_large());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, "seed = 1").unwrap();
        assert_eq!(read_text(&path, 8).unwrap(), "seed = 1");
        let refused = read_text(&path, 7).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::FileTooLarge);
        assert!(refused.to_string().contains("7 bytes"), "{refused}");
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert_eq!(read_text(&path, 8).unwrap_err().kind(), ErrorKind::InvalidData);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_without_end_is_read_no_further_than_the_bound() {
        let refused = read_bytes(Path::new("/dev/zero"), 1 << 16).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::FileTooLarge);
    }
}
