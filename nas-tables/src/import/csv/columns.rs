//! Where in a line which figure is.

use csv::StringRecord;
use nas_space::search::{Direction, Metric};

use super::filter::Rows;
use super::mapping::{DatasetColumns, FigureColumn, Mapping, Unit};
use crate::header::{Extra, Figure};
use crate::import::figures::{Figures, Place};
use crate::import::short;
use crate::writer::legal;

/// Most columns of figures: as many as a table has.
const MAX_COLUMNS: usize = 4096;

/// The columns of figures, found in the first line.
pub(super) struct FigureColumns<'a> {
    /// For each data set the lines that are of it.
    rows: Vec<Rows<'a>>,
    columns: Vec<Found<'a>>,
}

/// A column of figures and its place in a line.
pub(super) struct Found<'a> {
    pub(super) column: &'a FigureColumn,
    pub(super) place: Place,
    metric: Option<&'a Metric>,
    missing: &'a [String],
    index: usize,
}

impl<'a> FigureColumns<'a> {
    /// Finds all columns, and notes the extra figures among them.
    pub(super) fn find(
        mapping: &'a Mapping,
        find: &impl Fn(&str) -> Result<usize, String>,
        figures: &mut Figures,
    ) -> Result<Self, String> {
        let count = mapping.columns.len() + mapping.datasets.iter().map(|d| d.columns.len()).sum::<usize>();
        if count > MAX_COLUMNS {
            return Err(format!(
                "the mapping names {count} columns of figures; expected at most {MAX_COLUMNS}"
            ));
        }
        let mut found: Vec<Found<'a>> = Vec::new();
        let of_datasets =
            mapping.datasets.iter().enumerate().flat_map(|(index, dataset)| {
                dataset.columns.iter().map(move |c| (Some((index, dataset)), c))
            });
        for (dataset, column) in of_datasets.chain(mapping.columns.iter().map(|column| (None, column))) {
            let extra = extra(column)?;
            let place = Place {
                dataset: dataset.map(|(index, _)| index),
                figure: column.figure,
                epochs: column.epochs,
                seed: column.seed,
                extra: extra.map(|extra| figures.extra(extra)).transpose()?,
            };
            check(column, dataset, &found)?;
            // Repeats in one field have their own seeds.
            let same = |other: &&Found<'_>| {
                other.place == place && other.column.repeats.is_none() && column.repeats.is_none()
            };
            if let Some(other) = found.iter().find(same) {
                return Err(format!(
                    "the mapping says of the columns '{}' and '{}' that both are the same figure; expected different epochs or \
                     seeds, or one of the two",
                    other.column.column, column.column
                ));
            }
            found.push(Found {
                column,
                place,
                metric: dataset.map(|(_, dataset)| &dataset.metric),
                missing: &mapping.missing,
                index: find(&column.column)?,
            });
        }
        let rows = mapping
            .datasets
            .iter()
            .map(|dataset| Rows::find(&dataset.filter, find));
        Ok(Self {
            rows: rows.collect::<Result<_, _>>()?,
            columns: found,
        })
    }

    /// For each data set whether a line is of it.
    pub(super) fn datasets(&self, record: &StringRecord) -> Vec<bool> {
        self.rows.iter().map(|rows| rows.allow(record)).collect()
    }

    /// The columns of these data sets.
    pub(super) fn of<'s>(&'s self, datasets: &'s [bool]) -> impl Iterator<Item = &'s Found<'a>> {
        let is_of = |found: &&Found<'a>| found.place.dataset.is_none_or(|dataset| datasets[dataset]);
        self.columns.iter().filter(is_of)
    }
}

