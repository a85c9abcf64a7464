//! The table: figures of many architectures, in a file that is mapped into memory.
//!
//! # Format
//! All numbers are little-endian.
//!
//! | from | bytes | what |
//! |---|---|---|
//! | 0 | 8 | [`MAGIC`](super::MAGIC) |
//! | 8 | 4 | the version, 1 to [`VERSION`](super::VERSION) |
//! | 12 | 4 | length H of the header |
//! | 16 | 8 | length of the file |
//! | 24 | 4 | CRC-32 (IEEE) of all other bytes, in order |
//! | 28 | H | the [`Header`], as JSON |
//! | 28 + H | | the rows: what [`Rows`] says |
//! | | | the columns, one after the other, in each a number for each row: [`Encoding`] |
//!
//! The file contains nothing else, so its length follows from the header. A version of the format
//! that earlier programs cannot read has a new number:
//!
//! | version | what it added |
//! |---|---|
//! | 2 | extra figures, metrics that are not accuracies, one figure for both validation and test |

use std::borrow::Cow;
use std::cmp::Ordering;
use std::path::Path;
use std::sync::Arc;

use nas_space::arch::Architecture;
use nas_space::nb101::MODULES;
use nas_space::spaces::{Space, SpaceConfig};
use num_bigint::BigUint;

use super::bytes::Bytes;
use super::error::TableError;
use super::fidelities::Fidelities;
use super::header::{Column, Encoding, Extra, Figure, Header, Rows};
use super::nb101;
use super::nb201::Nb201Table;
use super::preamble::{PREAMBLE, header_length, read_header, stored_checksum};

/// The number of no row.
pub(super) const NO_ROW: u32 = u32::MAX;

/// A benchmark table.
///
/// Opening one reads it through once, for its checksum. A lookup takes constant time, or grows with
/// the logarithm of the number of rows where those are [listed](Rows::Listed).
#[derive(Debug)]
pub struct Table {
    bytes: Bytes,
    header: Header,
    space: Arc<dyn Space>,
    /// Its identity among tables.
    identity: String,
    /// Options of each decision.
    options: Vec<usize>,
    /// Where the block of the rows begins.
    rows_at: usize,
    /// Where each column begins.
    columns_at: Vec<usize>,
    /// For each data set, which columns answer what.
    fidelities: Vec<Fidelities>,
}

