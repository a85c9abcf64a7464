//! The page of a comparison.

use anyhow::Context;
use axum::extract::{Path as Segment, State};
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{IntoResponse, Response};
use nas_report::number::counted;
use nas_report::page::{Html, SCRIPT, digest, escaped};

use crate::app::{Answer, Problem, Shared, blocking};
use crate::catalog::{Content, Entry};
use crate::comparison::Comparison;
use crate::frame;

/// Most bytes of a page.
const MOST_PAGE: u64 = 64 << 20;

/// `/comparisons/ID`: the page that the comparison has written.
pub(crate) async fn page(State(app): State<Shared>, Segment(id): Segment<String>) -> Answer {
    blocking(&app, move |app| {
        let entry = app.entry(&id).ok_or(Problem::NotFound("comparison"))?;
        let Content::Comparison(comparison) = &entry.content else {
            return Err(Problem::NotFound("comparison"));
        };
        if !comparison.is_finished {
            return Ok(unfinished(&entry, comparison));
        }
        let page = entry.path.join("report.html");
        // Whoever may write there may have put a link in its place.
        let read = nas_files::check_own_file(&page).and_then(|()| nas_files::read_text(&page, MOST_PAGE));
        let text = read.with_context(|| format!("cannot read {}", page.display()))?;
        // A file, and not made here: it loads nothing and runs nothing but the script of reports, whatever is in it.
        let policy = format!(
            "default-src 'none'; script-src {}; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; \
             sandbox allow-scripts",
            digest(SCRIPT)
        );
        Ok(([(CONTENT_SECURITY_POLICY, policy)], frame::html(text)).into_response())
    })
    .await
}

fn unfinished(entry: &Entry, comparison: &Comparison) -> Response {
    let mut html = Html::new();
    html.paragraph(&format!(
        "{} of this comparison {} finished. Its page is written once all are.",
        counted(comparison.runs, "run"),
        if comparison.runs == 1 { "is" } else { "are" }
    ));
    html.facts(&[
        ("Methods", comparison.methods.join(", ")),
        ("Tasks", comparison.tasks.join(", ")),
    ]);
    let title = format!("Comparison {}", entry.name);
    let body = format!(
        "{}<h1>{}</h1>\n{}",
        frame::way_back(""),
        escaped(&title),
        html.as_str()
    );
    frame::html(frame::document(&title, "", &body))
}
