//! A Parquet file being read.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use parquet::basic::Compression;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::FileReader as _;
use parquet::file::serialized_reader::SerializedFileReader;

use super::in_file::InFile;
use super::pages;
use super::schema::{Columns, LabelKind};

/// The most bytes of a label.
const LONGEST_LABEL: usize = 1000;
/// How many labels are read at a time.
const LABELS: usize = 8192;

/// A label as it is written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    Number(i64),
    Text(String),
}

/// A file whose description is read.
pub(super) struct Reader {
    /// To look at headers of pages.
    file: InFile,
    reader: SerializedFileReader<InFile>,
}

impl Reader {
    /// Reads the description at the end of the file.
    ///
    /// # Errors
    /// What the system says; a file that is none or is damaged.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let whole = InFile::new(file.try_clone()?)?;
        caught(|| {
            Ok(Self {
                file: InFile::new(file)?,
                reader: SerializedFileReader::new(whole).map_err(io::Error::other)?,
            })
        })
    }

    fn metadata(&self) -> &ParquetMetaData {
        self.reader.metadata()
    }

    /// The columns that are read.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn columns(&self, given: Option<&[String]>) -> Result<Columns, String> {
        Columns::find(self.metadata().file_metadata(), given)
    }

    /// Number of groups of rows.
    pub(super) fn groups(&self) -> usize {
        self.metadata().num_row_groups()
    }

    /// The labels of a group of rows, each as the number that `number` gives it; `None` where there
    /// is none.
    ///
    /// # Errors
    /// A damaged file; a label that is too long.
    pub(super) fn labels(
        &mut self,
        group: usize,
        columns: &Columns,
        number: &mut dyn FnMut(Label) -> u32,
    ) -> io::Result<Vec<Option<u32>>> {
        let rows = self.rows(group)?;
        let level = self.level(columns.label);
        let reader = self.column(group, columns.label)?;
        caught(|| match (columns.label_kind, reader) {
            (LabelKind::Short, ColumnReader::Int32ColumnReader(reader)) => {
                all(reader, rows, level, |value: i32| {
                    Ok(number(Label::Number(value.into())))
                })
            }
            (LabelKind::Long, ColumnReader::Int64ColumnReader(reader)) => {
                all(reader, rows, level, |value: i64| Ok(number(Label::Number(value))))
            }
            (LabelKind::Text, ColumnReader::ByteArrayColumnReader(reader)) => all(
                reader,
                rows,
                level,
                |value: ByteArray| match std::str::from_utf8(value.data()) {
                    Ok(text) if text.len() <= LONGEST_LABEL => Ok(number(Label::Text(text.to_owned()))),
                    _ => Err(damaged(&format!(
                        "a label is not a text of at most {LONGEST_LABEL} bytes"
                    ))),
                },
            ),
            _ => Err(damaged(
                "the type of the labels is not the one that the file declares",
            )),
        })
    }

    /// Number of rows in a group: not more than the file has bytes, so that a list of them is not
    /// larger than the file lets expect.
    fn rows(&self, group: usize) -> io::Result<usize> {
        let rows = self.metadata().row_group(group).num_rows();
        u64::try_from(rows)
            .ok()
            .filter(|&rows| rows <= self.file.bytes())
            .and_then(|rows| usize::try_from(rows).ok())
            .ok_or_else(|| damaged("it claims more rows than it has bytes"))
    }

    /// The level at which a value of a column is there.
    fn level(&self, column: usize) -> i16 {
        self.metadata()
            .file_metadata()
            .schema_descr()
            .column(column)
            .max_def_level()
    }

    /// A column of a group of rows, whose pages can be unpacked.
    fn column(&self, group: usize, column: usize) -> io::Result<ColumnReader> {
        let chunk = self.metadata().row_group(group).column(column);
        if !matches!(
            chunk.compression(),
            Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_) | Compression::ZSTD(_)
        ) {
            return Err(io::Error::other(format!(
                "it is compressed with {}, which is not supported; write it with Snappy, Zstandard, gzip or no compression",
                chunk.compression()
            )));
        }
        let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
        match (u64::try_from(start), u64::try_from(chunk.compressed_size())) {
            (Ok(start), Ok(length)) => pages::check(&self.file, start, length)?,
            _ => return Err(damaged("a column begins before the start of the file")),
        }
        caught(|| {
            let group = self.reader.get_row_group(group).map_err(io::Error::other)?;
            group.get_column_reader(column).map_err(io::Error::other)
        })
    }
}