impl Table {
    /// Opens the table in a file: one in this format, or the comma-separated one of NAS-Bench-201's
    /// accuracies, plain or gzipped, as [`Nb201Table`] reads it.
    ///
    /// # Errors
    /// [`TableError`] says why it is refused: no table, truncated, changed, of a newer version.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, TableError> {
        let path = path.as_ref();
        let bytes = Bytes::map(path)?;
        if is_csv(&bytes) {
            drop(bytes);
            return Nb201Table::open(path)?.to_table();
        }
        Self::of(bytes, path)
    }

    /// The table in these bytes, which the errors call `name`.
    ///
    /// # Errors
    /// As [`Table::open`].
    pub fn from_bytes(bytes: impl Into<Cow<'static, [u8]>>, name: &str) -> Result<Self, TableError> {
        let bytes = match bytes.into() {
            Cow::Borrowed(bytes) => Bytes::Static(bytes),
            Cow::Owned(bytes) => Bytes::Owned(bytes),
        };
        Self::of(bytes, Path::new(name))
    }

    /// The same table, told apart by something else than its checksum.
    pub(super) fn with_identity(self, identity: String) -> Self {
        Self { identity, ..self }
    }

    fn of(bytes: Bytes, path: &Path) -> Result<Self, TableError> {
        let header = read_header(&bytes, path)?;
        let refuse = |reason: String| TableError::Header {
            path: path.to_owned(),
            reason,
        };
        let space = header.space.build().map_err(|error| refuse(error.to_string()))?;
        let options: Vec<usize> = space.decisions().iter().map(|d| d.options.len()).collect();
        let rows_at = PREAMBLE + header_length(&bytes);
        let row_bytes = row_block(&header, space.as_ref()).map_err(refuse)?;
        let mut columns_at = Vec::with_capacity(header.columns.len());
        let mut end = rows_at.checked_add(row_bytes);
        for column in &header.columns {
            columns_at.extend(end);
            let width = column.encoding.width().checked_mul(header.row_count as usize);
            end = end.zip(width).and_then(|(at, width)| at.checked_add(width));
        }
        if end != Some(bytes.len()) {
            let expected = end.map_or("more than there can be".to_owned(), |end| end.to_string());
            let got = bytes.len();
            return Err(refuse(format!(
                "it describes a file of {expected} bytes; this one has {got}"
            )));
        }
        let fidelities = (0..header.datasets.len())
            .map(|dataset| Fidelities::of(&header, dataset))
            .collect();
        let table = Self {
            identity: format!("{:08x}", stored_checksum(&bytes)),
            bytes,
            header,
            space,
            options,
            rows_at,
            columns_at,
            fidelities,
        };
        table.check_rows().map_err(refuse)?;
        Ok(table)
    }

    /// What the table says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The space whose architectures it knows.
    pub fn space(&self) -> &Arc<dyn Space> {
        &self.space
    }

    /// The identity of the table: its checksum, or a fingerprint of the file that it was read from.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Bytes of the file.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.header.row_count as usize
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every full-grown architecture of the space has a row.
    pub fn is_complete(&self) -> bool {
        match self.header.rows {
            Rows::Every => true,
            Rows::Shared => (0..self.architectures()).all(|number| self.shared_row(number) != NO_ROW),
            Rows::Listed => BigUint::from(self.len()) == self.space.size(),
            Rows::ListedNb101 => {
                self.is_nb101_space() && self.len() as u64 == MODULES.map(u64::from).iter().sum::<u64>()
            }
        }
    }

    /// Number of the data set of this name.
    ///
    /// # Errors
    /// [`TableError::Dataset`] with the names there are.
    pub fn dataset(&self, name: &str) -> Result<usize, TableError> {
        let names = || self.header.datasets.iter().map(|dataset| dataset.name.as_str());
        names()
            .position(|known| known == name)
            .ok_or_else(|| TableError::Dataset {
                name: name.to_owned(),
                known: names().collect::<Vec<_>>().join(", "),
            })
    }

    /// Which columns answer what, for a data set.
    pub(super) fn fidelities(&self, dataset: usize) -> Option<&Fidelities> {
        self.fidelities.get(dataset)
    }

    /// Epochs after which there are validation accuracies on this data set, in increasing order.
    pub fn epochs(&self, dataset: usize) -> Vec<u32> {
        self.fidelities(dataset)
            .map_or_else(Vec::new, |known| known.valid.keys().copied().collect())
    }

    /// The row of an architecture: a full-grown one, or one of fewer levels whose genotype is that
    /// of a full-grown one. None for what the table does not know or is not of its space.
    pub fn row(&self, architecture: &Architecture) -> Option<u32> {
        let choices = architecture.choices();
        if choices.len() == self.options.len() {
            return self.row_of(choices);
        }
        let genotype = self.space.genotype(architecture).ok()?;
        let grown = self.space.architecture(&genotype).ok()?;
        (grown.choices().len() == self.options.len()).then(|| self.row_of(grown.choices()))?
    }

    /// Whether any combination of options stands for a module: not in tables of earlier versions.
    fn is_nb101_space(&self) -> bool {
        self.header.space == SpaceConfig::Nb101 {}
    }

    fn row_of(&self, choices: &[usize]) -> Option<u32> {
        if choices
            .iter()
            .zip(&self.options)
            .any(|(choice, options)| choice >= options)
        {
            return None;
        }
        match self.header.rows {
            Rows::Every => u32::try_from(self.number(choices)).ok(),
            Rows::Shared => Some(self.shared_row(self.number(choices))).filter(|&row| row != NO_ROW),
            Rows::Listed => self.listed_row(choices),
            Rows::ListedNb101 if self.is_nb101_space() => self.listed_row(&nb101::canonical_of_any(choices)?),
            Rows::ListedNb101 => self.listed_row(&nb101::canonical(choices)?),
        }
    }

    /// The architecture of a row: the first one, if several share it.
    pub fn architecture(&self, row: u32) -> Option<Architecture> {
        if row >= self.header.row_count {
            return None;
        }
        match self.header.rows {
            Rows::Every => Some(self.numbered(row as usize)),
            Rows::Shared => (0..self.architectures())
                .find(|&number| self.shared_row(number) == row)
                .map(|number| self.numbered(number)),
            Rows::Listed | Rows::ListedNb101 => {
                let choices = self.listed(row as usize)?.iter().map(|&choice| choice.into());
                Some(Architecture::new(choices.collect::<Vec<usize>>()))
            }
        }
    }

    /// A number of a row; none where it is missing.
    pub(super) fn figure(&self, column: usize, row: u32) -> Option<f64> {
        let value = match self.header.columns.get(column)?.encoding {
            Encoding::F64 => f64::from_le_bytes(self.cell(column, row)?),
            Encoding::F32 => f32::from_le_bytes(self.cell(column, row)?).into(),
            Encoding::Hits(images) => match u16::from_le_bytes(self.cell(column, row)?) {
                u16::MAX => return None,
                hits => f64::from(hits) / f64::from(images),
            },
            Encoding::U64 | Encoding::U32 => self.count(column, row)? as f64,
        };
        value.is_finite().then_some(value)
    }

    /// A whole number of a row; none where it is missing.
    pub(super) fn count(&self, column: usize, row: u32) -> Option<u64> {
        match self.header.columns.get(column)?.encoding {
            Encoding::U64 => Some(u64::from_le_bytes(self.cell(column, row)?)).filter(|&n| n != u64::MAX),
            Encoding::U32 => {
                let count = u32::from_le_bytes(self.cell(column, row)?);
                (count != u32::MAX).then_some(count.into())
            }
            _ => None,
        }
    }

    /// Number of the column with the size of the networks on a data set.
    pub(super) fn size_column(&self, figure: Figure, dataset: usize) -> Option<usize> {
        let of = |wanted: Option<usize>| {
            let is = |column: &Column| column.figure == figure && column.dataset == wanted;
            self.header.columns.iter().position(is)
        };
        of(Some(dataset)).or_else(|| of(None))
    }

    /// The extra figures there are, on any data set.
    pub fn extras(&self) -> &[Extra] {
        &self.header.extras
    }

    /// Number of the column with the extra figure of this name on a data set: its own, or that of
    /// all data sets. None where there is no such figure.
    pub(super) fn extra_column(&self, name: &str, dataset: usize) -> Option<usize> {
        let extra = self.header.extras.iter().position(|extra| extra.name == name)?;
        let of = |wanted: Option<usize>| {
            let is = |column: &Column| column.extra == Some(extra) && column.dataset == wanted;
            self.header.columns.iter().position(is)
        };
        of(Some(dataset)).or_else(|| of(None))
    }

    fn cell<const N: usize>(&self, column: usize, row: u32) -> Option<[u8; N]> {
        let at = self.columns_at.get(column)? + row as usize * N;
        (row < self.header.row_count)
            .then(|| self.bytes.get(at..at + N)?.try_into().ok())
            .flatten()
    }

    /// Number of an architecture in lexicographic order. The choices are in range, and there are
    /// fewer than 2³² architectures.
    fn number(&self, choices: &[usize]) -> usize {
        let digits = choices.iter().zip(&self.options);
        digits.fold(0, |number, (choice, options)| number * options + choice)
    }

    /// Number of architectures, where they are numbered.
    fn architectures(&self) -> usize {
        self.options.iter().product()
    }

    fn shared_row(&self, number: usize) -> u32 {
        let at = self.rows_at + 4 * number;
        let bytes = self.bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(NO_ROW, u32::from_le_bytes)
    }

    /// In what the beginnings of architectures are looked up.
    pub(super) fn beginnings(&self) -> Beginnings {
        Beginnings(match self.header.rows {
            Rows::Shared => Some(
                (0..self.architectures())
                    .filter(|&number| self.shared_row(number) != NO_ROW)
                    .collect(),
            ),
            Rows::Every | Rows::Listed | Rows::ListedNb101 => None,
        })
    }

    /// All architectures with a row, in order; of NAS-Bench-101's graphs those that are listed.
    pub(super) fn architectures_known(&self) -> Vec<Architecture> {
        match self.beginnings().0 {
            Some(numbers) => numbers.into_iter().map(|number| self.numbered(number)).collect(),
            None => (0..self.header.row_count)
                .filter_map(|row| self.architecture(row))
                .collect(),
        }
    }

    fn numbered(&self, number: usize) -> Architecture {
        let mut rest = number;
        let mut choices = vec![0; self.options.len()];
        for (choice, &options) in choices.iter_mut().zip(&self.options).rev() {
            *choice = rest % options;
            rest /= options;
        }
        Architecture::new(choices)
    }

    fn listed(&self, row: usize) -> Option<&[u8]> {
        let width = self.options.len();
        let at = self.rows_at + row * width;
        self.bytes.get(at..at + width)
    }

    fn listed_row(&self, choices: &[usize]) -> Option<u32> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let listed = self.listed(middle)?.iter().map(|&choice| usize::from(choice));
            match listed.cmp(choices.iter().copied()) {
                Ordering::Equal => return u32::try_from(middle).ok(),
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Checks the block of the rows.
    fn check_rows(&self) -> Result<(), String> {
        match self.header.rows {
            Rows::Every => Ok(()),
            Rows::Shared => {
                let wrong = (0..self.architectures())
                    .find(|&number| (self.header.row_count..NO_ROW).contains(&self.shared_row(number)));
                wrong.map_or(Ok(()), |number| {
                    Err(format!("architecture {number} has a row that is not there"))
                })
            }
            Rows::Listed | Rows::ListedNb101 => {
                for row in 0..self.len() {
                    let listed = self.listed(row).unwrap_or_default();
                    if listed
                        .iter()
                        .zip(&self.options)
                        .any(|(&c, &options)| usize::from(c) >= options)
                    {
                        return Err(format!("row {row} has a choice that its decision does not offer"));
                    }
                    if row > 0 && self.listed(row - 1).unwrap_or_default() >= listed {
                        return Err(format!("row {row} is not in order"));
                    }
                }
                Ok(())
            }
        }
    }
}

