//! What a method with supernets has to tell of them.

use anyhow::Result;
use nas_space::genotype::Genotype;

use super::Run;
use crate::number::{counted, grouped, percent};
use crate::oneshot::{AUDIT_FILE, AuditRecord, SearchRecord, record_file};
use crate::page::{Align, Cell, Html, Table};
use crate::plot::{self, Curve, CurveChart, Dimension, Point, Scale};
use crate::shown::Shown;

/// The supernets of a run, and which of them to show: that of the best trial, else the last.
fn searches<E: serde::de::DeserializeOwned>(run: &Run) -> Result<(Vec<SearchRecord<E>>, usize)> {
    let mut searches = Vec::new();
    while let Some(search) = run.file(&record_file(searches.len() as u64))? {
        searches.push(search);
    }
    let best = run
        .best()
        .and_then(|best| usize::try_from(best.record.trial.id).ok());
    let shown = best.filter(|best| *best < searches.len());
    let last = searches.len().saturating_sub(1);
    Ok((searches, shown.unwrap_or(last)))
}

/// The seconds of all supernets, those that are under way among them.
pub(super) fn seconds(run: &Run) -> Result<Vec<f64>> {
    let (searches, _) = searches::<serde_json::Value>(run)?;
    Ok(searches.iter().map(|search| search.seconds).collect())
}

/// Strengths of operations.
pub(super) fn darts(run: &Run) -> Result<Html> {
    let (searches, shown) = searches::<nas_darts::EpochReport>(run)?;
    let mut html = Html::new();
    let Some(search) = searches.get(shown) else {
        return Ok(html);
    };
    html.append(&overview(run, &searches, shown));
    let architecture: Option<Genotype> = search.arch.as_ref().map(|arch| arch.parse()).transpose()?;
    let of_epoch = search.stopped.as_ref().map(|stopped| stopped.architecture_of);
    let strengths = plot::strengths(&search.history, architecture.as_ref(), of_epoch);
    html.figure(
        &strengths,
        "The strength of each operation on each edge: softmax of α, or what the relaxation makes of it.",
    );
    let epochs = search.history.iter();
    let curve = |name: &str, of: fn(&nas_darts::EpochReport) -> f64| Curve {
        name: name.to_owned(),
        points: epochs
            .clone()
            .map(|epoch| Point::new(f64::from(epoch.epoch) + 1.0, 100.0 * of(epoch)))
            .collect(),
    };
    html.append(&training(vec![
        curve("training batches", |epoch| epoch.train_accuracy),
        curve("the half that α is fitted to", |epoch| epoch.valid_accuracy),
    ]));
    let columns = [
        ("epoch", Align::Right),
        ("training loss", Align::Right),
        ("training accuracy", Align::Right),
        ("validation loss", Align::Right),
        ("validation accuracy", Align::Right),
        ("skip connections", Align::Right),
        ("entropy of α, nats", Align::Right),
        ("eigenvalue", Align::Right),
    ];
    let mut table = Table::new(&columns);
    for epoch in epochs {
        let cells = epoch.cells.len().max(1) as f64;
        let entropy: f64 = epoch.cells.iter().map(|cell| cell.mean_entropy).sum();
        table.row([
            Cell::text(epoch.epoch + 1),
            Cell::Text(format!("{:.4}", epoch.train_loss)),
            Cell::Text(percent(epoch.train_accuracy)),
            Cell::Text(format!("{:.4}", epoch.valid_loss)),
            Cell::Text(percent(epoch.valid_accuracy)),
            Cell::text(
                epoch
                    .cells
                    .iter()
                    .map(|cell| cell.skip_connections)
                    .sum::<usize>(),
            ),
            Cell::Text(format!("{:.3}", entropy / cells)),
            Cell::Text(
                epoch
                    .eigenvalue
                    .map_or("–".to_owned(), |value| format!("{value:.4}")),
            ),
        ]);
    }
    let mut inner = Html::new();
    inner.table(&table);
    html.details("The epochs in numbers", &inner);
    Ok(html)
}

/// Rewards, and the audit of the shared weights.
pub(super) fn enas(run: &Run) -> Result<Html> {
    let (searches, shown) = searches::<nas_rl::enas::EpochReport>(run)?;
    let mut html = Html::new();
    let Some(search) = searches.get(shown) else {
        return Ok(html);
    };
    html.append(&overview(run, &searches, shown));
    if let Some(config) = run.config.supernet.as_ref().and_then(|plan| plan.enas.as_ref()) {
        html.figure(
            &plot::shared_reward(&search.history, config.rl.reward),
            "The reward of the controller's draws, measured with the shared weights on batches of validation images.",
        );
    }
    let epochs = search.history.iter();
    let points = epochs
        .clone()
        .map(|epoch| Point::new(f64::from(epoch.epoch) + 1.0, 100.0 * epoch.train_accuracy));
    html.append(&training(vec![Curve {
        name: "training batches".to_owned(),
        points: points.collect(),
    }]));
    let columns = [
        ("epoch", Align::Right),
        ("training loss", Align::Right),
        ("training accuracy", Align::Right),
        ("reward", Align::Right),
        ("baseline", Align::Right),
        ("entropy, nats", Align::Right),
        ("seconds", Align::Right),
    ];
    let mut table = Table::new(&columns);
    for epoch in epochs {
        table.row([
            Cell::text(epoch.epoch + 1),
            Cell::Text(format!("{:.4}", epoch.train_loss)),
            Cell::Text(percent(epoch.train_accuracy)),
            Cell::Text(format!("{:.4}", epoch.reward)),
            Cell::Text(format!("{:.4}", epoch.baseline)),
            Cell::Text(format!("{:.2}", epoch.entropy)),
            Cell::Text(format!("{:.1}", epoch.seconds)),
        ]);
    }
    let mut inner = Html::new();
    inner.table(&table);
    html.details("The epochs in numbers", &inner);
    html.append(&audit(run)?);
    Ok(html)
}

