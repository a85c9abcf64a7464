//! From what was typed, and a file with settings, to a configuration.

use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;
use nas_eval::data::DatasetInfo;
use nas_eval::evaluator::TrainingEvaluatorConfig;
use nas_eval::train::TrainConfig;
use nas_space::network::NetworkConfig;
use nas_space::search::Budget;
use nas_space::spaces::{ChainConfig, CustomConfig, EnasMacroConfig, NasnetConfig, PnasConfig, SpaceConfig};
use nas_study::MOST_CONFIG;
use toml::{Table, Value};

use super::halving;
use super::supernet::{self, ImagesPlan};
use super::{
    CommandPlan, DATA, Estimation, RunConfig, SupernetPlan, TrainingPlan, evolution, limits, progressive, rl,
    table,
};
use crate::args::{PresetName, RelaxationName, SearchArgs};
use crate::method::Method;
use crate::size::{Size, Skeleton};
use crate::usage::{Typed, Usage};
use crate::{data_dir, device};

/// Share of the training images that trials are judged by. Larger than for a final training: a search compares.
const VALID_FRACTION: f64 = 0.3;
/// Trials where nothing else limits a search that trains.
const TRIALS: u64 = 20;
/// Trials where nothing else limits a search in a table.
const TABLE_TRIALS: u64 = 100;
/// Trials where nothing else limits a method of which each one is a search of its own.
const SUPERNET_TRIALS: u64 = 1;

