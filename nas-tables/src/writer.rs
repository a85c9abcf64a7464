//! Makes tables of figures.

use std::ops::RangeInclusive;
use std::path::Path;

use nas_space::arch::Architecture;
use nas_space::search::Scale;
use nas_space::spaces::SpaceConfig;

use super::error::TableError;
use super::header::{Column, DatasetHeader, Encoding, Extra, Figure, Header, Rows};
use super::nb101;
use super::preamble::assemble;
use super::table::{NO_ROW, Table};

/// Most bytes of a table that is made.
const MAX_BYTES: usize = 4 << 30;

/// The figures of a column, of which some may be missing.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnData {
    /// What they are.
    pub column: Column,
    /// One for each row, in the order in which rows were given.
    pub values: Vec<Option<f64>>,
}

/// Whose figures the rows are.
#[derive(Debug, Clone, PartialEq)]
pub enum RowKeys {
    /// Row by row the choices of an architecture.
    Architectures(Vec<Architecture>),
    /// The same, modules of NAS-Bench-101 in any form.
    Nb101(Vec<Architecture>),
    /// For each architecture of the space in lexicographic order the number of its row.
    Shared {
        /// Those numbers.
        row_of: Vec<u32>,
        /// How many rows there are.
        rows: usize,
    },
}

/// All that a table consists of. [`Draft::table`] makes one of it, [`Table::save`] writes that to a
/// file.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The benchmark's name.
    pub name: String,
    /// Where the numbers come from, for people.
    pub origin: String,
    /// The space whose architectures the rows are of.
    pub space: SpaceConfig,
    /// Which architectures these are.
    pub keys: RowKeys,
    /// What they were trained on; at least one.
    pub datasets: Vec<DatasetHeader>,
    /// What the columns of kind [`Figure::Extra`] hold.
    pub extras: Vec<Extra>,
    /// The figures.
    pub columns: Vec<ColumnData>,
}

impl Draft {
    /// The table.
    ///
    /// # Errors
    /// [`TableError::Draft`] for an architecture that is not of the space or is there twice, or a
    /// figure out of its range; [`TableError::Header`] for a description that does not fit, such as
    /// a data set without validation figures.
    pub fn table(self) -> Result<Table, TableError> {
        let bytes = self.encode().map_err(|reason| TableError::Draft { reason })?;
        Table::from_bytes(bytes, "the table")
    }

    fn encode(self) -> Result<Vec<u8>, String> {
        let space = self.space.build().map_err(|error| error.to_string())?;
        let options: Vec<usize> = space.decisions().iter().map(|d| d.options.len()).collect();
        let (rows, order, mut blocks) = match self.keys {
            RowKeys::Shared { row_of, rows } => {
                let size = space.size();
                if size != row_of.len().into() {
                    return Err(format!(
                        "there are {} architectures; expected {size}",
                        row_of.len()
                    ));
                }
                count(rows)?;
                let block = row_of.iter().flat_map(|row| row.to_le_bytes()).collect();
                (Rows::Shared, (0..rows).collect(), block)
            }
            RowKeys::Architectures(architectures) => {
                let order = ordered(architectures.iter().map(Architecture::choices), &options)?;
                if space.size() == order.len().into() {
                    (Rows::Every, order, Vec::new())
                } else {
                    let block = listed(order.iter().map(|&row| architectures[row].choices()))?;
                    (Rows::Listed, order, block)
                }
            }
            RowKeys::Nb101(architectures) => {
                let canonical = architectures.iter().map(|architecture| {
                    let form = nb101::canonical(architecture.choices());
                    form.ok_or_else(|| format!("{architecture} is no module of NAS-Bench-101"))
                });
                let canonical: Vec<Vec<usize>> = canonical.collect::<Result<_, _>>()?;
                let order = ordered(canonical.iter().map(Vec::as_slice), &options)?;
                let block = listed(order.iter().map(|&row| canonical[row].as_slice()))?;
                (Rows::ListedNb101, order, block)
            }
        };
        let row_count = count(order.len())?;
        for data in &self.columns {
            if data.values.len() != order.len() {
                return Err(format!(
                    "a column has {} figures; expected {}",
                    data.values.len(),
                    order.len()
                ));
            }
            let dataset = data.column.dataset.and_then(|dataset| self.datasets.get(dataset));
            let legal = legal(data.column.figure, dataset.map(|dataset| dataset.metric.scale()));
            for &row in &order {
                write(&mut blocks, &data.column, &legal, data.values[row])?;
            }
            if blocks.len() > MAX_BYTES {
                return Err(format!("it would be longer than {MAX_BYTES} bytes"));
            }
        }
        let header = Header {
            name: self.name,
            origin: self.origin,
            space: self.space,
            rows,
            row_count,
            datasets: self.datasets,
            extras: self.extras,
            columns: self.columns.into_iter().map(|data| data.column).collect(),
        };
        let version = header.version();
        let header = serde_json::to_vec(&header).map_err(|error| error.to_string())?;
        Ok(assemble(version, &header, &blocks))
    }
}

