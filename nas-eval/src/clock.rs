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

/// Measures the seconds that the thread it was started on computes, where the system tells (Linux),
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

/// Seconds that this thread has been on a core: the first number of the kernel's `schedstat`, in
/// nanoseconds.
fn computed_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: u64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds as f64 / 1e9)
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
        // The kernel counts a running thread at its ticks.
        assert!(seconds > 0.0 && seconds < wall.seconds() + 0.02, "{seconds}");
    }
}
