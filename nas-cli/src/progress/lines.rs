//! Progress in plain lines, where there is no terminal: a job under nohup, Slurm or CI is seen to live.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

use nas_eval::clock::Stopwatch;

use crate::output::note;

/// Seconds between two lines where not each one is asked for.
const EVERY: f64 = 30.0;

/// How much is told of progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Verbosity {
    /// Nothing, not even bars.
    Quiet,
    /// Bars on a terminal, elsewhere a line at most every half a minute.
    Normal,
    /// A line for each trial and each epoch.
    Verbose,
}

/// That of this process.
static VERBOSITY: AtomicU8 = AtomicU8::new(Verbosity::Normal as u8);

impl Verbosity {
    /// Tells so much from now on.
    pub(crate) fn set(self) {
        VERBOSITY.store(self as u8, Ordering::Relaxed);
    }

    /// What was set.
    pub(super) fn now() -> Self {
        match VERBOSITY.load(Ordering::Relaxed) {
            0 => Self::Quiet,
            1 => Self::Normal,
            _ => Self::Verbose,
        }
    }
}

/// The lines of a run.
#[derive(Debug)]
pub(super) struct Lines {
    verbosity: Verbosity,
    terminal: bool,
    /// Since the last line, or since the start.
    since: Mutex<Stopwatch>,
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            verbosity: Verbosity::now(),
            terminal: std::io::stderr().is_terminal(),
            since: Mutex::new(Stopwatch::start()),
        }
    }
}

impl Lines {
    /// Tells a step, if it is time for a line.
    pub(super) fn tell(&self, line: impl FnOnce() -> String) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if is_due(self.verbosity, self.terminal, since.seconds()) {
            *since = Stopwatch::start();
            note(&line());
        }
    }
}

/// Whether there is a line this number of seconds after the last one.
fn is_due(verbosity: Verbosity, terminal: bool, seconds: f64) -> bool {
    match verbosity {
        Verbosity::Quiet => false,
        Verbosity::Normal => !terminal && seconds >= EVERY,
        // Bars are drawn over on a terminal.
        Verbosity::Verbose => !terminal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_every_half_minute_or_all_of_them_or_none() {
        use Verbosity::{Normal, Quiet, Verbose};
        for (verbosity, terminal, seconds, due) in [
            (Normal, false, 29.9, false),
            (Normal, false, 30.0, true),
            (Normal, true, 100.0, false),
            (Verbose, false, 0.0, true),
            (Verbose, true, 100.0, false),
            (Quiet, false, 100.0, false),
        ] {
            assert_eq!(
                is_due(verbosity, terminal, seconds),
                due,
                "{verbosity:?} {terminal} {seconds}"
            );
        }
    }
}
