//! A run's configuration with everything resolved, as recorded in its directory.

mod command;
mod costs;
mod elsewhere;
mod forecast;
mod halving;
mod images;
mod limits;
mod minutes;
mod proxy;
mod resolve;
mod screening;
mod soft_limits;
mod table;
mod tell;
mod trial;
mod work;

pub use command::CommandPlan;
pub use costs::CostsPlan;
pub use forecast::{Forecast, Timing};
pub use halving::HalvingPlan;
pub use images::{Images, ImagesPlan};
pub(crate) use proxy::score_metric;
pub use proxy::{PREFIX, ProxyPlan, evaluating_proxy};
pub use resolve::{judged_by, resolve, space, training_defaults};
pub use screening::{ScoresPlan, ScreeningPlan};
pub use table::{OneFigure, TablePlan};
pub use tell::TellPlan;
pub use trial::TrialPlan;
pub use work::Work;

use std::path::PathBuf;

use anyhow::{Result, bail};
use nas_eval::evaluator::{Span, TrainingEvaluatorConfig};
use nas_space::limits::{Limits, SoftLimits};
use nas_space::network::NetworkConfig;
use nas_space::search::{Budget, Metric, ScoreRange};
use nas_space::spaces::SpaceConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::OwnPlan;
use crate::device;
use crate::methods::MethodConfig;

/// A search, resolved: `config.toml` of a run directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// The search method and its settings.
    pub method: MethodConfig,
    /// Seed of all random numbers, below 2⁶³ so that TOML can hold it.
    pub seed: u64,
    /// Trials that are proposed before the outcome of the first of them is known; as many can be
    /// evaluated at a time.
    #[schemars(range(min = 1))]
    pub batch: u32,
    /// In which order the method learns from outcomes.
    #[serde(default, skip_serializing_if = "TellPlan::is_trial")]
    pub tell: TellPlan,
    /// When the search ends: at the first limit that is reached. A file with this table replaces
    /// all limits that hold without it.
    pub budget: Budget,
    /// The search space.
    pub space: SpaceConfig,
    /// How architectures are judged.
    pub estimation: Estimation,
    /// Images that a supernet is trained on, where `[estimation]` looks architectures up in a
    /// table. Nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<ImagesPlan>,
    /// How large a network may be. Without this table, of any size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Costs of architectures besides their counted size, for limits and objectives. Without this
    /// table, there are those that a benchmark table has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub costs: Option<CostsPlan>,
    /// Costs that count beside accuracies: the search maximises a reward, which falls where figures
    /// exceed their targets. Without this table, accuracies alone count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft_limits: Option<SoftLimits>,
    /// What a trial may take before it has failed; needs worker processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialPlan>,
    /// Multi-fidelity search: trials get few epochs at first, and the best ones more. Without this
    /// table, every trial gets all epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halving: Option<HalvingPlan>,
    /// Screening: of several candidates, the one with the best score is trained. Without this
    /// table, every candidate is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screening: Option<ScreeningPlan>,
}

/// How an architecture is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Estimation {
    /// Architectures are trained.
    Training(Box<TrainingPlan>),
    /// Architectures are looked up in a benchmark table.
    Table(TablePlan),
    /// Architectures are evaluated by a program of your own.
    Command(CommandPlan),
}

impl Estimation {
    /// Epochs of a trial for which the strategy asks for no number of its own.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub fn search_epochs(&self) -> Result<u32> {
        match self {
            Self::Training(plan) => Ok(plan.epochs),
            Self::Table(plan) => plan.search_epochs(),
            Self::Command(plan) => Ok(plan.epochs),
        }
    }
}

