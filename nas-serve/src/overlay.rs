//! Several runs in one chart.

use std::fmt::Write;
use std::sync::Arc;

use anyhow::Result;
use axum::extract::{Query, State};
use nas_report::Shown;
use nas_report::page::{Html, escaped};
use nas_report::plot::{self, Curve, CurveChart, Dimension, OnAxis, Point, Scale};
use nas_runner::Status;
use nas_space::search::Metric;
use nas_study::{RunDir, StoreError, StudyError};

use crate::app::{Answer, App, Shared, blocking};
use crate::catalog::Entry;
use crate::frame;
use crate::runs::{badge, trials};

/// More curves than this are not told apart.
const MOST: usize = 12;

/// Runs so many times as long as others are drawn over a logarithmic axis.
const FAR: f64 = 10.0;

/// `/overlay?run=ID&run=ID`
pub(crate) async fn page(State(app): State<Shared>, Query(asked): Query<Vec<(String, String)>>) -> Answer {
    blocking(&app, move |app| {
        app.catalog.refresh();
        let values = |name: &'static str| asked.iter().filter(move |(key, _)| key == name).map(|(_, value)| value);
        let ids: Vec<&String> = values("run").collect();
        let charts = charts(app, &ids)?;
        Ok(frame::html(match values("part").next().map(String::as_str) {
            Some("charts") => charts,
            _ => {
                let body = format!(
                    "{}<h1>Runs over each other</h1>\n<div id=\"charts\" data-live=\"all\">\n{charts}</div>\n",
                    frame::way_back("<span class=\"live\" hidden>live</span>")
                );
                frame::document("Runs over each other", "", &body)
            }
        }))
    })
    .await
}

/// A chart for each metric, and how the runs stand.
fn charts(app: &App, ids: &[&String]) -> Result<String> {
    let mut entries: Vec<Arc<Entry>> = Vec::new();
    for entry in ids.iter().filter_map(|id| app.run(id).ok()) {
        if entries.iter().all(|other| other.id != entry.id) {
            entries.push(entry);
        }
    }
    let mut html = Html::new();
    if entries.len() > MOST {
        html.note(&format!(
            "{} runs are too many to tell apart: these are the first {MOST}.",
            entries.len()
        ));
        entries.truncate(MOST);
    }
    let runs: Vec<(&Entry, &Status)> = entries
        .iter()
        .filter_map(|entry| Some((entry.as_ref(), entry.status()?)))
        .collect();
    if runs.is_empty() {
        html.paragraph("No run is chosen: go back and choose some.");
        return Ok(html.as_str().to_owned());
    }
    let mut metrics: Vec<&Metric> = Vec::new();
    for (_, status) in &runs {
        if !metrics.contains(&&status.metric) {
            metrics.push(&status.metric);
        }
    }
    for metric in metrics {
        let mut curves = Vec::new();
        for (entry, status) in runs.iter().filter(|(_, status)| status.metric == *metric) {
            curves.push(curve(entry, status)?);
        }
        // Short runs beside long ones would be at the edge of an even axis.
        let lengths = curves.iter().filter_map(|curve| Some(curve.points.last()?.x));
        let (shortest, longest) = lengths.fold((f64::INFINITY, 0.0_f64), |(least, most), x| {
            (least.min(x), most.max(x))
        });
        let scale = match longest > FAR * shortest {
            true => Scale::Logarithmic,
            false => Scale::Linear,
        };
        let chart = CurveChart {
            title: format!("Best {} over trials", metric.on("validation")),
            subtitle: String::new(),
            x: Dimension::count("trials", scale),
            y: metric.dimension(metric.on("validation")),
            curves,
            dots: Vec::new(),
        };
        html.figure(
            &plot::curves(&chart),
            "Each line: the best so far, among the trials trained longest.",
        );
    }
    let mut text = html.as_str().to_owned();
    text += "<div class=\"wide\"><table class=\"runs\"><thead><tr><th scope=\"col\">run</th><th scope=\"col\">state</th>\
             <th scope=\"col\">method</th><th scope=\"col\">data</th><th scope=\"col\" class=\"number\">best validation</th>\
             <th scope=\"col\" class=\"number\">trials</th></tr></thead>\n<tbody>\n";
    for (entry, status) in runs {
        let best = status
            .valid_score
            .map_or("–".to_owned(), |score| status.metric.shown(score));
        let _ = writeln!(
            text,
            "<tr><th scope=\"row\"><a href=\"/runs/{}\">{}</a></th><td>{}</td><td>{}</td><td>{}</td>\
             <td class=\"number\" data-label=\"validation\">{}</td><td class=\"number\" data-label=\"trials\">{}</td></tr>",
            entry.id,
            escaped(&entry.name),
            badge(status.state.word()),
            escaped(&status.method),
            escaped(&status.data),
            escaped(&best),
            trials(status)
        );
    }
    Ok(text + "</tbody></table></div>\n")
}

/// The best so far of a run after so many trials, up to the last one.
fn curve(entry: &Entry, status: &Status) -> Result<Curve> {
    let incumbents = match RunDir::open(&entry.path)?.look() {
        Ok(records) => records.incumbents()?,
        Err(StudyError::Store(StoreError::Missing { .. } | StoreError::Empty { .. })) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let mut points: Vec<Point> = incumbents
        .iter()
        .map(|one| Point::new(one.trials as f64, status.metric.on_axis(one.score)))
        .collect();
    points.extend(
        points
            .last()
            .map(|last| Point::new(last.x.max(status.trials as f64), last.mean)),
    );
    Ok(Curve {
        name: entry.name.clone(),
        points,
    })
}
