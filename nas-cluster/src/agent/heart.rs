//! Heartbeats.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::{Agent, AgentEvent, NOTICE};
use crate::clock::Moment;
use crate::error::ClusterError;
use crate::queue::{Claim, Queue};

impl Agent<'_> {
    /// Renews the leases of all that is evaluated here, looks for expired ones of others, and
    /// passes a stop on. On a thread of its own, which no training holds up.
    pub(super) fn keep_leases(&self, ended: &AtomicBool) {
        let timing = self.config.timing;
        // A call that takes longer than a beat is no heartbeat.
        let deadline = timing.lease / 3;
        let Ok(mut queue) =
            Queue::new(&self.address, timing.lease).map(|queue| queue.with_deadline(deadline))
        else {
            self.stop_all();
            return;
        };
        let started = Moment::now();
        let mut beat = Moment::now();
        let mut next = Duration::ZERO;
        let mut away: Option<Moment> = None;
        while !ended.load(Ordering::Acquire) {
            thread::sleep(NOTICE);
            if self.stop.is_requested() {
                self.stop_all();
            }
            if beat.ago() < next {
                continue;
            }
            let asked: Vec<Claim> = self.held().keys().copied().collect();
            let mut work = || -> Result<Vec<Claim>, ClusterError> {
                let found = queue.beat(&self.id, &asked, timing.reap)?;
                // Whoever has just begun does not know who is alive.
                if found.reap_is_due && started.ago() >= timing.lease {
                    queue.reap()?;
                }
                Ok(found.renewed)
            };
            let renewed = work();
            beat = Moment::now();
            match renewed {
                Ok(renewed) => {
                    next = timing.beat;
                    if away.take().is_some() {
                        (self.observer)(&AgentEvent::Back);
                    }
                    let mut held = self.held();
                    for claim in asked.iter().filter(|claim| !renewed.contains(claim)) {
                        if let Some(held) = held.get_mut(claim).filter(|held| !held.storing) {
                            held.lost = true;
                            held.stop.request();
                        }
                    }
                }
                Err(error) => {
                    next = (timing.beat / 4).min(Duration::from_secs(2));
                    if away.is_none() {
                        (self.observer)(&AgentEvent::Away(error.to_string()));
                    }
                    let since = *away.get_or_insert_with(Moment::now);
                    if since.ago() >= timing.abandon {
                        self.stop_all();
                    }
                }
            }
        }
    }

    fn stop_all(&self) {
        for held in self.held().values() {
            held.stop.request();
        }
    }
}
