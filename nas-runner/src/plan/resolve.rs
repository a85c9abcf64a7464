//! Turns the options typed, and a file with settings, into a configuration.

use std::path::Path;

use anyhow::{Context, Result, bail};
use nas_eval::data::DataFacts;
use nas_eval::evaluator::{JudgedBy, TrainingEvaluatorConfig};
use nas_eval::train::TrainConfig;
use nas_space::network::NetworkConfig;
use nas_space::search::Budget;
use nas_space::spaces::{ChainConfig, CustomConfig, EnasMacroConfig, NasnetConfig, PnasConfig, SpaceConfig};
use nas_study::MOST_CONFIG;
use toml::{Table, Value};

use super::{
    CommandPlan, DATA, Estimation, ImagesPlan, ProxyPlan, RunConfig, TellPlan, TrainingPlan, TrialPlan,
    command, costs, evaluating_proxy, halving, limits, minutes, proxy, screening, soft_limits, table,
};
use crate::args::{MetricChoice, SearchArgs, TaskArgs};
use crate::data::{self, Looked};
use crate::methods::{Defaults, Known, Method};
use crate::size::{Size, skeleton};
use crate::usage::{Typed, Usage};
use crate::watch::{Unwatched, Watcher};
use crate::{data_dir, device};

/// Share of the training images that trials are judged by. Larger than for a final training: a search compares.
const VALID_FRACTION: f64 = 0.3;
/// The default minutes of a search on the user's own images.
const OWN_MINUTES: f64 = 10.0;
/// The default number of trials of a search that trains, if nothing else limits it.
const TRIALS: u64 = 20;
/// The default number of trials of a search that looks up or scores, if nothing else limits it.
const TABLE_TRIALS: u64 = 100;
/// The default number of trials of a method whose trials are whole searches, if nothing else limits
/// it.
const SUPERNET_TRIALS: u64 = 1;

/// What the arguments mean: defaults, overlaid by the file given with `--config`, overlaid by what was typed.
///
/// # Errors
/// [`Usage`] for what cannot be, and why the file or the table cannot be read.
pub fn resolve(args: &SearchArgs, watcher: &dyn Watcher) -> Result<RunConfig> {
    over(args, read_file(args.task.files.config.as_deref())?, watcher)
}

impl RunConfig {
    /// The configuration that a TOML text describes, as [`resolve`] reads that of `--config`: what it leaves out has its default.
    ///
    /// # Errors
    /// Where it is not TOML, or says what cannot be.
    pub fn from_toml(text: &str) -> Result<Self> {
        let file = text.parse::<Table>().context("the configuration is not TOML")?;
        over(&SearchArgs::default(), file, &Unwatched)
    }
}

/// What arguments mean over what a file says.
fn over(args: &SearchArgs, file: Table, watcher: &dyn Watcher) -> Result<RunConfig> {
    let (mut config, minutes) = untimed(args, file, watcher)?;
    if let Some(minutes) = minutes {
        minutes::fit(&mut config, minutes, &args.task.budget, watcher)?;
    }
    Ok(config)
}

