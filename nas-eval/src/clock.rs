//! The only place in this crate, and in the crates that train with it, where the time is read. It
//! is reported, and affects no result but measured latencies.

use std::time::Instant;

/// Measures wall-clock time from its start.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place where the clock is read"
    )]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// Measures the seconds that the thread it was started on computes, where the system tells (Unix),
/// and wall-clock seconds elsewhere. Unlike a [`Stopwatch`] it is not disturbed by what else the
/// machine does.
#[derive(Debug, Clone, Copy)]
pub struct ThreadStopwatch {
    wall: Stopwatch,
    computed: Option<f64>,
}

impl ThreadStopwatch {
    /// Starts now. To be read on this thread alone.
    pub fn start() -> Self {
        Self {
            wall: Stopwatch::start(),
            computed: computed_seconds(),
        }
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        match (computed_seconds(), self.computed) {
            (Some(now), Some(then)) => now - then,
            _ => self.wall.seconds(),
        }
    }
}

/// Seconds that this thread has been on a core.
#[cfg(unix)]
fn computed_seconds() -> Option<f64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Some(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

#[cfg(not(unix))]
fn computed_seconds() -> Option<f64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_computes_is_charged_for_it_and_never_more_than_the_wall_clock_shows() {
        let (wall, thread) = (Stopwatch::start(), ThreadStopwatch::start());
        let mut sum = 0.0_f64;
        while wall.seconds() < 0.05 {
            sum = (sum + 1.0).sqrt();
        }
        assert!(sum > 0.0);
        let seconds = thread.seconds();
        assert!(seconds > 0.0 && seconds < wall.seconds() + 0.001, "{seconds}");
        // It is exact to microseconds: a short while counts.
        let thread = ThreadStopwatch::start();
        for _ in 0..20_000 {
            sum = (sum + 1.0).sqrt();
        }
        let seconds = thread.seconds();
        assert!(sum > 0.0 && seconds > 0.0 && seconds < 0.05, "{seconds}");
    }
}
