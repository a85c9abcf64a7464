//! `nas evaluate`: what `nas search --workers` and `nas worker` start; nobody types it.

use std::io::{BufReader, stdin, stdout};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use nas_runner::{TrialSettings, Worker};
use nas_space::search::Stop;
use nas_study::processes::protocol::Hello;
use nas_study::processes::{Served, serve};
use serde::Deserialize;

use crate::commands::table::{TrainingSettings, Trainings};

/// What a worker is to do: see [`nas_runner::program::told`].
#[derive(Deserialize)]
#[serde(tag = "task", content = "settings", rename_all = "snake_case")]
enum Task {
    /// Evaluate the trials of a search.
    Search(Box<TrialSettings>),
    /// Do the trainings of a table.
    Table(Box<TrainingSettings>),
}

/// Time that a trial has to leave a checkpoint once the study is gone or wants no more.
const GRACE: Duration = Duration::from_secs(3);
/// Time between two looks at whether it does.
const LOOK: Duration = Duration::from_millis(50);
/// Preference of the system's killer for this process, of 1,000 at most, where memory runs out: rather a trial than the study.
const PREFERENCE: &str = "500";

/// Evaluates what comes in.
pub(crate) fn run() -> Result<()> {
    // Where there is no such file there is nothing to prefer.
    let _ = std::fs::write("/proc/self/oom_score_adj", PREFERENCE);
    serve(BufReader::new(stdin()), stdout(), |hello, stop| {
        make(hello, stop).map_err(|error| format!("{error:#}"))
    })?;
    Ok(())
}

fn make(hello: &Hello, stop: &Stop) -> Result<Box<dyn Served>> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(hello.threads)
        .build_global()?;
    let at_end = stop.clone();
    thread::Builder::new().name("nas-end".to_owned()).spawn(move || {
        while !at_end.is_requested() {
            thread::sleep(LOOK);
        }
        thread::sleep(GRACE);
        std::process::exit(0);
    })?;
    Ok(match serde_json::from_value(hello.settings.clone())? {
        Task::Search(settings) => Box::new(Worker::new(*settings, hello.device.as_deref(), stop)?),
        Task::Table(settings) => Box::new(Trainings::new(*settings, stop)?),
    })
}
