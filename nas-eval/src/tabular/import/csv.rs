//! Comma-separated text of any benchmark, described by a mapping.
//!
//! # Example
//! A mapping in TOML, as `nas table import FILE --format csv --mapping map.toml` reads it:
//!
//! ```toml
//! name = "my-benchmark"
//!
//! [space]                      # one of this toolkit, as in a run's config.toml; or decisions of which nothing else is known:
//! kind = "product"
//! name = "sizes"
//! decisions = [
//!   { name = "width", kind = "width", options = ["8", "16"] },
//!   { name = "depth", kind = "depth", options = ["1", "2", "3"] },
//! ]
//!
//! [architecture]
//! columns = ["width", "depth"] # a column for each decision, or: column = "arch" with form = "numbers", "digits" or "genotype"
//!
//! [[datasets]]
//! name = "cifar10"
//! search_epochs = 12
//! report_epochs = 200
//! columns = [
//!   { column = "val12", figure = "valid", epochs = 12, unit = "percent" },
//!   { column = "test200", figure = "test", epochs = 200, unit = "percent" },
//!   { column = "time12", figure = "seconds", epochs = 12 },
//! ]
//!
//! [[columns]]                  # figures of an architecture on all data sets
//! column = "params"
//! figure = "params"
//! unit = "millions"
//! ```

use std::path::Path;

use csv::StringRecord;
use nas_space::arch::Architecture;
use nas_space::genotype::Genotype;
use nas_space::network::NetworkConfig;
use nas_space::search::Metric;
use nas_space::spaces::{Space, SpaceConfig};
use serde::Deserialize;

use super::figures::{Figures, Place};
use super::wrong;
use crate::data::read_bounded;
use crate::tabular::header::{DatasetHeader, Figure};
use crate::tabular::writer::{Draft, RowKeys};
use crate::tabular::{Table, TableError};

/// Most bytes of the text.
const MAX_BYTES: u64 = 2 << 30;

/// What the columns of a comma-separated text mean.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// The benchmark's name.
    pub name: String,
    /// Where the figures come from, for people.
    #[serde(default)]
    pub origin: String,
    /// Whose architectures the lines are of.
    pub space: SpaceConfig,
    /// Where a line says which architecture it is of.
    pub architecture: ArchitectureColumns,
    /// The data sets and their columns.
    pub datasets: Vec<DatasetColumns>,
    /// Columns with the size of an architecture's network, which does not depend on the data set.
    #[serde(default)]
    pub columns: Vec<FigureColumn>,
}

/// Where a line says which architecture it is of: one column, or one for each decision.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchitectureColumns {
    /// The one column.
    #[serde(default)]
    pub column: Option<String>,
    /// What it holds.
    #[serde(default)]
    pub form: Form,
    /// A column for each decision, in the order of the decisions, which holds an option or its number from 0.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
}

/// How an architecture is written in one column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// The numbers of the options, from 0, with anything between them: `3.0.1`.
    #[default]
    Numbers,
    /// The numbers of the options, a digit each: `301`.
    Digits,
    /// A text that this toolkit reads as a genotype, such as a NAS-Bench-201 string.
    Genotype,
}

/// A data set and its columns.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetColumns {
    /// Its name.
    pub name: String,
    /// Epochs of the training whose validation accuracy a search sees.
    pub search_epochs: u32,
    /// Epochs of the training whose test accuracy is reported.
    pub report_epochs: u32,
    /// The size of the networks, where they are networks of this toolkit.
    #[serde(default)]
    pub network: Option<NetworkConfig>,
    /// See [`DatasetHeader::valid_is_test`].
    #[serde(default)]
    pub valid_is_test: bool,
    /// Its columns.
    pub columns: Vec<FigureColumn>,
}

/// A column of figures.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FigureColumn {
    /// Its name in the first line.
    pub column: String,
    /// What it holds.
    pub figure: Figure,
    /// Epochs trained.
    #[serde(default)]
    pub epochs: Option<u32>,
    /// Which repeat; none for a mean over repeats.
    #[serde(default)]
    pub seed: Option<u64>,
    /// What stands between the figures, where the column holds those of several repeats, which are numbered from 0.
    #[serde(default)]
    pub repeats: Option<String>,
    /// What a number counts.
    #[serde(default)]
    pub unit: Unit,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Ones: accuracies from 0 to 1, seconds, parameters.
    #[default]
    One,
    /// Hundredths.
    Percent,
    /// Millions, which are rounded to ones.
    Millions,
}

/// Reads the text and makes a table of it.
///
/// # Errors
/// [`TableError::Import`] names line and column of what does not fit; [`TableError::Draft`] where the figures make no table.
pub fn import(path: &Path, mapping: Mapping) -> Result<Table, TableError> {
    let content = read_bounded(path, MAX_BYTES)?;
    let space = mapping
        .space
        .build()
        .map_err(|error| wrong(path, format!("the mapping's space: {error}")))?;
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(content.as_slice());
    let names = reader
        .headers()
        .map_err(|error| wrong(path, format!("line 1: {error}")))?
        .clone();
    let columns = Columns::find(&mapping, &names, space.as_ref()).map_err(|reason| wrong(path, reason))?;
    let mut architectures = Vec::new();
    let mut figures = Figures::default();
    for (row, record) in reader.records().enumerate() {
        let record = record.map_err(|error| wrong(path, error.to_string()))?;
        let line = record.position().map_or(row as u64 + 2, csv::Position::line);
        let at_line = |reason: String| wrong(path, format!("line {line}: {reason}"));
        let architecture = columns.architecture(&record, space.as_ref()).map_err(at_line)?;
        architectures.push(architecture);
        for (place, column, index) in &columns.figures {
            let text = record.get(*index).unwrap_or_default();
            for (seed, text) in split(text, column) {
                let value = value(text, column.unit)
                    .map_err(|reason| at_line(format!("column '{}': {reason}", column.column)))?;
                if let Some(value) = value {
                    figures.set(row, Place { seed, ..*place }, value);
                }
            }
        }
    }
    let rows = architectures.len();
    let header = |dataset: &DatasetColumns| DatasetHeader {
        name: dataset.name.clone(),
        network: dataset.network,
        search_epochs: dataset.search_epochs,
        report_epochs: dataset.report_epochs,
        metric: Metric::default(),
        valid_is_test: dataset.valid_is_test,
        test_is_valid: false,
    };
    Draft {
        datasets: mapping.datasets.iter().map(header).collect(),
        name: mapping.name,
        origin: mapping.origin,
        space: mapping.space,
        keys: RowKeys::Architectures(architectures),
        extras: Vec::new(),
        columns: figures.into_columns(rows)?,
    }
    .table()
}

