//! CSV files with a row for each architecture: scores, costs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use csv::StringRecord;
use nas_files::{fingerprint, read_unpacked};
use nas_space::arch::Architecture;
use nas_space::genotype::Genotype;
use nas_space::spaces::{Space, nb201, nb201_by_index};
use sha2::{Digest, Sha256};

/// The largest file that is read, unpacked.
const MOST_BYTES: u64 = 1 << 30;
/// The column with architectures as text.
const ARCH: &str = "arch";
/// The column with official numbers of NAS-Bench-201's cells.
const INDEX: &str = "index";

/// A CSV, plain or gzipped, with a column `arch` of architectures, or `index` of official numbers in NAS-Bench-201.
pub(crate) struct ArchitectureCsv {
    path: PathBuf,
    header: StringRecord,
    /// The column that says which architecture it is.
    key: usize,
    rows: Vec<(Genotype, StringRecord)>,
    fingerprint: String,
}

impl ArchitectureCsv {
    /// The line of the first row.
    pub(crate) const FIRST_LINE: usize = 2;

    /// Reads a file.
    ///
    /// # Errors
    /// Where it cannot be read, has neither column, or something else than architectures there.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let bytes = read_unpacked(path, MOST_BYTES)?;
        let mut reader = csv::Reader::from_reader(&bytes[..]);
        let header = reader
            .headers()
            .with_context(|| format!("{shown} is no CSV"))?
            .clone();
        let place = |name: &str| header.iter().position(|field| field == name);
        let Some(key) = place(ARCH).or_else(|| place(INDEX)) else {
            bail!(
                "{shown} has no column {ARCH}; expected one with architectures, or a column {INDEX} with official numbers of \
                 NAS-Bench-201"
            );
        };
        let by_number = header.get(key) == Some(INDEX);
        let cells = nb201();
        let mut rows = Vec::new();
        for (number, row) in reader.records().enumerate() {
            let line = number + Self::FIRST_LINE;
            let row = row.with_context(|| format!("{shown}, line {line}"))?;
            let text = row.get(key).unwrap_or_default();
            let genotype = if by_number {
                let cell = text.trim().parse().ok().and_then(nb201_by_index);
                let cell = cell.with_context(|| {
                    format!("{shown}, line {line}: '{text}' is no number from 0 to 15624")
                })?;
                cells.genotype(&cell)?
            } else {
                let genotype = text.parse();
                genotype.with_context(|| format!("{shown}, line {line}: column {ARCH}"))?
            };
            rows.push((genotype, row));
        }
        Ok(Self {
            path: path.to_owned(),
            header,
            key,
            rows,
            fingerprint: fingerprint::short(Sha256::new_with_prefix(&bytes)),
        })
    }

    /// Its columns other than that of the architectures.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        let others = self.header.iter().enumerate();
        others
            .filter(|(place, _)| *place != self.key)
            .map(|(_, name)| name)
    }

    /// The numbers of a column, row by row, none of them NaN; nothing where there is no such column.
    ///
    /// # Errors
    /// For a field that is no number.
    pub(crate) fn numbers(&self, column: &str) -> Result<Option<Vec<f64>>> {
        let place = self.header.iter().position(|name| name == column);
        let Some(place) = place.filter(|&place| place != self.key) else {
            return Ok(None);
        };
        let number = |(number, (_, row)): (usize, &(Genotype, StringRecord))| {
            let field = row.get(place).unwrap_or_default();
            let parsed: Option<f64> = field.trim().parse().ok();
            parsed.filter(|number| !number.is_nan()).with_context(|| {
                let (path, line) = (self.path.display(), number + Self::FIRST_LINE);
                format!("{path}, line {line}: '{field}' is no number")
            })
        };
        Ok(Some(
            self.rows.iter().enumerate().map(number).collect::<Result<_>>()?,
        ))
    }

    /// The architectures, row by row.
    pub(crate) fn genotypes(&self) -> impl ExactSizeIterator<Item = &Genotype> {
        self.rows.iter().map(|(genotype, _)| genotype)
    }

    /// The same as points of a space.
    ///
    /// # Errors
    /// For one that is not of the space.
    pub(crate) fn architectures(&self, space: &dyn Space) -> Result<Vec<Architecture>> {
        let rows = self.genotypes().enumerate();
        rows.map(|(number, genotype)| {
            space.architecture(genotype).with_context(|| {
                let (path, line) = (self.path.display(), number + Self::FIRST_LINE);
                format!("{path}, line {line} is not of the space that is searched")
            })
        })
        .collect()
    }

    /// A digest of its contents.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}
