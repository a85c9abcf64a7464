//! From the text to the table.

use std::collections::HashMap;
use std::path::Path;

use csv::{ErrorKind, Position, Reader, ReaderBuilder, StringRecord, Trim};
use nas_files::read_unpacked;
use nas_space::arch::Architecture;

use super::architecture::ArchitectureReader;
use super::columns::FigureColumns;
use super::filter::Rows;
use super::mapping::{DatasetColumns, Mapping};
use crate::header::DatasetHeader;
use crate::import::figures::Figures;
use crate::import::{of_file, short, wrong};
use crate::writer::{Draft, RowKeys};
use crate::{Table, TableError};

/// Most bytes of the text.
const MAX_BYTES: u64 = 2 << 30;
/// What some programs begin a text with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads the text and makes a table of it.
///
/// # Errors
/// [`TableError::Import`] names line and column of what does not fit, or the key of the mapping.
pub fn import(path: &Path, mapping: Mapping) -> Result<Table, TableError> {
    let content = read_unpacked(path, MAX_BYTES)?;
    let space = mapping
        .space
        .build()
        .map_err(|error| wrong(path, format!("the mapping's space: {error}")))?;
    let text = Text::new(path, &content, mapping.delimiter)?;
    let find = |name: &str| text.find(name);
    let refuse = |reason: String| wrong(path, reason);
    let mut figures = Figures::default();
    let rows = Rows::find(&mapping.filter, &find).map_err(refuse)?;
    let columns = FigureColumns::find(&mapping, &find, &mut figures).map_err(refuse)?;
    let mut reader = ArchitectureReader::find(&mapping, &find, space.as_ref()).map_err(refuse)?;

    let mut evidence = reader.undecided();
    if evidence.iter().any(Option::is_some) {
        text.each(&rows, |line, record| {
            if columns.datasets(record).contains(&true) {
                reader.note(&mut evidence, line, record);
            }
            Ok(())
        })?;
        reader.decide(&evidence).map_err(refuse)?;
    }

    let mut known: HashMap<Architecture, usize> = HashMap::new();
    let mut architectures = Vec::new();
    text.each(&rows, |line, record| {
        let datasets = columns.datasets(record);
        if !datasets.contains(&true) {
            return Ok(());
        }
        let architecture = reader
            .read(record)
            .map_err(|reason| wrong(path, format!("line {line}, {reason}")))?;
        let row = *known.entry(architecture).or_insert_with_key(|architecture| {
            architectures.push(architecture.clone());
            architectures.len() - 1
        });
        for found in columns.of(&datasets) {
            let at_column =
                |reason: String| wrong(path, format!("line {line}, column '{}': {reason}", found.column.column));
            for (place, value) in found.values(record).map_err(at_column)? {
                if let Err(earlier) = figures.put(row, place, value, line) {
                    return Err(at_column(format!(
                        "{value} for the architecture {}, which has {} on line {}; expected the same figure on both lines, or \
                         only one of them",
                        architectures[row], earlier.value, earlier.line
                    )));
                }
            }
        }
        Ok(())
    })?;
    if architectures.is_empty() {
        let filtered = !mapping.filter.is_empty() || mapping.datasets.iter().any(|d| !d.filter.is_empty());
        let why = if filtered {
            "no line holds what the mapping's where asks for"
        } else {
            "it has no lines but the first"
        };
        return Err(wrong(path, why));
    }

    let header = |dataset: &DatasetColumns| DatasetHeader {
        name: dataset.name.clone(),
        network: dataset.network,
        search_epochs: dataset.search_epochs,
        report_epochs: dataset.report_epochs,
        train_images: dataset.train_images,
        metric: dataset.metric.clone(),
        valid_is_test: dataset.valid_is_test,
        test_is_valid: dataset.test_is_valid,
    };
    let datasets: Vec<DatasetHeader> = mapping.datasets.iter().map(header).collect();
    figures.publish_sizes(&datasets).map_err(refuse)?;
    let (extras, columns) = of_file(path, figures.into_columns(architectures.len()))?;
    let draft = Draft {
        datasets,
        name: mapping.name,
        origin: mapping.origin,
        space: mapping.space,
        keys: RowKeys::Architectures(architectures),
        extras,
        columns,
    };
    of_file(path, draft.table())
}

/// The text, of which the first line is read.
struct Text<'a> {
    path: &'a Path,
    content: &'a [u8],
    delimiter: u8,
    names: StringRecord,
}

impl<'a> Text<'a> {
    fn new(path: &'a Path, content: &'a [u8], delimiter: char) -> Result<Self, TableError> {
        let content = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content);
        let delimiter = u8::try_from(delimiter)
            .ok()
            .filter(u8::is_ascii)
            .filter(|delimiter| !b"\"\r\n".contains(delimiter))
            .ok_or_else(|| {
                wrong(
                    path,
                    format!(
                        "the mapping's delimiter is {delimiter:?}; expected a character such as ',' or ';'"
                    ),
                )
            })?;
        let mut text = Self {
            path,
            content,
            delimiter,
            names: StringRecord::new(),
        };
        text.names = text
            .reader()
            .headers()
            .map_err(|error| text.refuse(&error, 1))?
            .clone();
        Ok(text)
    }

    fn reader(&self) -> Reader<&'a [u8]> {
        ReaderBuilder::new()
            .trim(Trim::All)
            .delimiter(self.delimiter)
            .from_reader(self.content)
    }

    /// The place of a column in a line.
    fn find(&self, name: &str) -> Result<usize, String> {
        let mut places = self
            .names
            .iter()
            .enumerate()
            .filter(|(_, known)| *known == name.trim())
            .map(|(place, _)| place);
        match (places.next(), places.next()) {
            (Some(place), None) => Ok(place),
            (found, _) => Err(format!(
                "line 1: expected column '{}' once, got it {}; there are: {}",
                short(name),
                if found.is_some() {
                    "several times"
                } else {
                    "not at all"
                },
                short(&self.names.iter().collect::<Vec<_>>().join(", "))
            )),
        }
    }

    /// Gives each line that these rows allow, with its number from 1.
    fn each(
        &self,
        rows: &Rows<'_>,
        mut take: impl FnMut(u64, &StringRecord) -> Result<(), TableError>,
    ) -> Result<(), TableError> {
        let mut reader = self.reader();
        reader.headers().map_err(|error| self.refuse(&error, 1))?;
        let mut record = StringRecord::new();
        loop {
            let line = self.line(reader.position());
            let more = reader
                .read_record(&mut record)
                .map_err(|error| self.refuse(&error, line))?;
            if !more {
                return Ok(());
            }
            if rows.allow(&record) {
                take(line, &record)?;
            }
        }
    }

    /// The line of what begins here. A position is that of the empty lines before, if there are
    /// any.
    fn line(&self, at: &Position) -> u64 {
        let begun = usize::try_from(at.byte()).unwrap_or(usize::MAX);
        let rest = self.content.get(begun..).unwrap_or_default();
        let empty = rest.iter().take_while(|byte| b"\r\n".contains(byte));
        at.line() + empty.filter(|&&byte| byte == b'\n').count() as u64
    }

    fn refuse(&self, error: &csv::Error, line: u64) -> TableError {
        let reason = match error.kind() {
            ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => {
                format!("line {line}: it has {len} fields; expected {expected_len}, as the first line has")
            }
            ErrorKind::Utf8 { err, .. } => {
                let name = self.names.get(err.field()).unwrap_or_default();
                format!("line {line}, column '{}': expected text in UTF-8", short(name))
            }
            _ => format!("line {line}: {error}"),
        };
        wrong(self.path, reason)
    }
}
