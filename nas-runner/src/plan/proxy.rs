//! Trials that a zero-cost proxy scores.

use anyhow::{Result, bail};
use nas_eval::proxy::{ProxyConfig, ProxyKind};
use nas_space::search::{Direction, Metric, MetricError, Scale};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::resolve::section_at;
use super::{Estimation, RunConfig};
use crate::args::TaskArgs;
use crate::methods::Method;
use crate::usage::{Typed, Usage};

/// What `--evaluator` begins with where it names a proxy and no command.
pub const PREFIX: &str = "proxy:";

/// Methods that learn from the size of an accuracy.
const LEARN_FROM_SIZE: [Method; 3] = [Method::Rl, Method::Pnas, Method::Bananas];

/// `[estimation.proxy]` of a run's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyPlan {
    /// Which proxy.
    pub proxy: ProxyKind,
    /// Initialisations that a score is averaged over.
    #[serde(default = "seeds")]
    #[schemars(range(min = 1))]
    pub seeds: u32,
    /// Training images that networks are scored with.
    #[serde(default = "batch_size")]
    #[schemars(range(min = 2))]
    pub batch_size: usize,
}

fn seeds() -> u32 {
    ProxyConfig::default().seeds
}

fn batch_size() -> usize {
    ProxyConfig::default().batch_size
}

/// What trials are compared by that have this score.
///
/// # Errors
/// For a name that no metric can have.
pub(crate) fn score_metric(score: &str) -> Result<Metric, MetricError> {
    Metric::new(
        format!("{}{score}", nas_report::SCORE_BY),
        Direction::Higher,
        Scale::Plain,
    )
}

/// The proxy that `--evaluator proxy:NAME` names; nothing for a command.
///
/// # Errors
/// [`Usage`](crate::Usage) for an unknown name.
pub fn evaluating_proxy(evaluator: Option<&str>) -> Result<Option<ProxyKind>> {
    let name = evaluator.and_then(|text| text.strip_prefix(PREFIX));
    name.map(|name| name.parse().typed("--evaluator")).transpose()
}

/// Takes out of a file of this kind what a typed proxy contradicts: an evaluation of another kind,
/// or another proxy.
pub(super) fn reconcile(file: &mut Table, proxy: ProxyKind, kind: Option<&str>) {
    match section_at(file, &["estimation", "proxy"]) {
        Some(recorded) => {
            recorded.insert("proxy".to_owned(), Value::String(proxy.name().to_owned()));
        }
        None if matches!(kind, Some("command" | "table")) => {
            file.remove("estimation");
        }
        None => {}
    }
}

impl ProxyPlan {
    /// A proxy with its defaults.
    pub(super) fn new(proxy: ProxyKind) -> Self {
        Self {
            proxy,
            seeds: seeds(),
            batch_size: batch_size(),
        }
    }

    /// What trials are compared by.
    pub fn metric(&self) -> Metric {
        // The names of proxies are short words.
        score_metric(self.proxy.name()).unwrap_or_default()
    }

    /// How a trial is scored, as the end of a sentence.
    pub fn in_words(&self) -> String {
        let seeds = match self.seeds {
            1 => String::new(),
            seeds => format!(", mean over {seeds} initialisations"),
        };
        let images = match self.proxy {
            ProxyKind::Synflow
            | ProxyKind::Zen
            | ProxyKind::L2Norm
            | ProxyKind::Parameters
            | ProxyKind::Macs => String::new(),
            _ => format!(" on {} training images", self.batch_size),
        };
        format!("by {}{images}, without training{seeds}", self.proxy)
    }

    /// Refuses options that need trained trials.
    pub(super) fn refuse(&self, args: &TaskArgs) -> Result<()> {
        if args.budget.epochs.is_some() {
            let why = format!(
                "--epochs has no meaning where {} scores trials, as none is trained; --final-epochs N is for the training of the best \
                 architecture",
                self.proxy
            );
            return Err(Usage::new(why).into());
        }
        Ok(())
    }

    pub(super) fn validate(&self, config: &RunConfig) -> Result<()> {
        if self.seeds == 0 {
            bail!("seeds of [estimation.proxy] is 0; expected at least 1");
        }
        if self.batch_size < 2 {
            bail!(
                "batch_size of [estimation.proxy] is {}; expected at least 2",
                self.batch_size
            );
        }
        let method = config.method.method();
        if !config.method.proposes() {
            bail!(
                "method {method} trains a supernet, which no proxy scores; expected a method that proposes architectures"
            );
        }
        config.check_ranks_only(self.proxy.name())?;
        if config.budget.epochs.is_some() {
            bail!(
                "a budget of epochs never ends a search whose trials are scored by {}, as none is trained; expected --trials N or \
                 --budget-seconds S",
                self.proxy
            );
        }
        Ok(())
    }
}

impl RunConfig {
    /// The proxy that scores trials, if they are not trained.
    pub fn proxy(&self) -> Option<&ProxyPlan> {
        match &self.estimation {
            Estimation::Training(plan) => plan.proxy.as_ref(),
            Estimation::Table(_) | Estimation::Command(_) => None,
        }
    }

    /// Refuses a search whose trials are scored where it needs accuracies of trained networks.
    ///
    /// # Errors
    /// With the reason.
    pub fn check_ranks_only(&self, score: &str) -> Result<()> {
        let method = self.method.method();
        if LEARN_FROM_SIZE.contains(&method) {
            bail!(
                "method {method} learns from the size of an accuracy, and a score by {score} has no unit; expected a method that only \
                 ranks: random, evolution, local-search or nsga2"
            );
        }
        if self.halving.is_some() {
            bail!(
                "halving has no meaning with trials that are scored by {score}: none is trained, so none can be trained for longer"
            );
        }
        if self.soft_limits.is_some() {
            bail!(
                "soft limits have no meaning with trials that are scored by {score}: they multiply an accuracy; leave them out, or use \
                 hard limits (--max)"
            );
        }
        Ok(())
    }

    /// What the final test gives: what trials are compared by, unless these are scored by a proxy.
    pub fn test_metric(&self) -> Metric {
        match &self.estimation {
            Estimation::Training(plan) => plan.evaluator.judged_by.metric(),
            Estimation::Table(_) | Estimation::Command(_) => self.metric(),
        }
    }
}
