//! What all requests share, and how they are answered.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use nas_report::page::Html;

use crate::catalog::{Catalog, Entry};
use crate::frame;
use crate::reports::Reports;

/// What all requests share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) catalog: Catalog,
    pub(crate) reports: Reports,
    /// The port, which every request has to name.
    pub(crate) port: u16,
}

pub(crate) type Shared = Arc<App>;

/// The answer to a request.
pub(crate) type Answer = Result<Response, Problem>;

impl App {
    /// What has this id, also where it was not looked at before.
    pub(crate) fn entry(&self, id: &str) -> Option<Arc<Entry>> {
        self.catalog.entry(id).or_else(|| {
            self.catalog.refresh();
            self.catalog.entry(id)
        })
    }

    /// The run of this id.
    pub(crate) fn run(&self, id: &str) -> Result<Arc<Entry>, Problem> {
        self.entry(id)
            .filter(|entry| entry.status().is_some())
            .ok_or(Problem::NotFound("run"))
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Problem {
    /// There is nothing of this kind under the address.
    NotFound(&'static str),
    /// It cannot be read.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, title, text) = match self {
            Self::NotFound(what) => (
                StatusCode::NOT_FOUND,
                "Not found",
                format!("There is no {what} under this address. It may have been moved or deleted."),
            ),
            Self::Failed(error) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "It cannot be shown",
                format!("{error:#}"),
            ),
        };
        let mut html = Html::new();
        html.note(&text);
        let body = format!("{}<h1>{title}</h1>\n{}", frame::way_back(""), html.as_str());
        (status, frame::html(frame::document(title, "", &body))).into_response()
    }
}

/// Reads files in another thread, so that other requests are answered meanwhile.
pub(crate) async fn blocking<T: Send + 'static>(
    app: &Shared,
    work: impl FnOnce(&App) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let app = Arc::clone(app);
    match tokio::task::spawn_blocking(move || work(&app)).await {
        Ok(result) => result,
        Err(error) => Err(Problem::Failed(error.into())),
    }
}