/// What the arguments mean: defaults, overlaid by the file given with `--config`, overlaid by what was typed.
pub(crate) fn resolve(args: &SearchArgs) -> Result<RunConfig> {
    let mut file = match &args.config {
        Some(path) => {
            let text = nas_files::read_text(path, MOST_CONFIG)
                .with_context(|| format!("cannot read {}", path.display()))?;
            text.parse::<Table>()
                .with_context(|| format!("{} is not TOML", path.display()))?
        }
        None => Table::new(),
    };
    let method = match (args.method, text_at(&file, &["method"])) {
        (Some(method), _) => method,
        (None, Some(name)) => Method::from_str(name, false).map_err(|_| unknown_method(name))?,
        (None, None) => Method::default(),
    };
    refuse_options_of_supernets(args, method)?;
    evolution::refuse(&args.evolution, method)?;
    progressive::refuse_options(&args.progressive, method)?;
    rl::refuse(&args.rl, method)?;
    halving::refuse_options(&args.halving, file.contains_key("halving"))?;
    reconcile(&mut file, args, method);
    let surrogate = progressive::reconcile(&mut file, &args.progressive, method);
    let tabular = args.is_tabular() || text_at(&file, &["estimation", "kind"]) == Some("table");
    if tabular && args.evaluator.is_some() {
        return Err(meaningless_with_a_table("--evaluator").into());
    }
    let recorded_command = text_at(&file, &["estimation", "kind"]).filter(|kind| *kind == "command");
    let recorded_command = recorded_command.and_then(|_| text_at(&file, &["estimation", "command"]));
    let command = args.evaluator.as_deref().or(recorded_command).map(str::to_owned);
    let lookup = tabular.then(|| table::resolve(args, &file)).transpose()?;
    let space = match (&args.space, file.get("space")) {
        (Some(text), _) => space(text)?,
        // A table brings its space along.
        _ if let Some(lookup) = &lookup => lookup.space()?,
        (None, Some(table)) => table.clone().try_into().context("in the config's [space]")?,
        (None, None) if method == Method::Darts && args.rl.preset != Some(PresetName::Nb201) => {
            SpaceConfig::by_name("darts")?
        }
        (None, None) => SpaceConfig::by_name("nb201")?,
    };
    let space = with_layers(with_blocks(space, args.blocks)?, args.layers)?;
    let recorded = if tabular {
        text_at(&file, &["supernet", "images", "data"])
    } else {
        text_at(&file, &["estimation", "data"])
    };
    let data = args.data.data.as_deref().or(recorded).unwrap_or(DATA);
    let halved = args.halving.halving.is_some() || file.contains_key("halving");
    let estimation = if let Some(lookup) = lookup {
        Estimation::Table(lookup)
    } else if let Some(command) = &command {
        Estimation::Command(CommandPlan::new(command, training_defaults(data, &space)?))
    } else {
        let mut plan = training_defaults(data, &space)?;
        if halved {
            plan.epochs = halving::EPOCHS;
        }
        Estimation::Training(Box::new(plan))
    };
    let supernet = match method {
        Method::Enas => Some(SupernetPlan {
            images: tabular.then(|| ImagesPlan::of(data)),
            darts: None,
            enas: Some(supernet::enas_defaults(data, &space, args.rl.preset)?),
            audit: 0,
        }),
        Method::Darts => {
            let named = text_at(&file, &["supernet", "darts", "relaxation", "kind"]);
            let named = named.and_then(|name| RelaxationName::from_str(name, false).ok());
            let relaxation = args
                .supernet
                .relaxation
                .or(named)
                .unwrap_or(RelaxationName::Darts);
            let epochs = value_at(&file, &["supernet", "darts", "epochs"]);
            let epochs = epochs.and_then(|epochs| u32::try_from(epochs.as_integer()?).ok());
            Some(SupernetPlan {
                images: tabular.then(|| ImagesPlan::of(data)),
                darts: Some(supernet::darts_defaults(
                    data,
                    skeleton(&space),
                    relaxation,
                    epochs,
                    args,
                )?),
                enas: None,
                audit: 0,
            })
        }
        _ => None,
    };
    let halving = halved
        .then(|| halving::defaults(&estimation, &args.halving, &file))
        .transpose()?;
    let other_limit = args.budget_seconds.is_some() || args.budget_epochs.is_some();
    let budget = match (other_limit, &estimation) {
        (true, _) => Budget::default(),
        (false, _) if supernet.is_some() => Budget::trials(SUPERNET_TRIALS),
        (false, Estimation::Training(_) | Estimation::Command(_)) => Budget::trials(TRIALS),
        (false, Estimation::Table(_)) => Budget::trials(TABLE_TRIALS),
    };
    let limited = args.trials.is_some()
        || args.budget_seconds.is_some()
        || args.budget_epochs.is_some()
        || file.contains_key("budget");
    let pnas = if method == Method::Pnas {
        let recorded = value_at(&file, &["budget", "trials"])
            .and_then(|trials| u64::try_from(trials.as_integer()?).ok());
        let elsewhere = if file.contains_key("budget") {
            recorded
        } else {
            budget.trials
        };
        Some(progressive::defaults(
            &space,
            args.trials.or(elsewhere),
            surrogate,
            args.progressive.first_level,
        )?)
    } else {
        None
    };
    let defaults = RunConfig {
        method,
        seed: 0,
        batch: 1,
        budget,
        space,
        estimation,
        supernet,
        evolution: evolution::evolution(method),
        nsga2: evolution::nsga2(method),
        rl: rl::defaults(method, &args.rl),
        limits: None,
        trial: None,
        halving,
        pnas,
    };
    let mut table = Table::try_from(&defaults).context("the defaults cannot be written")?;
    if tabular {
        // What the file says of it is in there already.
        file.remove("estimation");
    }
    if args.space.is_some() || args.blocks.is_some() || args.layers.is_some() || tabular {
        file.remove("space");
    }
    merge(&mut table, file);
    let mut config: RunConfig = table.try_into().context("in the configuration")?;
    config.method = method;
    overlay(&mut config, args)?;
    if halved && !limited {
        // As much training as trials without halving get where nothing is said.
        let (trials, epochs) = match &config.estimation {
            Estimation::Table(plan) => (TABLE_TRIALS, plan.search_epochs()?),
            Estimation::Training(plan) => (TRIALS, plan.epochs),
            Estimation::Command(plan) => (TRIALS, plan.epochs),
        };
        config.budget = Budget {
            epochs: Some(trials * u64::from(epochs)),
            ..Budget::default()
        };
    }
    config.validate().typed("search")?;
    Ok(config)
}

/// What is at this place of a table.
pub(super) fn value_at<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (last, sections) = path.split_last()?;
    let section = sections
        .iter()
        .try_fold(table, |table, key| table.get(*key)?.as_table())?;
    section.get(*last)
}

pub(super) fn text_at<'a>(table: &'a Table, path: &[&str]) -> Option<&'a str> {
    value_at(table, path)?.as_str()
}

/// The table at this place of a table.
fn section_at<'a>(table: &'a mut Table, path: &[&str]) -> Option<&'a mut Table> {
    path.iter()
        .try_fold(table, |table, key| table.get_mut(*key)?.as_table_mut())
}

