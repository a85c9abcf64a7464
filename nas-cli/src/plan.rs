//! What was meant: a run's configuration with everything resolved, as its directory keeps it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nas_eval::data::DatasetInfo;
use nas_eval::evaluator::TrainingEvaluatorConfig;
use nas_eval::tabular::Nb201Dataset;
use nas_eval::train::TrainConfig;
use nas_space::network::NetworkConfig;
use nas_space::search::Budget;
use nas_space::spaces::{CustomConfig, SpaceConfig};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::args::SearchArgs;
use crate::method::Method;
use crate::size::{Size, Skeleton};
use crate::usage::{Typed, Usage};
use crate::{data_dir, device};

/// A search, resolved: `config.toml` of a run directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunConfig {
    /// The search method.
    pub(crate) method: Method,
    /// Seed of all randomness, below 2⁶³ so that TOML can hold it.
    pub(crate) seed: u64,
    /// Trials proposed before the first one's outcome is known.
    pub(crate) batch: u32,
    /// When the search ends.
    pub(crate) budget: Budget,
    /// The search space.
    pub(crate) space: SpaceConfig,
    /// How an architecture is judged.
    pub(crate) estimation: Estimation,
}

/// How an architecture is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Estimation {
    /// By training it.
    Training(Box<TrainingPlan>),
    /// By looking it up.
    Table(TablePlan),
}

/// Training on a data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrainingPlan {
    /// Name of the data set.
    pub(crate) data: String,
    /// Folder with its files.
    pub(crate) data_dir: Option<PathBuf>,
    /// Number of training images used, where not all are.
    pub(crate) limit: Option<usize>,
    /// `cpu`, `cuda:0`, …
    pub(crate) device: String,
    /// Epochs of a trial.
    pub(crate) epochs: u32,
    /// Epochs of the best architecture after the search.
    pub(crate) final_epochs: u32,
    /// Size and training of the networks.
    pub(crate) evaluator: TrainingEvaluatorConfig,
}

/// Looking up in a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TablePlan {
    /// Which benchmark: `nb201`.
    pub(crate) benchmark: String,
    /// The table's file.
    pub(crate) table: PathBuf,
    /// Which of its data sets.
    pub(crate) data: String,
}

/// Share of the training images that trials are judged by. Larger than for a final training: a search compares.
const VALID_FRACTION: f64 = 0.3;
/// Trials where nothing else limits a search that trains.
const TRIALS: u64 = 20;
/// Trials where nothing else limits a search in a table.
const TABLE_TRIALS: u64 = 100;

/// The data set where none is said.
pub(crate) const DATA: &str = "digits";

/// What the arguments mean: defaults, overlaid by the file given with `--config`, overlaid by what was typed.
pub(crate) fn resolve(args: &SearchArgs) -> Result<RunConfig> {
    let mut file = match &args.config {
        Some(path) => {
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            text.parse::<Table>()
                .with_context(|| format!("{} is not TOML", path.display()))?
        }
        None => Table::new(),
    };
    reconcile(&mut file, args);
    let in_file = |key: &str| -> Option<String> {
        let value = file.get("estimation")?.as_table()?.get(key)?;
        value.as_str().map(str::to_owned)
    };
    let space = match &args.space {
        Some(text) => space(text)?,
        None => match file.get("space") {
            Some(table) => table.clone().try_into().context("in the config's [space]")?,
            None => SpaceConfig::by_name("nb201")?,
        },
    };
    let tabular = args.benchmark.is_some() || in_file("kind").as_deref() == Some("table");
    let estimation = if tabular {
        Estimation::Table(TablePlan {
            benchmark: "nb201".to_owned(),
            table: PathBuf::new(),
            data: Nb201Dataset::Cifar10.name().to_owned(),
        })
    } else {
        let data = args
            .data
            .data
            .clone()
            .or_else(|| in_file("data"))
            .unwrap_or(DATA.to_owned());
        Estimation::Training(Box::new(training_defaults(&data, &space)?))
    };
    let budget = match (args.budget_seconds, &estimation) {
        (Some(_), _) => Budget::default(),
        (None, Estimation::Training(_)) => Budget::trials(TRIALS),
        (None, Estimation::Table(_)) => Budget::trials(TABLE_TRIALS),
    };
    let defaults = RunConfig {
        method: Method::default(),
        seed: 0,
        batch: 1,
        budget,
        space,
        estimation,
    };
    let mut table = Table::try_from(&defaults).context("the defaults cannot be written")?;
    if args.space.is_some() {
        merge_except(&mut table, file, "space");
    } else {
        merge(&mut table, file);
    }
    let mut config: RunConfig = table.try_into().context("in the configuration")?;
    overlay(&mut config, args)?;
    config.validate().typed("search")?;
    Ok(config)
}