/// The same, with the minutes that a search may take, before epochs and budget are made of them.
pub(super) fn untimed(
    args: &SearchArgs,
    mut file: Table,
    watcher: &dyn Watcher,
) -> Result<(RunConfig, Option<f64>)> {
    let task = &args.task;
    let (recorded, mut settings) = take_method(&mut file)?;
    let minutes = minutes(args);
    let default = match minutes {
        // A supernet takes its time whatever is allowed.
        Some(_) => Method::Evolution,
        None => Method::default(),
    };
    let method = args.method.or(recorded).unwrap_or(default);
    if recorded.is_some_and(|recorded| recorded != method) || args.methods.preset.is_some() {
        // Those of another method, or replaced by what a preset says.
        settings.clear();
    }
    args.methods.check(method)?;
    if method.proposes() && task.is_tabular() && task.data.data.is_some() {
        return Err(meaningless_with_a_table("--data").into());
    }
    halving::refuse_options(method, &task.halving, file.contains_key("halving"))?;
    method.reconcile(&mut settings, &args.methods);
    reconcile(&mut file, &mut settings, args, method)?;
    let tabular = task.is_tabular() || text_at(&file, &["estimation", "kind"]) == Some("table");
    if tabular && args.own.evaluator.is_some() {
        return Err(meaningless_with_a_table("--evaluator").into());
    }
    let lookup = tabular.then(|| table::resolve(task, &file)).transpose()?;
    let named = match (&task.subject.space, file.get("space")) {
        (Some(text), _) => space(text)?,
        // A table brings its space along.
        _ if let Some(lookup) = &lookup => lookup.space()?,
        (None, Some(table)) => table.clone().try_into().context("in the config's [space]")?,
        (None, None) => SpaceConfig::by_name(method.default_space(args.methods.preset.as_deref()))?,
    };
    let space = with_layers(with_blocks(named, task.subject.blocks)?, task.subject.layers)?;
    let place = if tabular { "images" } else { "estimation" };
    let recorded = text_at(&file, &[place, "data"]);
    let named = task.data.data.as_deref().or(recorded).unwrap_or(DATA).to_owned();
    let own = section_at(&mut file, &[place]).and_then(|section| section.remove("own"));
    let own = own
        .map(Value::try_into)
        .transpose()
        .context("in [own] of the configuration")?;
    let looked =
        Looked::at(&named, own.as_ref(), (&task.data.read, task.data.flip), watcher).typed("--data")?;
    if let Some(section) = section_at(&mut file, &[place]).filter(|section| section.contains_key("data")) {
        section.insert("data".to_owned(), Value::String(looked.data.clone()));
    }
    let halved = method.has_rungs() || task.halving.halving.is_some() || file.contains_key("halving");
    let proxy = evaluating_proxy(args.own.evaluator.as_deref())?;
    let scored = proxy.is_some() || value_at(&file, &["estimation", "proxy"]).is_some();
    let estimation = match (lookup, command::of(args, &file)) {
        (Some(lookup), _) => Estimation::Table(lookup),
        (None, Some(command)) => {
            Estimation::Command(CommandPlan::new(command, training_defaults(&looked, &space)))
        }
        (None, None) => {
            let mut plan = training_defaults(&looked, &space);
            plan.proxy = proxy.map(ProxyPlan::new);
            if halved {
                plan.epochs = halving::EPOCHS;
            }
            Estimation::Training(Box::new(plan))
        }
    };
    let halving = halved
        .then(|| halving::defaults(method, &estimation, &task.halving, &file))
        .transpose()?;
    let budget = match minutes {
        // Until it is known how fast this machine is.
        Some(minutes) => Budget {
            seconds: Some(60.0 * minutes),
            ..Budget::default()
        },
        None => default_budget(task, method, &estimation, scored),
    };
    let trials = match file.contains_key("budget") {
        true => number_at(&file, &["budget", "trials"]),
        false => budget.trials,
    };
    let of = Defaults {
        space: &space,
        data: &looked.facts,
        trials: task.budget.trials.or(trials),
        preset: args.methods.preset.as_deref(),
        file: &settings,
    };
    let defaults = RunConfig {
        method: method.defaults(&of, &args.methods)?,
        seed: 0,
        batch: 1,
        tell: TellPlan::default(),
        budget,
        space,
        estimation,
        images: (tabular && !method.proposes()).then(|| ImagesPlan::of(&looked)),
        limits: None,
        costs: None,
        soft_limits: None,
        trial: None,
        halving,
        screening: None,
    };
    let limited =
        task.budget.trials.is_some() || task.budget.limits_otherwise() || file.contains_key("budget");
    let mut config = merged(&defaults, file, settings, task)?;
    overlay(&mut config, args, &looked.facts)?;
    if halved && !limited {
        // As much training as trials without halving get by default.
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
    Ok((config, minutes))
}

/// The minutes that a search may take: the given ones or, for the user's own images without another
/// budget or method, the default.
fn minutes(args: &SearchArgs) -> Option<f64> {
    let task = &args.task;
    let own = task
        .data
        .data
        .as_deref()
        .is_some_and(|data| !data::is_named(data));
    let asks = args.method.is_some()
        || args.own.evaluator.is_some()
        || task.files.config.is_some()
        || task.budget.trials.is_some()
        || task.budget.limits_otherwise()
        || task.halving.halving.is_some()
        || task.is_tabular();
    args.own.minutes.or((own && !asks).then_some(OWN_MINUTES))
}

/// The file of `--config`, empty where there is none.
fn read_file(path: Option<&Path>) -> Result<Table> {
    let Some(path) = path else {
        return Ok(Table::new());
    };
    let text =
        nas_files::read_text(path, MOST_CONFIG).with_context(|| format!("cannot read {}", path.display()))?;
    text.parse::<Table>()
        .with_context(|| format!("{} is not TOML", path.display()))
}

/// Takes the method out of a file: its name, and its settings. `method = "NAME"` is one without settings.
fn take_method(file: &mut Table) -> Result<(Option<Method>, Table)> {
    let mut settings = match file.remove("method") {
        None => return Ok((None, Table::new())),
        Some(Value::String(name)) => return Ok((Some(Method::named(&name)?), Table::new())),
        Some(Value::Table(settings)) => settings,
        Some(other) => bail!(
            "in the configuration: method is a {}; expected the name of a method, or a table with a name",
            other.type_str()
        ),
    };
    let name = match settings.remove("name") {
        None => None,
        Some(Value::String(name)) => Some(Method::named(&name)?),
        Some(other) => bail!(
            "in the configuration: the name of [method] is a {}; expected a text",
            other.type_str()
        ),
    };
    Ok((name, settings))
}

/// The budget where the limits are not those of a file.
fn default_budget(task: &TaskArgs, method: Method, estimation: &Estimation, scored: bool) -> Budget {
    match estimation {
        _ if task.budget.limits_otherwise() => Budget::default(),
        _ if !method.proposes() => Budget::trials(SUPERNET_TRIALS),
        Estimation::Training(_) if scored => Budget::trials(TABLE_TRIALS),
        Estimation::Training(_) | Estimation::Command(_) => Budget::trials(TRIALS),
        Estimation::Table(_) => Budget::trials(TABLE_TRIALS),
    }
}

/// The defaults with what a file says put over them.
fn merged(defaults: &RunConfig, mut file: Table, settings: Table, task: &TaskArgs) -> Result<RunConfig> {
    let mut table = Table::try_from(defaults).context("the defaults cannot be written")?;
    let tabular = matches!(defaults.estimation, Estimation::Table(_));
    if tabular {
        // What the file says of it is in there already.
        file.remove("estimation");
    }
    let subject = &task.subject;
    if subject.space.is_some() || subject.blocks.is_some() || subject.layers.is_some() || tabular {
        file.remove("space");
    }
    file.insert("method".to_owned(), Value::Table(settings));
    merge(&mut table, file);
    table.try_into().context("in the configuration")
}

/// What is at this place of a table.
pub(super) fn value_at<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (last, sections) = path.split_last()?;
    let section = sections
        .iter()
        .try_fold(table, |table, key| table.get(*key)?.as_table())?;
    section.get(*last)
}

