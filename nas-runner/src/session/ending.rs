//! The best architecture after the search: it is trained in full and tested, or looked up.

use anyhow::{Context, Result, bail};
use nas_eval::final_training::{FinalTraining, Validation};
use nas_eval::latency::Latency;
use nas_eval::train::{EpochMetrics, JudgedBy};
use nas_report::number::{bounds, percent};
use nas_report::page::Picture;
use nas_space::arch::Architecture;
use nas_space::canonical::canonical_id;
use nas_space::genotype::Genotype;
use nas_space::search::{Interval, Metric, TestReport};
use nas_space::sizes::{Figures, Sizes};
use nas_study::{Best, RunDir};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Loaded, Session, Source};
use crate::picture;
use crate::plan::TrainingPlan;
use crate::watch::RunEvent;

/// The network that a search trained in full, in its run directory.
pub const NETWORK_FILE: &str = "network.safetensors";

/// The file of a run directory that holds the [`FinalRecord`].
const FINAL_FILE: &str = "final.json";

/// What became of the best architecture after the search.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FinalRecord {
    /// The architecture.
    pub arch: Architecture,
    /// Its figures on the test split.
    pub test: TestReport,
    /// Epochs that it was trained.
    pub epochs: u32,
    /// Seconds that this took; 0 where it was looked up.
    pub seconds: f64,
    /// The share of all test images that are classified correctly, whatever architectures were compared by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain_accuracy: Option<f64>,
    /// Names of the classes, where the test was made here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Pictures of the worst mistakes of the test, in their order, so that a report needs no data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<Picture>,
    /// Parameters, where they are known.
    #[serde(default)]
    pub params: Option<u64>,
    /// Multiply-accumulates for one image, where they are known.
    #[serde(default)]
    pub macs: Option<u64>,
    /// How long the network takes for one image on the machine that trained it, where it was trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// The epochs of the training, in order, where it was made here by a version that records them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<LearnedEpoch>,
}

/// An epoch of the final training, on the images as they were trained on: augmented.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LearnedEpoch {
    /// Mean loss, in nats.
    pub train_loss: f64,
    /// Share of the images that were classified correctly, in \[0, 1\].
    pub train_accuracy: f64,
}

impl LearnedEpoch {
    fn of(metrics: &EpochMetrics) -> Self {
        Self {
            train_loss: metrics.train_loss,
            train_accuracy: metrics.train_accuracy,
        }
    }
}

impl FinalRecord {
    /// That of a run, if there is one.
    ///
    /// # Errors
    /// Where it cannot be read, or holds a figure that cannot be one of this metric.
    pub fn read(run: &RunDir, metric: &Metric) -> Result<Option<Self>> {
        let Some(record) = run.read_json::<Self>(FINAL_FILE)? else {
            return Ok(None);
        };
        let refuse = |what: &str, got: f64, expected: &str| {
            let path = run.path().join(FINAL_FILE);
            bail!(
                "{}: its {what} is {got}; expected {expected}; another program has changed the file",
                path.display()
            )
        };
        let test = metric.value(record.test.test_accuracy);
        if !metric.allows(test) {
            return refuse(&format!("test {metric}"), test, metric.expected());
        }
        if record.seconds < 0.0 {
            return refuse("seconds", record.seconds, "a number of at least 0");
        }
        Ok(Some(record))
    }

    /// The 95 % interval of the test figure, of this metric, where it is known.
    pub fn interval(&self, metric: &Metric) -> Option<Interval> {
        let mut all = [JudgedBy::Accuracy, JudgedBy::Balanced, JudgedBy::MacroF1].into_iter();
        all.find(|by| by.metric() == *metric)?
            .interval_of_test(&self.test)
    }

    /// What is written behind the test figure, of this metric: its 95 % interval, and where it is
    /// no accuracy, the plain one: ` [88.02, 93.71], plain accuracy 93.21 %`. Empty where neither
    /// is known.
    pub fn beside(&self, metric: &Metric) -> String {
        let plain = self.plain_accuracy.filter(|_| !metric.is_accuracy());
        let plain = plain.map(|plain| format!(", plain accuracy {}", percent(plain)));
        bounds(self.interval(metric)) + &plain.unwrap_or_default()
    }

