//! The accuracies of NAS-Bench-201.
//!
//! All 15,625 cells with four nodes and one of five operations on each of the six edges, trained on
//! three data sets. A search sees the validation accuracy after 12 epochs; the cell that it returns
//! is reported with its test accuracy after 200.
//!
//! The file is comma-separated text, plain or gzipped, with the names of its columns in the first
//! line and one cell in each other line. Columns are found by name; those needed are `ops6` and,
//! with accuracies in percent, `c10_valid12`, `c100_valid12`, `in16_valid12`, `c10_test200`,
//! `c100_test200`, `in16_test200`, and `params_c10_M`, the number of parameters of the CIFAR-10
//! network in millions. Other columns are ignored.
//!
//! # References
//! Xuanyi Dong, Yi Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture
//! Search", ICLR 2020, arXiv:2001.00326.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use flate2::read::GzDecoder;
use nas_files::{FileError, fingerprint, read_unpacked};
use nas_space::arch::Architecture;
use nas_space::network::NetworkConfig;
use nas_space::search::{Direction, Metric};
use nas_space::shape::Shape;
use nas_space::spaces::SpaceConfig;
use sha2::{Digest, Sha256};

use super::built_in::NB201;
use super::error::TableError;
use super::header::{Column, DatasetHeader, Encoding, Extra, Figure};
use super::table::Table;
use super::writer::{ColumnData, Draft, RowKeys};

/// The benchmark's name.
pub(super) const NAME: &str = "NAS-Bench-201";
/// Epochs of the training whose validation accuracy a search sees (Dong & Yang 2020, arXiv
/// 2001.00326).
pub const SEARCH_EPOCHS: u32 = 12;
/// Epochs of the training whose test accuracy is reported.
pub const TEST_EPOCHS: u32 = 200;

/// Number of edges of a cell: (0→1) (0→2) (1→2) (0→3) (1→3) (2→3).
const EDGES: usize = 6;
/// Number of operations: none, skip_connect, nor_conv_1x1, nor_conv_3x3, avg_pool_3x3.
const OPERATIONS: usize = 5;
/// Number of cells.
const CELLS: usize = OPERATIONS.pow(EDGES as u32);
/// The published file has 1.7 MB; tables with more columns have their place too.
const MAX_BYTES: u64 = 16 << 20;
/// The largest networks have 1.5 million parameters; more than this is a number in another unit.
const MAX_MILLIONS: f64 = 1000.0;

/// For each data set, its columns of validation and test accuracy.
const ACCURACY_COLUMNS: [[&str; 2]; 3] = [
    ["c10_valid12", "c10_test200"],
    ["c100_valid12", "c100_test200"],
    ["in16_valid12", "in16_test200"],
];
const PARAMS_COLUMN: &str = "params_c10_M";
/// The extra figure with the parameters of the CIFAR-10 networks as the benchmark counts them, with
/// operations that nothing reads.
pub(super) const PUBLISHED_PARAMS: &str = "published_params";

/// What the cells were trained on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Nb201Dataset {
    /// CIFAR-10: 10 classes, 32×32.
    Cifar10,
    /// CIFAR-100: 100 classes, 32×32.
    Cifar100,
    /// ImageNet16-120: 120 classes, 16×16.
    ImageNet16,
}

impl Nb201Dataset {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Cifar10, Self::Cifar100, Self::ImageNet16];

    /// Its name: `cifar10`, `cifar100` or `imagenet16-120`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::ImageNet16 => "imagenet16-120",
        }
    }

    /// How a table speaks of it.
    pub(super) fn header(self) -> DatasetHeader {
        DatasetHeader {
            name: self.name().to_owned(),
            network: Some(self.network()),
            search_epochs: SEARCH_EPOCHS,
            report_epochs: TEST_EPOCHS,
            train_images: Some(self.train_images()),
            metric: Metric::default(),
            valid_is_test: false,
            test_is_valid: false,
        }
    }

    /// Images that the trainings of 12 epochs see (Dong & Yang 2020, section 2.2): half of those of
    /// CIFAR-10, all of the others.
    pub const fn train_images(self) -> u64 {
        match self {
            Self::Cifar10 => 25_000,
            Self::Cifar100 => 50_000,
            Self::ImageNet16 => 151_700,
        }
    }

    /// The size of the benchmark's networks for it: 16 channels, 5 cells a stage.
    pub fn network(self) -> NetworkConfig {
        let (image, classes) = match self {
            Self::Cifar10 => (Shape::new(3, 32, 32), 10),
            Self::Cifar100 => (Shape::new(3, 32, 32), 100),
            Self::ImageNet16 => (Shape::new(3, 16, 16), 120),
        };
        NetworkConfig {
            image,
            classes,
            channels: 16,
            cells: 5,
            ..NetworkConfig::default()
        }
    }
}