/// Training on a data set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainingPlan {
    /// Name of a data set, or the path of images of your own.
    pub data: String,
    /// Folder with the official files of a data set with a name.
    pub data_dir: Option<PathBuf>,
    /// How images of your own are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<OwnPlan>,
    /// Training images that are used, drawn evenly from the classes; without it, all of them.
    #[schemars(range(min = 1))]
    pub limit: Option<usize>,
    /// Device that networks are trained on: `cpu`, `cuda`, `cuda:N`, `metal` or `metal:N`. Several
    /// of one kind, separated by commas, are given to worker processes in turn.
    pub device: String,
    /// Whether matrix products of f32 run in TF32; on CUDA.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tf32: bool,
    /// Epochs of a trial; with halving, the most that a trial gets.
    #[schemars(range(min = 1))]
    pub epochs: u32,
    /// Epochs of the best architecture's training after the search.
    #[schemars(range(min = 1))]
    pub final_epochs: u32,
    /// Size and training of the networks.
    pub evaluator: TrainingEvaluatorConfig,
    /// The zero-cost proxy that scores trials. With this table, no trial is trained: only the best
    /// architecture is, after the search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxyPlan>,
}

/// The data set where none is said.
pub const DATA: &str = "digits";

impl TrainingPlan {
    /// About how many times as long as a trial the final training takes: it has other epochs, and trains on the images that trials are
    /// validated on, too. None where trials are scored and not trained.
    pub(crate) fn final_per_trial(&self) -> Option<f64> {
        let epochs = f64::from(self.final_epochs) / f64::from(self.epochs);
        let images = 1.0 - self.evaluator.valid_fraction;
        self.proxy.is_none().then_some(epochs / images)
    }
}

impl RunConfig {
    /// How networks are trained; nothing where they are looked up.
    pub fn training(&self) -> Option<&TrainingPlan> {
        match &self.estimation {
            Estimation::Training(plan) => Some(plan),
            Estimation::Table(_) | Estimation::Command(_) => None,
        }
    }

    /// The size of the networks that are judged: what their costs are counted at.
    pub fn network(&self) -> Result<NetworkConfig> {
        Ok(match &self.estimation {
            Estimation::Training(plan) => plan.evaluator.network,
            Estimation::Table(plan) => plan.network()?,
            Estimation::Command(plan) => plan.network,
        })
    }

    /// What architectures are judged on, in words: the data set, or the table.
    pub fn judged_on(&self) -> String {
        match &self.estimation {
            Estimation::Training(plan) => plan.data.clone(),
            Estimation::Table(plan) => plan.title(),
            Estimation::Command(plan) => plan.data.clone(),
        }
    }

    /// What architectures are compared by.
    pub fn metric(&self) -> Metric {
        match &self.estimation {
            Estimation::Table(plan) => plan.metric.clone(),
            Estimation::Training(plan) => match &plan.proxy {
                Some(proxy) => proxy.metric(),
                None => plan.evaluator.judged_by.metric(),
            },
            Estimation::Command(_) => Metric::default(),
        }
    }

    /// Whether one figure is both validation and test.
    pub fn one_figure(&self) -> Option<OneFigure> {
        match &self.estimation {
            Estimation::Table(plan) => plan.one_figure,
            Estimation::Training(_) | Estimation::Command(_) => None,
        }
    }

    /// The configuration with what a table says of its figures, which is not typed.
    ///
    /// # Errors
    /// Where the table cannot be opened.
    pub fn with_figures(mut self) -> Result<Self> {
        if let Estimation::Table(plan) = &mut self.estimation {
            plan.read_figures()?;
        }
        Ok(self)
    }

    /// The range of the table's scores, or of rewards, for strategies that use the size of an
    /// accuracy: they receive shares of it. None if the scores are accuracies, which need no
    /// scaling.
    ///
    /// # Errors
    /// Where the table cannot be opened.
    pub fn range(&self) -> Result<Option<ScoreRange>> {
        if let Some(soft) = &self.soft_limits {
            return self.reward_range(soft);
        }
        match &self.estimation {
            Estimation::Table(plan) if !plan.metric.is_accuracy() => {
                Ok(ScoreRange::over(plan.evaluator()?.searched_scores()))
            }
            _ => Ok(None),
        }
    }

