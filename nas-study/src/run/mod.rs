//! Running a study: the only loop there is.
//!
//! 1. While fewer than `batch` trials are outstanding and the budget allows, the strategy is asked;
//!    a proposal becomes trial 0, 1, 2, … with the seed `seed.derive("trial", id)`, and is
//!    evaluated as soon as a thread is free. A trial that continues an earlier one has the same
//!    seed, and is charged only for the additional epochs.
//! 2. The study waits for the oldest outstanding trial and tells the strategy its outcome. With
//!    [`TellOrder::Completion`](crate::TellOrder::Completion), it waits for any of them; the places
//!    in which trials are finished are recorded before the first of them is told.
//! 3. This repeats until nothing is outstanding and nothing more is asked for.
//!
//! Replay is the same loop: if there is a record, the proposal is compared with it instead of being
//! written, and the recorded outcome replaces an evaluation; recorded places come before all
//! others. What is asked and told, and when, follows from the order of telling alone. A resumed
//! study therefore asks and tells in exactly the same order as without the interruption, even if
//! its budget was extended after it had ended.

mod builder;
mod completions;
mod journal;
mod search;
mod study;
#[cfg(test)]
mod tests;
mod trainings;

use std::num::NonZeroUsize;
use std::time::Duration;

use nas_space::search::Stop;

pub use builder::Study;
pub use study::{Parts, PreparedStudy};

/// How a study is run. Nothing of this can change its result, except where outcomes are told in the
/// order of completion: how fast trials are finished decides that order.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Threads that evaluate. More than the study's `batch` are not used; with one, the calling
    /// thread evaluates.
    pub workers: NonZeroUsize,
    /// By which it can be asked to stop.
    pub stop: Stop,
    /// When records are committed.
    pub commit: Commit,
}

/// When records are committed to the store. A commit waits for the disk: a few milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Commit {
    /// A proposal before it is evaluated, and an outcome before it is told.
    #[default]
    EveryStep,
    /// Together with other steps, at most this long after the first of them and when the study
    /// ends. A crash loses that much work and the evaluations under way, which are done again on
    /// resuming; observers are told of a step only once it is committed. For evaluators that answer
    /// faster than the disk, such as benchmark tables.
    Within(Duration),
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            workers: NonZeroUsize::MIN,
            stop: Stop::new(),
            commit: Commit::default(),
        }
    }
}