    /// As it is printed for programs, without pictures and epochs. Where the metric is no accuracy, `test`
    /// holds its figure, and `test_report` the others of the test, with the plain accuracy.
    pub(super) fn to_json(&self, metric: &Metric) -> Result<Value> {
        let mut record = serde_json::to_value(Self {
            pictures: Vec::new(),
            curve: Vec::new(),
            ..self.clone()
        })?;
        if let (false, Some(record)) = (metric.is_accuracy(), record.as_object_mut()) {
            record.insert("test".to_owned(), metric.value(self.test.test_accuracy).into());
            if let Some(plain) = self.plain_accuracy {
                let report = TestReport {
                    test_accuracy: plain,
                    ..self.test.clone()
                };
                record.insert("test_report".to_owned(), serde_json::to_value(report)?);
            }
        }
        Ok(record)
    }
}

impl Session {
    /// The final record: read if this architecture has one, made otherwise; nothing where nobody can make one.
    pub(super) fn end(&self, run: &RunDir, best: &Best, genotype: &Genotype) -> Result<Option<FinalRecord>> {
        let arch = &best.architecture;
        if let Some(record) = FinalRecord::read(run, &self.config.test_metric())? {
            // A larger budget may have found a better one since.
            if record.arch == *arch {
                return Ok(Some(record));
            }
        }
        let record = match &self.source {
            Source::Training { plan, .. } => self.train(run, best, genotype, plan)?,
            Source::Command(_) => return Ok(None),
            Source::Table(evaluator) => {
                let test = evaluator.test_report(arch)?;
                let Figures { params, macs, .. } = evaluator.sizes().of(arch)?;
                FinalRecord {
                    arch: arch.clone(),
                    test,
                    epochs: evaluator.dataset().report_epochs,
                    seconds: 0.0,
                    plain_accuracy: None,
                    classes: Vec::new(),
                    pictures: Vec::new(),
                    params,
                    macs,
                    latency: None,
                    curve: Vec::new(),
                }
            }
        };
        run.write_json(FINAL_FILE, &record)?;
        Ok(Some(record))
    }

    fn train(
        &self,
        run: &RunDir,
        best: &Best,
        genotype: &Genotype,
        plan: &TrainingPlan,
    ) -> Result<FinalRecord> {
        let Loaded { dataset, compute } = self.images.as_ref().context("a training has no images")?;
        // An architecture written out may be longer than a file's name can be.
        let id = canonical_id(genotype, self.space.operations()).to_string();
        let name = format!("final-{}-{id:.16}", best.trial);
        let checkpoint = run.checkpoints_path().join(name);
        let epochs = plan.final_epochs;
        let images = dataset.train.len();
        self.watcher.watch(RunEvent::TrainingBegins { epochs, images });
        let report = FinalTraining {
            genotype,
            operations: self.space.operations(),
            dataset,
            network: plan.evaluator.network,
            train: plan.evaluator.train.with_epochs(epochs),
            judged_by: plan.evaluator.judged_by,
            validation: Validation::None,
            seed: self.seed().derive("final", 0),
            compute,
            checkpoint: Some(&checkpoint),
            stop: self.stop.clone(),
        }
        .run(|metrics| self.watcher.watch(RunEvent::TrainingEpoch(metrics)))?;
        self.watcher.watch(RunEvent::TrainingEnds);
        report.network.save(&run.path().join(NETWORK_FILE))?;
        let mut test = report.test;
        let plain = test.test_accuracy;
        test.test_accuracy = plan.evaluator.judged_by.of_test(&test).unwrap_or(plain);
        Ok(FinalRecord {
            arch: best.architecture.clone(),
            pictures: picture::of_mistakes(dataset, &test.mistakes),
            test,
            plain_accuracy: Some(plain),
            classes: dataset.classes.clone(),
            epochs: plan.final_epochs,
            seconds: report.seconds,
            params: Some(report.cost.params),
            macs: Some(report.cost.macs),
            latency: Some(Latency::of_model(&report.network.model)?),
            curve: report.history.iter().map(LearnedEpoch::of).collect(),
        })
    }
}
