//! The part of a space that a table knows.

use std::sync::{Arc, OnceLock};

use nas_space::arch::Architecture;
use nas_space::spaces::{Filter, FilteredSpace, Part, Space, SpaceError};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::table::{Beginnings, Table};

impl Table {
    /// What strategies are to see of the table's space: all of it, if every architecture has a row,
    /// and else the part that has one.
    ///
    /// A sample of that is drawn uniformly from the rows, as they stand in the table: of
    /// architectures that share a row, the first. It does not grow.
    pub fn known_space(self: &Arc<Self>) -> Arc<dyn Space> {
        if self.is_complete() {
            Arc::clone(self.space())
        } else {
            Arc::new(FilteredSpace(Known {
                table: Arc::clone(self),
                beginnings: OnceLock::new(),
            }))
        }
    }
}

/// Whether an architecture has a row in a table which does not know all of its space.
#[derive(Debug)]
struct Known {
    table: Arc<Table>,
    /// What beginnings are looked up in, once somebody asks.
    beginnings: OnceLock<Beginnings>,
}

impl Filter for Known {
    fn whole(&self) -> &dyn Space {
        self.table.space().as_ref()
    }

    fn check(&self, architecture: &Architecture) -> Result<(), SpaceError> {
        match self.table.row(architecture) {
            Some(_) => Ok(()),
            None => Err(SpaceError::NotInSpace {
                space: self.whole().name().to_owned(),
                reason: format!(
                    "the table '{}' has no row for {architecture}",
                    self.table.header().name
                ),
            }),
        }
    }

    fn sample(&self, rng: &mut ChaCha8Rng) -> Architecture {
        let row = rng.random_range(0..self.table.header().row_count);
        // Every row has an architecture. If one had none, looking up the result would fail.
        self.table
            .architecture(row)
            .unwrap_or_else(|| self.whole().sample(rng))
    }
}

impl Part for Known {
    /// Of NAS-Bench-101's graphs, which are written in many ways, only those count that stand in
    /// the table.
    fn can_begin(&self, beginning: &[usize], choices: usize) -> bool {
        // It has no architectures of fewer choices.
        choices < self.whole().decisions().len()
            || self
                .beginnings
                .get_or_init(|| self.table.beginnings())
                .contains(&self.table, beginning)
    }

    fn members(&self) -> Option<Vec<Architecture>> {
        Some(self.table.architectures_known())
    }
}