/// Takes out of the file's `[estimation]` what the typed options contradict: all of it where they ask for the other
/// kind, what describes the images where they name another data set.
fn reconcile(file: &mut Table, args: &SearchArgs) {
    let Some(estimation) = file.get_mut("estimation").and_then(Value::as_table_mut) else {
        return;
    };
    let tabular = estimation.get("kind").and_then(Value::as_str) == Some("table");
    let other_kind = if tabular {
        args.data.data.is_some()
    } else {
        args.benchmark.is_some()
    };
    if other_kind {
        file.remove("estimation");
        return;
    }
    let Some(data) = &args.data.data else {
        return;
    };
    let recorded = estimation.get("data").and_then(Value::as_str).unwrap_or(DATA);
    if recorded == data {
        return;
    }
    estimation.insert("data".to_owned(), Value::String(data.clone()));
    let mut evaluator = estimation.get_mut("evaluator").and_then(Value::as_table_mut);
    for (section, keys) in [
        ("network", &["image", "classes"][..]),
        ("train", &["augmentation"]),
    ] {
        let section = evaluator
            .as_mut()
            .and_then(|evaluator| evaluator.get_mut(section)?.as_table_mut());
        if let Some(section) = section {
            for &key in keys {
                section.remove(key);
            }
        }
    }
}

/// The space that `text` names: a built-in one, or a TOML file's.
fn space(text: &str) -> Result<SpaceConfig> {
    let path = Path::new(text);
    if path.extension().is_some_and(|extension| extension == "toml") || path.is_file() {
        let content = fs::read_to_string(path).with_context(|| format!("cannot read the space {text}"))?;
        let custom = CustomConfig::from_toml(&content).with_context(|| format!("in {text}"))?;
        return Ok(SpaceConfig::Custom(custom));
    }
    SpaceConfig::by_name(text).typed("--space")
}

/// The skeleton that a space's architectures stand in.
fn skeleton(space: &SpaceConfig) -> Skeleton {
    match space {
        SpaceConfig::Nb201 {} => Skeleton::Nb201,
        SpaceConfig::Chain(_) => Skeleton::Chain,
        SpaceConfig::Custom(custom) if custom.skeleton == nas_space::spaces::Skeleton::Nb201 => {
            Skeleton::Nb201
        }
        _ => Skeleton::Darts,
    }
}

