//! How long things may take.

use std::time::Duration;

/// Times of leases and of looking. All machines of a study should use the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// How long a worker keeps a trial after its last heartbeat.
    pub lease: Duration,
    /// Time between two heartbeats; a small part of a lease.
    pub beat: Duration,
    /// Time between two looks for expired leases; less than half a lease.
    pub reap: Duration,
    /// Shortest and longest time between two looks for a trial, while there is none.
    pub poll: (Duration, Duration),
    /// Shortest and longest time between two looks for results.
    pub look: (Duration, Duration),
    /// How long a worker keeps training without the database.
    pub abandon: Duration,
}

impl Timing {
    /// The usual times, with leases of this length and heartbeats to match.
    pub fn with_lease(lease: Duration) -> Self {
        let usual = Self::default();
        Self {
            lease,
            beat: (lease / 4).min(usual.beat),
            reap: (lease / 6).min(usual.reap),
            ..usual
        }
    }
}

impl Default for Timing {
    /// A dead worker's trial is free after at most 75 seconds.
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(60),
            beat: Duration::from_secs(15),
            reap: Duration::from_secs(10),
            poll: (Duration::from_millis(250), Duration::from_secs(5)),
            look: (Duration::from_millis(20), Duration::from_millis(500)),
            abandon: Duration::from_secs(30 * 60),
        }
    }
}

/// Waiting times that double from the shortest to the longest, and vary, so that many processes do
/// not come at the same time.
#[derive(Debug)]
pub(crate) struct BackOff {
    range: (Duration, Duration),
    next: Duration,
    state: u64,
}

impl BackOff {
    /// Waiting times in this range. Processes with other `seed`s vary differently.
    pub(crate) fn new(range: (Duration, Duration), seed: &str) -> Self {
        // FNV-1a. Waiting times decide no result.
        let state = seed.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self {
            range,
            next: range.0,
            state,
        }
    }

    /// Begins with the shortest again.
    pub(crate) fn reset(&mut self) {
        self.next = self.range.0;
    }

    /// The next waiting time: between three quarters and all of it.
    pub(crate) fn wait(&mut self) -> Duration {
        let full = self.next;
        self.next = (full * 2).min(self.range.1);
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let share = (self.state >> 40) as f64 / (1_u64 << 24) as f64;
        full.mul_f64(0.75 + 0.25 * share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_times_double_up_to_the_longest_and_vary() {
        let range = (Duration::from_millis(100), Duration::from_secs(1));
        let mut back_off = BackOff::new(range, "a");
        let waits: Vec<Duration> = (0..8).map(|_| back_off.wait()).collect();
        for (wait, full) in waits.iter().zip([100, 200, 400, 800, 1000, 1000, 1000, 1000]) {
            let full = Duration::from_millis(full);
            assert!(*wait <= full && *wait >= full * 3 / 4, "{wait:?} of {full:?}");
        }
        assert_ne!(waits[6], waits[7]);
        assert_ne!(BackOff::new(range, "b").wait(), waits[0]);
        back_off.reset();
        assert!(back_off.wait() <= range.0);
    }

    #[test]
    fn a_dead_worker_is_noticed_within_75_seconds() {
        let timing = Timing::default();
        assert_eq!(Timing::with_lease(timing.lease), timing);
        // With one worker left, its heartbeats are the only occasions to look.
        assert!(timing.lease + timing.reap.max(timing.beat) <= Duration::from_secs(75));
        assert!(timing.beat * 3 <= timing.lease && timing.reap * 2 <= timing.lease);
    }
}