impl fmt::Display for Nb201Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Nb201Dataset {
    type Err = TableError;

    fn from_str(name: &str) -> Result<Self, TableError> {
        Self::ALL
            .into_iter()
            .find(|dataset| dataset.name() == name)
            .ok_or_else(|| TableError::Dataset {
                name: name.to_owned(),
                known: Self::ALL.map(Self::name).join(", "),
            })
    }
}

/// What is known of one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Row {
    /// Number of the line it came from, from 1.
    line: usize,
    /// Validation and test accuracy on each data set, 0 to 1.
    accuracies: [[f64; 2]; 3],
    /// Parameters of the CIFAR-10 network, in millions.
    params_millions: f64,
}

/// The whole table in memory. A lookup takes constant time.
///
/// A cell is the operations of its edges (0→1) (0→2) (1→2) (0→3) (1→3) (2→3), each 0 = none, 1 =
/// skip_connect, 2 = nor_conv_1x1, 3 = nor_conv_3x3 or 4 = avg_pool_3x3.
#[derive(Debug, Clone, PartialEq)]
pub struct Nb201Table {
    /// By [`cell_index`].
    rows: Vec<Row>,
    /// Of the file's content.
    fingerprint: String,
}

impl Nb201Table {
    /// The column with the six operations.
    pub(super) const CELL_COLUMN: &str = "ops6";