fn unknown_method(name: &str) -> anyhow::Error {
    let known = Method::ALL.map(Method::name).join(", ");
    anyhow::anyhow!("in the configuration: there is no method named '{name}'; known: {known}")
}

/// Refuses options that are typed and have no meaning with this method.
fn refuse_options_of_supernets(args: &SearchArgs, method: Method) -> Result<()> {
    if let Some((name, methods)) = args.supernet.meaningless(method) {
        let why = format!("has no meaning with method {method}; it is for {methods}");
        return Err(Usage::new(format!("{name} {why}")).into());
    }
    if method.proposes() && args.is_tabular() && args.data.data.is_some() {
        return Err(meaningless_with_a_table("--data").into());
    }
    Ok(())
}

fn meaningless_with_a_table(name: &str) -> Usage {
    Usage::new(format!(
        "{name} has no meaning with a benchmark table, where no trial is trained"
    ))
}

/// Takes out of the file what the typed options contradict: of a method's section all of it where they ask for
/// another method, and the relaxation where they ask for another; of `[estimation]` all of it where they ask for the other
/// kind; what describes the images where they name another data set.
fn reconcile(file: &mut Table, args: &SearchArgs, method: Method) {
    if args.method.is_some() {
        for other in [Method::Darts, Method::Enas] {
            if method == other {
                continue;
            }
            if method.proposes() {
                file.remove("supernet");
            } else if let Some(supernet) = section_at(file, &["supernet"]) {
                supernet.remove(other.name());
                if method == Method::Darts {
                    supernet.remove("audit");
                }
            }
        }
    }
    for (owner, section) in [
        (Method::Evolution, "evolution"),
        (Method::Nsga2, "nsga2"),
        (Method::Pnas, "pnas"),
        (Method::Rl, "rl"),
    ] {
        if args.method.is_some() && method != owner {
            file.remove(section);
        }
    }
    let no_halving = args.method.is_some() && !method.proposes();
    if no_halving && args.halving.first_typed().is_none() {
        file.remove("halving");
    }
    // A preset that is typed replaces all settings of the file.
    if args.rl.preset.is_some() {
        file.remove("rl");
        if let Some(supernet) = section_at(file, &["supernet"]) {
            supernet.remove("enas");
            supernet.remove("darts");
        }
    }
    if let Some(typed) = args.supernet.relaxation {
        let named = text_at(file, &["supernet", "darts", "relaxation", "kind"]);
        let named = named.and_then(|name| RelaxationName::from_str(name, false).ok());
        if named.is_some_and(|named| named != typed)
            && let Some(darts) = section_at(file, &["supernet", "darts"])
        {
            darts.remove("relaxation");
        }
    }
    let kind = text_at(file, &["estimation", "kind"]);
    if let Some(command) = &args.evaluator {
        if kind == Some("command") {
            if let Some(estimation) = section_at(file, &["estimation"]) {
                estimation.insert("command".to_owned(), Value::String(command.clone()));
            }
        } else {
            file.remove("estimation");
        }
        return;
    }
    let tabular = kind == Some("table");
    let other_kind = if tabular {
        // A supernet has images beside the table's.
        args.data.data.is_some() && method.proposes()
    } else {
        args.is_tabular()
    };
    if other_kind {
        let estimation = file.remove("estimation");
        if !tabular
            && !method.proposes()
            && let Some(Value::Table(estimation)) = estimation
        {
            keep_images(file, estimation);
        }
        if tabular {
            return;
        }
    }
    let Some(data) = &args.data.data else {
        return;
    };
    let place = if tabular || args.is_tabular() {
        &["supernet", "images"][..]
    } else {
        &["estimation"]
    };
    let recorded = section_at(file, place).and_then(|images| images.get("data")?.as_str());
    if recorded.unwrap_or(DATA) == data {
        return;
    }
    if let Some(images) = section_at(file, place) {
        images.insert("data".to_owned(), Value::String(data.clone()));
    }
    for (section, keys) in [
        (
            &["estimation", "evaluator", "network"][..],
            &["image", "classes"][..],
        ),
        (&["estimation", "evaluator", "train"], &["augmentation"]),
        (&["supernet", "darts", "network"], &["image", "classes"]),
        (&["supernet", "darts"], &["augmentation"]),
        (&["supernet", "enas", "network"], &["image", "classes"]),
        (&["supernet", "enas"], &["augmentation"]),
    ] {
        if let Some(section) = section_at(file, section) {
            for &key in keys {
                section.remove(key);
            }
        }
    }
}

