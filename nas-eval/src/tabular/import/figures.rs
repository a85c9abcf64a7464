//! Figures as they come, to be put into columns.

use std::collections::BTreeMap;

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

/// The figures of so many rows.
#[derive(Debug, Default)]
pub(super) struct Figures {
    columns: BTreeMap<Place, Vec<Option<f64>>>,
}

impl Figures {
    /// Notes a figure of a row. Gives whether there was none yet.
    pub(super) fn set(&mut self, row: usize, place: Place, value: f64) -> bool {
        let column = self.columns.entry(place).or_default();
        if column.len() <= row {
            column.resize(row + 1, None);
        }
        column[row].replace(value).is_none()
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
    pub(super) fn into_columns(self, rows: usize) -> Vec<ColumnData> {
        let columns = self.columns.into_iter().map(|(place, mut values)| {
            values.resize(rows, None);
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
                    encoding,
                },
                values,
            }
        });
        columns.collect()
    }
}
