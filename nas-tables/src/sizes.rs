//! How large the architectures of a table are.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use nas_space::arch::Architecture;
use nas_space::cost::Cost;
use nas_space::error::SpaceError;
use nas_space::search::Direction;
use nas_space::sizes::{Counted, Figures, Quantity, Sizes};

use super::nb201::PUBLISHED_PARAMS;
use super::{Figure, Table};

/// The table's own count of multiply-accumulates, where networks of this toolkit have another one,
/// as [`PUBLISHED_PARAMS`] is that of parameters.
const PUBLISHED_MACS: &str = "published_macs";
/// Rows that are compared to find out whether the table has counted otherwise.
const COMPARED: usize = 128;

/// The sizes of a table's architectures on one of its data sets, and its other figures of them.
///
/// Where its architectures are networks of this toolkit, sizes are counted on these networks. What
/// the table gives is then another figure, `published_params` or `published_macs`, where it
/// differs: published counts include operations that nothing reads, which are not built here. Where
/// there are no such networks, sizes are the table's columns.
#[derive(Debug)]
pub struct TabularSizes {
    table: Arc<Table>,
    dataset: usize,
    /// The counter, and the sizes that it has counted so far.
    counted: Option<(Counted, RwLock<HashMap<Architecture, Cost>>)>,
    /// The columns of parameters and multiply-accumulates.
    columns: [Option<usize>; 2],
    /// The columns of figures with names.
    named: BTreeMap<String, usize>,
}

impl TabularSizes {
    /// The sizes on this data set of the table, by its number.
    pub(super) fn new(table: Arc<Table>, dataset: usize) -> Self {
        let columns = [Figure::Params, Figure::Macs].map(|figure| table.size_column(figure, dataset));
        let network = table
            .header()
            .datasets
            .get(dataset)
            .and_then(|dataset| dataset.network);
        let counted = network.and_then(|network| {
            let counted = Counted::new(Arc::clone(table.space()), network).ok()?;
            // Not every space has networks.
            counted.cost(&table.architecture(0)?).ok()?;
            Some((counted, RwLock::default()))
        });
        let mut sizes = Self {
            counted,
            columns,
            named: BTreeMap::new(),
            table,
            dataset,
        };
        for extra in sizes.table.extras() {
            if let Some(column) = sizes.table.extra_column(&extra.name, dataset) {
                sizes.named.insert(extra.name.clone(), column);
            }
        }
        for (place, name) in [(0, PUBLISHED_PARAMS), (1, PUBLISHED_MACS)] {
            if let Some(column) = columns[place].filter(|&column| sizes.differs(place, column)) {
                sizes.named.entry(name.to_owned()).or_insert(column);
            }
        }
        sizes
    }

    /// Whether sizes are counted on networks of this toolkit.
    pub fn is_counted(&self) -> bool {
        self.counted.is_some()
    }

    /// What counts its networks, where they are of this toolkit.
    pub fn networks(&self) -> Option<&Counted> {
        self.counted.as_ref().map(|(counted, _)| counted)
    }

    /// Names of all figures besides the size that the table has, whether or not of every row.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.keys().map(String::as_str)
    }

    /// Which values of this figure are better, where the table says it.
    pub fn direction(&self, name: &str) -> Option<Direction> {
        let extra = self.table.extras().iter().find(|extra| extra.name == name)?;
        Some(extra.direction)
    }

    /// Why a figure is not known of every row; nothing if it is.
    ///
    /// # Errors
    /// The reason.
    fn reason(&self, quantity: &Quantity) -> Result<(), String> {
        let column = match (quantity, &self.counted) {
            (Quantity::Params | Quantity::Macs, Some(_)) => return Ok(()),
            (Quantity::Params, None) => self.columns[0],
            (Quantity::Macs, None) => self.columns[1],
            (Quantity::Named(name), _) => self.named.get(name).copied(),
        };
        let header = self.table.header();
        let of = format!(
            "the table '{}', data set '{}'",
            header.name, header.datasets[self.dataset].name
        );
        let Some(column) = column else {
            return Err(format!("{of}, has no such column"));
        };
        let rows = self.table.len();
        let known = (0..header.row_count)
            .filter(|&row| self.table.figure(column, row).is_some())
            .count();
        match known == rows {
            true => Ok(()),
            false => Err(format!(
                "{of}, knows it of {known} of its {rows} rows; expected all of them"
            )),
        }
    }

    /// Whether the table's own count is another than that of the networks, by rows that lie evenly
    /// in the table.
    fn differs(&self, place: usize, column: usize) -> bool {
        if self.counted.is_none() {
            return false;
        }
        let rows = self.table.len();
        let step = rows.div_ceil(COMPARED).max(1);
        (0..rows).step_by(step).any(|row| {
            let Ok(row) = u32::try_from(row) else {
                return false;
            };
            let (Some(architecture), Some(published)) =
                (self.table.architecture(row), self.table.count(column, row))
            else {
                return false;
            };
            let cost = self.cost(&architecture).ok().flatten();
            cost.is_some_and(|cost| [cost.params, cost.macs][place] != published)
        })
    }

    /// What the network costs, where there is one; counted once.
    fn cost(&self, architecture: &Architecture) -> Result<Option<Cost>, SpaceError> {
        let Some((counted, so_far)) = &self.counted else {
            return Ok(None);
        };
        let known = so_far
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(architecture)
            .copied();
        if let Some(cost) = known {
            return Ok(Some(cost));
        }
        let cost = counted.cost(architecture)?;
        so_far
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(architecture.clone(), cost);
        Ok(Some(cost))
    }
}

impl Sizes for TabularSizes {
    fn of(&self, architecture: &Architecture) -> Result<Figures, SpaceError> {
        let row = self.table.row(architecture);
        let mut figures = match self.cost(architecture)? {
            Some(cost) => Figures::from(cost),
            None => {
                let count = |column: Option<usize>| self.table.count(column?, row?);
                Figures {
                    params: count(self.columns[0]),
                    macs: count(self.columns[1]),
                    named: BTreeMap::new(),
                }
            }
        };
        for (name, &column) in &self.named {
            if let Some(value) = row.and_then(|row| self.table.figure(column, row)) {
                figures.named.insert(name.clone(), value);
            }
        }
        Ok(figures)
    }

    fn known(&self) -> Vec<String> {
        let sizes = [Quantity::Params, Quantity::Macs];
        let named = self.named.keys().cloned().map(Quantity::Named);
        let known = sizes
            .into_iter()
            .chain(named)
            .filter(|quantity| self.reason(quantity).is_ok());
        known.map(|quantity| quantity.name().to_owned()).collect()
    }

    fn check(&self, quantity: &Quantity) -> Result<(), SpaceError> {
        self.reason(quantity).map_err(|reason| SpaceError::NotKnown {
            quantity: quantity.clone(),
            reason,
            known: self.known(),
        })
    }
}

#[cfg(test)]
mod tests;
