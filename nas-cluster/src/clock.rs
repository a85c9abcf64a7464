//! The only place of this crate that reads a clock. It measures how long to wait; when a lease ends
//! is decided by the clock of the database alone.

use std::time::{Duration, Instant};

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
