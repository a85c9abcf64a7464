//! The events that a study reports to its observers.

use nas_space::search::{Budget, Spent};

use crate::store::{Best, Summary, TrialRecord};

/// Something that happened in a study. What it speaks of is in the store already.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A new study begins.
    Started {
        /// What it may spend.
        budget: Budget,
    },
    /// A recorded study is resumed: first its records are replayed.
    Resumed {
        /// Trials on record.
        recorded: u64,
        /// Those of them that have an outcome.
        finished: u64,
        /// What it may spend.
        budget: Budget,
    },
    /// A trial was proposed, or is evaluated again because it was under way when the study was
    /// killed.
    Asked {
        /// The trial.
        record: TrialRecord,
    },
    /// A trial has its outcome, and the strategy is about to be told. In the study's
    /// [order of telling](crate::TellOrder).
    Finished {
        /// The trial with its conclusion.
        record: TrialRecord,
        /// The progress of the study after it.
        progress: Progress,
    },
    /// The strategy is about to be told an outcome that was on record. In the study's order of
    /// telling.
    Replayed {
        /// The trial with its conclusion.
        record: TrialRecord,
        /// The progress of the study after it.
        progress: Progress,
    },
    /// The study is over.
    Ended {
        /// What came out of it.
        summary: Summary,
    },
}

/// The progress of a study, counted over the trials told so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// What these trials have spent.
    pub spent: Spent,
    /// What may be spent.
    pub budget: Budget,
    /// How many of them failed.
    pub failed: u64,
    /// The best of them.
    pub best: Option<Best>,
}

/// An observer of a study. Every `FnMut(&Event)` is one.
pub trait Observer {
    /// Called on the thread that runs the study, which waits meanwhile.
    fn notify(&mut self, event: &Event);
}

impl<F: FnMut(&Event)> Observer for F {
    fn notify(&mut self, event: &Event) {
        self(event);
    }
}

/// The observer that takes no notice.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn notify(&mut self, _event: &Event) {}
}
