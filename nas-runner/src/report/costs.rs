//! What the search cost, and what failed.

use std::collections::BTreeMap;

use anyhow::Result;
use nas_report::number::{NOT_KNOWN, counted, grouped, seconds};
use nas_report::page::{Align, Cell, Html, Table};
use nas_report::plot::{self, Bar, BarChart};
use nas_space::search::FailureKind;

use super::{Run, origin};
use crate::methods::supernet;

/// Seconds of each part, as a picture and in numbers.
pub(super) fn section(run: &Run) -> Result<Html> {
    let mut html = Html::new();
    if run.trials.is_empty() {
        return Ok(html);
    }
    let conclusions = run.trials.iter().filter_map(|record| record.conclusion.as_ref());
    let evaluation: f64 = conclusions
        .clone()
        .map(|conclusion| conclusion.cost_seconds)
        .sum();
    let told: f64 = run.trials.iter().filter_map(|record| record.tell_seconds).sum();
    let asked: f64 = run.trials.iter().map(|record| record.ask_seconds).sum();
    let supernets = match run.config.method.proposes() {
        true => None,
        false => Some(supernet::seconds(&run.directory()?)?),
    };
    // To propose is to train a supernet where there is one.
    let strategy = if supernets.is_some() { told } else { told + asked };
    let last = run.last.as_ref().map(|last| last.seconds);
    let mut parts = Vec::new();
    // An unknown figure is not shown as 0.
    parts.extend(run.knows_seconds().then_some(("trials", evaluation)));
    parts.extend(supernets.map(|spent| ("supernets", spent)));
    parts.push(("the method itself", strategy));
    parts.extend(last.map(|spent| ("final training and test", spent)));
    let total: f64 = parts.iter().map(|(_, spent)| spent).sum();
    let chart = BarChart {
        title: "Seconds".to_owned(),
        subtitle: "Summed over the trials, even if several ran at the same time.".to_owned(),
        parts: parts.iter().map(|(name, _)| (*name).to_owned()).collect(),
        bars: vec![Bar {
            name: run.config.method.to_string(),
            seconds: parts.iter().map(|(_, spent)| *spent).collect(),
        }],
    };
    html.figure(&plot::bars(&chart), "");
    let mut table = Table::new(&[
        ("what", Align::Left),
        ("time", Align::Right),
        ("share", Align::Right),
    ]);
    for (name, spent) in &parts {
        let share = if total > 0.0 { 100.0 * spent / total } else { 0.0 };
        table.row([
            Cell::text(name),
            Cell::Text(seconds(*spent)),
            Cell::Text(format!("{share:.1} %")),
        ]);
    }
    table.row([
        Cell::text("in all"),
        Cell::Text(seconds(total)),
        Cell::Text("100.0 %".to_owned()),
    ]);
    html.table(&table);
    let epochs: u64 = run
        .trials
        .iter()
        .filter(|record| record.conclusion.is_some())
        .map(|record| u64::from(record.trial.added_epochs()))
        .sum();
    let mut facts = vec![("Epochs of the trials", grouped(epochs))];
    if !run.knows_seconds() {
        facts.push((
            "Seconds of the trials",
            format!("{NOT_KNOWN}: the table does not have them"),
        ));
    }
    if !run.attempts.is_empty() {
        let lost: f64 = run.attempts.iter().map(|record| record.attempt.seconds).sum();
        facts.push((
            "Lost and made again",
            format!("{}, {}", counted(run.attempts.len(), "attempt"), seconds(lost)),
        ));
    }
    if let Some(study) = &run.study {
        facts.push(("Begun", origin::date(study.created_unix_seconds)));
        let finished = conclusions.map(|conclusion| conclusion.finished_unix_seconds);
        if let Some(end) = finished.reduce(f64::max) {
            let spent = seconds((end - study.created_unix_seconds).max(0.0));
            facts.push((
                "Last trial",
                format!(
                    "{}, {spent} after the start, including interruptions",
                    origin::date(end)
                ),
            ));
        }
    }
    html.facts(&facts);
    Ok(html)
}

/// What failed, by kind.
pub(super) fn failures(run: &Run) -> Html {
    let mut html = Html::new();
    let failed = run.failed();
    if failed.is_empty() {
        return html;
    }
    let mut kinds: BTreeMap<FailureKind, Vec<(u64, &str)>> = BTreeMap::new();
    for (trial, kind, message) in &failed {
        kinds.entry(*kind).or_default().push((*trial, message));
    }
    html.paragraph(&format!(
        "{} of {} failed. They are recorded, and the method was told.",
        counted(failed.len(), "trial"),
        grouped(run.finished() as u64)
    ));
    let columns = [
        ("what happened", Align::Left),
        ("trials", Align::Right),
        ("the first", Align::Right),
        ("its message", Align::Left),
    ];
    let mut table = Table::new(&columns);
    for (kind, trials) in kinds {
        let (first, message) = trials[0];
        table.row([
            Cell::text(name(kind)),
            Cell::text(trials.len()),
            Cell::text(first),
            // The rest, such as a backtrace, is in the records.
            Cell::text(message.lines().next().unwrap_or_default()),
        ]);
    }
    html.table(&table);
    html
}

/// A kind of failure in words.
pub(super) fn name(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::NonFinite => "a loss or an accuracy was not a number",
        FailureKind::OutOfMemory => "no memory was left",
        FailureKind::Panic => "the evaluator panicked",
        FailureKind::TimedOut => "it took too long",
        FailureKind::Invalid => "the network cannot be built",
        FailureKind::OverLimit => "the network is larger than allowed",
        FailureKind::LostWorker => "its process went away",
        FailureKind::BadAnswer => "its process gave an invalid answer",
        _ => "something else",
    }
}