/// How a data set is searched on where nothing is said.
fn training_defaults(data: &str, space: &SpaceConfig) -> Result<TrainingPlan> {
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
        epochs: if data == "digits" { 5 } else { 2 },
        final_epochs,
        evaluator: TrainingEvaluatorConfig {
            network,
            train,
            valid_fraction: VALID_FRACTION,
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

fn merge_except(base: &mut Table, mut over: Table, key: &str) {
    over.remove(key);
    merge(base, over);
}

/// Puts what was typed over the configuration.
fn overlay(config: &mut RunConfig, args: &SearchArgs) -> Result<()> {
    config.method = args.method.unwrap_or(config.method);
    config.seed = args.seed.unwrap_or(config.seed);
    config.batch = args.batch.unwrap_or(config.batch);
    config.budget.trials = args.trials.or(config.budget.trials);
    config.budget.seconds = args.budget_seconds.or(config.budget.seconds);
    match &mut config.estimation {
        Estimation::Training(plan) => {
            plan.data_dir = data_dir::choose(args.data.data_dir.as_deref(), plan.data_dir.as_deref())?;
            plan.limit = args.data.limit.or(plan.limit);
            plan.epochs = args.epochs.unwrap_or(plan.epochs);
            plan.final_epochs = args.final_epochs.unwrap_or(plan.final_epochs);
            if let Some(device) = &args.training.device {
                device::check(device).typed("--device")?;
                plan.device.clone_from(device);
            }
            let network = &mut plan.evaluator.network;
            network.channels = args.size.channels.unwrap_or(network.channels);
            network.cells = args.size.cells.unwrap_or(network.cells);
            let train = &mut plan.evaluator.train;
            train.batch_size = args.training.batch_size.unwrap_or(train.batch_size);
            train.learning_rate = args.training.learning_rate.unwrap_or(train.learning_rate);
        }
        Estimation::Table(plan) => {
            let typed = [
                (args.epochs.is_some(), "--epochs"),
                (args.final_epochs.is_some(), "--final-epochs"),
                (args.data.data_dir.is_some(), "--data-dir"),
                (args.data.limit.is_some(), "--limit"),
                (args.size.channels.is_some(), "--channels"),
                (args.size.cells.is_some(), "--cells"),
                (args.training.batch_size.is_some(), "--batch-size"),
                (args.training.learning_rate.is_some(), "--learning-rate"),
                (args.training.device.is_some(), "--device"),
            ];
            if let Some((_, name)) = typed.into_iter().find(|(given, _)| *given) {
                let why = "has no meaning with --benchmark, where nothing is trained";
                return Err(Usage::new(format!("{name} {why}")).into());
            }
            if let Some(benchmark) = &args.benchmark {
                plan.benchmark.clone_from(benchmark);
            }
            let table = args.table.clone().unwrap_or(std::mem::take(&mut plan.table));
            plan.table = data_dir::absolute(&table)?;
            if let Some(data) = args.table_data {
                data.name().clone_into(&mut plan.data);
            }
        }
    }
    Ok(())
}

impl RunConfig {
    /// Checks what the parts do not check themselves.
    pub(crate) fn validate(&self) -> Result<()> {
        if self.seed > i64::MAX as u64 {
            bail!("the seed is {}; expected a number up to {}", self.seed, i64::MAX);
        }
        if self.batch == 0 {
            bail!("the batch is 0; expected at least 1");
        }
        self.budget.validate()?;
        match &self.estimation {
            Estimation::Training(plan) => {
                for (what, epochs) in [
                    ("a trial", plan.epochs),
                    ("the final training", plan.final_epochs),
                ] {
                    if epochs == 0 {
                        bail!("the epochs of {what} are 0; expected at least 1");
                    }
                }
                plan.evaluator.network.validate()?;
                plan.evaluator.train.validate()?;
            }
            Estimation::Table(plan) => {
                if plan.benchmark != "nb201" {
                    bail!("there is no benchmark named '{}'; known: nb201", plan.benchmark);
                }
                if self.space != (SpaceConfig::Nb201 {}) {
                    bail!("the NAS-Bench-201 table knows the architectures of space nb201 only");
                }
                plan.data.parse::<Nb201Dataset>()?;
                if self.budget.trials.is_none() && self.budget.epochs.is_none() {
                    bail!(
                        "a limit of seconds never ends a search in a table, where a trial costs none; add --trials N"
                    );
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    /// What `nas search` with these words means, with `config` as its `--config`.
    fn resolved(config: &str, words: &str) -> Result<RunConfig> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), config).unwrap();
        let mut args = vec!["nas", "search", "--config", file.path().to_str().unwrap()];
        args.extend(words.split_whitespace());
        match Cli::try_parse_from(args).unwrap().command {
            Command::Search(args) => resolve(&args),
            other => panic!("{other:?} is no search"),
        }
    }

    fn plan(config: &str, words: &str) -> TrainingPlan {
        match resolved(config, words).unwrap().estimation {
            Estimation::Training(plan) => *plan,
            Estimation::Table(plan) => panic!("{plan:?} trains nothing"),
        }
    }

    const TABLE: &str =
        "[budget]\ntrials = 7\n[estimation]\nkind = 'table'\nbenchmark = 'nb201'\ntable = '/t.csv'";

    #[test]
    fn a_typed_data_set_takes_the_place_of_the_files_and_its_other_settings_stay() {
        let digits = toml::to_string(&resolved("", "--channels 6 --epochs 3 --limit 200").unwrap()).unwrap();
        let same = plan(&digits, "--data digits");
        assert_eq!(
            (same.data.as_str(), same.evaluator.network.channels),
            ("digits", 6)
        );
        let other = plan(&digits, "--data cifar100 --epochs 4");
        let network = other.evaluator.network;
        assert_eq!(other.data, "cifar100");
        assert_eq!(
            (network.image.to_string().as_str(), network.classes),
            ("3x32x32", 100)
        );
        assert_eq!((network.channels, other.epochs, other.limit), (6, 4, Some(200)));
        let fresh = TrainConfig::quick("cifar100").unwrap();
        assert_eq!(other.evaluator.train.augmentation, fresh.augmentation);
    }

    #[test]
    fn a_typed_kind_of_estimation_takes_the_place_of_the_files() {
        let trained = resolved(TABLE, "--data digits").unwrap();
        assert_eq!(trained.budget.trials, Some(7));
        assert_eq!(plan(TABLE, "--data digits"), plan("", ""));
        let digits = toml::to_string(&resolved("", "--epochs 3").unwrap()).unwrap();
        let table = resolved(&digits, "--benchmark nb201 --table /other.csv").unwrap();
        let expected = TablePlan {
            benchmark: "nb201".to_owned(),
            table: PathBuf::from("/other.csv"),
            data: "cifar10".to_owned(),
        };
        assert_eq!(table.estimation, Estimation::Table(expected));
        let again = resolved(TABLE, "--trials 9").unwrap();
        assert!(matches!(again.estimation, Estimation::Table(_)));
        assert_eq!(again.budget.trials, Some(9));
    }

    #[test]
    fn a_folder_on_record_is_kept_and_made_absolute() {
        let config = "[estimation]\nkind = 'training'\ndata_dir = 'here'";
        let here = std::env::current_dir().unwrap();
        assert_eq!(plan(config, "").data_dir, Some(here.join("here")));
        assert_eq!(
            plan(config, "--data-dir there").data_dir,
            Some(here.join("there"))
        );
    }
}
