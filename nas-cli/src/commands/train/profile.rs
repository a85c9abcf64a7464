//! `nas train --profile`: which layers a training step spends its time on.

use anyhow::{Result, bail};
use nas_eval::Profile;
use nas_eval::profile::Spent;

/// Training passes that are timed.
pub(super) const PASSES: u32 = 5;
/// The most rows of layers.
const ROWS: usize = 20;

/// Only the engine of the CPU can be profiled.
pub(super) fn check_device(device: &str) -> Result<()> {
    if device != "cpu" {
        bail!("layers are timed in the engine of the CPU only; got --device {device}, expected --device cpu");
    }
    Ok(())
}

/// A line of the table: the layer, how often a step has it, and what one step spends on it.
struct Line {
    name: String,
    times: String,
    forward: f64,
    backward: f64,
    flops: u64,
}

impl Line {
    fn new(name: String, times: u64, forward: Spent, backward: Spent) -> Self {
        Self {
            name,
            times: times.to_string(),
            forward: forward.seconds,
            backward: backward.seconds,
            flops: forward.flops + backward.flops,
        }
    }
}

/// The table, the layers that took longest first. Shares are those of the time of all threads.
pub(super) fn table(profile: &Profile) -> String {
    let passes = profile.passes().max(1);
    let batch = profile.images() / passes;
    let rows = profile.rows();
    let shown = if rows.len() > ROWS { ROWS - 1 } else { rows.len() };
    let mut lines: Vec<Line> = rows[..shown]
        .iter()
        .map(|row| Line::new(row.name.clone(), row.count / passes, row.forward, row.backward))
        .collect();
    if let rest @ [_, ..] = &rows[shown..] {
        let (mut count, mut forward, mut backward) = (0, Spent::default(), Spent::default());
        for row in rest {
            count += row.count / passes;
            forward += row.forward;
            backward += row.backward;
        }
        lines.push(Line::new(
            format!("{} other layers", rest.len()),
            count,
            forward,
            backward,
        ));
    }
    let width = lines.iter().map(|line| line.name.chars().count()).max();
    let width = width.unwrap_or(0).max("loss, memory, waiting".len());
    let all = profile.thread_seconds().max(f64::MIN_POSITIVE);
    let milliseconds = |seconds: f64| format!("{:.3}", 1e3 * seconds / passes as f64);
    let threads = profile.thread_seconds() / profile.wall_seconds().max(f64::MIN_POSITIVE);
    let mut text = format!(
        "one training step of {batch} images takes {} ms on {threads:.0} threads (mean of {passes}, without the optimizer); \
         milliseconds below are those of all threads\n",
        milliseconds(profile.wall_seconds())
    );
    text += &format!(
        "{:<width$} {:>5} {:>11} {:>11} {:>7} {:>8}\n",
        "layer", "times", "ms forward", "ms backward", "share", "GFLOP/s"
    );
    for line in lines {
        let seconds = line.forward + line.backward;
        let rate = match line.flops {
            0 => "-".to_owned(),
            flops => format!("{:.1}", flops as f64 / seconds.max(f64::MIN_POSITIVE) / 1e9),
        };
        text += &format!(
            "{:<width$} {:>5} {:>11} {:>11} {:>5.1} % {rate:>8}\n",
            line.name,
            line.times,
            milliseconds(line.forward),
            milliseconds(line.backward),
            100.0 * seconds / all,
        );
    }
    let rest = profile.rest_seconds();
    text += &format!(
        "{:<width$} {:>5} {:>23} {:>5.1} %",
        "loss, memory, waiting",
        "",
        milliseconds(rest),
        100.0 * rest / all
    );
    text
}