/// What the beginnings of architectures are looked up in: where rows are shared, the numbers of the
/// architectures that have one, in order; elsewhere the rows themselves are in order.
#[derive(Debug)]
pub(super) struct Beginnings(Option<Vec<usize>>);

impl Beginnings {
    /// Whether an architecture that the table knows begins with these choices.
    pub(super) fn contains(&self, table: &Table, beginning: &[usize]) -> bool {
        let in_range = beginning.iter().zip(&table.options);
        if beginning.len() > table.options.len()
            || in_range.clone().any(|(choice, options)| choice >= options)
        {
            return false;
        }
        match (&self.0, table.header.rows) {
            (_, Rows::Every) => true,
            (Some(numbers), _) => {
                // Numbers of one beginning follow each other.
                let number = in_range.fold(0, |number, (choice, options)| number * options + choice);
                let each: usize = table.options[beginning.len()..].iter().product();
                let first = numbers.partition_point(|&known| known < number * each);
                numbers
                    .get(first)
                    .is_some_and(|&known| known < (number + 1) * each)
            }
            (None, _) => {
                let (mut low, mut high) = (0, table.len());
                let choices = |row| {
                    table
                        .listed(row)
                        .unwrap_or_default()
                        .iter()
                        .map(|&choice| usize::from(choice))
                };
                while low < high {
                    let middle = low + (high - low) / 2;
                    if choices(middle).lt(beginning.iter().copied()) {
                        low = middle + 1;
                    } else {
                        high = middle;
                    }
                }
                low < table.len() && choices(low).take(beginning.len()).eq(beginning.iter().copied())
            }
        }
    }
}

