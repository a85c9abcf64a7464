//! The only place of this crate that reads a clock. Times are recorded; they never decide what is
//! proposed.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A clock that was started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where this crate measures durations"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the start.
    pub(crate) fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// What `work` gives, and the seconds it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let watch = Stopwatch::start();
    let result = work();
    (result, watch.seconds())
}

/// Seconds since 1970-01-01 00:00 UTC; 0 where the clock is set before that.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where this crate reads the date; it is written down and not used"
)]
pub(crate) fn unix_seconds() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}
