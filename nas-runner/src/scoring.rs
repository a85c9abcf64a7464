//! Evaluation of trials by a score: a zero-cost proxy, or a file of scores.

use std::sync::Arc;

use anyhow::Result;
use nas_eval::clock::Stopwatch;
use nas_eval::data::Dataset;
use nas_eval::proxy::{Proxies, ProxyConfig, ProxyScorer};
use nas_eval::{Compute, device_name};
use nas_space::network::NetworkConfig;
use nas_space::search::{Evaluation, Evaluator, Failure, FailureKind, Metric, Scorer, Trial};
use nas_space::seed::Seed;
use nas_space::spaces::Space;

use crate::plan::{ProxyPlan, score_metric};
use crate::screening::Timed;

/// Scores trials, and trains none of them. The same architecture always has the same score.
pub struct ProxyEvaluator {
    scorer: ProxyScorer,
    space: Arc<dyn Space>,
    network: NetworkConfig,
    metric: Metric,
    device: String,
}

impl ProxyEvaluator {
    /// For networks of this size, with a batch of the training images.
    pub(crate) fn new(
        plan: &ProxyPlan,
        space: &Arc<dyn Space>,
        network: NetworkConfig,
        (dataset, compute): (&Dataset, &Compute),
        seed: Seed,
    ) -> Result<Self> {
        let config = ProxyConfig {
            network,
            proxies: vec![plan.proxy],
            seeds: plan.seeds,
            batch_size: plan.batch_size,
        };
        let proxies = Proxies::new(dataset, config, seed.derive("scoring", 0), compute)?;
        Ok(Self {
            scorer: proxies.scorer(Arc::clone(space)),
            space: Arc::clone(space),
            network,
            metric: plan.metric(),
            device: device_name(&compute.device),
        })
    }
}

impl Evaluator for ProxyEvaluator {
    fn description(&self) -> String {
        self.scorer.description()
    }

    fn metric(&self) -> Metric {
        self.metric.clone()
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        let stopwatch = Stopwatch::start();
        let score = finite(self.scorer.score(&trial.architecture)?, self.metric.name())?;
        let network = self
            .space
            .network(&trial.architecture, &self.network)
            .map_err(|error| Failure::new(FailureKind::Invalid, error.to_string()))?;
        let cost = network.cost();
        Ok(Evaluation {
            params: Some(cost.params),
            macs: Some(cost.macs),
            cost_seconds: stopwatch.seconds(),
            device: self.device.clone(),
            // No epoch is trained.
            ..Evaluation::new(self.metric.score(score), 0)
        })
    }
}

/// Looks up the scores of trials. What they cost is charged, as if they were computed.
pub struct ScoreEvaluator {
    scores: Arc<dyn Timed>,
    metric: Metric,
}

impl ScoreEvaluator {
    /// By scores of this name.
    ///
    /// # Errors
    /// For a name that no metric can have.
    pub fn new(scores: Arc<dyn Timed>, name: &str) -> Result<Self> {
        let metric = score_metric(name)?;
        Ok(Self { scores, metric })
    }
}

impl Evaluator for ScoreEvaluator {
    fn description(&self) -> String {
        self.scores.description()
    }

    fn metric(&self) -> Metric {
        self.metric.clone()
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        let (score, seconds) = self.scores.score(&trial.architecture)?;
        Ok(Evaluation {
            cost_seconds: seconds,
            ..Evaluation::new(finite(score, self.metric.name())?, 0)
        })
    }
}

/// A score that can be kept.
fn finite(score: f64, name: &str) -> Result<f64, Failure> {
    if score.is_finite() {
        return Ok(score);
    }
    // Nothing in the store is infinite, and no trial is worse than a failed one.
    let message = format!("its {name} is −∞: the network tells no two images apart");
    Err(Failure::new(FailureKind::NonFinite, message))
}