/// The number at this place of a table.
fn number_at(table: &Table, path: &[&str]) -> Option<u64> {
    u64::try_from(value_at(table, path)?.as_integer()?).ok()
}

pub(super) fn text_at<'a>(table: &'a Table, path: &[&str]) -> Option<&'a str> {
    value_at(table, path)?.as_str()
}

/// The table at this place of a table.
pub(super) fn section_at<'a>(table: &'a mut Table, path: &[&str]) -> Option<&'a mut Table> {
    path.iter()
        .try_fold(table, |table, key| table.get_mut(*key)?.as_table_mut())
}

fn meaningless_with_a_table(name: &str) -> Usage {
    Usage::new(format!(
        "{name} has no meaning with a benchmark table, where no trial is trained"
    ))
}

/// Takes out of the file, and of the method's settings in it, what the typed options contradict: of `[estimation]` all of it where they
/// ask for another kind; what describes the images where they name another data set.
fn reconcile(file: &mut Table, settings: &mut Table, args: &SearchArgs, method: Method) -> Result<()> {
    let task = &args.task;
    if args.method.is_some() {
        if method.proposes() {
            file.remove("images");
        } else if task.halving.first_typed().is_none() {
            file.remove("halving");
        }
    }
    let kind = text_at(file, &["estimation", "kind"]).map(str::to_owned);
    let kind = kind.as_deref();
    if let Some(proxy) = evaluating_proxy(args.own.evaluator.as_deref())? {
        proxy::reconcile(file, proxy, kind);
    } else if let Some(command) = &args.own.evaluator {
        if kind == Some("command") {
            if let Some(estimation) = section_at(file, &["estimation"]) {
                estimation.insert("command".to_owned(), Value::String(command.clone()));
            }
        } else {
            file.remove("estimation");
        }
        return Ok(());
    }
    let tabular = kind == Some("table");
    let other_kind = if tabular {
        // A supernet has images beside the table's.
        task.data.data.is_some() && method.proposes()
    } else {
        task.is_tabular()
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
            return Ok(());
        }
    }
    let Some(data) = &task.data.data else {
        return Ok(());
    };
    let data = data::normalized(data).typed("--data")?;
    let place = match tabular || task.is_tabular() {
        true => "images",
        false => "estimation",
    };
    let recorded = section_at(file, &[place]).and_then(|images| images.get("data")?.as_str());
    if recorded.unwrap_or(DATA) == data.as_str() {
        return Ok(());
    }
    if let Some(images) = section_at(file, &[place]) {
        images.insert("data".to_owned(), Value::String(data));
        images.remove("own");
    }
    method.forget_data(settings);
    for (section, keys) in [
        (
            &["estimation", "evaluator", "network"][..],
            &["image", "classes"][..],
        ),
        (&["estimation", "evaluator", "train"], &["augmentation"]),
    ] {
        if let Some(section) = section_at(file, section) {
            for &key in keys {
                section.remove(key);
            }
        }
    }
    Ok(())
}

