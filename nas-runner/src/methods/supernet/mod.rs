//! What methods that train a supernet share: options, the size of supernets by data set, searches as trials, records.

pub(super) mod audit;
mod oneshot;
mod record;
mod searcher;

use anyhow::{Result, bail};
use clap::Args;
use nas_eval::data::DataFacts;
use nas_space::network::NetworkConfig;
use nas_space::spaces::{CellSpace, Space};

pub use self::audit::{AuditRecord, AuditedRecord};
pub(super) use self::oneshot::record_file;
pub use self::oneshot::{Oneshot, Searches, Supernet, SupernetSummary, cell_file};
pub use self::record::seconds;
pub(super) use self::record::{history_of, overview, shown, training_curve};
pub(super) use self::searcher::{Found, Observer, Searcher, Trains};
use crate::parsers::at_least;
use crate::size::Skeleton;

/// How large a supernet is, and how long it is trained.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct SupernetArgs {
    /// Training epochs of the supernet
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) search_epochs: Option<u32>,
    /// Channels in the supernet's first cells
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    search_channels: Option<usize>,
    /// Number of cells in the supernet
    ///
    /// In the DARTS skeleton, all cells; in that of NAS-Bench-201, the cells of each stage.
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    search_cells: Option<usize>,
    /// Images per training step of the supernet, at least 2
    #[arg(long, value_name = "N", value_parser = at_least(2))]
    pub(super) search_batch: Option<usize>,
}

impl SupernetArgs {
    /// Puts what was typed over a size.
    pub(super) fn overlay(&self, network: &mut NetworkConfig) {
        network.channels = self.search_channels.unwrap_or(network.channels);
        network.cells = self.search_cells.unwrap_or(network.cells);
    }
}

/// Images of a step, whatever the data set.
pub(super) const BATCH: usize = 64;

/// How a data set's supernet differs from the published one, which is for CIFAR-10 on a GPU.
pub(super) struct Scale {
    pub(super) channels: usize,
    /// Cells in all, for the DARTS skeleton.
    pub(super) cells: usize,
    /// Cells per stage, for the NAS-Bench-201 skeleton.
    pub(super) stage_cells: usize,
    /// Where the paper has 50.
    pub(super) epochs: u32,
    /// Learning rate of the architecture, where the paper has 3e-4: a short search has few steps to make up its mind in.
    pub(super) alpha_learning_rate: f64,
    /// How ENAS differs.
    pub(super) enas: EnasScale,
}

/// How ENAS differs from the published one on a data set.
pub(super) struct EnasScale {
    /// Where the authors have 150. An epoch is a fraction of one of a differentiable search: a step trains one path.
    pub(super) epochs: u32,
    /// Updates of the controller after an epoch, where the authors have 30: in proportion to the steps of an epoch.
    pub(super) controller_updates: u32,
    /// Learning rate of the controller, where the authors have 0.0035, for the same reason.
    pub(super) controller_rate: f64,
    /// Share of the images that rewards come from, where the authors have 0.1.
    pub(super) valid_fraction: f64,
}

impl Scale {
    pub(super) fn of(data: &DataFacts) -> Self {
        match data.name.as_str() {
            "digits" => Self {
                channels: 8,
                cells: 3,
                stage_cells: 1,
                epochs: 12,
                alpha_learning_rate: 3e-3,
                enas: EnasScale {
                    epochs: 40,
                    controller_updates: 10,
                    controller_rate: 0.01,
                    valid_fraction: 0.3,
                },
            },
            "cifar10" | "cifar100" => Self {
                channels: 16,
                cells: 8,
                stage_cells: 5,
                epochs: 50,
                alpha_learning_rate: 3e-4,
                enas: EnasScale {
                    epochs: 150,
                    controller_updates: 30,
                    controller_rate: 0.0035,
                    valid_fraction: 0.1,
                },
            },
            // Of images of one's own nothing is known but that a few minutes should do.
            _ => Self {
                channels: 8,
                cells: 5,
                stage_cells: 1,
                epochs: 12,
                alpha_learning_rate: 1e-3,
                enas: EnasScale {
                    epochs: 30,
                    controller_updates: 30,
                    controller_rate: 0.0035,
                    valid_fraction: 0.1,
                },
            },
        }
    }

    /// The published size, scaled.
    pub(super) fn network(&self, data: &DataFacts, skeleton: Skeleton) -> NetworkConfig {
        NetworkConfig {
            channels: self.channels,
            cells: match skeleton {
                Skeleton::Nb201 | Skeleton::Nb101 => self.stage_cells,
                Skeleton::Darts | Skeleton::Chain | Skeleton::Macro => self.cells,
            },
            ..NetworkConfig::of_images(data.shape, data.classes)
        }
    }
}

/// So many epochs of `before` in proportion to `after`, rounded down.
pub(super) fn share(part: u32, after: u32, before: u32) -> u32 {
    let scaled = u64::from(part) * u64::from(after) / u64::from(before.max(1));
    scaled.try_into().unwrap_or(u32::MAX)
}

/// The space as one of cells, which can have a supernet.
pub(super) fn cells(space: &dyn Space) -> Result<&CellSpace> {
    match space.cells() {
        Some(cells) => Ok(cells),
        None => bail!(
            "space {} has no cells, and so no supernet; expected one of cells whose edges have one operation each, such \
             as darts or nb201, or, with enas or spos, enas-macro",
            space.name()
        ),
    }
}
