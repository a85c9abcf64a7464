//! Looking architectures up in a benchmark table, resolved.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, bail};
use nas_space::network::NetworkConfig;
use nas_space::search::Metric;
use nas_space::spaces::{Space, SpaceConfig};
use nas_tables::{DatasetHeader, Nb201Dataset, Table, TabularEvaluator, built_in};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Table as Toml;

use super::resolve::{text_at, value_at};
use crate::args::{TaskArgs, benchmarks};
use crate::data_dir;
use crate::usage::{Typed, Usage};

/// The built-in benchmark that can also be read from a file.
const NB201: &str = "nb201";

/// Looking up in a table: one that is built in, or a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TablePlan {
    /// Name of a built-in benchmark. With a `table`, `nb201` says that the file has to be of that
    /// space; without it, the file says all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchmark: Option<String>,
    /// The table's file, where it is not built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<PathBuf>,
    /// Data set of the table.
    pub data: String,
    /// Epochs of the trainings whose validation accuracy the search sees: one of the numbers that
    /// the table has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub epochs: Option<u32>,
    /// What the table's figures are, where they are not accuracies. The table decides it; the
    /// program writes it.
    #[serde(default, skip_serializing_if = "Metric::is_accuracy")]
    pub metric: Metric,
    /// Why validation and test have the same figure, where they do. The table decides it; the
    /// program writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_figure: Option<OneFigure>,
    /// The table, once it was opened.
    #[serde(skip)]
    opened: Opened,
}

/// Why validation and test are one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OneFigure {
    /// There are no validation images: a search sees figures on test images.
    ValidIsTest,
    /// There are no test images: the figure that the search has seen is reported.
    TestIsValid,
}

impl OneFigure {
    /// What a table says of it.
    pub fn of(dataset: &DatasetHeader) -> Option<Self> {
        match (dataset.valid_is_test, dataset.test_is_valid) {
            (true, _) => Some(Self::ValidIsTest),
            (false, true) => Some(Self::TestIsValid),
            (false, false) => None,
        }
    }

    /// What has to be said wherever a test figure is.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::ValidIsTest => {
                "Validation and test are the same figure: the table has no validation images. The search \
                 therefore chose by the test images, and the test figure is optimistic."
            }
            Self::TestIsValid => {
                "Validation and test are the same figure: the table has no test images. The reported \
                 figure is the one that the search chose by, so it is optimistic."
            }
        }
    }
}

/// A table that is opened when it is first needed. It follows from the rest and takes no part in comparisons.
#[derive(Debug, Clone, Default)]
struct Opened {
    table: OnceLock<Arc<Table>>,
    /// What looks up on the plan's data set, with the sizes it has counted.
    evaluator: OnceLock<TabularEvaluator>,
}

impl PartialEq for Opened {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What was typed about a table, over what a file says of one.
pub(super) fn resolve(args: &TaskArgs, file: &Toml) -> Result<TablePlan> {
    let subject = &args.subject;
    let named = match &subject.table_data[..] {
        [] => None,
        [one] => Some(one.as_str()),
        _ => {
            let why = "--table-data: a search has one data set; `nas compare` takes several";
            return Err(Usage::new(why).into());
        }
    };
    let recorded = |key: &str| text_at(file, &["estimation", key]).map(str::to_owned);
    let (benchmark, table) = match (&subject.benchmark, &subject.table) {
        (None, None) => (recorded("benchmark"), recorded("table").map(PathBuf::from)),
        (Some(name), None) if name == NB201 => (Some(name.clone()), recorded("table").map(PathBuf::from)),
        (benchmark, table) => (benchmark.clone(), table.clone()),
    };
    if let (Some(name), Some(_)) = (&benchmark, &table)
        && name != NB201
    {
        let why = format!("--table has no meaning with --benchmark {name}, which is built in");
        return Err(Usage::new(why).into());
    }
    let mut plan = TablePlan {
        benchmark,
        table: table.as_deref().map(data_dir::absolute).transpose()?,
        data: String::new(),
        epochs: args.budget.epochs,
        metric: Metric::default(),
        one_figure: None,
        opened: Opened::default(),
    };
    plan.data = match (named, recorded("data")) {
        (Some(name), _) => {
            let name = if name == "imagenet16" {
                "imagenet16-120"
            } else {
                name
            };
            plan.check_data(name).typed("--table-data")?;
            name.to_owned()
        }
        (None, Some(name)) if plan.check_data(&name).is_ok() => name,
        _ if plan.is_nb201() => Nb201Dataset::Cifar10.name().to_owned(),
        _ => plan.open()?.header().datasets[0].name.clone(),
    };
    let same = subject.benchmark.is_none() && subject.table.is_none();
    let epochs = value_at(file, &["estimation", "epochs"]).filter(|_| same);
    let epochs = epochs.and_then(|epochs| u32::try_from(epochs.as_integer()?).ok());
    plan.epochs = plan.epochs.or(epochs);
    Ok(plan)
}

impl TablePlan {
    /// Fills in what the table says of its figures.
    ///
    /// # Errors
    /// As [`TablePlan::evaluator`].
    pub(super) fn read_figures(&mut self) -> Result<()> {
        let evaluator = self.evaluator()?;
        self.metric = evaluator.metric().clone();
        self.one_figure = OneFigure::of(evaluator.dataset());
        Ok(())
    }

