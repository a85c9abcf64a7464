//! Files of one JSON value in each line, plain or gzipped.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use nas_files::FileError;
use serde::de::DeserializeOwned;

use super::{json_reason, wrong};
use crate::TableError;

/// Longest line.
const MAX_LINE: u64 = 1 << 20;
/// Most empty lines in a row. There need not be any; gzip makes a thousand of each byte.
const MAX_EMPTY: usize = 1000;

/// Reads the values line by line, and gives each with the number of its line, from 1, to `take`.
pub(super) fn each<T: DeserializeOwned>(
    path: &Path,
    expected: &str,
    mut take: impl FnMut(usize, T) -> Result<(), TableError>,
) -> Result<(), TableError> {
    let io = |reason| FileError::Io {
        path: path.to_owned(),
        reason,
    };
    let mut file = BufReader::new(File::open(path).map_err(io)?);
    let zipped = file.fill_buf().map_err(io)?.starts_with(&[0x1f, 0x8b]);
    let mut content: Box<dyn BufRead> = if zipped {
        Box::new(BufReader::new(MultiGzDecoder::new(file)))
    } else {
        Box::new(file)
    };
    let mut line = Vec::new();
    let mut empty = 0;
    for number in 1.. {
        line.clear();
        content
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)
            .map_err(io)?;
        if line.is_empty() {
            return Ok(());
        }
        if line.len() as u64 == MAX_LINE {
            return Err(wrong(
                path,
                format!("line {number} is longer than {MAX_LINE} bytes; expected {expected}"),
            ));
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            empty += 1;
            if empty > MAX_EMPTY {
                return Err(wrong(
                    path,
                    format!("more than {MAX_EMPTY} empty lines end with line {number}; expected {expected}"),
                ));
            }
            continue;
        }
        empty = 0;
        let value = serde_json::from_slice(&line).map_err(|error| {
            let reason = json_reason(number, &error);
            wrong(path, format!("{reason}; expected {expected}"))
        })?;
        take(number, value)?;
    }
    Ok(())
}
