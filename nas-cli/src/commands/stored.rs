//! What is shown of a database: its server, its studies and its workers.

use anyhow::Result;
use nas_cluster::{Address, Overview, ServerCheck, StudyOverview, WorkerOverview};
use nas_report::number::{counted, seconds};
use nas_runner::Typed;
use serde::Serialize;

use crate::output::Output;

/// Seconds after which a worker, or the process of a search, is said not to be heard of: its trials pass to others by then.
const SILENT: f64 = 60.0;

/// The JSON of a database's server in `nas doctor --store`.
#[derive(Debug, Serialize)]
pub(super) struct ServerRow {
    pub(super) address: String,
    pub(super) usable: bool,
    pub(super) version: Option<String>,
    pub(super) connections: Option<i64>,
    pub(super) synchronous_standby: Option<bool>,
    /// Format of the tables; none before a search has created them.
    pub(super) format: Option<i32>,
    pub(super) faults: Vec<String>,
}

impl ServerRow {
    /// Looks at a server.
    pub(super) fn new(typed: &str) -> Result<Self> {
        let address = Address::parse(typed).typed("--store")?;
        let row = |found: Option<&ServerCheck>, faults: Vec<String>| Self {
            address: address.to_string(),
            usable: faults.is_empty(),
            version: found.map(|found| found.version.clone()),
            connections: found.map(|found| found.connections),
            synchronous_standby: found.map(|found| found.synchronous_standby),
            format: found.and_then(|found| found.format),
            faults,
        };
        Ok(match nas_cluster::check(&address) {
            Ok(found) => row(Some(&found), found.faults.clone()),
            Err(error) => row(None, vec![error.to_string()]),
        })
    }

    /// What is known, in words.
    pub(super) fn details(&self) -> String {
        if !self.usable {
            return self.faults.join("; ");
        }
        let tables = match self.format {
            Some(format) => format!("tables of format {format}"),
            None => "no tables yet".to_owned(),
        };
        let standby = match self.synchronous_standby {
            Some(true) => ", synchronous standby",
            _ => ", no synchronous standby",
        };
        format!(
            "PostgreSQL {}, {} connections, {tables}{standby}",
            self.version.as_deref().unwrap_or("of unknown version"),
            self.connections.unwrap_or_default()
        )
    }
}

/// The JSON of `nas status --store`.
#[derive(Debug, Serialize)]
struct Shown {
    address: String,
    studies: Vec<StudyRow>,
    workers: Vec<WorkerRow>,
}

#[derive(Debug, Serialize)]
struct StudyRow {
    id: String,
    name: String,
    finished: bool,
    queued: i64,
    running: i64,
    done: i64,
    given_up: i64,
    lost_attempts: i64,
    refused_results: i64,
    results_in_ten_minutes: i64,
    process: Option<String>,
    process_silent_seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
struct WorkerRow {
    id: String,
    host: String,
    process: i64,
    slots: i32,
    running: i64,
    stored: i64,
    silent_seconds: f64,
    note: Option<String>,
}

/// Shows the studies and workers of a database.
pub(super) fn show(typed: &str, output: Output) -> Result<()> {
    let address = Address::parse(typed).typed("--store")?;
    let Overview { studies, workers, .. } = Overview::read(&address)?;
    let shown = Shown {
        address: address.to_string(),
        studies: studies.into_iter().map(StudyRow::from).collect(),
        workers: workers.into_iter().map(WorkerRow::from).collect(),
    };
    output.result(&shown, || text(&shown))
}

impl From<StudyOverview> for StudyRow {
    fn from(study: StudyOverview) -> Self {
        let (process, process_silent_seconds) = study.owner.unzip();
        Self {
            id: study.id,
            name: study.name,
            finished: study.finished,
            queued: study.queued,
            running: study.running,
            done: study.done,
            given_up: study.dead,
            lost_attempts: study.lost,
            refused_results: study.stale,
            results_in_ten_minutes: study.recent,
            process,
            process_silent_seconds,
        }
    }
}

impl From<WorkerOverview> for WorkerRow {
    fn from(worker: WorkerOverview) -> Self {
        Self {
            id: worker.id,
            host: worker.host,
            process: worker.process,
            slots: worker.slots,
            running: worker.running,
            stored: worker.stored,
            silent_seconds: worker.silent_seconds,
            note: worker.note,
        }
    }
}

/// Studies and workers, a line each.
fn text(shown: &Shown) -> String {
    let mut lines = vec![format!("database    {}", shown.address)];
    if shown.studies.is_empty() {
        lines.push("studies     none".to_owned());
    }
    for study in &shown.studies {
        let state = match (study.finished, study.process_silent_seconds) {
            (true, _) => "finished".to_owned(),
            (false, Some(silent)) if silent < SILENT => "running".to_owned(),
            (false, silent) => format!(
                "waiting: its process was last heard of {}; continue with: nas resume DIR",
                silent.map_or("never".to_owned(), |silent| format!("{} ago", seconds(silent)))
            ),
        };
        lines.push(format!("study       {} ({})", study.name, study.id));
        lines.push(format!("  state     {state}"));
        let mut trials = format!(
            "  trials    {} done, {} running, {} waiting",
            study.done, study.running, study.queued
        );
        for (count, what) in [
            (study.given_up, "given up"),
            (study.lost_attempts, "attempts lost"),
            (study.refused_results, "late results refused"),
        ] {
            if count > 0 {
                trials += &format!(", {count} {what}");
            }
        }
        if study.results_in_ten_minutes > 0 {
            trials += &format!("; {} in ten minutes", study.results_in_ten_minutes);
        }
        lines.push(trials);
    }
    let heard = shown
        .workers
        .iter()
        .filter(|worker| worker.silent_seconds < SILENT)
        .count();
    lines.push(format!(
        "workers     {} heard of within a minute",
        counted(heard, "worker")
    ));
    for worker in &shown.workers {
        let mut line = format!(
            "  {} (pid {})  {} of {}, {} stored",
            worker.host,
            worker.process,
            worker.running,
            counted(usize::try_from(worker.slots).unwrap_or_default(), "slot"),
            worker.stored
        );
        if worker.silent_seconds >= SILENT {
            line += &format!(", last heard of {} ago", seconds(worker.silent_seconds));
        }
        if let Some(note) = &worker.note {
            line += &format!(", {note}");
        }
        lines.push(line);
    }
    lines.join("\n")
}
