//! The part of a space that a table knows.

use std::sync::{Arc, OnceLock};

use nas_space::arch::{Architecture, Decision};
use nas_space::genotype::Genotype;
use nas_space::network::{Network, NetworkConfig};
use nas_space::op::Operations;
use nas_space::spaces::{CellSpace, Part, Space, SpaceError, mutate_within};
use num_bigint::BigUint;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::table::{Beginnings, Table};

/// The architectures of a space that have a row in a table which does not know all of them.
///
/// What it samples, mutates to and gives as neighbours has a row. A sample is drawn uniformly from the rows, as they stand
/// in the table: of architectures that share a row, the first. Decisions and size are the space's own, so that not any combination of
/// options is an architecture here; such a space does not grow.
#[derive(Debug, Clone)]
pub struct KnownSpace {
    table: Arc<Table>,
    /// What beginnings are looked up in, once somebody asks.
    beginnings: Arc<OnceLock<Beginnings>>,
}

impl KnownSpace {
    /// What this table knows of its space.
    pub fn new(table: Arc<Table>) -> Self {
        Self {
            table,
            beginnings: Arc::default(),
        }
    }

    /// What strategies are to see of the table's space: all of it, if every architecture has a row.
    pub fn of(table: &Arc<Table>) -> Arc<dyn Space> {
        if table.is_complete() {
            Arc::clone(table.space())
        } else {
            Arc::new(Self::new(Arc::clone(table)))
        }
    }

    fn space(&self) -> &dyn Space {
        self.table.space().as_ref()
    }
}

impl Space for KnownSpace {
    fn name(&self) -> &str {
        self.space().name()
    }

    fn decisions(&self) -> &[Decision] {
        self.space().decisions()
    }

    fn operations(&self) -> &Operations {
        self.space().operations()
    }

    fn genotype(&self, architecture: &Architecture) -> Result<Genotype, SpaceError> {
        self.validate(architecture)?;
        self.space().genotype(architecture)
    }

    fn architecture(&self, genotype: &Genotype) -> Result<Architecture, SpaceError> {
        let architecture = self.space().architecture(genotype)?;
        self.validate(&architecture)?;
        Ok(architecture)
    }

    fn cells(&self) -> Option<&CellSpace> {
        self.space().cells()
    }

    fn part(&self) -> Option<&dyn Part> {
        Some(self)
    }

    fn validate(&self, architecture: &Architecture) -> Result<(), SpaceError> {
        self.space().validate(architecture)?;
        match self.table.row(architecture) {
            Some(_) => Ok(()),
            None => Err(SpaceError::NotInSpace {
                space: self.name().to_owned(),
                reason: format!(
                    "the table '{}' has no row for {architecture}",
                    self.table.header().name
                ),
            }),
        }
    }

    fn sample(&self, rng: &mut ChaCha8Rng) -> Architecture {
        let row = rng.random_range(0..self.table.header().row_count);
        // Every row has an architecture; should one have none, what is given is refused by whoever looks it up.
        self.table
            .architecture(row)
            .unwrap_or_else(|| self.space().sample(rng))
    }

    fn mutate(&self, architecture: &Architecture, rng: &mut ChaCha8Rng) -> Result<Architecture, SpaceError> {
        mutate_within(self, self.space(), architecture, rng)
    }

    fn neighbours(&self, architecture: &Architecture) -> Result<Vec<Architecture>, SpaceError> {
        self.validate(architecture)?;
        let mut neighbours = self.space().neighbours(architecture)?;
        neighbours.retain(|neighbour| self.table.row(neighbour).is_some());
        Ok(neighbours)
    }

    /// That of the whole space.
    fn size(&self) -> BigUint {
        self.space().size()
    }

    fn network(&self, architecture: &Architecture, config: &NetworkConfig) -> Result<Network, SpaceError> {
        self.validate(architecture)?;
        self.space().network(architecture, config)
    }
}

impl Part for KnownSpace {
    /// Of NAS-Bench-101's graphs, which are written in many ways, only those count that stand in the table.
    fn can_begin(&self, beginning: &[usize], choices: usize) -> bool {
        // It has no architectures of fewer choices.
        choices < self.decisions().len()
            || self
                .beginnings
                .get_or_init(|| self.table.beginnings())
                .contains(&self.table, beginning)
    }

    fn members(&self) -> Option<Vec<Architecture>> {
        Some(self.table.architectures_known())
    }
}