/// Moves the images of a training that is not to be to the supernet, which is trained on them.
fn keep_images(file: &mut Table, mut estimation: Table) {
    let keys = ["data", "data_dir", "limit", "device", "tf32"];
    let images: Table = keys
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), estimation.remove(key)?)))
        .collect();
    if images.is_empty() {
        return;
    }
    let supernet = file
        .entry("supernet")
        .or_insert_with(|| Value::Table(Table::new()));
    if let Some(supernet) = supernet.as_table_mut() {
        supernet.insert("images".to_owned(), Value::Table(images));
    }
}

/// The space that `text` names: a built-in one, or a TOML file's.
pub(crate) fn space(text: &str) -> Result<SpaceConfig> {
    let path = Path::new(text);
    if path.extension().is_some_and(|extension| extension == "toml") || path.is_file() {
        let content = nas_files::read_text(path, MOST_CONFIG)
            .with_context(|| format!("cannot read the space {text}"))?;
        let custom = CustomConfig::from_toml(&content).with_context(|| format!("in {text}"))?;
        return Ok(SpaceConfig::Custom(custom));
    }
    SpaceConfig::by_name(text).typed("--space")
}

/// The space with cells of so many blocks, where that is typed.
fn with_blocks(space: SpaceConfig, blocks: Option<usize>) -> Result<SpaceConfig> {
    let Some(blocks) = blocks else {
        return Ok(space);
    };
    match space {
        SpaceConfig::Pnas(_) => Ok(SpaceConfig::Pnas(PnasConfig { blocks })),
        SpaceConfig::Nasnet(_) => Ok(SpaceConfig::Nasnet(NasnetConfig { blocks })),
        other => {
            let name = other.build()?.name().to_owned();
            let why = format!("--blocks has no meaning in space {name}; it is for pnas and nasnet");
            Err(Usage::new(why).into())
        }
    }
}

/// The space with the number of layers that was typed, if one was.
fn with_layers(space: SpaceConfig, layers: Option<usize>) -> Result<SpaceConfig> {
    let Some(layers) = layers else {
        return Ok(space);
    };
    match space {
        SpaceConfig::Chain(chain) => Ok(SpaceConfig::Chain(ChainConfig { layers, ..chain })),
        SpaceConfig::EnasMacro(_) => Ok(SpaceConfig::EnasMacro(EnasMacroConfig { layers })),
        other => {
            let name = other.build()?.name().to_owned();
            let why = format!("--layers has no meaning in space {name}; it is for chain and enas-macro");
            Err(Usage::new(why).into())
        }
    }
}

/// The skeleton that a space's architectures stand in.
pub(super) fn skeleton(space: &SpaceConfig) -> Skeleton {
    match space {
        SpaceConfig::Nb201 {} | SpaceConfig::Hierarchical(_) => Skeleton::Nb201,
        SpaceConfig::Nb101 {} => Skeleton::Nb101,
        SpaceConfig::Chain(_) => Skeleton::Chain,
        SpaceConfig::EnasMacro(_) => Skeleton::Macro,
        SpaceConfig::Custom(custom) if custom.skeleton == nas_space::spaces::Skeleton::Nb201 => {
            Skeleton::Nb201
        }
        _ => Skeleton::Darts,
    }
}

/// How a data set is searched on where nothing is said.
pub(crate) fn training_defaults(data: &str, space: &SpaceConfig) -> Result<TrainingPlan> {
    let info = DatasetInfo::find(data)?;
    let size = Size::small(skeleton(space), info.shape.height * info.shape.width);
    let network = NetworkConfig {
        image: info.shape,
        classes: info.classes,
        channels: size.channels,
        cells: size.cells,
        ..NetworkConfig::default()
    };
    let train = TrainConfig::quick(data)?;
    let final_epochs = train.epochs;
    Ok(TrainingPlan {
        data: data.to_owned(),
        data_dir: None,
        limit: None,
        device: "cpu".to_owned(),
        tf32: false,
        epochs: if data == "digits" { 5 } else { 2 },
        final_epochs,
        evaluator: TrainingEvaluatorConfig {
            network,
            train,
            valid_fraction: VALID_FRACTION,
            ..TrainingEvaluatorConfig::default()
        },
    })
}

