//! The result of a search, for people and for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::Result;
use nas_report::Shown;
use nas_report::number::{counted, figure, grouped, size};
use nas_report::pareto::Point;
use nas_space::search::Metric;
use nas_space::sizes::Figures;
use nas_study::RunDir;
use serde::Serialize;
use serde_json::Value;

use super::{Concluded, Extra, PARETO_FILE, Session, Source};
use crate::methods::AuditRecord;
use crate::methods::supernet::{SupernetSummary, cell_file};
use crate::plan::OneFigure;

/// The result of a search: serialised, the JSON of `nas search` and `nas resume`; shown, their text.
#[derive(Debug, Serialize)]
pub struct SearchResult {
    #[serde(skip)]
    text: String,
    run: PathBuf,
    method: String,
    space: String,
    seed: u64,
    trials: u64,
    failed: u64,
    epochs: u64,
    /// Of trials and supernets.
    seconds: f64,
    best: BestResult,
    #[serde(skip_serializing_if = "Option::is_none")]
    test_accuracy: Option<f64>,
    /// What is compared, where it is no accuracy: there are no accuracies then.
    #[serde(skip_serializing_if = "Metric::is_accuracy")]
    metric: Metric,
    /// The test figure, where it is no accuracy.
    #[serde(skip_serializing_if = "Option::is_none")]
    test: Option<f64>,
    /// Whether one figure is both validation and test, so that the test figure is optimistic.
    #[serde(skip_serializing_if = "Option::is_none")]
    one_figure: Option<OneFigure>,
    #[serde(rename = "final", skip_serializing_if = "Option::is_none")]
    last: Option<Value>,
    #[serde(flatten)]
    oneshot: Option<OneshotResult>,
    #[serde(flatten)]
    front: Option<FrontResult>,
    /// How a controller's reward grew.
    #[serde(skip_serializing_if = "Option::is_none")]
    reward_picture: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct BestResult {
    trial: u64,
    arch: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_accuracy: Option<f64>,
    /// The validation figure, where it is no accuracy.
    #[serde(skip_serializing_if = "Option::is_none")]
    valid: Option<f64>,
    epochs: u32,
    #[serde(flatten)]
    figures: Figures,
}

/// What a method with a supernet adds.
#[derive(Debug, Serialize)]
struct OneshotResult {
    /// Of the supernets alone.
    search_seconds: f64,
    /// The search that found the best architecture.
    supernet: SupernetSummary,
    /// The files of its pictures: `strengths` or `rewards`, and `cell`.
    pictures: BTreeMap<&'static str, PathBuf>,
    /// How far its shared weights agree with trainings alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    audit: Option<AuditRecord>,
}

/// What a method that proposes architectures adds.
#[derive(Debug, Serialize)]
struct FrontResult {
    /// The trials that no other is better than in every objective, the smallest first.
    pareto: Vec<Point>,
    /// All trials and that front.
    pareto_picture: PathBuf,
}

impl fmt::Display for SearchResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Session {
    pub(super) fn result(&self, run: &RunDir, concluded: &Concluded) -> Result<SearchResult> {
        let Concluded {
            summary,
            genotype,
            extra,
            pictures,
            figures,
            last,
        } = concluded;
        let best = summary.require_best()?;
        // Each trial is the search of its number.
        let (searches, pareto) = match extra {
            Extra::Searches(searches, audit) => (Some((searches, audit)), None),
            Extra::Front(pareto) => (None, pareto.as_ref()),
        };
        let method = self.config.method.method();
        let front = pareto.map(|pareto| FrontResult {
            pareto: pareto.front().into_iter().cloned().collect(),
            pareto_picture: run.path().join(PARETO_FILE),
        });
        let found = searches.and_then(|(searches, audit)| {
            let supernet = searches.get(usize::try_from(best.trial).ok()?)?.clone();
            let cell = ("cell", cell_file(best.trial));
            let pictures = method.picture(best.trial).into_iter().chain([cell]);
            Some(OneshotResult {
                search_seconds: searches.iter().map(|search| search.seconds).sum(),
                supernet,
                pictures: pictures
                    .map(|(name, file)| (name, run.path().join(file)))
                    .collect(),
                audit: audit.clone(),
            })
        });
        let metric = self.config.metric();
        let accuracy = |score| metric.is_accuracy().then_some(score);
        let other = |score| (!metric.is_accuracy()).then(|| metric.value(score));
        let scored = self.config.proxy().is_some();
        let (test, of_test) = (
            last.as_ref().map(|last| last.test.test_accuracy),
            self.config.test_metric(),
        );
        let mut result = SearchResult {
            text: String::new(),
            run: run.path().to_owned(),
            method: summary.method.clone(),
            space: summary.space.clone(),
            seed: summary.seed.value(),
            trials: summary.trials,
            failed: summary.failed,
            epochs: if scored { 0 } else { summary.epochs },
            seconds: summary.seconds + found.as_ref().map_or(0.0, |found| found.search_seconds),
            best: BestResult {
                trial: best.trial,
                arch: genotype.to_string(),
                valid_accuracy: accuracy(best.valid_accuracy),
                valid: other(best.valid_accuracy),
                epochs: if scored { 0 } else { best.epochs },
                figures: figures.clone(),
            },
            test_accuracy: test.filter(|_| of_test.is_accuracy()),
            test: test
                .filter(|_| !of_test.is_accuracy())
                .map(|score| of_test.value(score)),
            one_figure: self.config.one_figure(),
            last: last.as_ref().map(|last| last.to_json(&of_test)).transpose()?,
            metric: metric.clone(),
            oneshot: found,
            front,
            reward_picture: pictures
                .iter()
                .find(|picture| picture.name == "reward")
                .map(|picture| picture.path.clone()),
        };
        result.text = self.text(&result, concluded);
        Ok(result)
    }

