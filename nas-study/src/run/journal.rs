//! Steps that are about to be stored, and the events that observers receive afterwards.

use std::collections::VecDeque;

use super::Commit;
use crate::clock::Stopwatch;
use crate::event::{Event, Observer};
use crate::store::{Change, Store, StoreError};

/// Collects steps and commits them. An event is passed on once every step before it is committed.
pub(crate) struct Journal<'a> {
    store: &'a mut Store,
    observer: &'a mut dyn Observer,
    commit: Commit,
    changes: Vec<Change>,
    events: VecDeque<Event>,
    /// Since when a step has been waiting.
    waiting: Option<Stopwatch>,
}

impl<'a> Journal<'a> {
    pub(crate) fn new(store: &'a mut Store, observer: &'a mut dyn Observer, commit: Commit) -> Self {
        Self {
            store,
            observer,
            commit,
            changes: Vec::new(),
            events: VecDeque::new(),
            waiting: None,
        }
    }

    /// Adds a step.
    pub(crate) fn write(&mut self, change: Change) {
        self.changes.push(change);
        self.waiting.get_or_insert_with(Stopwatch::start);
    }

    /// Adds an event that speaks of the steps so far. It is passed on at once if they are
    /// committed.
    pub(crate) fn announce(&mut self, event: Event) {
        self.events.push_back(event);
        if self.changes.is_empty() {
            self.deliver();
        }
    }

    /// Commits what waits, if it is time to.
    pub(crate) fn checkpoint(&mut self) -> Result<(), StoreError> {
        let due = match (self.commit, self.waiting) {
            (_, None) => false,
            (Commit::EveryStep, Some(_)) => true,
            (Commit::Within(limit), Some(watch)) => watch.seconds() >= limit.as_secs_f64(),
        };
        if due { self.flush() } else { Ok(()) }
    }

    /// Commits what waits.
    pub(crate) fn flush(&mut self) -> Result<(), StoreError> {
        if !self.changes.is_empty() {
            self.store.apply(&self.changes)?;
            self.changes.clear();
        }
        self.waiting = None;
        self.deliver();
        Ok(())
    }

    fn deliver(&mut self) {
        while let Some(event) = self.events.pop_front() {
            self.observer.notify(&event);
        }
    }
}
