//! The side of a worker: which studies it serves, and with which slots.

mod heart;
mod slot;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nas_space::search::{Evaluator, Stop, TrialId};

use self::slot::Hall;
use crate::address::Address;
use crate::clock::Moment;
use crate::error::ClusterError;
use crate::queue::{Claim, Queue, Shared};
use crate::timing::{BackOff, Timing};

/// How often a wait looks whether it is to end.
const NOTICE: Duration = Duration::from_millis(20);

/// How a worker serves.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// The name of this machine, for people.
    pub host: String,
    /// The program and its version, for people.
    pub software: String,
    /// Trials that are evaluated at a time.
    pub slots: NonZeroUsize,
    /// The name or the number of the only study to serve; any where there is none.
    pub study: Option<String>,
    /// Time without a trial after which the worker ends; never where there is none.
    pub idle: Option<Duration>,
    /// Times of leases and of looking.
    pub timing: Timing,
}

/// Makes the evaluator of a slot, which gives its trial up when the stop is requested.
pub type MakeEvaluator<'a> =
    Box<dyn Fn(usize, &Stop) -> Result<Box<dyn Evaluator + 'a>, String> + Send + Sync + 'a>;

/// What happens to a worker.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AgentEvent {
    /// It is known to the database, by this number.
    Registered(String),
    /// It serves this study now.
    Serves(String),
    /// It cannot serve this study, for this reason.
    CannotServe(String, String),
    /// It begins this trial.
    Began(TrialId),
    /// The result of this trial is stored.
    Stored(TrialId),
    /// This trial has passed to another worker.
    Lost(TrialId),
    /// This trial was given back, for this reason.
    GaveBack(TrialId, String),
    /// A slot ends, for this reason: it cannot evaluate.
    OutOfService(String),
    /// The database does not answer, for this reason.
    Away(String),
    /// It answers again.
    Back,
}

/// What a worker has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Served {
    /// Results that it has stored.
    pub stored: usize,
    /// Whether it has ended because it cannot evaluate.
    pub out_of_service: bool,
}

/// A worker.
pub struct Agent<'a> {
    address: Address,
    config: AgentConfig,
    stop: &'a Stop,
    observer: &'a (dyn Fn(&AgentEvent) + Sync),
    /// Its number.
    id: String,
    held: Mutex<BTreeMap<Claim, Held>>,
    stored: AtomicUsize,
    out_of_service: AtomicBool,
}

/// A trial that is evaluated here.
struct Held {
    /// By which its evaluation is given up.
    stop: Stop,
    /// Whether its result is just being stored, so that a missing lease says nothing.
    storing: bool,
    /// Whether it has passed to another worker.
    lost: bool,
}

impl<'a> Agent<'a> {
    /// A worker that is known to the database from now on. Where there are no tables yet, it
    /// creates them, and waits for studies.
    ///
    /// # Errors
    /// [`ClusterError`] where the database cannot be used.
    pub fn register(
        address: &Address,
        config: AgentConfig,
        stop: &'a Stop,
        observer: &'a (dyn Fn(&AgentEvent) + Sync),
    ) -> Result<Self, ClusterError> {
        let mut queue = Queue::new(address, config.timing.lease)?;
        queue.create_tables()?;
        let id = queue.register(&config.host, config.slots.get(), &config.software)?;
        observer(&AgentEvent::Registered(id.clone()));
        Ok(Self {
            address: address.clone(),
            config,
            stop,
            observer,
            id,
            held: Mutex::default(),
            stored: AtomicUsize::new(0),
            out_of_service: AtomicBool::new(false),
        })
    }

