//! What a search trains its supernet with: defaults by data set, and what was typed.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use nas_darts::stop::StopRule;
use nas_darts::{DartsConfig, Order, RelaxationConfig, Selection};
use nas_eval::data::{Augmentation, DatasetInfo};
use nas_eval::nn::{Curve, Schedule};
use nas_rl::RlConfig;
use nas_rl::enas::{Enas, EnasConfig};
use nas_space::network::NetworkConfig;
use nas_space::spaces::{CellSpace, MixedChannels, Space, SpaceConfig};
use serde::{Deserialize, Serialize};

use super::resolve::skeleton;
use crate::args::{PresetName, RelaxationName, RlArgs, SearchArgs, SelectionName, StopName, SupernetArgs};
use crate::method::Method;
use crate::size::Skeleton;
use crate::usage::{Typed, Usage};

/// The most architectures of an audit, each of which is trained alone.
pub(crate) const MOST_AUDITED: usize = 100_000;

/// The supernet of a search, and how it is trained: `darts` or `enas`, the one of the method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SupernetPlan {
    /// What it is trained on: present exactly where the estimation trains on nothing, and so names no images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) images: Option<ImagesPlan>,
    /// Size, training, relaxation: present exactly where the method is darts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) darts: Option<DartsConfig>,
    /// Size, training, controller: present exactly where the method is enas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) enas: Option<EnasConfig>,
    /// Architectures that ENAS' shared weights are audited with; 0 for no audit.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) audit: usize,
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

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Images of a step, whatever the data set.
const BATCH: usize = 64;

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
    /// How ENAS differs.
    enas: EnasScale,
}

/// How ENAS differs from the published one on a data set.
struct EnasScale {
    /// Where the authors have 150. An epoch is a fraction of one of a differentiable search: a step trains one path.
    epochs: u32,
    /// Updates of the controller after an epoch, where the authors have 30: in proportion to the steps of an epoch.
    controller_updates: u32,
    /// Learning rate of the controller, where the authors have 0.0035, for the same reason.
    controller_rate: f64,
    /// Share of the images that rewards come from, where the authors have 0.1.
    valid_fraction: f64,
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
                enas: EnasScale {
                    epochs: 40,
                    controller_updates: 10,
                    controller_rate: 0.01,
                    valid_fraction: 0.3,
                },
            },
            "mnist" | "fashion-mnist" => Self {
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
            _ => Self {
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
        }
    }

    /// The published size, scaled.
    fn network(&self, info: &DatasetInfo, skeleton: Skeleton) -> NetworkConfig {
        NetworkConfig {
            image: info.shape,
            classes: info.classes,
            channels: self.channels,
            cells: match skeleton {
                Skeleton::Nb201 | Skeleton::Nb101 => self.stage_cells,
                Skeleton::Darts | Skeleton::Chain | Skeleton::Macro => self.cells,
            },
            ..NetworkConfig::default()
        }
    }
}