/// Keeps the images of a training that is not to be: the supernet is trained on them.
fn keep_images(file: &mut Table, mut estimation: Table) {
    let keys = ["data", "data_dir", "own", "limit", "device", "tf32"];
    let images: Table = keys
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), estimation.remove(key)?)))
        .collect();
    if !images.is_empty() {
        file.insert("images".to_owned(), Value::Table(images));
    }
}

/// The space that `text` names: a built-in one, or a TOML file's.
pub fn space(text: &str) -> Result<SpaceConfig> {
    let path = Path::new(text);
    if path.extension().is_some_and(|extension| extension == "toml") || path.is_file() {
        let content = nas_files::read_text(path, MOST_CONFIG)
            .with_context(|| format!("cannot read the space {text}"))?;
        let custom = CustomConfig::from_toml(&content).with_context(|| format!("in {text}"))?;
        return Ok(SpaceConfig::Custom(custom));
    }
    SpaceConfig::by_name(text).typed("--space")
}

/// The space with cells of this number of blocks, if it is given.
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

/// What networks are compared by. Where that is left to the data it is the accuracy, unless classes are uneven.
pub fn judged_by(choice: MetricChoice, facts: &DataFacts) -> JudgedBy {
    match choice {
        MetricChoice::By(judged_by) => judged_by,
        MetricChoice::Auto if facts.is_uneven() => JudgedBy::Balanced,
        MetricChoice::Auto => JudgedBy::Accuracy,
    }
}

/// The default settings for searching on a data set.
pub fn training_defaults(looked: &Looked, space: &SpaceConfig) -> TrainingPlan {
    let facts = &looked.facts;
    let size = Size::small(skeleton(space), facts.shape.height * facts.shape.width);
    let network = size.put_on(NetworkConfig::of_images(facts.shape, facts.classes));
    let train = TrainConfig::for_data(facts);
    let final_epochs = train.epochs;
    let epochs = match (looked.data.as_str(), &looked.own) {
        ("digits", _) => 5,
        (_, None) => 2,
        // A fifth of a full training, which is as long as the images are few.
        (_, Some(_)) => (final_epochs / 5).max(2),
    };
    TrainingPlan {
        data: looked.data.clone(),
        data_dir: None,
        own: looked.own.clone(),
        limit: None,
        device: "cpu".to_owned(),
        tf32: false,
        epochs,
        final_epochs,
        proxy: None,
        evaluator: TrainingEvaluatorConfig {
            network,
            train,
            judged_by: judged_by(MetricChoice::Auto, facts),
            valid_fraction: VALID_FRACTION,
            ..TrainingEvaluatorConfig::default()
        },
    }
}

/// Puts `over` over `base`, table by table. A limit of the budget replaces the default one; a table of another kind, such as
/// another optimizer, has other keys and replaces the whole default one.
fn merge(base: &mut Table, over: Table) {
    if over.contains_key("budget") {
        base.remove("budget");
    }
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) if is_of_kind(below, &above) => {
                merge(below, above)
            }
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// Whether what a table says is of the kind of the default: of the same one, or of none that it names.
fn is_of_kind(below: &Table, above: &Table) -> bool {
    let kind = above.get("kind");
    kind.is_none() || kind == below.get("kind")
}

