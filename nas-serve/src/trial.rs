//! One trial.

use axum::extract::{Path as Segment, Query, State};
use axum::http::header::CONTENT_DISPOSITION;
use axum::response::IntoResponse;
use nas_report::page::escaped;
use nas_runner::report::TrialDetail;
use serde::Deserialize;

use crate::app::{Answer, App, Problem, Shared, blocking};
use crate::frame;

/// What is asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    /// `detail`: what is shown of it, without the frame.
    part: Option<String>,
}

/// `/runs/ID/trials/NUMBER`
pub(crate) async fn page(
    State(app): State<Shared>,
    Segment((id, number)): Segment<(String, u64)>,
    Query(wanted): Query<Wanted>,
) -> Answer {
    blocking(&app, move |app| {
        let entry = app.run(&id)?;
        let trial = read(app, &id, number)?;
        let files = match trial.genotype() {
            None => String::new(),
            Some(_) => format!(
                "<p class=\"downloads\"><a href=\"/runs/{id}/trials/{number}/genotype.json\" download>genotype</a> \
                 <a href=\"/runs/{id}/trials/{number}/architecture.svg\" download>SVG</a></p>\n"
            ),
        };
        let body = format!(
            "<h1>Trial {number}</h1>\n<p class=\"lead\">{}</p>\n{}{files}",
            escaped(&entry.name),
            trial.section().as_str()
        );
        Ok(frame::html(match wanted.part.as_deref() {
            Some("detail") => body,
            _ => {
                let more = format!("<a href=\"/runs/{id}\">{}</a>", escaped(&entry.name));
                let title = format!("Trial {number} of {}", entry.name);
                frame::document(&title, "", &(frame::way_back(&more) + &body))
            }
        }))
    })
    .await
}

/// `/runs/ID/trials/NUMBER/genotype.json`
pub(crate) async fn genotype(
    State(app): State<Shared>,
    Segment((id, number)): Segment<(String, u64)>,
) -> Answer {
    blocking(&app, move |app| genotype_of(app, &id, number)).await
}

/// `/runs/ID/genotype.json`: that of the best trial so far.
pub(crate) async fn best_genotype(State(app): State<Shared>, Segment(id): Segment<String>) -> Answer {
    blocking(&app, move |app| {
        app.catalog.refresh();
        let entry = app.run(&id)?;
        let best = entry.status().and_then(|status| status.best.as_ref());
        genotype_of(app, &id, best.ok_or(Problem::NotFound("best trial"))?.trial)
    })
    .await
}

/// `/runs/ID/trials/NUMBER/architecture.svg`
pub(crate) async fn drawing(
    State(app): State<Shared>,
    Segment((id, number)): Segment<(String, u64)>,
) -> Answer {
    blocking(&app, move |app| {
        let drawing = read(app, &id, number)?
            .drawing()
            .ok_or(Problem::NotFound("picture"))?;
        Ok(file("image/svg+xml", &format!("trial-{number}.svg"), drawing))
    })
    .await
}

fn genotype_of(app: &App, id: &str, number: u64) -> Answer {
    let trial = read(app, id, number)?;
    let genotype = trial.genotype().ok_or(Problem::NotFound("genotype"))?;
    let text = serde_json::to_string_pretty(genotype).map_err(anyhow::Error::from)?;
    Ok(file(
        "application/json",
        &format!("trial-{number}.json"),
        text + "\n",
    ))
}

fn read(app: &App, id: &str, number: u64) -> Result<TrialDetail, Problem> {
    let entry = app.run(id)?;
    TrialDetail::read(&entry.path, number)?.ok_or(Problem::NotFound("trial"))
}

/// A file that is saved and not shown.
fn file(kind: &'static str, name: &str, content: String) -> axum::response::Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (axum::http::header::CONTENT_TYPE, kind.to_owned()),
        (CONTENT_DISPOSITION, disposition),
    ];
    (headers, content).into_response()
}
