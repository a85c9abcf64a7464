//! One trial: what was proposed, what became of it, its picture.

use std::path::Path;

use anyhow::Result;
use nas_report::Shown;
use nas_report::number::{counted, figure, grouped, known, millions, percent, seconds};
use nas_report::page::Html;
use nas_report::plot::{self, Curve, CurveChart, Dimension, OnAxis, Point, Scale};
use nas_space::draw;
use nas_space::genotype::Genotype;
use nas_space::search::{Evaluation, Metric, TrialId};
use nas_study::{RunDir, TrialRecord};

use super::{costs, origin};
use crate::plan::RunConfig;

/// A trial as it is shown by itself.
#[derive(Debug, Clone)]
pub struct TrialDetail {
    record: TrialRecord,
    genotype: Option<Genotype>,
    metric: Metric,
    /// Epochs and score of the trials that it continues, the first one first, and of itself.
    course: Vec<(u32, f64)>,
    /// Whether a trial is trained, and not looked up or scored.
    has_epochs: bool,
}

impl TrialDetail {
    /// Reads the trial of this number; nothing where there is none. The records are neither locked
    /// nor changed.
    ///
    /// # Errors
    /// Where the run cannot be read.
    pub fn read(path: &Path, trial: TrialId) -> Result<Option<Self>> {
        let directory = RunDir::open(path)?;
        let config: RunConfig = directory.read_config()?;
        let records = directory.look()?;
        let Some(record) = records.trial_of(trial)? else {
            return Ok(None);
        };
        let mut course = Vec::new();
        let mut next = Some(record.clone());
        while let Some(one) = next {
            let evaluation = one.conclusion.as_ref().and_then(|end| end.result.as_ref().ok());
            course
                .extend(evaluation.map(|evaluation| (one.trial.fidelity.epochs, evaluation.valid_accuracy)));
            // Only earlier trials are followed, so the loop ends whatever the records say.
            next = match one.trial.continues {
                Some(continued) if continued.trial < one.trial.id => records.trial_of(continued.trial)?,
                _ => None,
            };
        }
        course.reverse();
        let genotype = config.space.build()?.genotype(&record.trial.architecture).ok();
        Ok(Some(Self {
            record,
            genotype,
            metric: config.metric(),
            course,
            has_epochs: config.proxy().is_none(),
        }))
    }

    /// Its architecture; nothing where it is not of the space.
    pub fn genotype(&self) -> Option<&Genotype> {
        self.genotype.as_ref()
    }

    /// Its architecture as an SVG document.
    pub fn drawing(&self) -> Option<String> {
        self.genotype.as_ref().map(draw::svg)
    }

    /// Its facts, its learning curve where one is on record, its architecture, and why it failed.
    pub fn section(&self) -> Html {
        let mut html = Html::new();
        html.facts(&self.facts());
        if let Some(Err(failure)) = self.record.conclusion.as_ref().map(|end| &end.result) {
            html.broken_code(&failure.message);
        }
        if self.course.len() > 1 {
            html.figure(
                &self.curve(),
                "After each training that was continued: earlier trials are part of this one.",
            );
        }
        if let Some(genotype) = &self.genotype {
            html.figure(&draw::svg(genotype), "The architecture.");
            html.broken_code(&genotype.to_string());
        }
        html
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let record = &self.record;
        let mut facts = Vec::new();
        let outcome = match &record.conclusion {
            None => "under way".to_owned(),
            Some(end) => match &end.result {
                Ok(evaluation) => format!(
                    "{}: {}",
                    self.metric.on("validation"),
                    self.metric.shown(evaluation.valid_accuracy)
                ),
                Err(failure) => format!("failed: {}", costs::name(failure.kind)),
            },
        };
        facts.push(("Outcome", outcome));
        if self.has_epochs {
            let mut epochs = counted(record.trial.fidelity.epochs as usize, "epoch");
            if let Some(continued) = record.trial.continues {
                epochs += &format!(", of which trial {} has {}", continued.trial, continued.epochs);
            }
            facts.push(("Trained for", epochs));
        }
        facts.extend(
            record
                .reused_from
                .map(|trial| ("Taken over", format!("outcome of trial {trial}"))),
        );
        if let Some(end) = &record.conclusion {
            if let Ok(evaluation) = &end.result {
                facts.extend(figures(evaluation));
            }
            facts.push(("Cost", seconds(end.cost_seconds)));
        }
        facts.push(("Proposed", origin::date(record.asked_unix_seconds)));
        facts.extend(
            record
                .conclusion
                .as_ref()
                .map(|end| ("Finished", origin::date(end.finished_unix_seconds))),
        );
        facts.push(("Seed", record.trial.seed.value().to_string()));
        facts
    }

    fn curve(&self) -> String {
        let points = self
            .course
            .iter()
            .map(|&(epochs, score)| Point::new(f64::from(epochs), self.metric.on_axis(score)));
        plot::learning(&CurveChart {
            title: format!("{} over epochs", self.metric.on("Validation")),
            subtitle: String::new(),
            x: Dimension::count("epochs", Scale::Linear),
            y: self.metric.dimension(self.metric.on("validation")),
            dots: Vec::new(),
            curves: vec![Curve {
                name: "validation".to_owned(),
                points: points.collect(),
            }],
        })
    }
}

/// Size and other figures of an evaluation.
fn figures(evaluation: &Evaluation) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Parameters", known(evaluation.params, grouped)),
        ("Multiply-accumulates", known(evaluation.macs, millions)),
    ];
    let loss = |nats: f64| format!("{nats:.4} nats");
    facts.extend(
        evaluation
            .valid_loss
            .map(|value| ("Validation loss", loss(value))),
    );
    facts.extend(
        evaluation
            .train_accuracy
            .map(|value| ("Training accuracy", percent(value))),
    );
    facts.extend(evaluation.train_loss.map(|value| ("Training loss", loss(value))));
    if !evaluation.figures.is_empty() {
        let named = evaluation.figures.iter();
        let named: Vec<String> = named
            .map(|(name, value)| format!("{name} {}", figure(*value)))
            .collect();
        facts.push(("Other figures", named.join("; ")));
    }
    facts.push(("Device", evaluation.device.clone()));
    facts
}