/// Applies the options typed to the configuration.
fn overlay(config: &mut RunConfig, args: &SearchArgs, facts: &DataFacts) -> Result<()> {
    let task = &args.task;
    config.seed = args.own.seed.unwrap_or(config.seed);
    config.batch = args.own.batch.unwrap_or(config.batch);
    config.tell = args.own.tell.map_or(config.tell, TellPlan::from);
    config.budget.trials = task.budget.trials.or(config.budget.trials);
    config.budget.epochs = task.budget.budget_epochs.or(config.budget.epochs);
    config.budget.seconds = task.budget.budget_seconds.or(config.budget.seconds);
    if let Some(plan) = &mut config.halving {
        halving::overlay(plan, &task.halving)?;
    }
    config.screening = screening::overlay(config.screening.take(), &task.screening)?;
    if let Some(device) = &task.device.device {
        device::check(device).typed("--device")?;
    }
    if let (Some(_), Some(images)) = (&task.data.data_dir, config.images()) {
        data_dir::check_used(images.data)?;
    }
    if let Some(folder) = config.data_dir_mut() {
        *folder = data_dir::choose(task.data.data_dir.as_deref(), folder.as_deref())?;
    }
    let RunConfig {
        method, estimation, ..
    } = config;
    let known = Known {
        direction: &|name| match &*estimation {
            Estimation::Table(plan) => Ok(plan.evaluator()?.sizes().direction(name)),
            Estimation::Training(_) | Estimation::Command(_) => Ok(None),
        },
    };
    method.overlay(&args.methods, &known)?;
    config.limits = limits::overlay(config.limits.take(), &task.limits);
    config.soft_limits = soft_limits::overlay(config.soft_limits.take(), &task.soft_limits)?;
    costs::overlay(config, &task.limits)?;
    config.trial = TrialPlan::overlay(config.trial.take(), &task.bounds);
    match &mut config.estimation {
        Estimation::Command(plan) => plan.overlay(task),
        Estimation::Training(plan) => {
            plan.proxy.iter().try_for_each(|proxy| proxy.refuse(task))?;
            plan.overlay(task, facts);
            Ok(())
        }
        Estimation::Table(_) => overlay_images(config.images.as_mut(), task),
    }
}

impl TrainingPlan {
    /// Applies the options typed, for these data.
    fn overlay(&mut self, task: &TaskArgs, facts: &DataFacts) {
        self.limit = task.data.limit.or(self.limit);
        self.epochs = task.budget.epochs.unwrap_or(self.epochs);
        self.final_epochs = task.budget.final_epochs.unwrap_or(self.final_epochs);
        if let Some(device) = &task.device.device {
            self.device.clone_from(device);
        }
        self.tf32 = task.device.tf32.unwrap_or(self.tf32);
        task.size.overlay(&mut self.evaluator.network);
        if let Some(choice) = task.training.metric {
            self.evaluator.judged_by = judged_by(choice, facts);
        }
        let TrainingEvaluatorConfig { train, judged_by, .. } = &mut self.evaluator;
        task.training.overlay(train, facts, *judged_by);
    }
}

/// With a table, applies the options typed to the images that train a supernet, if there is one.
fn overlay_images(images: Option<&mut ImagesPlan>, task: &TaskArgs) -> Result<()> {
    let of_trials = [
        (task.budget.final_epochs.is_some(), "--final-epochs"),
        (task.training.batch_size.is_some(), "--batch-size"),
        (task.training.learning_rate.is_some(), "--learning-rate"),
        (task.training.metric.is_some(), "--metric"),
        (task.training.class_weights.is_some(), "--class-weights"),
        (task.training.augment.is_some(), "--augment"),
    ];
    let of_images = [
        (task.data.data_dir.is_some(), "--data-dir"),
        (task.data.limit.is_some(), "--limit"),
        (task.device.device.is_some(), "--device"),
        (task.device.tf32.is_some(), "--tf32"),
    ];
    let of_images = of_images.into_iter().filter(|_| images.is_none());
    let typed = of_trials.into_iter().chain(of_images).find(|(given, _)| *given);
    if let Some(name) = task.size.first_typed().or(typed.map(|(_, name)| name)) {
        return Err(meaningless_with_a_table(name).into());
    }
    if let Some(images) = images {
        images.limit = task.data.limit.or(images.limit);
        if let Some(device) = &task.device.device {
            images.device.clone_from(device);
        }
        images.tf32 = task.device.tf32.unwrap_or(images.tf32);
    }
    Ok(())
}