impl Table {
    /// Writes the table to a file, which is there completely or not at all.
    ///
    /// # Errors
    /// [`TableError::Write`] where the system refuses.
    pub fn save(&self, path: &Path) -> Result<(), TableError> {
        nas_files::replace(path, self.bytes()).map_err(|error| TableError::Write {
            reason: error.to_string(),
        })
    }
}

/// The number of rows, if it is not too large.
fn count(rows: usize) -> Result<u32, String> {
    u32::try_from(rows)
        .ok()
        .filter(|&rows| rows > 0 && rows != NO_ROW)
        .ok_or_else(|| format!("there are {rows} rows; expected 1 to {}", NO_ROW - 1))
}

/// The numbers of the architectures in lexicographic order.
fn ordered<'a>(
    architectures: impl Iterator<Item = &'a [usize]>,
    options: &[usize],
) -> Result<Vec<usize>, String> {
    let architectures: Vec<&[usize]> = architectures.collect();
    let text = |row: usize| Architecture::new(architectures[row]).to_string();
    for (row, choices) in architectures.iter().enumerate() {
        let fits = choices.len() == options.len() && choices.iter().zip(options).all(|(c, o)| c < o);
        if !fits {
            return Err(format!(
                "architecture {} is not of the space, whose {} decisions have {options:?} options",
                text(row),
                options.len()
            ));
        }
    }
    let mut order: Vec<usize> = (0..architectures.len()).collect();
    order.sort_by_key(|&row| architectures[row]);
    if let Some(pair) = order
        .windows(2)
        .find(|pair| architectures[pair[0]] == architectures[pair[1]])
    {
        return Err(format!(
            "architecture {} is there twice, as number {} and {}",
            text(pair[0]),
            pair[0] + 1,
            pair[1] + 1
        ));
    }
    Ok(order)
}

/// The choices, one byte each.
fn listed<'a>(architectures: impl Iterator<Item = &'a [usize]>) -> Result<Vec<u8>, String> {
    let bytes = architectures.flatten().map(|&choice| {
        u8::try_from(choice).map_err(|_| format!("choice {choice} is above 255, which cannot be listed"))
    });
    bytes.collect()
}

/// The numbers that a figure can be, on a data set whose metric has this scale.
pub(super) fn legal(figure: Figure, scale: Option<Scale>) -> RangeInclusive<f64> {
    match figure {
        Figure::Valid | Figure::Test if scale == Some(Scale::Plain) => f64::MIN..=f64::MAX,
        Figure::Valid | Figure::Test => 0.0..=1.0,
        Figure::Seconds => 0.0..=1e12,
        Figure::Params | Figure::Macs => 0.0..=9e15,
        Figure::Extra => f64::MIN..=f64::MAX,
    }
}

/// Appends a figure.
fn write(
    bytes: &mut Vec<u8>,
    column: &Column,
    legal: &RangeInclusive<f64>,
    value: Option<f64>,
) -> Result<(), String> {
    if let Some(value) = value
        && !legal.contains(&value)
    {
        return Err(format!(
            "a figure of kind {:?} is {value}; expected a number from {} to {}",
            column.figure,
            legal.start(),
            legal.end()
        ));
    }
    let whole = |most: u64| match value {
        None => Ok(most),
        Some(value) if value.round() < most as f64 => Ok(value.round() as u64),
        Some(value) => Err(format!("{value} is too large for {:?}", column.encoding)),
    };
    match column.encoding {
        Encoding::F64 => bytes.extend(value.unwrap_or(f64::NAN).to_le_bytes()),
        Encoding::F32 => bytes.extend((value.unwrap_or(f64::NAN) as f32).to_le_bytes()),
        Encoding::U64 => bytes.extend(whole(u64::MAX)?.to_le_bytes()),
        Encoding::U32 => bytes.extend((whole(u32::MAX.into())? as u32).to_le_bytes()),
        Encoding::Hits(images) => {
            let hits = value.map(|value| (value * f64::from(images)).round());
            if let (Some(hits), Some(value)) = (hits, value)
                && (hits / f64::from(images) - value).abs() > 1e-6
            {
                return Err(format!("{value} is no share of {images} images"));
            }
            bytes.extend(hits.map_or(u16::MAX, |hits| hits as u16).to_le_bytes());
        }
    }
    Ok(())
}