/// Where in a line what is.
struct Columns<'a> {
    /// Those of the architecture.
    architecture: Vec<usize>,
    form: Option<Form>,
    figures: Vec<(Place, &'a FigureColumn, usize)>,
}

impl<'a> Columns<'a> {
    fn find(mapping: &'a Mapping, names: &StringRecord, space: &dyn Space) -> Result<Self, String> {
        let find = |name: &str| {
            let mut places = names
                .iter()
                .enumerate()
                .filter(|(_, known)| *known == name)
                .map(|(place, _)| place);
            match (places.next(), places.next()) {
                (Some(place), None) => Ok(place),
                (found, _) => Err(format!(
                    "line 1: expected column '{name}' once, got it {}; there are: {}",
                    if found.is_some() {
                        "several times"
                    } else {
                        "not at all"
                    },
                    names.iter().collect::<Vec<_>>().join(", ")
                )),
            }
        };
        let ArchitectureColumns {
            column,
            form,
            columns,
        } = &mapping.architecture;
        let (architecture, form) = match (column, columns) {
            (Some(column), None) => (vec![find(column)?], Some(*form)),
            (None, Some(columns)) => {
                let expected = space.decisions().len();
                if columns.len() != expected {
                    return Err(format!(
                        "the mapping's [architecture] names {} columns; expected one for each of the {expected} decisions",
                        columns.len()
                    ));
                }
                (
                    columns.iter().map(|name| find(name)).collect::<Result<_, _>>()?,
                    None,
                )
            }
            _ => return Err("the mapping's [architecture] needs either column or columns".to_owned()),
        };
        let of_datasets = mapping
            .datasets
            .iter()
            .enumerate()
            .flat_map(|(index, dataset)| dataset.columns.iter().map(move |column| (Some(index), column)));
        let all = of_datasets.chain(mapping.columns.iter().map(|column| (None, column)));
        let figures = all.map(|(dataset, column)| {
            let place = Place {
                dataset,
                figure: column.figure,
                epochs: column.epochs,
                seed: column.seed,
            };
            Ok((place, column, find(&column.column)?))
        });
        Ok(Self {
            architecture,
            form,
            figures: figures.collect::<Result<_, String>>()?,
        })
    }

    fn architecture(&self, record: &StringRecord, space: &dyn Space) -> Result<Architecture, String> {
        let texts = self
            .architecture
            .iter()
            .map(|&place| record.get(place).unwrap_or_default());
        let Some(form) = self.form else {
            let choices = space.decisions().iter().zip(texts).map(|(decision, text)| {
                let named = decision.options.iter().position(|option| option == text);
                named.or_else(|| text.parse().ok()).ok_or_else(|| {
                    format!(
                        "'{text}' is no option of '{}'; expected one of {} or its number",
                        decision.name,
                        decision.options.join(", ")
                    )
                })
            });
            return Ok(Architecture::new(choices.collect::<Result<Vec<_>, _>>()?));
        };
        let text: String = texts.collect();
        let numbers = |parts: Vec<String>| -> Result<Architecture, String> {
            let choices = parts.iter().map(|part| part.parse::<usize>());
            let choices: Vec<usize> = choices
                .collect::<Result<_, _>>()
                .map_err(|_| format!("'{text}' is no architecture; expected the numbers of its options"))?;
            Ok(Architecture::new(choices))
        };
        match form {
            Form::Digits => numbers(text.chars().map(String::from).collect()),
            Form::Numbers => {
                let parts = text
                    .split(|c: char| !c.is_ascii_digit())
                    .filter(|part| !part.is_empty());
                numbers(parts.map(str::to_owned).collect())
            }
            Form::Genotype => {
                let genotype: Genotype = text.parse().map_err(|error| format!("{error}"))?;
                space.architecture(&genotype).map_err(|error| error.to_string())
            }
        }
    }
}

/// The figures in a field, each with its repeat.
fn split<'a>(text: &'a str, column: &'a FigureColumn) -> Vec<(Option<u64>, &'a str)> {
    match &column.repeats {
        Some(between) if !between.is_empty() => text
            .split(between.as_str())
            .enumerate()
            .map(|(seed, text)| (Some(seed as u64), text.trim()))
            .collect(),
        _ => vec![(column.seed, text)],
    }
}

/// The number in a field; none where it is empty.
fn value(text: &str, unit: Unit) -> Result<Option<f64>, String> {
    if text.is_empty() || text.eq_ignore_ascii_case("nan") {
        return Ok(None);
    }
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    let number = number.ok_or_else(|| format!("expected a number or nothing, got '{text}'"))?;
    Ok(Some(match unit {
        Unit::One => number,
        Unit::Percent => number / 100.0,
        Unit::Millions => (number * 1e6).round(),
    }))
}
