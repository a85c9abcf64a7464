//! Which benchmark a file is of.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use nas_files::FileError;

use super::wrong;
use crate::{MAGIC, Nb201Table, TableError};

/// Bytes of the content that are looked at.
const LOOKED_AT: u64 = 1 << 16;

/// The formats that are imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated text with a mapping: [`mod@super::csv`].
    Csv,
    /// [`super::nb201`].
    Nb201,
    /// [`super::nats`].
    NatsJson,
    /// [`super::nb101`].
    Nb101Json,
    /// [`super::macro_bench`].
    MacroJson,
}

impl fmt::Display for Format {
    /// The name that it has on the command line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "csv",
            Self::Nb201 => "nb201",
            Self::NatsJson => "nats-json",
            Self::Nb101Json => "nb101-json",
            Self::MacroJson => "macro-json",
        })
    }
}

/// The format of a file, recognised by its first bytes; `None` where they do not tell.
/// Comma-separated text needs a mapping, unless it is NAS-Bench-201's.
///
/// # Errors
/// [`TableError::File`] where the file cannot be read; [`TableError::Import`] where it is a table
/// already.
pub fn recognise(path: &Path) -> Result<Option<Format>, TableError> {
    let head = head(path)?;
    if head.starts_with(&MAGIC) {
        let reason = "it is a benchmark table already, as nas table writes it; there is nothing to import";
        return Err(wrong(path, reason));
    }
    let head = String::from_utf8_lossy(&head);
    let head = head.trim_start_matches('\u{feff}').trim_start();
    let line = head.lines().next().unwrap_or_default();
    Ok(match head.chars().next() {
        Some('{') if line.contains("\"arch_str\"") => Some(Format::NatsJson),
        Some('{') if is_macro_key(&head[1..]) => Some(Format::MacroJson),
        Some('[') if line.contains("\"module_adjacency\"") => Some(Format::Nb101Json),
        Some('{' | '[') | None => None,
        Some(_) => {
            let is_column = |name: &str| line.split(',').any(|column| column.trim() == name);
            let nb201 = is_column(Nb201Table::CELL_COLUMN) && is_column("c10_valid12");
            let is_text = line.contains([',', ';', '\t']) && !line.contains('\u{fffd}');
            match (nb201, is_text) {
                (true, _) => Some(Format::Nb201),
                (false, true) => Some(Format::Csv),
                (false, false) => None,
            }
        }
    })
}

/// Whether what follows the opening brace is a key of eight digits.
fn is_macro_key(text: &str) -> bool {
    let key = text.trim_start().strip_prefix('"').and_then(|rest| rest.get(..9));
    key.is_some_and(|key| key.ends_with('"') && key[..8].bytes().all(|byte| (b'0'..=b'2').contains(&byte)))
}

/// The beginning of the content.
fn head(path: &Path) -> Result<Vec<u8>, TableError> {
    let io = |reason| FileError::Io {
        path: path.to_owned(),
        reason,
    };
    let mut file = BufReader::new(File::open(path).map_err(io)?);
    let zipped = file.fill_buf().map_err(io)?.starts_with(&[0x1f, 0x8b]);
    let mut head = Vec::new();
    if zipped {
        // What cannot be unpacked is refused when it is imported.
        let _ = MultiGzDecoder::new(file).take(LOOKED_AT).read_to_end(&mut head);
    } else {
        file.take(LOOKED_AT).read_to_end(&mut head).map_err(io)?;
    }
    Ok(head)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn a_file_is_recognised_plain_and_gzipped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (text, format) in [
            ("{\"arch_str\": \"8:8:8:8:8\"}\n", Some(Format::NatsJson)),
            ("\u{feff}{\"00000000\": {}}", Some(Format::MacroJson)),
            ("\n {\n \"01201201\":\n{", Some(Format::MacroJson)),
            ("{\"01201203\": {}}", None),
            ("[{\"module_adjacency\": [[0]]}, {}]\n", Some(Format::Nb101Json)),
            ("index,ops6,c10_valid12\n", Some(Format::Nb201)),
            ("ops6,accuracy\n", Some(Format::Csv)),
            ("depth;width;accuracy\n", Some(Format::Csv)),
            ("a photo", None),
            ("{\"\u{e9}\u{e9}\u{e9}\u{e9}1\":", None),
            ("", None),
        ] {
            fs::write(&path, text).unwrap();
            assert_eq!(recognise(&path).unwrap(), format, "{text}");
            let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
            zipped.write_all(text.as_bytes()).unwrap();
            fs::write(&path, zipped.finish().unwrap()).unwrap();
            assert_eq!(recognise(&path).unwrap(), format, "gzipped {text}");
        }
        fs::write(&path, MAGIC).unwrap();
        let error = recognise(&path).unwrap_err().to_string();
        assert!(error.contains("a benchmark table already"), "{error}");
        assert!(recognise(&folder.path().join("none")).is_err());
    }
}
