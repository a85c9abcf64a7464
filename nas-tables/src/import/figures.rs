//! Figures as they come, to be put into columns.

use std::collections::{BTreeMap, BTreeSet};

use nas_space::search::Direction;

use crate::TableError;
use crate::header::{Column, DatasetHeader, Encoding, Extra, Figure};
use crate::nb201::PUBLISHED_PARAMS;
use crate::writer::ColumnData;

/// The extra figure with multiply-accumulates as a benchmark counts them.
const PUBLISHED_MACS: &str = "published_macs";

/// Which column a figure belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) dataset: Option<usize>,
    pub(super) figure: Figure,
    pub(super) epochs: Option<u32>,
    pub(super) seed: Option<u64>,
    /// Number of the extra figure.
    pub(super) extra: Option<usize>,
}

/// A figure that was there before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Earlier {
    pub(super) value: f64,
    /// Its line, from 1.
    pub(super) line: u64,
}

/// Most places in a table for each figure that is there. A published benchmark lacks some repeats,
/// not most of its figures.
const MAX_PLACES_PER_FIGURE: usize = 64;
/// Places that a table may have, however few figures there are.
const ALWAYS_PLACES: usize = 1 << 16;

/// The figures that there are, by column and row. They take memory only where they are: a file may
/// name a column in each line and so ask for a table of the square of its length.
#[derive(Debug, Default)]
pub(super) struct Figures {
    columns: BTreeMap<Place, BTreeMap<usize, Earlier>>,
    extras: Vec<Extra>,
}

impl Figures {
    /// Notes a figure of a row, and the line that it is on. One that is there already has to be the
    /// same.
    ///
    /// # Errors
    /// What is there, if it is another.
    pub(super) fn put(&mut self, row: usize, place: Place, value: f64, line: u64) -> Result<(), Earlier> {
        let column = self.columns.entry(place).or_default();
        let earlier = *column.entry(row).or_insert(Earlier { value, line });
        if earlier.value == value {
            Ok(())
        } else {
            Err(earlier)
        }
    }

    /// The number of this extra figure, which is made where there is none of its name.
    ///
    /// # Errors
    /// Where one of its name has another unit or direction.
    pub(super) fn extra(&mut self, extra: Extra) -> Result<usize, String> {
        match self.extras.iter().position(|known| known.name == extra.name) {
            Some(known) if self.extras[known] == extra => Ok(known),
            Some(_) => Err(format!(
                "the extra figure '{}' has two units or two directions; expected the same for all its columns",
                extra.name
            )),
            None => {
                self.extras.push(extra);
                Ok(self.extras.len() - 1)
            }
        }
    }

    /// Makes extra figures of the sizes of networks that this toolkit builds and counts:
    /// `published_params` and `published_macs`.
    ///
    /// # Errors
    /// Where there are such extra figures already.
    pub(super) fn publish_sizes(&mut self, datasets: &[DatasetHeader]) -> Result<(), String> {
        let counted = |dataset: usize| datasets.get(dataset).is_some_and(|d| d.network.is_some());
        let published = |place: &Place| {
            let name = match place.figure {
                Figure::Params => PUBLISHED_PARAMS,
                Figure::Macs => PUBLISHED_MACS,
                _ => return None,
            };
            let all = || (0..datasets.len()).all(counted);
            place.dataset.map_or_else(all, counted).then_some(name)
        };
        let places: Vec<(Place, &str)> = self
            .columns
            .keys()
            .filter_map(|place| Some((*place, published(place)?)))
            .collect();
        for (place, name) in places {
            let extra = self.extra(Extra {
                name: name.to_owned(),
                unit: None,
                direction: Direction::Lower,
            })?;
            let new = Place {
                figure: Figure::Extra,
                extra: Some(extra),
                ..place
            };
            if self.columns.contains_key(&new) {
                return Err(format!(
                    "there is an extra figure '{name}', which is what the size of a network of this toolkit is called; expected another \
                     name"
                ));
            }
            if let Some(column) = self.columns.remove(&place) {
                self.columns.insert(new, column);
            }
        }
        Ok(())
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

    /// The extra figures and their columns. Each column is written in the fewest bytes that lose
    /// nothing.
    ///
    /// # Errors
    /// [`TableError::Draft`] where next to all figures are missing, so that the table would be far
    /// larger than they are.
    pub(super) fn into_columns(self, rows: usize) -> Result<(Vec<Extra>, Vec<ColumnData>), TableError> {
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
        // Extra figures that are missing everywhere are left out.
        let used: BTreeSet<usize> = self.columns.keys().filter_map(|place| place.extra).collect();
        let extra_at = |extra: usize| used.iter().position(|&known| known == extra);
        let columns = self.columns.into_iter().map(|(place, figures)| {
            let mut values = vec![None; rows];
            for (row, figure) in figures {
                values[row] = Some(figure.value);
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
                    extra: place.extra.and_then(extra_at),
                    encoding,
                },
                values,
            }
        });
        let columns = columns.collect();
        let extras = self.extras.into_iter().enumerate();
        let extras = extras.filter(|(extra, _)| used.contains(extra));
        Ok((extras.map(|(_, extra)| extra).collect(), columns))
    }
}
