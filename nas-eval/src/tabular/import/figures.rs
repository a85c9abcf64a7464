//! Figures as they come, to be put into columns.

use std::collections::BTreeMap;

use crate::tabular::TableError;
use crate::tabular::header::{Column, Encoding, Figure};
use crate::tabular::writer::ColumnData;

/// Which column a figure belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) dataset: Option<usize>,
    pub(super) figure: Figure,
    pub(super) epochs: Option<u32>,
    pub(super) seed: Option<u64>,
}

/// Most places in a table for each figure that is there. A published benchmark lacks some repeats, not most of its figures.
const MAX_PLACES_PER_FIGURE: usize = 64;
/// Places that a table may have, however few figures there are.
const ALWAYS_PLACES: usize = 1 << 16;

/// The figures that there are, by column and row. They take memory only where they are: a file may name a column in each line
/// and so ask for a table of the square of its length.
#[derive(Debug, Default)]
pub(super) struct Figures {
    columns: BTreeMap<Place, BTreeMap<usize, f64>>,
}

impl Figures {
    /// Notes a figure of a row. Gives whether there was none yet.
    pub(super) fn set(&mut self, row: usize, place: Place, value: f64) -> bool {
        self.columns
            .entry(place)
            .or_default()
            .insert(row, value)
            .is_none()
    }

    /// Epochs with such figures, in increasing order.
    pub(super) fn epochs(&self, dataset: usize, figure: Figure) -> Vec<u32> {
        let of = self
            .columns
            .keys()
            .filter(|place| place.dataset == Some(dataset) && place.figure == figure);
        let mut epochs: Vec<u32> = of.filter_map(|place| place.epochs).collect();
        epochs.sort_unstable();
        epochs.dedup();
        epochs
    }

    /// The columns of so many rows, each written in the fewest bytes that lose nothing.
    ///
    /// # Errors
    /// [`TableError::Draft`] where next to all figures are missing, so that the table would be far larger than they are.
    pub(super) fn into_columns(self, rows: usize) -> Result<Vec<ColumnData>, TableError> {
        let figures: usize = self.columns.values().map(BTreeMap::len).sum();
        let places = self.columns.len().saturating_mul(rows);
        let most = figures.saturating_mul(MAX_PLACES_PER_FIGURE).max(ALWAYS_PLACES);
        if places > most {
            let columns = self.columns.len();
            return Err(TableError::Draft {
                reason: format!(
                    "there are {figures} figures for {columns} columns of {rows} rows; expected one for each \
                     {MAX_PLACES_PER_FIGURE} places or more"
                ),
            });
        }
        let columns = self.columns.into_iter().map(|(place, figures)| {
            let mut values = vec![None; rows];
            for (row, figure) in figures {
                values[row] = Some(figure);
            }
            let fits = |legal: &dyn Fn(f64) -> bool| values.iter().flatten().all(|&value| legal(value));
            let encoding = match place.figure {
                Figure::Params | Figure::Macs if fits(&|value| value < f64::from(u32::MAX)) => Encoding::U32,
                Figure::Params | Figure::Macs => Encoding::U64,
                _ if fits(&|value| f64::from(value as f32) == value) => Encoding::F32,
                _ => Encoding::F64,
            };
            ColumnData {
                column: Column {
                    figure: place.figure,
                    dataset: place.dataset,
                    epochs: place.epochs,
                    seed: place.seed,
                    extra: None,
                    encoding,
                },
                values,
            }
        });
        Ok(columns.collect())
    }
}
