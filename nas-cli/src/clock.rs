//! The only place of this crate that reads a clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01 00:00 UTC; 0 where the clock is set before that.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where this crate reads the date; it is shown and not used"
)]
pub(crate) fn unix_seconds() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}