impl Found<'_> {
    /// The figures in a line, each with its place.
    pub(super) fn values(&self, record: &StringRecord) -> Result<Vec<(Place, f64)>, String> {
        let text = record.get(self.index).unwrap_or_default();
        let between = self
            .column
            .repeats
            .as_deref()
            .filter(|between| !between.is_empty());
        let mut values = Vec::new();
        let mut put = |seed, text: &str| -> Result<(), String> {
            if let Some(value) = self.value(text)? {
                values.push((Place { seed, ..self.place }, value));
            }
            Ok(())
        };
        match between {
            Some(between) => {
                for (seed, text) in (0..).zip(text.split(between)) {
                    put(Some(seed), text.trim())?;
                }
            }
            None => put(self.column.seed, text)?,
        }
        Ok(values)
    }

    /// The number in a field; none where it is empty.
    fn value(&self, text: &str) -> Result<Option<f64>, String> {
        let is_missing = |missing: &String| missing.trim() == text;
        if text.is_empty() || text.eq_ignore_ascii_case("nan") || self.missing.iter().any(is_missing) {
            return Ok(None);
        }
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
        let number = number.ok_or_else(|| {
            format!(
                "expected a number or nothing, got '{0}'; write missing = [\"{0}\"] in the mapping if it stands for no figure",
                short(text)
            )
        })?;
        let value = match self.column.unit {
            Unit::One => number,
            Unit::Percent => number / 100.0,
            Unit::Millions => (number * 1e6).round(),
        };
        let legal = legal(self.place.figure, self.metric.map(Metric::scale));
        if !legal.contains(&value) {
            let is_share = matches!(self.place.figure, Figure::Valid | Figure::Test);
            let hint = if is_share && self.column.unit == Unit::One && (0.0..=100.0).contains(&value) {
                "; write unit = \"percent\" in the mapping if it is in percent"
            } else if is_share {
                "; write a metric with scale = \"plain\" in the mapping if it is no share"
            } else {
                ""
            };
            return Err(format!(
                "'{}' is {value}; expected a number from {} to {}{hint}",
                short(text),
                legal.start(),
                legal.end()
            ));
        }
        Ok(Some(value))
    }
}

/// The extra figure that a column holds, if it does.
fn extra(column: &FigureColumn) -> Result<Option<Extra>, String> {
    if column.figure == Figure::Extra {
        return Ok(Some(Extra {
            name: column.name.clone().unwrap_or_else(|| column.column.clone()),
            unit: column.symbol.clone(),
            direction: column.direction.unwrap_or(Direction::Lower),
        }));
    }
    if column.name.is_some() || column.symbol.is_some() || column.direction.is_some() {
        return Err(format!(
            "the mapping's column '{}' has the keys name, symbol or direction, which are of columns with figure = \"extra\"",
            column.column
        ));
    }
    Ok(None)
}

/// Checks that a column can be what the mapping says.
fn check(
    column: &FigureColumn,
    dataset: Option<(usize, &DatasetColumns)>,
    before: &[Found<'_>],
) -> Result<(), String> {
    let name = &column.column;
    let of_training = matches!(column.figure, Figure::Valid | Figure::Test | Figure::Seconds);
    if of_training && dataset.is_none() {
        return Err(format!(
            "the mapping's column '{name}' stands under [[columns]] and depends on the data set; expected it under [[datasets]]"
        ));
    }
    if of_training && column.epochs.is_none_or(|epochs| epochs == 0) {
        return Err(format!(
            "the mapping's column '{name}' lacks epochs, a number from 1"
        ));
    }
    if !of_training && (column.epochs.is_some() || column.seed.is_some() || column.repeats.is_some()) {
        return Err(format!(
            "the mapping's column '{name}' does not depend on the training; expected no epochs, seed or repeats"
        ));
    }
    if column.seed.is_some() && column.repeats.is_some() {
        return Err(format!(
            "the mapping's column '{name}' has both seed and repeats; expected at most one of them"
        ));
    }
    let Some((index, dataset)) =
        dataset.filter(|(_, dataset)| !dataset.valid_is_test && !dataset.test_is_valid)
    else {
        return Ok(());
    };
    let is_other = |other: &&Found<'_>| {
        let pair = (other.column.figure, column.figure);
        other.column.column == *name
            && other.place.dataset == Some(index)
            && matches!(
                pair,
                (Figure::Valid, Figure::Test) | (Figure::Test, Figure::Valid)
            )
    };
    if before.iter().any(|other| is_other(&other)) {
        return Err(format!(
            "the mapping's column '{name}' is both the validation and the test figure of data set '{}'. Name it once, and say \
             which it is: figure = \"valid\" and test_is_valid = true for the data set, or figure = \"test\" and valid_is_test = \
             true",
            dataset.name
        ));
    }
    Ok(())
}