    /// Reads the table from a file.
    ///
    /// # Errors
    /// If the file cannot be read, a column is missing, a cell is missing or there twice, or a
    /// number is none or out of its range. Says on which line.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, TableError> {
        let path = path.as_ref();
        Self::parse(path, &read_unpacked(path, MAX_BYTES)?)
    }

    /// The table that is part of this crate: the same figures as the published file.
    ///
    /// # Errors
    /// None: a test reads it.
    pub fn built_in() -> Result<Self, TableError> {
        Self::unpack(Path::new(NAME), NB201)
    }

    /// The table in gzipped text, which the errors call `name`.
    pub(super) fn unpack(name: &Path, packed: &[u8]) -> Result<Self, TableError> {
        let mut text = Vec::new();
        GzDecoder::new(packed)
            .read_to_end(&mut text)
            .map_err(|reason| FileError::Gzip {
                path: name.to_owned(),
                reason,
            })?;
        Self::parse(name, &text)
    }

    /// Accuracy on the validation images after the 12 epochs of a search, 0 to 1.
    ///
    /// # Errors
    /// If an operation is above 4.
    pub fn search_accuracy(&self, cell: [u8; 6], dataset: Nb201Dataset) -> Result<f64, TableError> {
        self.row(cell).map(|row| row.accuracies[dataset as usize][0])
    }

    /// Accuracy on the test images after 200 epochs, 0 to 1, mean over the training seeds. Not for
    /// a strategy's eyes.
    ///
    /// # Errors
    /// If an operation is above 4.
    pub fn test_accuracy(&self, cell: [u8; 6], dataset: Nb201Dataset) -> Result<f64, TableError> {
        self.row(cell).map(|row| row.accuracies[dataset as usize][1])
    }

    /// Parameters of the CIFAR-10 network (10 classes, stage widths 16, 32, 64), in millions.
    ///
    /// # Errors
    /// If an operation is above 4.
    pub fn params_millions(&self, cell: [u8; 6]) -> Result<f64, TableError> {
        self.row(cell).map(|row| row.params_millions)
    }

    /// The cell with the best [`search_accuracy`](Self::search_accuracy), and that. Of equals, the
    /// first in the order of [`cells`](Self::cells).
    pub fn best_search(&self, dataset: Nb201Dataset) -> ([u8; 6], f64) {
        self.best(|row| row.accuracies[dataset as usize][0])
    }

    /// The cell with the best [`test_accuracy`](Self::test_accuracy), and this accuracy, from which
    /// regret is measured. Of equal cells, the first in the order of [`cells`](Self::cells).
    pub fn best_test(&self, dataset: Nb201Dataset) -> ([u8; 6], f64) {
        self.best(|row| row.accuracies[dataset as usize][1])
    }

    /// The identity of this table: the first 16 digits of the SHA-256 of its file, unpacked if it
    /// was gzipped.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Number of cells: 15,625.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// All cells, counting up with the last edge as the last digit.
    pub fn cells() -> impl ExactSizeIterator<Item = [u8; 6]> {
        (0..CELLS).map(cell_at)
    }

    fn row(&self, cell: [u8; 6]) -> Result<&Row, TableError> {
        Ok(&self.rows[cell_index(cell)?])
    }

    fn best(&self, value: impl Fn(&Row) -> f64) -> ([u8; 6], f64) {
        let mut best = (0, f64::NEG_INFINITY);
        for (index, row) in self.rows.iter().enumerate() {
            if value(row) > best.1 {
                best = (index, value(row));
            }
        }
        (cell_at(best.0), best.1)
    }

    /// The same figures as a [`Table`], told apart from others by the fingerprint of the file.
    /// Parameters are known of the CIFAR-10 networks alone, as the file gives them.
    ///
    /// # Errors
    /// None of a table that was read.
    pub fn to_table(&self) -> Result<Table, TableError> {
        let mut columns = Vec::new();
        for dataset in Nb201Dataset::ALL {
            let number = dataset as usize;
            for (kind, figure, epochs) in [(0, Figure::Valid, SEARCH_EPOCHS), (1, Figure::Test, TEST_EPOCHS)]
            {
                let values = self.rows.iter().map(|row| Some(row.accuracies[number][kind]));
                columns.push(ColumnData {
                    column: Column {
                        figure,
                        dataset: Some(number),
                        epochs: Some(epochs),
                        seed: None,
                        extra: None,
                        encoding: Encoding::F64,
                    },
                    values: values.collect(),
                });
            }
        }
        // The file gives millions with six digits: whole parameters.
        let params = self
            .rows
            .iter()
            .map(|row| Some((row.params_millions * 1e6).round()));
        columns.push(ColumnData {
            column: Column {
                figure: Figure::Extra,
                dataset: Some(Nb201Dataset::Cifar10 as usize),
                epochs: None,
                seed: None,
                extra: Some(0),
                encoding: Encoding::F64,
            },
            values: params.collect(),
        });
        let cells = Self::cells().map(|cell| Architecture::new(cell.map(usize::from)));
        let draft = Draft {
            name: NAME.to_owned(),
            origin: format!(
                "CSV of NAS-Bench-201's accuracies, fingerprint {}",
                self.fingerprint
            ),
            space: SpaceConfig::Nb201 {},
            keys: RowKeys::Architectures(cells.collect()),
            datasets: Nb201Dataset::ALL.map(Nb201Dataset::header).to_vec(),
            extras: vec![Extra {
                name: PUBLISHED_PARAMS.to_owned(),
                unit: None,
                direction: Direction::Lower,
            }],
            columns,
        };
        Ok(draft.table()?.with_identity(self.fingerprint.clone()))
    }

    fn parse(path: &Path, content: &[u8]) -> Result<Self, TableError> {
        let mut lines = content
            .split(|&byte| byte == b'\n')
            .enumerate()
            .map(|(index, line)| (index + 1, line));
        let (_, header) = lines.next().unwrap_or_default();
        let header = line_text(path, 1, header)?;
        let width = header.split(',').count();
        let column = |column: &'static str| {
            let mut places = header
                .split(',')
                .enumerate()
                .filter(|(_, name)| *name == column)
                .map(|(place, _)| place);
            match (places.next(), places.count()) {
                (Some(place), 0) => Ok(place),
                (first, more) => {
                    let count = usize::from(first.is_some()) + more;
                    Err(TableError::Column {
                        path: path.to_owned(),
                        column,
                        count,
                    })
                }
            }
        };
        let cell_place = column(Self::CELL_COLUMN)?;
        let mut accuracy_places = [[0; 2]; 3];
        for (places, names) in accuracy_places.iter_mut().zip(ACCURACY_COLUMNS) {
            *places = [column(names[0])?, column(names[1])?];
        }
        let params_place = column(PARAMS_COLUMN)?;

        let mut rows: Vec<Option<Row>> = vec![None; CELLS];
        for (line, text) in lines {
            let text = line_text(path, line, text)?;
            let wrong = |what, expected: String, got: &str| TableError::Line {
                path: path.to_owned(),
                line,
                what,
                expected,
                got: got.chars().take(80).collect(),
            };
            // An empty line may end the file and stand nowhere else; a gap among the cells shows as
            // a missing cell.
            if text.is_empty() {
                continue;
            }
            let fields: Vec<&str> = text.split(',').collect();
            if fields.len() != width {
                return Err(wrong(
                    "line",
                    format!("{width} values, got {}", fields.len()),
                    text,
                ));
            }
            let number = |place: usize, what, range: std::ops::RangeInclusive<f64>| match fields[place]
                .parse::<f64>()
            {
                Ok(number) if range.contains(&number) => Ok(number),
                _ => Err(wrong(
                    what,
                    format!("a number from {} to {}", range.start(), range.end()),
                    fields[place],
                )),
            };
            let cell = fields[cell_place];
            let index = parse_cell(cell)
                .ok_or_else(|| wrong(Self::CELL_COLUMN, "six digits from 0 to 4".to_owned(), cell))?;
            if let Some(first) = rows[index] {
                let (path, cell) = (path.to_owned(), cell.to_owned());
                return Err(TableError::Duplicate {
                    path,
                    line,
                    cell,
                    first: first.line,
                });
            }
            let mut accuracies = [[0.0; 2]; 3];
            for (dataset, accuracies) in accuracies.iter_mut().enumerate() {
                for (kind, accuracy) in accuracies.iter_mut().enumerate() {
                    let place = accuracy_places[dataset][kind];
                    *accuracy = number(place, ACCURACY_COLUMNS[dataset][kind], 0.0..=100.0)? / 100.0;
                }
            }
            let params_millions = number(params_place, PARAMS_COLUMN, 0.0..=MAX_MILLIONS)?;
            rows[index] = Some(Row {
                line,
                accuracies,
                params_millions,
            });
        }

        let got = rows.iter().flatten().count();
        if let Some(missing) = rows.iter().position(Option::is_none) {
            let cell = cell_at(missing).iter().map(u8::to_string).collect();
            return Err(TableError::Missing {
                path: path.to_owned(),
                expected: CELLS,
                got,
                cell,
            });
        }
        Ok(Self {
            rows: rows.into_iter().flatten().collect(),
            fingerprint: fingerprint::short(Sha256::new_with_prefix(content)),
        })
    }
}

