//! Where trials are evaluated: on the thread that runs the study, or on other threads.
//!
//! **Invariant:** a crew gives back every trial it was given, in any order, unless the study is
//! stopped. The order and the number of threads cannot affect the result of a study.

mod evaluate;
mod inline;
mod threads;

pub(crate) use evaluate::{Done, concluded, evaluate};
pub(crate) use inline::Inline;
pub(crate) use threads::Threads;

use nas_space::search::Trial;

/// Evaluates trials.
pub(crate) trait Crew {
    /// Hands a trial over.
    fn submit(&mut self, trial: Trial);

    /// Waits for a trial to be finished. `None` when none is under way: all are finished, or the
    /// study was asked to stop and the others will not begin.
    fn next(&mut self) -> Option<Done>;

    /// A trial that has been finished meanwhile, if there is one.
    fn ready(&mut self) -> Option<Done>;
}
