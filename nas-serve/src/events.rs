//! Server-sent events: a browser is told which runs have changed, and fetches what it shows of
//! them.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Sse};
use futures_core::Stream;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::app::{App, Shared, blocking};
use crate::catalog::{Content, Entry};
use crate::clock::Moment;

/// Least time between two looks at the folder.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looking takes at most one part in so many of the time.
const SHARE: u32 = 50;
/// Events that wait for a slow reader.
const WAITING: usize = 16;

/// What is asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    /// One run, or else all.
    run: Option<String>,
}

/// The data of an event.
#[derive(Debug, Serialize)]
struct Changed<'a> {
    id: &'a str,
    /// In one word.
    state: &'a str,
    trials: u64,
    finished: u64,
    failed: u64,
}

impl<'a> Changed<'a> {
    fn of(entry: &'a Entry) -> Self {
        let (state, trials, finished, failed) = match &entry.content {
            Content::Run(status) => (status.state.word(), status.trials, status.finished, status.failed),
            Content::Comparison(comparison) => {
                let runs = comparison.runs as u64;
                let state = if comparison.is_finished {
                    "finished"
                } else {
                    "unfinished"
                };
                (state, runs, runs, 0)
            }
            Content::Unreadable(_) => ("unreadable", 0, 0, 0),
        };
        Self {
            id: &entry.id,
            state,
            trials,
            finished,
            failed,
        }
    }
}

/// `/events`: an event `run` for each run as it is now, and whenever it has changed; `gone` for one
/// that is no longer there.
pub(crate) async fn events(State(app): State<Shared>, Query(wanted): Query<Wanted>) -> impl IntoResponse {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(tell(app, wanted, sender));
    Sse::new(Events(receiver)).keep_alive(KeepAlive::default())
}

/// What one browser is told.
#[derive(Debug)]
pub(crate) struct Events(mpsc::Receiver<Event>);

impl Stream for Events {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}

/// Tells one browser until it goes away.
async fn tell(app: Shared, wanted: Wanted, sender: mpsc::Sender<Event>) {
    let mut changes = app.catalog.subscribe();
    let mut told: HashMap<String, u64> = HashMap::new();
    loop {
        changes.mark_unchanged();
        let mut entries = app.catalog.entries();
        entries.retain(|entry| wanted.run.as_ref().is_none_or(|run| *run == entry.id));
        let gone: Vec<String> = told
            .keys()
            .filter(|id| entries.iter().all(|entry| entry.id != **id))
            .cloned()
            .collect();
        let mut events = Vec::new();
        for id in gone {
            told.remove(&id);
            events.push(Event::default().event("gone").data(id));
        }
        for entry in entries {
            if told.insert(entry.id.clone(), entry.version) != Some(entry.version)
                && let Ok(data) = serde_json::to_string(&Changed::of(&entry))
            {
                events.push(Event::default().event("run").data(data));
            }
        }
        for event in events {
            if sender.send(event).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = sender.closed() => return,
            changed = changes.changed() => if changed.is_err() {
                return;
            },
        }
    }
}

/// Looks at the folder again and again while anybody is told of it.
pub(crate) async fn watch(app: Shared) {
    loop {
        let begun = Moment::now();
        if app.catalog.has_subscribers() {
            let look = |app: &App| {
                app.catalog.refresh();
                Ok(())
            };
            // What cannot be read is an entry that says so.
            let _ = blocking(&Arc::clone(&app), look).await;
        }
        tokio::time::sleep(LOOK_EVERY.max(begun.ago() * SHARE)).await;
    }
}