/// The published settings of this relaxation, in a size that suits the data set: other channels, cells and epochs
/// (with those in which the architecture is frozen in proportion), batches of 64 with a learning rate in proportion, the
/// data set's own augmentation, and a higher learning rate of the architecture where the search is short.
///
/// `epochs` are those of the configuration, where it says how many. With the preset `nb201` that is typed, the published
/// settings and size of the searches of NAS-Bench-201, on any data set.
pub(super) fn darts_defaults(
    data: &str,
    skeleton: Skeleton,
    relaxation: RelaxationName,
    epochs: Option<u32>,
    args: &SearchArgs,
) -> Result<DartsConfig> {
    let info = DatasetInfo::find(data)?;
    if args.rl.preset == Some(PresetName::Nb201) {
        if skeleton != Skeleton::Nb201 {
            let why = "--preset nb201 is for the skeleton of NAS-Bench-201; expected a space that stands in it, such as \
                       --space nb201";
            return Err(Usage::new(why.to_owned()).into());
        }
        let order = args.supernet.order.map_or(Order::First, Into::into);
        let published = DartsConfig::nb201(relaxation.config(), order).typed("--preset nb201")?;
        return Ok(DartsConfig {
            network: NetworkConfig {
                image: info.shape,
                classes: info.classes,
                ..published.network
            },
            augmentation: Augmentation::standard_for(data)?,
            ..published
        });
    }
    let scale = Scale::of(data);
    let published = match relaxation {
        RelaxationName::Darts => DartsConfig::default(),
        RelaxationName::PcDarts => DartsConfig::pc_darts(),
        RelaxationName::Gdas => DartsConfig::gdas(),
    };
    let whole = DartsConfig::default().epochs;
    let epochs = epochs.unwrap_or(published.epochs * scale.epochs / whole);
    Ok(DartsConfig {
        network: scale.network(info, skeleton),
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

/// ENAS with numbers of its authors, in a size that suits the data set: other channels, cells and epochs, batches of 64 with a
/// learning rate in proportion, the data set's own augmentation, and a controller that learns faster where it has few updates.
/// With the preset `enas`, it is their code in that size, and the controller has their learning rate and number of updates.
pub(super) fn enas_defaults(
    data: &str,
    space: &SpaceConfig,
    preset: Option<PresetName>,
) -> Result<EnasConfig> {
    let info = DatasetInfo::find(data)?;
    let scale = Scale::of(data);
    let authors = preset == Some(PresetName::Enas);
    let published = authors.then(|| space.build()).transpose()?;
    let published = published.and_then(|space| EnasConfig::authors(space.as_ref()));
    let published = published.unwrap_or_default();
    let part = BATCH as f64 / published.batch_size as f64;
    let curve = match published.schedule.curve {
        Curve::Cosine { floor } => Curve::Cosine { floor: floor * part },
        Curve::Restarts {
            floor,
            epochs,
            factor,
        } => Curve::Restarts {
            floor: floor * part,
            epochs,
            factor,
        },
        other => other,
    };
    let (rate, updates) = if authors {
        (published.rl.learning_rate, published.controller_updates)
    } else {
        (scale.enas.controller_rate, scale.enas.controller_updates)
    };
    Ok(EnasConfig {
        network: NetworkConfig {
            auxiliary: published.network.auxiliary,
            ..scale.network(info, skeleton(space))
        },
        epochs: scale.enas.epochs,
        batch_size: BATCH,
        learning_rate: published.learning_rate * part,
        schedule: Schedule {
            curve,
            ..published.schedule
        },
        valid_fraction: scale.enas.valid_fraction,
        augmentation: Augmentation::standard_for(data)?,
        rl: RlConfig {
            learning_rate: rate,
            ..published.rl.clone()
        },
        controller_updates: updates,
        ..published
    })
}

/// So many epochs of `before` in proportion to `after`, rounded down.
fn share(part: u32, after: u32, before: u32) -> u32 {
    let scaled = u64::from(part) * u64::from(after) / u64::from(before.max(1));
    scaled.try_into().unwrap_or(u32::MAX)
}

/// Puts what was typed over the configuration.
pub(super) fn overlay(plan: &mut SupernetPlan, args: &SupernetArgs, rl: &RlArgs) {
    plan.audit = args.audit.unwrap_or(plan.audit);
    if let Some(darts) = &mut plan.darts {
        overlay_darts(darts, args);
    }
    if let Some(enas) = &mut plan.enas {
        enas.epochs = args.search_epochs.unwrap_or(enas.epochs);
        enas.batch_size = args.search_batch.unwrap_or(enas.batch_size);
        enas.controller_updates = args.controller_updates.unwrap_or(enas.controller_updates);
        enas.candidates = args.candidates.unwrap_or(enas.candidates);
        overlay_size(&mut enas.network, args);
        super::rl::overlay(&mut enas.rl, rl);
    }
}

fn overlay_size(network: &mut NetworkConfig, args: &SupernetArgs) {
    network.channels = args.search_channels.unwrap_or(network.channels);
    network.cells = args.search_cells.unwrap_or(network.cells);
}

/// What is typed again as it was keeps its settings.
fn overlay_darts(darts: &mut DartsConfig, args: &SupernetArgs) {
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
    overlay_size(&mut darts.network, args);
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
             as darts or nb201, or with enas enas-macro",
            space.name()
        ),
    }
}

impl SupernetPlan {
    /// Checks that the section of the method is there and no other, and that the space has a supernet of this size.
    pub(super) fn validate(&self, method: Method, space: &dyn Space) -> Result<()> {
        if let (Method::Enas, Some(enas), Some(_)) = (method, &self.enas, space.enas_macro()) {
            enas.validate()?;
            Enas::network(space, enas)?;
            return Ok(());
        }
        let cells = cells(space)?;
        cells.relaxed()?;
        let (network, channels) = match (method, &self.darts, &self.enas) {
            (Method::Darts, Some(darts), None) => {
                darts.validate()?;
                (&darts.network, darts.relaxation.channels())
            }
            (Method::Enas, None, Some(enas)) => {
                enas.validate()?;
                (&enas.network, MixedChannels::All)
            }
            (_, Some(_), Some(_)) => {
                bail!("[supernet] has both darts and enas; expected the one of method {method}")
            }
            _ => bail!("[supernet.{method}] is missing; method {method} needs it"),
        };
        if self.audit > 0 && method != Method::Enas {
            bail!("[supernet] has an audit; expected none with method {method}: it is for enas");
        }
        if self.audit > MOST_AUDITED {
            let audit = self.audit;
            bail!("[supernet] audit is {audit}; expected 0 to {MOST_AUDITED}: each of them is trained alone");
        }
        cells.supernet(network, channels)?;
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

    /// Between two rounds the weights are trained for a tenth of the epochs: 5 of 50 in the paper.
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

#[cfg(test)]
mod tests {
    use nas_darts::FirstStep;

    use super::super::tests::resolved;
    use super::*;

    fn darts(config: &str, words: &str) -> DartsConfig {
        let resolved = resolved(config, words).unwrap();
        resolved.supernet.unwrap().darts.unwrap()
    }

    #[test]
    fn the_preset_of_nb201_is_the_published_search_and_what_is_typed_wins_over_it() {
        let preset = darts("", "darts --preset nb201 --data fashion-mnist");
        let published = DartsConfig::nb201(RelaxationConfig::Darts {}, Order::First).unwrap();
        assert_eq!((preset.network.channels, preset.network.cells), (16, 5));
        assert_eq!(preset.network.image.channels, 1);
        assert_eq!((preset.epochs, preset.batch_size), (50, 64));
        assert_eq!(
            (preset.weights, preset.schedule),
            (published.weights, published.schedule)
        );
        assert_eq!(
            (preset.alpha_learning_rate, preset.first_step),
            (3e-4, FirstStep::Weights)
        );
        let gdas = darts("", "--preset nb201 --relaxation gdas");
        assert_eq!(
            (gdas.epochs, gdas.relaxation),
            (250, DartsConfig::gdas().relaxation)
        );
        let second = darts("", "--preset nb201 --order 2");
        assert_eq!(
            (second.order, second.first_step),
            (Order::Second, FirstStep::Architecture)
        );
        let words = "--preset nb201 --search-epochs 7 --search-channels 4 --search-cells 1 --search-batch 32";
        let typed = darts("", words);
        assert_eq!((typed.epochs, typed.batch_size), (7, 32));
        assert_eq!((typed.network.channels, typed.network.cells), (4, 1));
        assert_eq!(typed.weights, published.weights);
        // It replaces the file's settings, and is on record as what it means.
        let file = "[supernet.darts]\nepochs = 3\nclip_norm = 1.0";
        let over = darts(file, "--preset nb201");
        assert_eq!((over.epochs, over.clip_norm), (50, 5.0));
        let whole = resolved("", "darts --preset nb201").unwrap();
        assert_eq!(whole.space.build().unwrap().name(), "nb201");
        let written = toml::to_string(&whole).unwrap();
        assert!(written.contains("first_step = \"weights\""), "{written}");
        assert_eq!(resolved(&written, "").unwrap(), whole);
        for (words, named) in [
            ("--preset nb201 --space darts", "skeleton of NAS-Bench-201"),
            ("--preset nb201 --relaxation pc-darts", "darts or gdas"),
            ("rl --preset nb201", "it is for darts"),
            ("darts --preset nasnet", "it is for rl"),
        ] {
            let error = format!("{:#}", resolved("", words).unwrap_err());
            assert!(error.contains(named), "{words}: {error}");
        }
    }
}
