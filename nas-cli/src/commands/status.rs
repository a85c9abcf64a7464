//! `nas status`: how a run stands, also while it runs.

use std::path::PathBuf;

use anyhow::Result;
use nas_space::genotype::Genotype;
use nas_space::search::Budget;
use nas_study::{Best, End, RunDir, Standing, StoreError, StudyError};
use serde::Serialize;

use crate::args::StatusArgs;
use crate::number::{counted, grouped, percent, seconds};
use crate::output::Output;
use crate::plan::RunConfig;
use crate::session::FinalRecord;

/// The JSON of `nas status`.
#[derive(Debug, Serialize)]
struct Status {
    run: PathBuf,
    method: String,
    space: String,
    seed: u64,
    state: State,
    /// The process that runs it, where one does and can be told.
    pid: Option<u32>,
    budget: Budget,
    trials: u64,
    finished: u64,
    failed: u64,
    /// Attempts that were lost and made again.
    retried: u64,
    epochs: u64,
    /// Of the finished trials.
    seconds: f64,
    /// Seconds since the last trial was finished.
    idle_seconds: Option<f64>,
    best: Option<BestSoFar>,
    /// Once the best is trained in full or looked up.
    test_accuracy: Option<f64>,
    /// Whether trials are looked up in a table, which need not say what they cost.
    #[serde(skip)]
    looked_up: bool,
}

#[derive(Debug, Serialize)]
struct BestSoFar {
    trial: u64,
    arch: String,
    valid_accuracy: f64,
    epochs: Option<u32>,
}

/// What becomes of a run at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// A process is at it.
    Running,
    /// The search has ended, and what follows it too, where something does.
    Finished,
    /// It was asked to stop.
    Stopped,
    /// Its process is gone, and had not ended it.
    Interrupted,
}

/// Looks at the records, without changing or locking anything.
pub(crate) fn run(args: &StatusArgs, output: Output) -> Result<()> {
    let run = RunDir::open(&args.run)?;
    let config: RunConfig = run.read_config()?;
    let holder = run.holder()?;
    let (study, standing) = match run.look() {
        Ok(records) => (records.study()?, Some(records.standing()?)),
        // Its process has not come to the first record, or was killed before it.
        Err(StudyError::Store(StoreError::Missing { .. } | StoreError::Empty { .. })) => (None, None),
        Err(error) => return Err(error.into()),
    };
    let end = study.and_then(|study| study.end);
    let best = standing.as_ref().and_then(|standing| standing.best.as_ref());
    let last = best.and_then(|best| final_record(&run, best));
    let has_final = !matches!(config.estimation, crate::plan::Estimation::Command(_));
    let state = match (&holder, end) {
        (Some(_), _) => State::Running,
        (None, Some(End::Stopped)) => State::Stopped,
        (None, Some(_)) if last.is_some() || !has_final || best.is_none() => State::Finished,
        _ => State::Interrupted,
    };
    let count = |of: fn(&Standing) -> u64| standing.as_ref().map_or(0, of);
    let status = Status {
        run: args.run.clone(),
        method: config.method.to_string(),
        space: config.space.build()?.name().to_owned(),
        seed: config.seed,
        state,
        pid: holder.and_then(|holder| holder.pid),
        budget: config.budget,
        trials: count(|s| s.asked),
        finished: count(|s| s.finished),
        failed: count(|s| s.failed),
        retried: count(|s| s.retried),
        epochs: count(|s| s.epochs),
        seconds: standing.as_ref().map_or(0.0, |standing| standing.seconds),
        idle_seconds: standing.as_ref().and_then(|standing| standing.idle_seconds),
        best: best.map(best_so_far),
        test_accuracy: last.map(|last| last.test.test_accuracy),
        looked_up: matches!(config.estimation, crate::plan::Estimation::Table(_)),
    };
    output.result(&status, || text(&status))
}

/// What became of the best architecture after the search, if that is on record already.
fn final_record(run: &RunDir, best: &Best) -> Option<FinalRecord> {
    let text = std::fs::read_to_string(run.path().join("final.json")).ok()?;
    let record: FinalRecord = serde_json::from_str(&text).ok()?;
    (record.arch == best.architecture).then_some(record)
}

fn best_so_far(best: &Best) -> BestSoFar {
    let arch = serde_json::from_str::<Genotype>(&best.genotype)
        .map_or_else(|_| best.architecture.to_string(), |genotype| genotype.to_string());
    BestSoFar {
        trial: best.trial,
        arch,
        valid_accuracy: best.valid_accuracy,
        epochs: best.epochs,
    }
}

fn text(status: &Status) -> String {
    let state = match (status.state, status.pid) {
        (State::Running, Some(pid)) => format!("running (pid {pid})"),
        (State::Running, None) => "running".to_owned(),
        (State::Finished, _) => "finished".to_owned(),
        (State::Stopped, _) => format!("stopped; go on with: nas resume {}", status.run.display()),
        (State::Interrupted, _) => format!(
            "interrupted: its process is gone; go on with: nas resume {}",
            status.run.display()
        ),
    };
    let under_way = status.trials - status.finished;
    let of = |limit: Option<u64>| limit.map_or(String::new(), |limit| format!(" of {}", grouped(limit)));
    let mut trials = format!(
        "{}{} finished",
        grouped(status.finished),
        of(status.budget.trials)
    );
    for (count, what) in [
        (under_way, "under way"),
        (status.failed, "failed"),
        (status.retried, "retried"),
    ] {
        if count > 0 {
            trials += &format!(", {} {what}", grouped(count));
        }
    }
    let mut lines = vec![
        line("run", &status.run.display().to_string()),
        line("state", &state),
        line(
            "search",
            &format!(
                "{} in space {}, seed {}",
                status.method, status.space, status.seed
            ),
        ),
        line("trials", &trials),
        line(
            "spent",
            &format!(
                "{}{}, {}",
                counted(usize::try_from(status.epochs).unwrap_or(usize::MAX), "epoch"),
                of(status.budget.epochs),
                match status.looked_up && status.seconds == 0.0 && status.finished > 0 {
                    true => "seconds not known to the table".to_owned(),
                    false => format!("{} of trials", seconds(status.seconds)),
                }
            ),
        ),
    ];
    if let Some(idle) = status.idle_seconds {
        lines.push(line("last outcome", &format!("{} ago", seconds(idle))));
    }
    if let Some(best) = &status.best {
        lines.push(line("best architecture", &best.arch));
        lines.push(line(
            "validation accuracy",
            &format!("{} (trial {})", percent(best.valid_accuracy), best.trial),
        ));
    }
    if let Some(accuracy) = status.test_accuracy {
        lines.push(line("test accuracy", &percent(accuracy)));
    }
    lines.join("\n")
}

fn line(name: &str, value: &str) -> String {
    format!("{name:<20} {value}")
}
