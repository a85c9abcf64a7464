//! What the tables should hold after each step: the rules, without a database.

use std::collections::BTreeMap;

use crate::queue::MOST_LOSSES;

/// A trial of the model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) state: i16,
    pub(super) epoch: i64,
    pub(super) losses: i32,
    /// The epoch of the result.
    pub(super) result: Option<i64>,
    /// The worker of the lease, and whether it has expired.
    pub(super) lease: Option<(usize, bool)>,
}

/// What a completion comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Stored,
    Already,
    Refused,
}

/// All trials, by their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) trials: BTreeMap<u64, Row>,
}

impl Model {
    pub(super) fn propose(&mut self, number: u64) {
        self.trials.entry(number).or_default();
    }

    /// The number and the epoch that a worker gets.
    pub(super) fn claim(&mut self, worker: usize) -> Option<(u64, i64)> {
        let (number, row) = self.trials.iter_mut().find(|(_, row)| row.state == 0)?;
        row.state = 1;
        row.epoch += 1;
        row.lease = Some((worker, false));
        Some((*number, row.epoch))
    }

    /// Whether the worker still has the trial.
    pub(super) fn beat(&mut self, worker: usize, number: u64, epoch: i64) -> bool {
        let Some(row) = self.trials.get_mut(&number) else {
            return false;
        };
        match &mut row.lease {
            Some((holder, expired)) if *holder == worker && row.epoch == epoch => {
                *expired = false;
                true
            }
            _ => false,
        }
    }

    pub(super) fn expire(&mut self, number: u64) {
        if let Some(Row {
            lease: Some((_, expired)),
            ..
        }) = self.trials.get_mut(&number)
        {
            *expired = true;
        }
    }

    pub(super) fn reap(&mut self) -> u64 {
        let mut reaped = 0;
        for row in self.trials.values_mut() {
            if matches!(row.lease, Some((_, true))) {
                row.lease = None;
                row.losses += 1;
                row.state = if row.losses >= MOST_LOSSES { 3 } else { 0 };
                reaped += 1;
            }
        }
        reaped
    }

    pub(super) fn complete(&mut self, number: u64, epoch: i64) -> Said {
        let Some(row) = self.trials.get_mut(&number) else {
            return Said::Refused;
        };
        if row.lease.is_some() && row.epoch == epoch {
            row.lease = None;
            row.state = 2;
            row.result = Some(epoch);
            return Said::Stored;
        }
        match row.result == Some(epoch) {
            true => Said::Already,
            false => Said::Refused,
        }
    }

    pub(super) fn release(&mut self, number: u64, epoch: i64) -> bool {
        let Some(row) = self.trials.get_mut(&number) else {
            return false;
        };
        let held = row.lease.is_some() && row.epoch == epoch;
        if held {
            row.lease = None;
            row.state = 0;
        }
        held
    }
}
