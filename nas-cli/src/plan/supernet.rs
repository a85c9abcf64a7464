//! What a differentiable search trains its supernet with: defaults by data set, and what was typed.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use nas_darts::stop::StopRule;
use nas_darts::{DartsConfig, RelaxationConfig, Selection};
use nas_eval::data::{Augmentation, DatasetInfo};
use nas_space::network::NetworkConfig;
use nas_space::spaces::{CellSpace, Space};
use serde::{Deserialize, Serialize};

use crate::args::{RelaxationName, SelectionName, StopName, SupernetArgs};
use crate::size::Skeleton;

/// The supernet of a differentiable search, and how it is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SupernetPlan {
    /// What it is trained on: present exactly where the estimation trains on nothing, and so names no images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) images: Option<ImagesPlan>,
    /// Size, training, relaxation.
    pub(crate) darts: DartsConfig,
}

/// Images to train on, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImagesPlan {
    /// Name of the data set.
    pub(crate) data: String,
    /// Folder with its files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Number of training images used, where not all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<usize>,
    /// `cpu`, `cuda:0`, …
    pub(crate) device: String,
    /// Whether matrix products of f32 run in TF32, on CUDA.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) tf32: bool,
}

/// Images to train on, wherever a configuration names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Images<'a> {
    pub(crate) data: &'a str,
    /// Where the files are decides nothing.
    #[serde(skip)]
    pub(crate) data_dir: Option<&'a Path>,
    pub(crate) limit: Option<usize>,
    pub(crate) device: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) tf32: bool,
}

impl ImagesPlan {
    /// A data set, all of it, on the CPU.
    pub(super) fn of(data: &str) -> Self {
        Self {
            data: data.to_owned(),
            data_dir: None,
            limit: None,
            device: "cpu".to_owned(),
            tf32: false,
        }
    }

    pub(super) fn borrowed(&self) -> Images<'_> {
        Images {
            data: &self.data,
            data_dir: self.data_dir.as_deref(),
            limit: self.limit,
            device: &self.device,
            tf32: self.tf32,
        }
    }
}

/// How a data set's supernet differs from the published one, which is for CIFAR-10 on a GPU.
struct Scale {
    channels: usize,
    /// Cells in all, for the DARTS skeleton.
    cells: usize,
    /// Cells per stage, for the NAS-Bench-201 skeleton.
    stage_cells: usize,
    /// Where the paper has 50.
    epochs: u32,
    /// Learning rate of the architecture, where the paper has 3e-4: a short search has few steps to make up its mind in.
    alpha_learning_rate: f64,
}

impl Scale {
    fn of(data: &str) -> Self {
        match data {
            "digits" => Self {
                channels: 8,
                cells: 3,
                stage_cells: 1,
                epochs: 12,
                alpha_learning_rate: 3e-3,
            },
            "mnist" | "fashion-mnist" => Self {
                channels: 8,
                cells: 5,
                stage_cells: 1,
                epochs: 12,
                alpha_learning_rate: 1e-3,
            },
            _ => Self {
                channels: 16,
                cells: 8,
                stage_cells: 5,
                epochs: 50,
                alpha_learning_rate: 3e-4,
            },
        }
    }
}

/// The published settings of this relaxation, in a size that suits the data set: other channels, cells and epochs
/// (with those in which the architecture is frozen in proportion), batches of 64 with a learning rate in proportion, the
/// data set's own augmentation, and a higher learning rate of the architecture where the search is short.
///
/// `epochs` are those of the configuration, where it says how many.
pub(super) fn defaults(
    data: &str,
    skeleton: Skeleton,
    relaxation: RelaxationName,
    epochs: Option<u32>,
) -> Result<DartsConfig> {
    const BATCH: usize = 64;
    let info = DatasetInfo::find(data)?;
    let scale = Scale::of(data);
    let published = match relaxation {
        RelaxationName::Darts => DartsConfig::default(),
        RelaxationName::PcDarts => DartsConfig::pc_darts(),
        RelaxationName::Gdas => DartsConfig::gdas(),
    };
    let whole = DartsConfig::default().epochs;
    let epochs = epochs.unwrap_or(published.epochs * scale.epochs / whole);
    Ok(DartsConfig {
        network: NetworkConfig {
            image: info.shape,
            classes: info.classes,
            channels: scale.channels,
            cells: match skeleton {
                Skeleton::Nb201 => scale.stage_cells,
                Skeleton::Darts | Skeleton::Chain => scale.cells,
            },
            ..NetworkConfig::default()
        },
        epochs,
        frozen_epochs: share(published.frozen_epochs, epochs, published.epochs),
        batch_size: BATCH,
        learning_rate: published.learning_rate * BATCH as f64 / published.batch_size as f64,
        alpha_learning_rate: scale.alpha_learning_rate
            * (published.alpha_learning_rate / DartsConfig::default().alpha_learning_rate),
        augmentation: Augmentation::standard_for(data)?,
        ..published
    })
}

