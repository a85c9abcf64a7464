//! `nas status`: how a run stands, also while it runs.

use anyhow::Result;
use nas_report::Shown;
use nas_report::number::{counted, grouped, seconds};
use nas_runner::plan::{Estimation, RunConfig};
use nas_runner::{State, Status, Usage, shell};
use nas_study::RunDir;

use crate::args::StatusArgs;
use crate::commands::stored;
use crate::output::Output;

/// Looks at the records, without changing or locking anything.
pub(crate) fn run(args: &StatusArgs, output: Output) -> Result<()> {
    if let Some(store) = &args.store {
        return stored::show(store, output);
    }
    let Some(path) = &args.run else {
        return Err(Usage::new("expected a run directory, or --store").into());
    };
    let run = RunDir::open(path)?;
    let config: RunConfig = run.read_config()?;
    let status = Status::of(&run, &config)?;
    output.result(&status, || {
        // A table need not say what trials cost.
        let timed = match &config.estimation {
            Estimation::Table(plan) => plan.evaluator().is_ok_and(|table| table.has_seconds()),
            Estimation::Training(_) | Estimation::Command(_) => true,
        };
        text(&status, timed, &shell::resume(path, Some(&config)))
    })
}

/// The standing in words.
fn text(status: &Status, timed: bool, resume: &str) -> String {
    let (metric, of_test) = (&status.metric, &status.test_metric);
    let (valid, test) = (status.valid_score, status.test_score);
    let beside = &status.beside_test;
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
                match timed {
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
