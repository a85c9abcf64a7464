//! `nas status`: how a run stands, also while it runs.

use std::path::PathBuf;

use anyhow::Result;
use nas_report::Shown;
use nas_report::number::{counted, grouped, seconds};
use nas_runner::plan::{Estimation, OneFigure, RunConfig};
use nas_runner::{FinalRecord, shell};
use nas_space::genotype::Genotype;
use nas_space::search::{Budget, Metric};
use nas_study::{Best, End, RunDir, Standing, StoreError, StudyError};
use serde::Serialize;

use crate::args::StatusArgs;
use crate::output::Output;

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
    /// What is compared, where it is no accuracy: there are no accuracies then.
    #[serde(skip_serializing_if = "Metric::is_accuracy")]
    metric: Metric,
    /// The test figure, where it is no accuracy.
    #[serde(skip_serializing_if = "Option::is_none")]
    test: Option<f64>,
    /// The share of all test images that are classified correctly, where something else is compared and it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    plain_accuracy: Option<f64>,
    /// Whether one figure is both validation and test, so that the test figure is optimistic.
    #[serde(skip_serializing_if = "Option::is_none")]
    one_figure: Option<OneFigure>,
    /// Whether it is known what trials cost: a table need not say.
    #[serde(skip)]
    timed: bool,
}

#[derive(Debug, Serialize)]
struct BestSoFar {
    trial: u64,
    arch: String,
    valid_accuracy: Option<f64>,
    /// The validation figure, where it is no accuracy.
    #[serde(skip_serializing_if = "Option::is_none")]
    valid: Option<f64>,
    epochs: u32,
    /// Its reward, where the search chooses by that.
    #[serde(skip_serializing_if = "Option::is_none")]
    reward: Option<f64>,
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
        // Its process has not reached the first record, or was killed before it.
        Err(StudyError::Store(StoreError::Missing { .. } | StoreError::Empty { .. })) => (None, None),
        Err(error) => return Err(error.into()),
    };
    let end = study.and_then(|study| study.end);
    let best = standing.as_ref().and_then(|standing| standing.best.as_ref());
    let (metric, of_test) = (config.metric(), config.test_metric());
    // What became of the best architecture after the search, if that is on record already.
    let last = FinalRecord::read(&run, &of_test)?
        .filter(|last| best.is_some_and(|best| best.architecture == last.arch));
    let has_final = !matches!(config.estimation, Estimation::Command(_));
    let state = match (&holder, end) {
        (Some(_), _) => State::Running,
        (None, Some(End::Stopped)) => State::Stopped,
        (None, Some(_)) if last.is_some() || !has_final || best.is_none() => State::Finished,
        _ => State::Interrupted,
    };
    let scored = config.proxy().is_some();
    let count = |of: fn(&Standing) -> u64| standing.as_ref().map_or(0, of);
    let beside = last
        .as_ref()
        .map(|last| last.beside(&of_test))
        .unwrap_or_default();
    let plain_accuracy = last
        .as_ref()
        .and_then(|last| last.plain_accuracy)
        .filter(|_| !of_test.is_accuracy());
    let test = last.map(|last| last.test.test_accuracy);
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
        epochs: if scored { 0 } else { count(|s| s.epochs) },
        seconds: standing.as_ref().map_or(0.0, |standing| standing.seconds),
        idle_seconds: standing.as_ref().and_then(|standing| standing.idle_seconds),
        best: best.map(|best| best_so_far(best, &metric, scored)),
        test_accuracy: test.filter(|_| of_test.is_accuracy()),
        test: test
            .filter(|_| !of_test.is_accuracy())
            .map(|score| of_test.value(score)),
        plain_accuracy,
        one_figure: config.one_figure(),
        metric,
        timed: match &config.estimation {
            Estimation::Table(plan) => plan.evaluator().is_ok_and(|table| table.has_seconds()),
            Estimation::Training(_) | Estimation::Command(_) => true,
        },
    };
    let scores = (best.map(|best| best.valid_accuracy), test);
    output.result(&status, || {
        text(
            &status,
            scores,
            (&of_test, beside.as_str()),
            &shell::resume(&args.run, Some(&config)),
        )
    })
}

fn best_so_far(best: &Best, metric: &Metric, scored: bool) -> BestSoFar {
    let arch = serde_json::from_str::<Genotype>(&best.genotype)
        .map_or_else(|_| best.architecture.to_string(), |genotype| genotype.to_string());
    BestSoFar {
        trial: best.trial,
        arch,
        valid_accuracy: metric.is_accuracy().then_some(best.valid_accuracy),
        valid: (!metric.is_accuracy()).then(|| metric.value(best.valid_accuracy)),
        epochs: if scored { 0 } else { best.epochs },
        reward: best.ranked_by,
    }
}

/// The standing in words, with the scores of the best trial: on validation, and on test images, with what is told beside the latter.
fn text(
    status: &Status,
    (valid, test): (Option<f64>, Option<f64>),
    (of_test, beside): (&Metric, &str),
    resume: &str,
) -> String {
    let metric = &status.metric;
    let state = match (status.state, status.pid) {
        (State::Running, Some(pid)) => format!("running (pid {pid})"),
        (State::Running, None) => "running".to_owned(),
        (State::Finished, _) => "finished".to_owned(),
        (State::Stopped, _) => format!("stopped; continue with: {resume}"),
        (State::Interrupted, _) => format!("interrupted: its process has ended; continue with: {resume}"),
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
                match status.timed {
                    false => "seconds not in the table".to_owned(),
                    true => format!("{} of trials", seconds(status.seconds)),
                }
            ),
        ),
    ];
    if let Some(idle) = status.idle_seconds {
        lines.push(line("last outcome", &format!("{} ago", seconds(idle))));
    }
    if let Some(best) = &status.best {
        lines.push(line("best architecture", &best.arch));
        let reached = match best.epochs {
            0 => "not an accuracy".to_owned(),
            epochs => format!("after {}", counted(epochs as usize, "epoch")),
        };
        lines.extend(valid.map(|score| {
            let reward = best
                .reward
                .map_or(String::new(), |reward| format!(", reward {reward:.4}"));
            let figure = format!(
                "{}{}{reward} (trial {}, {reached})",
                metric.shown(score),
                metric.note(),
                best.trial
            );
            line(&metric.on("validation"), &figure)
        }));
    }
    if let Some(score) = test {
        lines.push(line(
            &of_test.on("test"),
            &format!("{}{}{beside}", of_test.shown(score), of_test.note()),
        ));
        lines.extend(status.one_figure.map(|one| line("one figure", one.sentence())));
    }
    lines.join("\n")
}

fn line(name: &str, value: &str) -> String {
    format!("{name:<20} {value}")
}
