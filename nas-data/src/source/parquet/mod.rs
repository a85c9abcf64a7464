//! Parquet files with the bytes of image files in them, as Hugging Face writes them.

mod in_file;
mod pages;
mod reader;
mod schema;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Cursor;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use image::ImageReader;
use sha2::{Digest as _, Sha256};

use self::reader::{Block, Label, Reader};
use super::list::in_order;
use super::parquet_files;
use super::stamp::Stamp;
use super::walk::bytes;
use super::{Content, Entry, Listing, Side, Skip, Source, check, io};
use crate::error::DataError;
use crate::progress::{Progress, Stage};

/// The most images whose bytes are held at a time. They are read one block after the other.
const BLOCK: usize = 64;

/// One or several Parquet files. They are read when they are needed.
#[derive(Debug)]
pub(super) struct ParquetFiles {
    /// As the user calls it.
    path: PathBuf,
    /// The folder, where it is one.
    folder: Option<PathBuf>,
    files: Vec<OneFile>,
    /// What the user says of the columns.
    given: Option<Vec<String>>,
    listing: Listing,
    /// Of each entry.
    rows: Vec<Row>,
    /// Entries that are read at a time: of one group of rows, ascending.
    blocks: Vec<Range<usize>>,
    /// The block that was read last, and the position where reading continues.
    reading: Mutex<Option<(usize, Block)>>,
}

/// A file.
#[derive(Debug)]
struct OneFile {
    /// Its name below the folder, without the ending.
    name: String,
    path: PathBuf,
    stamp: Stamp,
    side: Option<Side>,
}

/// Where an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    file: usize,
    /// The group of rows in the file.
    group: usize,
    /// The row in the group.
    row: usize,
}

impl ParquetFiles {
    /// Looks at a file, or at the files of a folder.
    ///
    /// # Errors
    /// What the system says; names of which some are of splits and others are not.
    pub(super) fn open(path: &Path, given: Option<&[String]>) -> Result<Self, DataError> {
        let canonical = fs::canonicalize(path).map_err(io(path, "read"))?;
        let folder = canonical.is_dir().then(|| canonical.clone());
        let paths = match &folder {
            Some(folder) => parquet_files(folder).map_err(io(path, "read"))?,
            None => vec![canonical],
        };
        let mut files = Vec::new();
        for file in paths {
            let found = fs::metadata(&file).map_err(io(&file, "read"))?;
            let stem = file.file_stem().map(super::shown).unwrap_or_default();
            files.push(OneFile {
                side: side_of(&stem),
                name: stem,
                path: file,
                stamp: Stamp::of(&found),
            });
        }
        files.sort_by(|a, b| (a.name.as_bytes(), b"/").cmp(&(b.name.as_bytes(), b"/")));
        let of_splits = files.iter().filter(|file| file.side.is_some()).count();
        if let Some(other) = files.iter().find(|file| file.side.is_none())
            && of_splits > 0
        {
            return Err(DataError::Layout {
                path: path.to_owned(),
                found: format!("{of_splits} Parquet files of splits beside '{}'", other.name),
                remedy: "either all names must begin with train, validation or test and a hyphen, or none; \
                         give one file, or a folder with files that belong together"
                    .to_owned(),
            });
        }
        Ok(Self {
            path: path.to_owned(),
            folder,
            files,
            given: given.map(<[String]>::to_vec),
            listing: Listing::default(),
            rows: Vec::new(),
            blocks: Vec::new(),
            reading: Mutex::new(None),
        })
    }

    /// Reads the labels of all files.
    fn list(&mut self, progress: &(dyn Fn(Progress) + Sync)) -> Result<(), DataError> {
        let mut labels = Labels::default();
        let mut first: Option<(String, Option<Vec<String>>, bool)> = None;
        let mut rows = Vec::new();
        let mut found = Vec::new();
        for (number, file) in self.files.iter().enumerate() {
            let damaged = |reason| io(&file.path, "read as a Parquet file")(reason);
            let mut reader = Reader::open(&file.path).map_err(damaged)?;
            let columns = reader
                .columns(self.given.as_deref())
                .map_err(|problem| DataError::Columns {
                    path: file.path.clone(),
                    problem,
                })?;
            let is_text = columns.label_kind == schema::LabelKind::Text;
            match &first {
                None => first = Some((file.name.clone(), columns.names.clone(), is_text)),
                Some((name, names, text)) if (names, *text) != (&columns.names, is_text) => {
                    return Err(DataError::Columns {
                        path: file.path.clone(),
                        problem: format!(
                            "its labels, or the names of their classes, differ from those of '{name}'"
                        ),
                    });
                }
                Some(_) => {}
            }
            let mut in_file = 0;
            for group in 0..reader.groups() {
                let read = reader.labels(group, &columns, &mut |label| labels.number(label));
                for (row, label) in read.map_err(damaged)?.into_iter().enumerate() {
                    found.push((format!("{}/{in_file:09}", file.name), label, file.side));
                    rows.push(Row {
                        file: number,
                        group,
                        row,
                    });
                    in_file += 1;
                }
                progress(Progress {
                    stage: Stage::Listing,
                    done: found.len(),
                    total: 0,
                });
            }
        }
        let names = first.and_then(|(_, names, _)| names);
        let (classes, class_of) = labels
            .classes(names.as_deref())
            .map_err(|problem| DataError::Columns {
                path: self.path.clone(),
                problem,
            })?;
        let mut listing = Listing {
            classes,
            ..Listing::default()
        };
        for ((name, label, side), row) in found.into_iter().zip(rows) {
            let path = PathBuf::from(name);
            match label.and_then(|label| class_of[label as usize]) {
                Some(label) => {
                    self.rows.push(row);
                    listing.entries.push(Entry {
                        path,
                        label,
                        side,
                        group: None,
                    });
                }
                None => listing.skipped.push(Skip::aside(&path, "without a label")),
            }
        }
        self.blocks = blocks(&self.rows);
        self.listing = listing;
        check(&self.path, &self.listing)
    }

