//! The arrays in a zip archive, read block by block.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::error::{Fault, NpzError};
use super::npy::Header;

/// No array may have more values than this: 8 GiB once they are pixels.
const MOST_VALUES: u64 = 8 << 30;
/// Deflate makes at most 1,032 bytes out of one; some more for short files.
const MOST_DEFLATED: u64 = 1100;

/// An open `.npz` file.
pub(super) struct Archive {
    path: PathBuf,
    zip: ZipArchive<BufReader<File>>,
    /// Bytes of the whole file.
    length: u64,
    /// Names of the arrays, without `.npy`, in the order of the archive.
    names: Vec<String>,
}

/// An array of the archive, of which only the header is read.
pub(super) struct Array {
    pub(super) header: Header,
    index: usize,
}

impl Archive {
    pub(super) fn open(path: &Path) -> Result<Self, NpzError> {
        let read = |source| NpzError::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        let zip = ZipArchive::new(BufReader::new(file)).map_err(|error| NpzError::Archive {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        let name = |index| match zip.name_for_index(index) {
            Some(Ok(name)) => name.strip_suffix(".npy").map(str::to_owned).unwrap_or_default(),
            _ => String::new(),
        };
        let names = (0..zip.len()).map(name).collect();
        Ok(Self {
            path: path.to_owned(),
            zip,
            length,
            names,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Names of arrays; files of other kinds have empty ones.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The number of the array with this name, in any case.
    pub(super) fn find(&self, wanted: &str) -> Option<usize> {
        self.names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(wanted))
    }

    /// What is wrong with an array, as an error.
    pub(super) fn error(&self, array: &Array, fault: Fault) -> NpzError {
        self.fault(array.index, fault)
    }

    fn fault(&self, index: usize, fault: Fault) -> NpzError {
        NpzError::Array {
            path: self.path.clone(),
            name: self.names.get(index).cloned().unwrap_or_default(),
            fault,
        }
    }

    /// Reads the header of an array, and checks it against the length of the array and that of the file.
    pub(super) fn array(&mut self, index: usize) -> Result<Array, NpzError> {
        match self.header(index) {
            Ok(header) => Ok(Array { header, index }),
            Err(fault) => Err(self.fault(index, fault)),
        }
    }

    fn header(&mut self, index: usize) -> Result<Header, Fault> {
        let file_length = self.length;
        let mut member = self.zip.by_index(index).map_err(from_zip)?;
        let (packed, unpacked) = (member.compressed_size(), member.size());
        let most = match member.compression() {
            CompressionMethod::Stored => packed,
            _ => packed.saturating_mul(MOST_DEFLATED),
        };
        if packed > file_length || unpacked > most {
            return Err(Fault::Damaged(format!(
                "{unpacked} bytes cannot be packed into {packed} bytes of a file of {file_length}"
            )));
        }
        let header = Header::read(&mut member)?;
        let bytes = header.count().saturating_mul(header.kind.size() as u64);
        let got = unpacked.saturating_sub(header.length);
        if bytes != got {
            return Err(Fault::Length {
                shape: header.shape_text(),
                expected: bytes,
                got,
            });
        }
        if header.count() > MOST_VALUES {
            return Err(Fault::TooLarge {
                got: header.count(),
                most: MOST_VALUES,
            });
        }
        Ok(header)
    }

    /// Gives `take` all values of an array, as bytes: `values` of them at a time, and the rest at the end.
    pub(super) fn blocks(
        &mut self,
        array: &Array,
        values: usize,
        mut take: impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), NpzError> {
        let result = self.read_blocks(array, values, &mut take);
        result.map_err(|fault| self.error(array, fault))
    }

    fn read_blocks(
        &mut self,
        array: &Array,
        values: usize,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let damaged = |error: std::io::Error| Fault::Damaged(error.to_string());
        let member = self.zip.by_index(array.index).map_err(from_zip)?;
        let mut reader = BufReader::with_capacity(1 << 16, member);
        Header::read(&mut reader)?;
        let size = array.header.kind.size();
        let total = usize::try_from(array.header.count()).unwrap_or(usize::MAX);
        let mut left = total.saturating_mul(size);
        let mut block = vec![0; values.clamp(1, total.max(1)).saturating_mul(size)];
        while left > 0 {
            let end = block.len().min(left);
            reader.read_exact(&mut block[..end]).map_err(damaged)?;
            take(&block[..end])?;
            left -= end;
        }
        // The checksum is compared at the end.
        match reader.read(&mut [0]).map_err(damaged)? {
            0 => Ok(()),
            _ => Err(Fault::Damaged(
                "there are more bytes after its last value".to_owned(),
            )),
        }
    }
}

fn from_zip(error: ZipError) -> Fault {
    match error {
        ZipError::UnsupportedArchive(what) => Fault::Packing(what.to_owned()),
        error @ (ZipError::InvalidPassword | ZipError::CompressionMethodNotSupported(_)) => {
            Fault::Packing(error.to_string())
        }
        error => Fault::Damaged(error.to_string()),
    }
}
