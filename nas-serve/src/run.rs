//! The page of a run: its report, kept up to date, and all of its trials.

use anyhow::Result;
use axum::extract::{Path as Segment, Query, State};
use nas_report::page::escaped;

use crate::app::{Answer, Shared, blocking};
use crate::catalog::Entry;
use crate::frame;
use crate::reports::Report;
use crate::runs::{badge, trials as trials_in_words};
use crate::trials::{self, Wanted};

/// `/runs/ID`
pub(crate) async fn page(
    State(app): State<Shared>,
    Segment(id): Segment<String>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    blocking(&app, move |app| {
        app.catalog.refresh();
        let entry = app.run(&id)?;
        Ok(frame::html(match wanted.part.as_deref() {
            Some("state") => state(&entry),
            Some("report") => app.reports.of(&entry)?.content.clone(),
            Some("trials") => trials::rows(&entry, &wanted)?,
            _ => {
                let report = app.reports.of(&entry)?;
                let title = format!("{}: {}", entry.name, report.title);
                frame::document(&title, "run", &body(&entry, &report, &wanted)?)
            }
        }))
    })
    .await
}

fn body(entry: &Entry, report: &Report, wanted: &Wanted) -> Result<String> {
    let more = format!(
        "<span class=\"name\">{}</span><span id=\"state\">{}</span><a href=\"#all-trials\">Trials</a>\
         <span class=\"live\" hidden>live</span>",
        escaped(&entry.name),
        state(entry)
    );
    Ok(format!(
        "{}<div id=\"report\" data-live=\"{}\">\n{}</div>\n\
         <section aria-labelledby=\"all-trials\">\n<h2 id=\"all-trials\">All trials</h2>\n{}<div id=\"trials\">\n{}</div>\n{}</section>\n\
         <dialog id=\"detail\" aria-label=\"A trial\"></dialog>\n",
        frame::way_back(&more),
        entry.id,
        report.content,
        trials::filter(entry, wanted)?,
        trials::rows(entry, wanted)?,
        trials::downloads(entry)
    ))
}

fn state(entry: &Entry) -> String {
    entry.status().map_or(String::new(), |status| {
        format!("{} {}", badge(status.state.word()), trials_in_words(status))
    })
}