    /// Calls `then` with the bytes of an entry.
    fn with_bytes<T>(&self, entry: usize, then: impl FnOnce(&[u8]) -> T) -> Result<T, String> {
        let number = self.blocks.partition_point(|block| block.end <= entry);
        let block = self.blocks.get(number).ok_or("it is not listed")?;
        let row = self.rows[entry];
        let value = {
            let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
            let is_read = reading.as_ref().is_some_and(|(of, _)| *of == number);
            if !is_read {
                let last = self.rows[block.end - 1].row;
                let before = reading.take().map(|(_, block)| block);
                let path = &self.files[row.file].path;
                let first = self.rows[block.start];
                let rows = (first.file, first.group, first.row..last + 1);
                let read = Block::read(before, path, self.given.as_deref(), rows);
                *reading = Some((number, read.map_err(|error| error.to_string())?));
            }
            let (_, block) = reading.as_ref().ok_or("it is not read")?;
            block.value(row.row)
        };
        match value {
            Some(value) if !value.data().is_empty() => Ok(then(value.data())),
            _ => Err("its column has no bytes".to_owned()),
        }
    }
}

/// The labels of all files, numbered by first appearance.
#[derive(Default)]
struct Labels {
    numbers: BTreeMap<Label, u32>,
}

impl Labels {
    fn number(&mut self, label: Label) -> u32 {
        let next = self.numbers.len() as u32;
        *self.numbers.entry(label).or_insert(next)
    }

    /// The names of the classes that there are, in their order, and the class of each label; `None`
    /// for labels that stand for none.
    fn classes(self, names: Option<&[String]>) -> Result<(Vec<String>, Vec<Option<u32>>), String> {
        let mut class_of = vec![None; self.numbers.len()];
        let mut classes = Vec::new();
        if let Some(names) = names
            && self.numbers.keys().all(|label| matches!(label, Label::Number(_)))
        {
            for (label, &number) in &self.numbers {
                let Label::Number(label) = label else { continue };
                if *label < 0 {
                    continue;
                }
                let name = usize::try_from(*label).ok().and_then(|label| names.get(label));
                let name = name.ok_or_else(|| {
                    format!(
                        "it has the label {label}, but names of only {} classes",
                        names.len()
                    )
                })?;
                class_of[number as usize] = Some(classes.len() as u32);
                classes.push(name.clone());
            }
            return match classes.iter().collect::<BTreeSet<_>>().len() == classes.len() {
                true => Ok((classes, class_of)),
                false => Err("two classes have the same name".to_owned()),
            };
        }
        let text = |label: &Label| match label {
            Label::Number(number) => number.to_string(),
            Label::Text(text) => text.clone(),
        };
        let texts: BTreeMap<String, u32> = self
            .numbers
            .iter()
            .map(|(label, &number)| (text(label), number))
            .collect();
        classes = in_order(texts.keys());
        for (place, class) in (0..).zip(&classes) {
            if let Some(&number) = texts.get(class) {
                class_of[number as usize] = Some(place);
            }
        }
        Ok((classes, class_of))
    }
}

/// The split of a file by the beginning of its name: `train-00000-of-00002`.
fn side_of(stem: &str) -> Option<Side> {
    Side::of_name(stem.split(['-', '.', '_']).next().unwrap_or_default())
}

/// Entries that follow each other in one group of rows, a few at a time.
fn blocks(rows: &[Row]) -> Vec<Range<usize>> {
    let mut blocks: Vec<Range<usize>> = Vec::new();
    for (entry, row) in rows.iter().enumerate() {
        match blocks.last_mut() {
            Some(block)
                if block.len() < BLOCK
                    && (rows[block.start].file, rows[block.start].group) == (row.file, row.group) =>
            {
                block.end = entry + 1;
            }
            _ => blocks.push(entry..entry + 1),
        }
    }
    blocks
}

impl Source for ParquetFiles {
    fn load(&mut self, progress: &(dyn Fn(Progress) + Sync)) -> Result<(), DataError> {
        self.list(progress)
    }

    fn listing(&self) -> &Listing {
        &self.listing
    }

    fn is_listed(&self) -> bool {
        true
    }

    fn blocks(&self) -> Vec<Range<usize>> {
        self.blocks.clone()
    }

    fn fetch(&self, entry: usize) -> Result<Content, String> {
        self.with_bytes(entry, |bytes| Content::Bytes(bytes.to_vec()))
    }

    fn dimensions(&self, entry: usize) -> Option<(u32, u32)> {
        let of = |bytes: &[u8]| {
            let reader = ImageReader::new(Cursor::new(bytes));
            reader.with_guessed_format().ok()?.into_dimensions().ok()
        };
        self.with_bytes(entry, of).ok().flatten()
    }

    fn stamp(&self, hash: &mut Sha256) {
        hash.update("parquet");
        for file in &self.files {
            let path = bytes(&file.path);
            hash.update((path.len() as u64).to_le_bytes());
            hash.update(path);
            file.stamp.hash(hash);
        }
    }

    fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }
}