    /// The images that anything is trained on: trials, or else the supernet.
    pub fn images(&self) -> Option<Images<'_>> {
        match &self.estimation {
            Estimation::Training(plan) => Some(Images {
                data: &plan.data,
                data_dir: plan.data_dir.as_deref(),
                own: plan.own.as_ref(),
                limit: plan.limit,
                device: &plan.device,
                tf32: plan.tf32,
            }),
            Estimation::Table(_) => Some(self.images.as_ref()?.borrowed()),
            Estimation::Command(_) => None,
        }
    }

    /// The folder with the files of those images, to set it.
    pub fn data_dir_mut(&mut self) -> Option<&mut Option<PathBuf>> {
        match &mut self.estimation {
            Estimation::Training(plan) => Some(&mut plan.data_dir),
            Estimation::Table(_) => Some(&mut self.images.as_mut()?.data_dir),
            Estimation::Command(plan) => Some(&mut plan.data_dir),
        }
    }

    /// The location of the user's own images, to set it; none for a named data set.
    pub fn own_data_mut(&mut self) -> Option<&mut String> {
        match (&mut self.estimation, &mut self.images) {
            (Estimation::Training(plan), _) => plan.own.is_some().then_some(&mut plan.data),
            (Estimation::Table(_), Some(images)) => images.own.is_some().then_some(&mut images.data),
            _ => None,
        }
    }

    /// Checks what the parts do not check themselves.
    pub fn validate(&self) -> Result<()> {
        if self.seed > i64::MAX as u64 {
            bail!("the seed is {}; expected a number up to {}", self.seed, i64::MAX);
        }
        if self.batch == 0 {
            bail!("the batch is 0; expected at least 1");
        }
        self.validate_tell()?;
        self.budget.validate()?;
        if let Some(images) = self.images() {
            device::check_tf32(images.device, images.tf32)?;
            if images.limit == Some(0) {
                bail!("the limit of training images is 0; expected at least 1");
            }
            if let Some(own) = images.own {
                own.read.validate()?;
            }
        }
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
                plan.evaluator.validate()?;
                if let Some(proxy) = &plan.proxy {
                    proxy.validate(self)?;
                }
                if let Span::Epochs(span) = plan.evaluator.span
                    && span < plan.epochs
                {
                    bail!(
                        "the span of [estimation.evaluator] is {span} epochs; expected at least the {} epochs of a trial",
                        plan.epochs
                    );
                }
            }
            Estimation::Table(plan) => plan.validate(&self.space)?,
            Estimation::Command(plan) => plan.validate(self)?,
        }
        self.trial.iter().try_for_each(TrialPlan::validate)?;
        self.validate_images()?;
        self.validate_screening()?;
        self.method.validate(self.space.build()?.as_ref())?;
        self.validate_sizes()?;
        self.validate_soft_limits()?;
        self.validate_seconds()
    }

    /// Refuses a search in a table that nothing would end.
    fn validate_seconds(&self) -> Result<()> {
        let halved = self.halving()?.is_some();
        let only_seconds = self.budget.trials.is_none() && self.budget.epochs.is_none();
        if !only_seconds || !self.method.proposes() {
            return Ok(());
        }
        // A table may lack what a search needs that never looks anything up.
        let Some(lookup) = self.lookup()? else {
            return Ok(());
        };
        if lookup.has_trial_seconds() {
            return Ok(());
        }
        if lookup.has_seconds() {
            let rungs = if halved { "every rung" } else { "the trials" };
            bail!(
                "a limit of seconds never ends this search: the table has no seconds after the epochs of {rungs}; add --trials N or \
                 --budget-epochs N"
            );
        }
        bail!("a limit of seconds never ends a search in a table without costs; add --trials N")
    }

    /// Checks that images are named exactly where something is trained on them.
    fn validate_images(&self) -> Result<()> {
        match (&self.estimation, &self.images) {
            (_, Some(_)) if self.method.proposes() => bail!(
                "[images] is given; expected none with method {}, which trains no supernet",
                self.method
            ),
            (Estimation::Training(_), Some(_)) => {
                bail!("[images] is given; expected none: a supernet trains on the images of the trials")
            }
            (Estimation::Table(_), None) if !self.method.proposes() => {
                bail!("[images] is missing: with a table, it names the images that the supernet trains on")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod fuzzing;
#[cfg(test)]
pub(crate) mod tests;