    /// Its data set and whose that is: `cifar10 of nb201`.
    pub fn title(&self) -> String {
        match (&self.benchmark, &self.table) {
            (Some(benchmark), _) => format!("{} of the benchmark {benchmark}", self.data),
            (None, Some(table)) => format!("{} of the table {}", self.data, table.display()),
            (None, None) => self.data.clone(),
        }
    }

    /// Whether the table has to be NAS-Bench-201's, of which much is known before it is opened.
    pub(super) fn is_nb201(&self) -> bool {
        self.benchmark.as_deref() == Some(NB201)
    }

    /// The space whose architectures the table knows.
    ///
    /// # Errors
    /// As [`TablePlan::open`].
    pub(super) fn space(&self) -> Result<SpaceConfig> {
        if self.is_nb201() {
            return Ok(SpaceConfig::Nb201 {});
        }
        Ok(self.open()?.header().space.clone())
    }

    /// Checks that there is a data set of this name.
    fn check_data(&self, name: &str) -> Result<()> {
        if self.is_nb201() {
            name.parse::<Nb201Dataset>()?;
        } else {
            self.open()?.dataset(name)?;
        }
        Ok(())
    }

    /// The table.
    ///
    /// # Errors
    /// Where there is none, or it is refused.
    pub fn open(&self) -> Result<Arc<Table>> {
        if let Some(table) = self.opened.table.get() {
            return Ok(Arc::clone(table));
        }
        let table = match (&self.benchmark, &self.table) {
            (_, Some(path)) => Table::open(path)?,
            (Some(name), None) => built_in(name)?,
            (None, None) => {
                bail!("[estimation] names neither a built-in benchmark nor a table's file")
            }
        };
        let space = &table.header().space;
        if self.is_nb201() && *space != (SpaceConfig::Nb201 {}) {
            bail!(
                "the table '{}' is of space {}, not nb201; leave out --benchmark {NB201}",
                table.header().name,
                table.space().name()
            );
        }
        let table = Arc::new(table);
        Ok(Arc::clone(self.opened.table.get_or_init(|| table)))
    }

    /// What looks architectures up.
    ///
    /// # Errors
    /// As [`TablePlan::open`], and for a data set or epochs that are not there.
    pub fn evaluator(&self) -> Result<TabularEvaluator> {
        let evaluator = match self.opened.evaluator.get() {
            Some(evaluator) => evaluator.clone(),
            None => {
                let evaluator = TabularEvaluator::new(self.open()?, &self.data)?;
                self.opened.evaluator.get_or_init(|| evaluator).clone()
            }
        };
        Ok(match self.epochs {
            Some(epochs) => evaluator.with_epochs(&[epochs])?,
            None => evaluator,
        })
    }

    /// The epochs after which the table has validation accuracies, increasing.
    ///
    /// # Errors
    /// As [`TablePlan::open`], and for a data set that is not there.
    pub(super) fn known_epochs(&self) -> Result<Vec<u32>> {
        let table = self.open()?;
        Ok(table.epochs(table.dataset(&self.data)?))
    }

    /// Epochs of the trainings whose validation accuracy a search sees.
    ///
    /// # Errors
    /// As [`TablePlan::evaluator`].
    pub fn search_epochs(&self) -> Result<u32> {
        Ok(match self.epochs {
            Some(epochs) => epochs,
            None => self.evaluator()?.dataset().search_epochs,
        })
    }

    /// The size of the networks.
    ///
    /// # Errors
    /// Where they are none of this toolkit.
    pub fn network(&self) -> Result<NetworkConfig> {
        if self.is_nb201() {
            return Ok(self.data.parse::<Nb201Dataset>()?.network());
        }
        let evaluator = self.evaluator()?;
        evaluator.dataset().network.with_context(|| {
            format!(
                "the table '{}' has no networks of this toolkit",
                evaluator.table().header().name
            )
        })
    }

    /// What strategies see of the table's space.
    ///
    /// # Errors
    /// As [`TablePlan::open`].
    pub fn known(&self) -> Result<Arc<dyn Space>> {
        Ok(self.open()?.known_space())
    }

    /// Checks that the table belongs to this space and has everything that the configuration needs.
    pub(super) fn validate(&self, space: &SpaceConfig) -> Result<()> {
        if let Some(name) = self
            .benchmark
            .as_deref()
            .filter(|name| !benchmarks().contains(name))
        {
            bail!(
                "there is no benchmark named '{name}'; known: {}",
                benchmarks().join(", ")
            );
        }
        let own = self.space()?;
        if own != *space {
            let own = own.build()?;
            bail!(
                "the table contains only architectures of its own space {}; leave out --space",
                own.name()
            );
        }
        self.check_data(&self.data)?;
        if self.epochs.is_some() {
            self.evaluator().typed("--epochs")?;
        }
        Ok(())
    }
}