    fn text(&self, result: &SearchResult, concluded: &Concluded) -> String {
        let metric = &result.metric;
        let mut lines = vec![line("best architecture", &result.best.arch)];
        let failed = if result.failed > 0 {
            format!(", {} failed", result.failed)
        } else {
            String::new()
        };
        if let Some(found) = &result.oneshot {
            let SupernetSummary {
                params,
                epochs,
                skip_connections,
                stopped,
                ..
            } = &found.supernet;
            let early = stopped.as_ref().map_or(String::new(), |stopped| {
                let epoch = u64::from(stopped.architecture_of) + 1;
                format!(
                    "; stopped early: {}; the architecture is from epoch {epoch}",
                    stopped.reason
                )
            });
            let choice = match result.trials {
                1 => String::new(),
                trials => format!(", the best of {trials} searches"),
            };
            lines.push(line(
                "skip connections",
                &format!("{skip_connections} in the cells of the architecture"),
            ));
            lines.push(line(
                "search",
                &format!(
                    "{} in space {}{choice}{failed}, {:.1} s",
                    result.method, result.space, found.search_seconds
                ),
            ));
            lines.push(line(
                "supernet",
                &format!(
                    "{} parameters, {} {}{early}",
                    grouped(*params),
                    counted(*epochs as usize, "epoch"),
                    self.images_text()
                ),
            ));
            let warnings = &found.supernet.warnings;
            lines.extend(warnings.iter().map(|warning| line("warning", warning)));
        } else {
            let halved = self.config.halving.as_ref().map_or(String::new(), |_| {
                format!(", {} in all", counted(result.epochs as usize, "epoch"))
            });
            if let Some(screen) = &self.screen {
                lines.push(line("screening", &screen.in_words()));
            }
            if let Some(soft) = &self.config.soft_limits {
                lines.push(line(
                    "rewards",
                    &format!("{soft}; the best is that of the highest reward"),
                ));
            }
            let spent = match &self.source {
                Source::Table(table) if !table.has_seconds() && result.seconds == 0.0 => {
                    "seconds not in the table".to_owned()
                }
                _ => format!("{:.1} s", result.seconds),
            };
            lines.push(line(
                "search",
                &format!(
                    "{} of {}{failed}{halved}, {spent}",
                    counted(result.trials as usize, "trial"),
                    result.space,
                ),
            ));
        }
        let several = self.config.halving.is_some() || matches!(self.source, Source::Table(_));
        let reached = match several {
            true => format!(", after {}", counted(result.best.epochs as usize, "epoch")),
            false => String::new(),
        };
        if let Some(best) = &concluded.summary.best {
            lines.push(line(
                &metric.on("validation"),
                &format!(
                    "{}{}{} (trial {}{reached})",
                    metric.shown(best.valid_accuracy),
                    metric.note(),
                    match self.config.proxy() {
                        Some(_) => ", not an accuracy",
                        None => "",
                    },
                    best.trial
                ),
            ));
        }
        if let Some(last) = &concluded.last {
            let source = match &self.source {
                Source::Training { .. } => self.images_text(),
                Source::Table(_) => "in the table".to_owned(),
                Source::Command(_) => String::new(),
            };
            let metric = self.config.test_metric();
            lines.push(line(
                &metric.on("test"),
                &format!(
                    "{}{}{} (after {} {source})",
                    metric.shown(last.test.test_accuracy),
                    metric.note(),
                    last.beside(&metric),
                    counted(last.epochs as usize, "epoch")
                ),
            ));
        }
        lines.extend(result.one_figure.map(|one| line("one figure", one.sentence())));
        let trained = concluded
            .last
            .as_ref()
            .and_then(|last| last.params.zip(last.macs));
        match (trained, &self.source) {
            (Some((params, macs)), _) => {
                let beside = named_text(&result.best.figures);
                let text = size(Some(params), Some(macs)) + &beside;
                lines.push(line("size", &text));
            }
            (None, Source::Table(_)) => {
                let figures = &result.best.figures;
                let text = size(figures.params, figures.macs) + &named_text(figures);
                lines.push(line("size", &text));
            }
            (None, _) => {}
        }
        if let Some(OneshotResult { pictures, audit, .. }) = &result.oneshot {
            if let Some(audit) = audit {
                lines.push(line("audit", &self.audit_text(audit)));
            }
            // What the method shows stands before the cell that it found.
            let (cells, others): (Vec<_>, Vec<_>) = pictures.iter().partition(|(name, _)| **name == "cell");
            for (name, picture) in others.into_iter().chain(cells) {
                lines.push(line(name, &picture.display().to_string()));
            }
        }
        if let Some(FrontResult {
            pareto,
            pareto_picture,
        }) = &result.front
        {
            if !self.config.method.objectives().is_empty() {
                for (number, point) in pareto.iter().enumerate() {
                    let figures = &point.figures;
                    let mut text = metric.shown(point.score);
                    text += &format!(", {}", size(figures.params, figures.macs));
                    text += &named_text(figures);
                    text += &format!(": {}", point.arch);
                    lines.push(line(if number == 0 { "front" } else { "" }, &text));
                }
            }
            lines.push(line(
                &format!("{metric} and size"),
                &pareto_picture.display().to_string(),
            ));
        }
        for picture in &concluded.pictures {
            lines.push(line(picture.name, &picture.path.display().to_string()));
        }
        lines.push(line("run", &result.run.display().to_string()));
        lines.join("\n")
    }

    fn audit_text(&self, audit: &AuditRecord) -> String {
        let alone = match &self.source {
            Source::Training { .. } => "trained alone",
            Source::Table(_) => "in the table",
            Source::Command(_) => "by the evaluator",
        };
        let agreement = audit.in_words(&self.config.metric());
        let judged = counted(audit.judged(), "uniform draw");
        format!("{agreement}; {judged} with shared weights and {alone}")
    }

    /// What is trained on.
    fn images_text(&self) -> String {
        let Some(loaded) = &self.images else {
            return String::new();
        };
        let limited = self.config.images().is_some_and(|images| images.limit.is_some());
        let which = if limited { "the" } else { "all" };
        let images = grouped(loaded.dataset.train.len() as u64);
        format!("on {which} {images} training images of {}", loaded.dataset.title)
    }
}

/// Figures with names, each after a comma.
fn named_text(figures: &Figures) -> String {
    let named = figures.named.iter();
    named
        .map(|(name, value)| format!(", {name} {}", figure(*value)))
        .collect()
}

fn line(name: &str, value: &str) -> String {
    format!("{name:<20} {value}")
}
