//! Screening: of several candidates, the one with the best score is trained.
//!
//! [`ScreenedSpace`] chooses. Here is what a run needs beside it: where scores come from (`file`, read as `table`, or a proxy of
//! `nas-eval`), their record in the run directory and the seconds that they cost (`record`).

mod file;
mod record;
mod table;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use nas_eval::Compute;
use nas_eval::data::Dataset;
use nas_eval::proxy::{Proxies, ProxyConfig};
use nas_space::search::{Evaluation, Evaluator, Failure, Metric, Scorer, ScreenedSpace, Strategy, Trial};
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use nas_study::RunDir;
use serde_json::{Value, json};

use self::file::ScoreFile;
use self::record::Record;
use crate::named::named;
use crate::plan::{RunConfig, ScoresPlan, ScreeningPlan};

pub use self::record::Timed;
pub use self::table::{ScoreRow, ScoreTable};

/// The file in a run directory with all scores, as they were computed.
const SCORES_FILE: &str = "scores.csv";

/// The screening of one search.
pub struct Screen {
    plan: ScreeningPlan,
    plain: Arc<dyn Space>,
    space: Arc<ScreenedSpace>,
    record: Arc<Record>,
}

/// Where the scores of a configuration come from; several searches can share it.
///
/// # Errors
/// Where the file of scores cannot be read, or the images are too few.
pub fn scores(
    plan: &ScreeningPlan,
    config: &RunConfig,
    space: &Arc<dyn Space>,
    images: Option<(&Dataset, &Compute)>,
) -> Result<Arc<dyn Timed>> {
    Ok(match &plan.scores {
        ScoresPlan::File { path, column } => of_file(path, column, space.as_ref())?,
        ScoresPlan::Proxy {
            proxy,
            seeds,
            batch_size,
        } => {
            let (dataset, compute) = images.context("the proxy has no images")?;
            let proxies = Proxies::new(
                dataset,
                ProxyConfig {
                    network: config.network()?,
                    proxies: vec![*proxy],
                    seeds: *seeds,
                    batch_size: *batch_size,
                },
                Seed::new(config.seed).derive("screening", 0),
                compute,
            )?;
            Arc::new(record::Measured(proxies.scorer(Arc::clone(space))))
        }
    })
}

/// The scores of a column of a file.
///
/// # Errors
/// Where it cannot be read, lacks the column, or has architectures of another space.
pub fn of_file(path: &Path, column: &str, space: &dyn Space) -> Result<Arc<dyn Timed>> {
    Ok(Arc::new(ScoreFile::read(path, column, space)?))
}

impl Screen {
    /// Screens what a method sees of a space.
    pub fn new(plan: &ScreeningPlan, searched: Arc<dyn Space>, scores: Arc<dyn Timed>) -> Self {
        let record = Arc::new(Record::new(scores));
        let space = ScreenedSpace::new(searched.clone(), record.clone(), plan.screening());
        Self {
            plan: plan.clone(),
            plain: searched,
            space: Arc::new(space),
            record,
        }
    }

    /// The space as the method sees it.
    pub fn space(&self) -> Arc<dyn Space> {
        self.space.clone()
    }

    /// Keeps scores in a run directory from now on, and takes up those that are there.
    ///
    /// # Errors
    /// Where they cannot be read or written, or the proxy cannot score the first architecture.
    pub fn record_in(&self, run: &RunDir) -> Result<()> {
        self.record.open(&run.path().join(SCORES_FILE))?;
        if let ScoresPlan::Proxy { .. } = self.plan.scores {
            let any = self.plain.sample(&mut Seed::new(0).rng());
            let name = self.plan.scores.name();
            self.record
                .score(&any)
                .map_err(|failure| anyhow!("{name} cannot score {any}: {}", failure.message))?;
        }
        Ok(())
    }

    /// The strategy under a name that says what it is screened by, and its parameters with those of the screening.
    ///
    /// # Errors
    /// For parameters that are no JSON.
    pub fn named(
        &self,
        strategy: Box<dyn Strategy>,
        parameters: &str,
    ) -> Result<(Box<dyn Strategy>, String)> {
        let method: Value = serde_json::from_str(parameters)?;
        let parameters = json!({
            "screening": self.plan.screening(),
            "scores": self.record.description(),
            "method": method,
        });
        let name = format!("{}+{}", strategy.name(), self.plan.scores.name());
        Ok((named(strategy, name), parameters.to_string()))
    }

    /// The evaluator whose trials cost the seconds of scoring as well.
    pub fn charged<'a>(&self, evaluator: &'a dyn Evaluator) -> Charged<'a> {
        Charged {
            evaluator,
            record: Arc::clone(&self.record),
        }
    }

    /// What was done, for people.
    pub fn in_words(&self) -> String {
        let ScreeningPlan { draws, mutants, .. } = self.plan;
        let unscored = match self.space.unscored() {
            0 => String::new(),
            unscored => format!(", {unscored} without a score"),
        };
        format!(
            "by {}: each draw the best of {draws}, each mutant the best of {mutants}; {} architectures scored{unscored}",
            self.plan.scores.name(),
            self.space.scored()
        )
    }
}

/// An evaluator whose trials cost the seconds of scoring since the trial before as well.
pub struct Charged<'a> {
    evaluator: &'a dyn Evaluator,
    record: Arc<Record>,
}

impl Evaluator for Charged<'_> {
    fn description(&self) -> String {
        self.evaluator.description()
    }

    fn metric(&self) -> Metric {
        self.evaluator.metric()
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        let mut evaluation = self.evaluator.evaluate(trial)?;
        evaluation.cost_seconds += self.record.take_seconds();
        Ok(evaluation)
    }
}
