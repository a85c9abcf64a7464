//! How long a whole search still takes: the rest of its trials, and the final training.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::HumanDuration;
use nas_eval::clock::Stopwatch;
use nas_space::search::{Budget, Spent, TrialId};
use nas_study::{Progress, TrialRecord};

/// What is shown where a time is not known yet.
pub(super) const UNKNOWN: &str = "–";

/// What is known of the time left, for a bar that shows it.
#[derive(Debug, Clone, Default)]
pub(super) struct Remaining(Arc<Mutex<Estimate>>);

#[derive(Debug, Clone, Copy, Default)]
struct Estimate {
    /// Seconds left when they were estimated, and the time since.
    left: Option<(f64, Stopwatch)>,
    /// Seconds of a trial.
    of_trial: Option<f64>,
}

impl Remaining {
    fn set(&self, left: Option<f64>, of_trial: Option<f64>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Estimate {
            left: left.map(|seconds| (seconds, Stopwatch::start())),
            of_trial,
        };
    }

    fn get(&self) -> Estimate {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time left.
    pub(super) fn left(&self) -> String {
        match self.get().left {
            Some((seconds, since)) => duration((seconds - since.seconds()).max(0.0)),
            None => UNKNOWN.to_owned(),
        }
    }

    /// The time that a trial takes.
    pub(super) fn of_trial(&self) -> String {
        match self.get().of_trial {
            Some(seconds) => format!("{} a trial", short(seconds)),
            None => format!("{UNKNOWN} a trial"),
        }
    }
}

/// A time in one unit, such as `12s` or `3m`.
pub(super) fn duration(seconds: f64) -> String {
    match Duration::try_from_secs_f64(seconds.round()) {
        Ok(duration) => format!("{:#}", HumanDuration(duration)),
        Err(_) => UNKNOWN.to_owned(),
    }
}

/// Seconds with two digits, from a millisecond on.
fn short(seconds: f64) -> String {
    match seconds {
        _ if seconds < 0.001 => "<1 ms".to_owned(),
        _ if seconds < 1.0 => format!("{:.0} ms", 1e3 * seconds),
        _ if seconds < 10.0 => format!("{seconds:.1} s"),
        _ => format!("{seconds:.0} s"),
    }
}

/// Measures how fast trials come in, from the first on that is not only read from the records.
#[derive(Debug)]
pub(super) struct Pace {
    pub(super) remaining: Remaining,
    /// How many times as long as the best trial the final training takes.
    final_per_trial: Option<f64>,
    /// Since the first trial that was made here, and what had been spent before.
    began: Option<(Stopwatch, Spent)>,
    spent: Spent,
    /// Which trial is the best, and its seconds.
    best: Option<(TrialId, f64)>,
}

impl Pace {
    pub(super) fn new(final_per_trial: Option<f64>) -> Self {
        Self {
            remaining: Remaining::default(),
            final_per_trial,
            began: None,
            spent: Spent::default(),
            best: None,
        }
    }

    /// A trial begins that is not on record.
    pub(super) fn begins(&mut self) {
        self.began.get_or_insert_with(|| (Stopwatch::start(), self.spent));
    }

    /// A trial has ended, now or on record.
    pub(super) fn ended(&mut self, record: &TrialRecord, progress: &Progress) {
        self.spent = progress.spent;
        let seconds = record
            .conclusion
            .as_ref()
            .map(|conclusion| conclusion.cost_seconds);
        if let (Some(best), Some(seconds)) = (&progress.best, seconds)
            && best.trial == record.trial.id
        {
            self.best = Some((best.trial, seconds));
        }
        let Some((watch, before)) = &self.began else {
            return;
        };
        let elapsed = watch.seconds();
        let made = self.spent.trials.saturating_sub(before.trials);
        let of_trials = of_search(&progress.budget, before, &self.spent, elapsed);
        let of_training = match (self.final_per_trial, self.best) {
            (None, _) => Some(0.0),
            (Some(times), Some((_, seconds))) => Some(times * seconds),
            (Some(_), None) => None,
        };
        self.remaining.set(
            of_trials
                .zip(of_training)
                .map(|(trials, training)| trials + training),
            (made > 0).then(|| elapsed / made as f64),
        );
    }
}

/// Seconds until the first limit of the budget is reached, at the pace since `before`.
fn of_search(budget: &Budget, before: &Spent, now: &Spent, elapsed: f64) -> Option<f64> {
    let limits = [
        (
            budget.trials.map(|n| n as f64),
            before.trials as f64,
            now.trials as f64,
        ),
        (
            budget.epochs.map(|n| n as f64),
            before.epochs as f64,
            now.epochs as f64,
        ),
        (budget.seconds, before.seconds, now.seconds),
    ];
    let left = limits.into_iter().filter_map(|(limit, before, now)| {
        let made = now - before;
        (made > 0.0).then_some(elapsed * (limit? - now).max(0.0) / made)
    });
    left.min_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(trials: u64, epochs: u64, seconds: f64) -> Spent {
        Spent {
            trials,
            epochs,
            seconds,
        }
    }

    #[test]
    fn the_first_limit_that_is_reached_ends_a_search() {
        let (before, now) = (spent(2, 10, 5.0), spent(6, 30, 25.0));
        let trials = Budget::trials(20);
        // Four trials took 8 seconds, 14 are left.
        assert_eq!(of_search(&trials, &before, &now, 8.0), Some(28.0));
        let both = Budget {
            epochs: Some(40),
            ..trials
        };
        // 20 epochs took 8 seconds, 10 are left.
        assert_eq!(of_search(&both, &before, &now, 8.0), Some(4.0));
        let seconds = Budget {
            seconds: Some(24.0),
            ..Budget::default()
        };
        assert_eq!(of_search(&seconds, &before, &now, 8.0), Some(0.0));
        assert_eq!(of_search(&trials, &now, &now, 8.0), None, "nothing is made yet");
        assert_eq!(of_search(&Budget::default(), &before, &now, 8.0), None);
    }

    #[test]
    fn what_is_not_known_is_a_dash() {
        let remaining = Remaining::default();
        assert_eq!(
            (&remaining.left()[..], &remaining.of_trial()[..]),
            ("–", "– a trial")
        );
        remaining.set(Some(125.0), Some(2.345));
        assert_eq!(
            (&remaining.left()[..], &remaining.of_trial()[..]),
            ("2m", "2.3 s a trial")
        );
        let shown = [0.0001, 0.0123, 0.5, 3.21, 42.7].map(short);
        assert_eq!(shown, ["<1 ms", "12 ms", "500 ms", "3.2 s", "43 s"]);
    }
}