/// Puts `over` over `base`, table by table. A limit of the budget replaces the default one.
fn merge(base: &mut Table, over: Table) {
    if over.contains_key("budget") {
        base.remove("budget");
    }
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => merge(below, above),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// Puts what was typed over the configuration.
fn overlay(config: &mut RunConfig, args: &SearchArgs) -> Result<()> {
    config.seed = args.seed.unwrap_or(config.seed);
    config.batch = args.batch.unwrap_or(config.batch);
    config.budget.trials = args.trials.or(config.budget.trials);
    config.budget.epochs = args.budget_epochs.or(config.budget.epochs);
    config.budget.seconds = args.budget_seconds.or(config.budget.seconds);
    if let Some(plan) = &mut config.halving {
        halving::overlay(plan, &args.halving)?;
    }
    if let Some(device) = &args.training.device {
        device::check(device).typed("--device")?;
    }
    if let (Some(_), Some(images)) = (&args.data.data_dir, config.images()) {
        data_dir::check_used(images.data)?;
    }
    if let Some(folder) = config.data_dir_mut() {
        *folder = data_dir::choose(args.data.data_dir.as_deref(), folder.as_deref())?;
    }
    if let Some(supernet) = &mut config.supernet {
        supernet::overlay(supernet, &args.supernet, &args.rl);
    }
    evolution::overlay(config, &args.evolution)?;
    if let Some(rl) = &mut config.rl {
        rl::overlay(rl, &args.rl);
    }
    config.limits = limits::overlay(config.limits.take(), &args.limits);
    if args.bounds.trial_timeout.is_some() || args.bounds.trial_memory.is_some() {
        let trial = config.trial.get_or_insert_default();
        trial.timeout_seconds = args.bounds.trial_timeout.or(trial.timeout_seconds);
        trial.memory_bytes = args.bounds.trial_memory.or(trial.memory_bytes);
    }
    if let Some(pnas) = &mut config.pnas {
        progressive::overlay(pnas, &args.progressive)?;
    }
    match &mut config.estimation {
        Estimation::Command(plan) => plan.overlay(args)?,
        Estimation::Training(plan) => {
            plan.limit = args.data.limit.or(plan.limit);
            plan.epochs = args.epochs.unwrap_or(plan.epochs);
            plan.final_epochs = args.final_epochs.unwrap_or(plan.final_epochs);
            if let Some(device) = &args.training.device {
                plan.device.clone_from(device);
            }
            plan.tf32 = args.training.tf32.unwrap_or(plan.tf32);
            let network = &mut plan.evaluator.network;
            network.channels = args.size.channels.unwrap_or(network.channels);
            network.cells = args.size.cells.unwrap_or(network.cells);
            let train = &mut plan.evaluator.train;
            train.batch_size = args.training.batch_size.unwrap_or(train.batch_size);
            train.learning_rate = args.training.learning_rate.unwrap_or(train.learning_rate);
        }
        Estimation::Table(_) => {
            let of_trials = [
                (args.final_epochs.is_some(), "--final-epochs"),
                (args.size.channels.is_some(), "--channels"),
                (args.size.cells.is_some(), "--cells"),
                (args.training.batch_size.is_some(), "--batch-size"),
                (args.training.learning_rate.is_some(), "--learning-rate"),
            ];
            let of_images = [
                (args.data.data_dir.is_some(), "--data-dir"),
                (args.data.limit.is_some(), "--limit"),
                (args.training.device.is_some(), "--device"),
                (args.training.tf32.is_some(), "--tf32"),
            ];
            let images = config
                .supernet
                .as_mut()
                .and_then(|supernet| supernet.images.as_mut());
            let of_images = of_images.into_iter().filter(|_| images.is_none());
            if let Some((_, name)) = of_trials.into_iter().chain(of_images).find(|(given, _)| *given) {
                return Err(meaningless_with_a_table(name).into());
            }
            if let Some(images) = images {
                images.limit = args.data.limit.or(images.limit);
                if let Some(device) = &args.training.device {
                    images.device.clone_from(device);
                }
                images.tf32 = args.training.tf32.unwrap_or(images.tf32);
            }
        }
    }
    Ok(())
}
