//! What searches by a supernet have left, read again, and what a report tells of all of them.

use anyhow::Result;
use nas_darts::stop::Stopped;
use nas_report::Shown as _;
use nas_report::number::grouped;
use nas_report::page::{Align, Cell, Html, Table};
use nas_report::plot::{self, Curve, CurveChart, Dimension, Scale};
use nas_study::RunDir;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::oneshot::record_file;
use crate::methods::Seen;

/// `search-i.json` of a run directory, of either method: what both write, and their own epochs `E`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SearchRecord<E> {
    /// Its number.
    pub search: u64,
    /// Parameters of the supernet.
    pub params: u64,
    /// What it found; none before it has ended.
    pub arch: Option<String>,
    /// Skip connections in that.
    pub skip_connections: Option<usize>,
    /// Why it ended early, if it did.
    #[serde(default)]
    pub stopped: Option<Stopped>,
    /// Why what it found may mean little.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// So far, those before an interruption included.
    pub seconds: f64,
    /// Its epochs.
    pub history: Vec<E>,
}

/// The searches of a run, and the place of the one to show.
pub(in crate::methods) struct Shown<E> {
    pub(in crate::methods) searches: Vec<SearchRecord<E>>,
    place: usize,
}

impl<E> Shown<E> {
    /// The one to show, if there is any.
    pub(in crate::methods) fn search(&self) -> Option<&SearchRecord<E>> {
        self.searches.get(self.place)
    }
}

/// The searches of a run, of which that of the best trial is shown, else the last.
pub(in crate::methods) fn shown<E: DeserializeOwned>(seen: &Seen<'_>) -> Result<Shown<E>> {
    let searches = read(seen.run)?;
    let best = seen.best.and_then(|best| usize::try_from(best).ok());
    let place = best.filter(|best| *best < searches.len());
    let last = searches.len().saturating_sub(1);
    Ok(Shown {
        searches,
        place: place.unwrap_or(last),
    })
}

/// The seconds of all searches by a supernet, those that are under way among them.
pub fn seconds(run: &RunDir) -> Result<f64> {
    let searches: Vec<SearchRecord<serde_json::Value>> = read(run)?;
    Ok(searches.iter().map(|search| search.seconds).sum())
}

/// The epochs of search number `index`, as far as it is.
pub(in crate::methods) fn history_of<E: DeserializeOwned>(run: &RunDir, index: u64) -> Result<Vec<E>> {
    let record: Option<SearchRecord<E>> = run.read_json(&record_file(index))?;
    Ok(record.map_or(Vec::new(), |record| record.history))
}

fn read<E: DeserializeOwned>(run: &RunDir) -> Result<Vec<SearchRecord<E>>> {
    let mut searches = Vec::new();
    while let Some(search) = run.read_json(&record_file(searches.len() as u64))? {
        searches.push(search);
    }
    Ok(searches)
}

/// A supernet's accuracy over its epochs.
pub(in crate::methods) fn training_curve(curves: Vec<Curve>) -> Html {
    let mut html = Html::new();
    if curves.iter().all(|curve| curve.points.len() < 2) {
        return html;
    }
    let chart = CurveChart {
        title: "Accuracy of the supernet".to_owned(),
        subtitle: "The supernet with all operations, or many architectures with shared weights; this is not the accuracy of the result."
            .to_owned(),
        x: Dimension::count("epochs", Scale::Linear),
        y: Dimension::percent("accuracy", Scale::Linear),
        curves,
        dots: Vec::new(),
    };
    html.figure(&plot::learning(&chart), "");
    html
}

/// Each search by a supernet, in a row.
pub(in crate::methods) fn overview<E>(seen: &Seen<'_>, of: &Shown<E>) -> Html {
    let Shown { searches, place } = of;
    let mut html = Html::new();
    let metric = seen.metric;
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
            .and_then(|number| seen.trials.get(number));
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
                "stopped early: {}; the architecture is from epoch {}",
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
            "This is search {place}: that of the best trial, or the last one."
        ));
    }
    html
}