/// All values of a column, `rows` in number, as `convert` makes them.
fn all<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    rows: usize,
    level: i16,
    mut convert: impl FnMut(T::T) -> io::Result<u32>,
) -> io::Result<Vec<Option<u32>>> {
    let mut found = Vec::new();
    while found.len() < rows {
        let wanted = LABELS.min(rows - found.len());
        for value in some(&mut reader, wanted, level)? {
            found.push(value.map(&mut convert).transpose()?);
        }
    }
    Ok(found)
}

/// The next `wanted` values of a column; `None` where there is none.
fn some<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    wanted: usize,
    level: i16,
) -> io::Result<Vec<Option<T::T>>> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let (rows, ..) = reader
        .read_records(wanted, Some(&mut levels), None, &mut values)
        .map_err(io::Error::other)?;
    if rows != wanted {
        return Err(damaged("a column has fewer rows than the file declares"));
    }
    let mut values = values.into_iter();
    let found: Vec<Option<T::T>> = if level == 0 {
        values.map(Some).collect()
    } else {
        let value = |&at: &i16| if at == level { values.next() } else { None };
        levels.iter().map(value).collect()
    };
    match found.len() == wanted {
        true => Ok(found),
        false => Err(damaged(
            "the number of a column's rows is not the one that the file declares",
        )),
    }
}

/// Rows of one group whose images' bytes were read.
pub(super) struct Block {
    /// The number of the file and its group.
    of: (usize, usize),
    /// The rows in the group.
    rows: Range<usize>,
    values: Vec<Option<ByteArray>>,
    /// Where the next rows of the group come from.
    reader: ColumnReaderImpl<ByteArrayType>,
    level: i16,
}

impl std::fmt::Debug for Block {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Block")
            .field("of", &self.of)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl Block {
    /// Reads rows of a group of a file, from where the block `before` ended if that is before them
    /// in the same group.
    ///
    /// # Errors
    /// What the system says; a damaged file.
    pub(super) fn read(
        before: Option<Self>,
        path: &Path,
        given: Option<&[String]>,
        (file, group, rows): (usize, usize, Range<usize>),
    ) -> io::Result<Self> {
        let goes_on = before.filter(|before| before.of == (file, group) && before.rows.end <= rows.start);
        let (mut reader, level, at) = match goes_on {
            Some(before) => (before.reader, before.level, before.rows.end),
            None => {
                let whole = Reader::open(path)?;
                let columns = whole.columns(given).map_err(io::Error::other)?;
                if group >= whole.groups() {
                    return Err(damaged("it has changed since"));
                }
                match whole.column(group, columns.image)? {
                    ColumnReader::ByteArrayColumnReader(reader) => (reader, whole.level(columns.image), 0),
                    _ => {
                        return Err(damaged(
                            "the type of the images is not the one that the file declares",
                        ));
                    }
                }
            }
        };
        let values = caught(|| {
            reader.skip_records(rows.start - at).map_err(io::Error::other)?;
            some(&mut reader, rows.len(), level)
        })?;
        Ok(Self {
            of: (file, group),
            rows,
            values,
            reader,
            level,
        })
    }

    /// The bytes of a row.
    pub(super) fn value(&self, row: usize) -> Option<ByteArray> {
        let place = row.checked_sub(self.rows.start)?;
        self.values.get(place)?.clone()
    }
}

/// What `read` gives. The reader of Parquet files panics on some damaged ones; that is an error
/// here.
fn caught<T>(read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(damaged("it is damaged")))
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