/// Whether a file can be NAS-Bench-201's CSV: gzipped, or text with its column of cells.
fn is_csv(bytes: &[u8]) -> bool {
    let beginning = &bytes[..bytes.len().min(4096)];
    let column = Nb201Table::CELL_COLUMN.as_bytes();
    bytes.starts_with(&[0x1f, 0x8b]) || beginning.windows(column.len()).any(|window| window == column)
}

/// Bytes of the block of the rows.
fn row_block(header: &Header, space: &dyn Space) -> Result<usize, String> {
    let size = space.size();
    match header.rows {
        Rows::Every if size == header.row_count.into() => Ok(0),
        Rows::Every => Err(format!(
            "it has {} rows for the {size} architectures of space '{}'",
            header.row_count,
            space.name()
        )),
        Rows::Shared => usize::try_from(&size)
            .ok()
            .filter(|&size| size < NO_ROW as usize)
            .and_then(|size| size.checked_mul(4))
            .ok_or_else(|| {
                format!(
                    "space '{}' has too many architectures to be numbered",
                    space.name()
                )
            }),
        Rows::Listed | Rows::ListedNb101 => {
            if header.rows == Rows::ListedNb101 {
                nb101::check_space(space)?;
            }
            if let Some(decision) = space.decisions().iter().find(|d| d.options.len() > 256) {
                return Err(format!(
                    "decision '{}' has more than 256 options, which cannot be listed",
                    decision.name
                ));
            }
            let width = space.decisions().len();
            width
                .checked_mul(header.row_count as usize)
                .filter(|_| width > 0)
                .ok_or_else(|| "its rows are more than there can be".to_owned())
        }
    }
}

#[cfg(test)]
mod tests;
