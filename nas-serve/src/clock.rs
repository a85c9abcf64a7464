//! The only place of this crate that reads a clock. Times decide when something is read again and
//! what is shown as its age.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(Instant);

impl Moment {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where this crate measures durations"
    )]
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    /// How long ago it was.
    pub(crate) fn ago(self) -> Duration {
        self.0.elapsed()
    }
}

/// Seconds since 1970-01-01 00:00 UTC; 0 where the clock is set before that.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where this crate reads the date"
)]
pub(crate) fn unix_seconds() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}