/// How far shared weights agree with trainings alone.
fn audit(run: &Run) -> Result<Html> {
    let mut html = Html::new();
    let (Some(audit), Some(plan)) = (run.file::<AuditRecord>(AUDIT_FILE)?, &run.config.supernet) else {
        return Ok(html);
    };
    html.heading("Audit of the shared weights");
    let judged = audit.sample.iter().filter(|one| one.alone.is_some()).count();
    html.paragraph(&match audit.kendall_tau {
        Some(tau) => format!(
            "Of {}, Kendall's τ between the accuracies by shared weights and alone is {tau:.3}.",
            counted(judged, "uniform draw")
        ),
        None if audit.is_done(plan.audit) => format!(
            "Of {}, all are equal by shared weights or alone, so there is no rank correlation.",
            counted(judged, "uniform draw")
        ),
        None => format!(
            "{} judged so far; the audit has not ended.",
            counted(judged, "uniform draw")
        ),
    });
    let columns = [
        ("number", Align::Right),
        ("shared", Align::Right),
        ("alone", Align::Right),
        ("architecture", Align::Left),
    ];
    let mut table = Table::new(&columns);
    for (number, one) in audit.sample.iter().enumerate() {
        let accuracy = |value: Option<f64>| Cell::Text(value.map_or("–".to_owned(), percent));
        table.row([
            Cell::text(number + 1),
            accuracy(one.shared),
            Cell::Text(
                one.alone
                    .map_or("–".to_owned(), |score| run.metric().shown(score)),
            ),
            Cell::code(&one.arch),
        ]);
    }
    let mut inner = Html::new();
    inner.table(&table);
    html.details("The draws", &inner);
    Ok(html)
}

/// A supernet's accuracy over its epochs.
fn training(curves: Vec<Curve>) -> Html {
    let mut html = Html::new();
    if curves.iter().all(|curve| curve.points.len() < 2) {
        return html;
    }
    let chart = CurveChart {
        title: "Accuracy of the supernet".to_owned(),
        subtitle: "All operations at once, or many architectures with the same weights: not the accuracy of the result."
            .to_owned(),
        x: Dimension::count("epochs", Scale::Linear),
        y: Dimension::percent("accuracy", Scale::Linear),
        curves,
        dots: Vec::new(),
    };
    html.figure(&plot::curves(&chart), "");
    html
}

/// Each search by a supernet, in a row.
fn overview<E>(run: &Run, searches: &[SearchRecord<E>], shown: usize) -> Html {
    let mut html = Html::new();
    let metric = run.metric();
    let of_result = format!("{} of its result", metric.on("validation"));
    let columns = [
        ("search", Align::Right),
        ("supernet's parameters", Align::Right),
        ("epochs", Align::Right),
        ("seconds", Align::Right),
        ("skip connections", Align::Right),
        (of_result.as_str(), Align::Right),
        ("remark", Align::Left),
    ];
    let mut table = Table::new(&columns);
    for search in searches {
        let trial = usize::try_from(search.search)
            .ok()
            .and_then(|number| run.trials.get(number));
        let outcome = trial.and_then(|trial| trial.outcome());
        let accuracy = match outcome {
            Some(outcome) => outcome
                .valid_accuracy()
                .map_or("failed".to_owned(), |score| metric.shown(score)),
            None => "–".to_owned(),
        };
        let remark = match (&search.arch, &search.stopped) {
            (None, _) => "not finished".to_owned(),
            (_, Some(stopped)) => format!(
                "stopped early: {}; the architecture is of epoch {}",
                stopped.reason,
                stopped.architecture_of + 1
            ),
            _ => String::new(),
        };
        table.row([
            Cell::text(search.search),
            Cell::Text(grouped(search.params)),
            Cell::text(search.history.len()),
            Cell::Text(format!("{:.1}", search.seconds)),
            Cell::Text(search.skip_connections.map_or("–".to_owned(), |n| n.to_string())),
            Cell::Text(accuracy),
            Cell::Text(remark),
        ]);
    }
    html.table(&table);
    for search in searches {
        for warning in &search.warnings {
            html.note(&format!("Warning, search {}: {warning}.", search.search));
        }
    }
    if searches.len() > 1 {
        html.paragraph(&format!(
            "Search {shown} is shown: the one of the best trial, or the last."
        ));
    }
    html
}
