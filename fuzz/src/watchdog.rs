//! Ends the process where a parser does not come back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::clock::Stopwatch;

/// Time that an input may take of a processor.
const COMPUTING: Duration = Duration::from_secs(10);
/// Time that an input may take on the clock, which goes on while other programs have the processor.
const WAITING: Duration = Duration::from_secs(120);
/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);

/// A thread that looks at a counter of inputs, and ends the process where it does not move for [`COMPUTING`] or [`WAITING`]:
/// nothing else stops a loop that does not end.
#[derive(Debug)]
pub(crate) struct Watchdog {
    inputs: Arc<AtomicU64>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Watches over inputs that are in this file while they are read.
    pub(crate) fn start(input: PathBuf) -> Self {
        let inputs = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = mpsc::channel();
        let counter = Arc::clone(&inputs);
        let thread = thread::spawn(move || {
            let mut seen = (counter.load(Ordering::Relaxed), Stopwatch::start(), computed());
            while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                let now = counter.load(Ordering::Relaxed);
                let (before, watch, used) = seen;
                if now != before {
                    seen = (now, Stopwatch::start(), computed());
                } else if computed().saturating_sub(used) > COMPUTING || watch.elapsed() > WAITING {
                    give_up(&input);
                }
            }
        });
        Self {
            inputs,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The next input begins.
    pub(crate) fn next(&self) {
        self.inputs.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It ends at once, and there is nothing to be done about one that panicked.
            let _ = thread.join();
        }
    }
}

/// Time that this process has had of processors, where the system tells (Linux), else none.
fn computed() -> Duration {
    let fields = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is a name in parentheses, with whatever in it; fields 14 and 15 are hundredths of seconds.
    let fields = fields
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_whitespace();
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(10 * ticks)
}

#[expect(
    clippy::print_stderr,
    reason = "the process ends here, and no one else can say why"
)]
fn give_up(input: &Path) {
    eprintln!("an input takes longer than {COMPUTING:?}: {}", input.display());
    std::process::exit(124);
}
