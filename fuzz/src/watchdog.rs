//! Ends the process where a parser does not come back.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Time that an input may take.
const LIMIT: Duration = Duration::from_secs(10);

/// A thread that looks at a counter of inputs, and ends the process where it has not moved for [`LIMIT`]: nothing else
/// stops a loop that does not end.
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
            let mut seen = counter.load(Ordering::Relaxed);
            while stopped.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
                let now = counter.load(Ordering::Relaxed);
                if now == seen {
                    give_up(&input);
                }
                seen = now;
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

#[expect(
    clippy::print_stderr,
    reason = "the process ends here, and no one else can say why"
)]
fn give_up(input: &std::path::Path) {
    eprintln!("an input takes longer than {LIMIT:?}: {}", input.display());
    std::process::exit(124);
}
