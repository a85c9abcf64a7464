//! Tests against a real server, which each test starts for itself and ends. Where there is none,
//! they say so and skip.
//!
//! `NAS_SOAK=1` makes the long ones as long as a release wants them.

mod conformance;
mod failures;
mod figures;
mod model;
mod processes;
mod searches;
mod statements;
mod telling;

use std::time::Duration;

use crate::Timing;

/// Times a thirtieth as long as usual.
fn fast() -> Timing {
    Timing {
        lease: Duration::from_secs(2),
        beat: Duration::from_millis(500),
        reap: Duration::from_millis(300),
        poll: (Duration::from_millis(10), Duration::from_millis(100)),
        look: (Duration::from_millis(5), Duration::from_millis(50)),
        abandon: Duration::from_secs(60),
    }
}

/// Repetitions: few, or as many as a release wants.
fn times(few: u32, many: u32) -> u32 {
    match std::env::var_os("NAS_SOAK") {
        Some(_) => many,
        None => few,
    }
}
