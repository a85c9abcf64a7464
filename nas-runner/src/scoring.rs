//! Evaluation of trials by a zero-cost proxy.

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

use crate::plan::ProxyPlan;

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
        let score = self.scorer.score(&trial.architecture)?;
        if !score.is_finite() {
            // Nothing in the store is infinite, and no trial is worse than a failed one.
            let message = format!(
                "its {} is −∞: the network tells no two images apart",
                self.metric.name()
            );
            return Err(Failure::new(FailureKind::NonFinite, message));
        }
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