/// The line as text, without the carriage return of a Windows file.
fn line_text<'a>(path: &Path, line: usize, bytes: &'a [u8]) -> Result<&'a str, TableError> {
    let text = std::str::from_utf8(bytes).map_err(|error| TableError::Line {
        path: path.to_owned(),
        line,
        what: "encoding",
        expected: "text in UTF-8".to_owned(),
        got: error.to_string(),
    })?;
    Ok(text.strip_suffix('\r').unwrap_or(text))
}

/// The six operations as the digits of a number to base 5, the first edge first.
fn cell_index(cell: [u8; 6]) -> Result<usize, TableError> {
    cell.into_iter()
        .enumerate()
        .try_fold(0, |index, (edge, code)| match usize::from(code) {
            digit if digit < OPERATIONS => Ok(index * OPERATIONS + digit),
            _ => Err(TableError::Operation { edge, code }),
        })
}

/// The inverse of [`cell_index`].
fn cell_at(index: usize) -> [u8; 6] {
    std::array::from_fn(|edge| (index / OPERATIONS.pow((EDGES - 1 - edge) as u32) % OPERATIONS) as u8)
}

/// Index of the cell written as six digits.
fn parse_cell(text: &str) -> Option<usize> {
    let digits: [u8; EDGES] = text.as_bytes().try_into().ok()?;
    cell_index(digits.map(|digit| digit.wrapping_sub(b'0'))).ok()
}

#[cfg(test)]
mod tests;
