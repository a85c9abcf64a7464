//! Where trials are evaluated: on the thread that runs the study, or on other threads.
//!
//! **Invariant:** a crew gives back every trial it was given, in any order, unless the study is
//! stopped. Neither the order nor the number of threads can affect the result of a study that tells
//! outcomes in the order of the trials.

mod evaluate;
mod inline;
mod threads;

pub(crate) use evaluate::{Done, End, carry_out, concluded};
pub(crate) use inline::Inline;
pub(crate) use threads::Threads;

use nas_space::search::{Trial, TrialId};

/// Evaluates trials.
pub(crate) trait Crew {
    /// Hands a trial over.
    fn submit(&mut self, task: Task);

    /// Waits for a trial to be finished. `None` when none is under way: all are finished, or the
    /// study was asked to stop and the others will not begin.
    fn next(&mut self) -> Option<Done>;

    /// A trial that has been finished meanwhile, if there is one.
    fn ready(&mut self) -> Option<Done>;
}

/// What a crew does with a trial.
#[derive(Debug)]
pub(crate) enum Task {
    /// It is evaluated.
    Evaluate(Trial),
    /// It needs no evaluation, and passes when it is its turn. So it is finished neither before nor
    /// after it would be if it took no time.
    Pass(TrialId),
}
