//! A file of which parts are read.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};

use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// A file of which parts are read, none of them beyond its end. One thread uses it at a time.
#[derive(Debug)]
pub(super) struct InFile {
    file: File,
    bytes: u64,
}

impl InFile {
    /// The file, as long as it is now.
    pub(super) fn new(file: File) -> std::io::Result<Self> {
        let bytes = file.metadata()?.len();
        Ok(Self { file, bytes })
    }

    /// Its length.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Length for InFile {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for InFile {
    type T = BufReader<File>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        Ok(BufReader::new(file))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<bytes::Bytes> {
        let is_there = start
            .checked_add(length as u64)
            .is_some_and(|end| end <= self.bytes);
        if !is_there {
            return Err(ParquetError::EOF(format!(
                "{length} bytes from byte {start} on are not in a file of {}",
                self.bytes
            )));
        }
        let mut bytes = vec![0; length];
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}
