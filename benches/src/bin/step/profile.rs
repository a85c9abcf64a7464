//! Where a step spends its time, and how it compares with the most that the processor can do.

use std::io::Write as _;

use anyhow::Result;
use nas_eval::profile::{Peak, Profile, Spent};
use serde_json::{Value, json};

/// Prints a table of the kinds of layers to standard error: of one step, the kinds that took longest first.
///
/// Seconds are those of all threads, shares those of the time that the threads had. GB/s are of one thread's seconds, like GFLOP/s.
pub(crate) fn print(profile: &Profile, steps: usize) -> Result<()> {
    let mut out = std::io::stderr().lock();
    let rows = profile.rows();
    let rest = "loss, memory, waiting";
    let names = rows.iter().map(|row| row.name.len()).max();
    let width = names.unwrap_or(0).max(rest.len());
    writeln!(
        out,
        "{:<width$} {:>6} {:>9} {:>9} {:>7} {:>8} {:>8} {:>8} {:>8}",
        "one step, all threads", "times", "forward s", "backwd s", "share", "GFLOP", "GFLOP/s", "GB", "GB/s"
    )?;
    let per_step = steps as f64;
    let all = profile.thread_seconds();
    let mut line = |name: &str, count: u64, [forward, backward]: [f64; 2], spent: Spent| {
        let giga = |amount: u64| amount as f64 / per_step / 1e9;
        let seconds = spent.seconds / per_step;
        writeln!(
            out,
            "{name:<width$} {:>6} {:>9.5} {:>9.5} {:>5.1} % {:>8.4} {:>8.2} {:>8.4} {:>8.2}",
            count / steps as u64,
            forward / per_step,
            backward / per_step,
            100.0 * spent.seconds / all,
            giga(spent.flops),
            giga(spent.flops) / seconds,
            giga(spent.bytes),
            giga(spent.bytes) / seconds,
        )
    };
    let (mut count, mut ways) = (0, [0.0; 2]);
    for row in &rows {
        let seconds = [row.forward.seconds, row.backward.seconds];
        line(&row.name, row.count, seconds, row.total())?;
        count += row.count;
        ways = [ways[0] + seconds[0], ways[1] + seconds[1]];
    }
    line("all layers", count, ways, profile.total())?;
    let left = profile.rest_seconds();
    writeln!(
        out,
        "{rest:<width$} {:>6} {:>19.5} {:>5.1} %",
        "",
        left / per_step,
        100.0 * left / all
    )?;
    writeln!(
        out,
        "passes of one step: {:.5} s, {:.5} s of all threads",
        profile.wall_seconds() / per_step,
        all / per_step
    )?;
    Ok(())
}

/// Adds to a report the peak of the threads, the arithmetic and the bytes of a step, and the ratio of the step's seconds to
/// those that its arithmetic would take at the peak.
pub(crate) fn compare(report: &mut Value, profile: &Profile, steps: usize, step_seconds: Option<f64>) {
    let peak = Peak::measure();
    let total = profile.total();
    let of_step = |amount: u64| amount as f64 / steps as f64;
    let at_peak = of_step(total.flops) / peak.flops_per_second;
    report["peak_gflops_per_second"] = json!(peak.flops_per_second / 1e9);
    report["copy_gb_per_second"] = json!(peak.bytes_per_second / 1e9);
    report["step_gflop"] = json!(of_step(total.flops) / 1e9);
    report["step_gb"] = json!(of_step(total.bytes) / 1e9);
    report["step_seconds_at_peak"] = json!(at_peak);
    report["step_over_peak"] = json!(step_seconds.map(|seconds| seconds / at_peak));
}