    /// Serves studies, one at a time, until a stop is requested, nothing is left to do for the time
    /// of [`AgentConfig::idle`], or no slot can evaluate. `prepare` makes a study's evaluators.
    ///
    /// When a stop is requested, each trial is given back as soon as its evaluator has given it up;
    /// that costs it no attempt.
    ///
    /// # Errors
    /// [`ClusterError`] where the database refuses what a worker does. Without an answer, it keeps
    /// trying.
    pub fn serve(
        &self,
        prepare: &(dyn Fn(&Shared) -> Result<MakeEvaluator<'a>, String> + Sync),
    ) -> Result<Served, ClusterError> {
        let ended = AtomicBool::new(false);
        // One connection for all slots, and another for heartbeats, which nothing must hold up.
        let queue = Mutex::new(Queue::new(&self.address, self.config.timing.lease)?);
        let result = thread::scope(|scope| {
            let heart = thread::Builder::new()
                .name("nas-heart".to_owned())
                .spawn_scoped(scope, || self.keep_leases(&ended));
            let result = match heart {
                Ok(_) => self.serve_studies(&queue, prepare),
                Err(error) => Err(error.into()),
            };
            ended.store(true, Ordering::Release);
            result
        });
        // Its number is of this process: nobody depends on this note.
        let _ = locked(&queue).note(&self.id, None, true);
        result?;
        Ok(Served {
            stored: self.stored.load(Ordering::Acquire),
            out_of_service: self.is_out_of_service(),
        })
    }

    fn serve_studies(
        &self,
        queue: &Mutex<Queue>,
        prepare: &(dyn Fn(&Shared) -> Result<MakeEvaluator<'a>, String> + Sync),
    ) -> Result<(), ClusterError> {
        let mut refused: Vec<String> = Vec::new();
        let mut poll = BackOff::new(self.config.timing.poll, &self.id);
        let mut idle = Moment::now();
        while !self.is_ending() {
            let named = self.config.study.as_deref();
            let found = self.patiently(queue, |queue| queue.open_study(named, &refused))?;
            let Some(study) = found else {
                if self.config.idle.is_some_and(|longest| idle.ago() >= longest) {
                    return Ok(());
                }
                self.wait(poll.wait());
                continue;
            };
            match prepare(&study) {
                Ok(make) => {
                    (self.observer)(&AgentEvent::Serves(study.name.clone()));
                    self.serve_study(queue, &study, &make, &refused)?;
                    poll.reset();
                    idle = Moment::now();
                }
                Err(reason) => {
                    let note = format!("cannot serve study '{}': {reason}", study.name);
                    self.patiently(queue, |queue| queue.note(&self.id, Some(&note), false))?;
                    (self.observer)(&AgentEvent::CannotServe(study.name.clone(), reason));
                    refused.push(study.id);
                }
            }
        }
        Ok(())
    }

    /// Serves a study until it is finished, or has nothing to do while another one has.
    fn serve_study(
        &self,
        queue: &Mutex<Queue>,
        study: &Shared,
        make: &MakeEvaluator<'a>,
        refused: &[String],
    ) -> Result<(), ClusterError> {
        let hall = Hall::default();
        thread::scope(|scope| {
            let mut slots = Vec::new();
            for slot in 0..self.config.slots.get() {
                let hall = &hall;
                let work = move || self.serve_slot((slot, make), study, queue, hall);
                let spawned = thread::Builder::new()
                    .name(format!("nas-slot-{slot}"))
                    .spawn_scoped(scope, work);
                match spawned {
                    Ok(thread) => slots.push(thread),
                    Err(error) => {
                        // The others must not go on alone.
                        hall.leave.store(true, Ordering::Release);
                        return Err(error.into());
                    }
                }
            }
            let others: Vec<String> = refused.iter().cloned().chain([study.id.clone()]).collect();
            let mut idle = Moment::now();
            let (shortest, longest) = self.config.timing.poll;
            let mut pause = BackOff::new((shortest * 4, longest.max(shortest * 4)), &self.id);
            let watched = (|| {
                while !self.is_ending() && !slots.iter().all(|slot| slot.is_finished()) {
                    self.wait(pause.wait());
                    if hall.busy.load(Ordering::Acquire) > 0 {
                        idle = Moment::now();
                        pause.reset();
                        continue;
                    }
                    let named = self.config.study.as_deref();
                    let other = self.patiently(queue, |queue| queue.open_study(named, &others))?;
                    let finished = self.patiently(queue, |queue| queue.is_finished(study))?;
                    let too_long = self.config.idle.is_some_and(|longest| idle.ago() >= longest);
                    if finished || other.is_some() || too_long {
                        return Ok(());
                    }
                }
                Ok(())
            })();
            hall.leave.store(true, Ordering::Release);
            let mut result = watched;
            for slot in slots {
                // A slot that panics has given nothing back; its lease expires.
                if let Ok(Err(error)) = slot.join() {
                    result = Err(error);
                }
            }
            result
        })
    }

    /// Repeats what the database does not answer, until it does or a stop is requested.
    fn patiently<T>(
        &self,
        queue: &Mutex<Queue>,
        mut work: impl FnMut(&mut Queue) -> Result<T, ClusterError>,
    ) -> Result<T, ClusterError> {
        let mut pause = BackOff::new((NOTICE, Duration::from_secs(2)), &self.id);
        loop {
            let done = work(&mut locked(queue));
            match done {
                Err(error) if error.is_transient() && !self.is_ending() => self.wait(pause.wait()),
                other => return other,
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<Claim, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_out_of_service(&self) -> bool {
        self.out_of_service.load(Ordering::Acquire)
    }

    /// Whether no more trials are to be claimed.
    fn is_ending(&self) -> bool {
        self.stop.is_requested() || self.is_out_of_service()
    }

    fn wait(&self, time: Duration) {
        self.wait_unless(time, || false);
    }

    /// Waits for this time, but no longer than until a stop is requested or it is `over`.
    fn wait_unless(&self, time: Duration, over: impl Fn() -> bool) {
        let begun = Moment::now();
        while !self.is_ending() && !over() {
            let Some(left) = time.checked_sub(begun.ago()).filter(|left| !left.is_zero()) else {
                return;
            };
            thread::sleep(left.min(NOTICE));
        }
    }
}

fn locked(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