/// So many epochs of `before` in proportion to `after`, rounded down.
fn share(part: u32, after: u32, before: u32) -> u32 {
    let scaled = u64::from(part) * u64::from(after) / u64::from(before.max(1));
    scaled.try_into().unwrap_or(u32::MAX)
}

/// Puts what was typed over the configuration. What is typed again as it was keeps its settings.
pub(super) fn overlay(darts: &mut DartsConfig, args: &SupernetArgs) {
    if let Some(name) = args
        .relaxation
        .filter(|&name| name != RelaxationName::of(&darts.relaxation))
    {
        darts.relaxation = name.config();
    }
    if let Some(name) = args.stop.filter(|&name| name != StopName::of(&darts.stop)) {
        darts.stop = name.config();
    }
    darts.order = args.order.map_or(darts.order, Into::into);
    if let Some(epochs) = args.search_epochs {
        // The same share of them is frozen.
        darts.frozen_epochs = share(darts.frozen_epochs, epochs, darts.epochs);
        darts.epochs = epochs;
    }
    if let Some(name) = args
        .selection
        .filter(|&name| name != SelectionName::of(&darts.selection))
    {
        darts.selection = name.config(darts.epochs);
    }
    darts.batch_size = args.search_batch.unwrap_or(darts.batch_size);
    let network = &mut darts.network;
    network.channels = args.search_channels.unwrap_or(network.channels);
    network.cells = args.search_cells.unwrap_or(network.cells);
    darts.hessian_every = match args.hessian_every {
        Some(every) => every,
        // The rule watches the eigenvalue.
        None if args.stop == Some(StopName::Robust) => darts.hessian_every.max(1),
        None => darts.hessian_every,
    };
}

/// The space as one of cells, which can have a supernet.
pub(crate) fn cells(space: &dyn Space) -> Result<&CellSpace> {
    match space.cells() {
        Some(cells) => Ok(cells),
        None => bail!(
            "space {} has no cells, and so no supernet; expected one of cells whose edges have one operation each, such \
             as darts or nb201",
            space.name()
        ),
    }
}

impl SupernetPlan {
    /// Checks that the space has a supernet of this size.
    pub(super) fn validate(&self, space: &dyn Space) -> Result<()> {
        let cells = cells(space)?;
        cells.relaxed()?;
        self.darts.validate()?;
        cells.supernet(&self.darts.network, self.darts.relaxation.channels())?;
        Ok(())
    }
}

impl RelaxationName {
    fn of(config: &RelaxationConfig) -> Self {
        match config {
            RelaxationConfig::PcDarts { .. } => Self::PcDarts,
            RelaxationConfig::Gdas { .. } => Self::Gdas,
            _ => Self::Darts,
        }
    }

    fn config(self) -> RelaxationConfig {
        match self {
            Self::Darts => DartsConfig::default(),
            Self::PcDarts => DartsConfig::pc_darts(),
            Self::Gdas => DartsConfig::gdas(),
        }
        .relaxation
    }
}

impl SelectionName {
    fn of(config: &Selection) -> Self {
        match config {
            Selection::Perturbation { .. } => Self::Perturbation,
            _ => Self::Magnitude,
        }
    }

    /// Between two edges the weights are trained for a tenth of the epochs: 5 of 50 in the paper.
    fn config(self, epochs: u32) -> Selection {
        match self {
            Self::Magnitude => Selection::Magnitude,
            Self::Perturbation => Selection::Perturbation {
                tuning_epochs: (epochs / 10).max(1),
            },
        }
    }
}

impl StopName {
    fn of(config: &StopRule) -> Self {
        match config {
            StopRule::Robust(_) => Self::Robust,
            StopRule::DartsPlus(_) => Self::DartsPlus,
            _ => Self::None,
        }
    }

    fn config(self) -> StopRule {
        match self {
            Self::None => StopRule::None,
            Self::Robust => StopRule::Robust(Default::default()),
            Self::DartsPlus => StopRule::DartsPlus(Default::default()),
        }
    }
}
