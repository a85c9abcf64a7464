//! The side of a worker: claims trials, keeps their leases, evaluates them and stores results.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nas_space::search::{Evaluation, Evaluator, Failure, FailureKind, Stop, TrialId};
use nas_study::processes::protocol::{Answer, Job};

use crate::address::Address;
use crate::clock::Moment;
use crate::error::ClusterError;
use crate::queue::{Claim, Completion, Queue, Shared};
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

/// How a slot goes on after a trial.
enum Next {
    /// With the same evaluator.
    Same,
    /// With a new one: the last was asked to stop.
    New,
    /// Not at all.
    End,
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
        let found = queue.refuse_unusable()?;
        if found.format.is_none() {
            queue.create_tables()?;
        }
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
        let leave = AtomicBool::new(false);
        let busy = AtomicUsize::new(0);
        thread::scope(|scope| {
            let mut slots = Vec::new();
            for slot in 0..self.config.slots.get() {
                let (leave, busy) = (&leave, &busy);
                let work = move || self.serve_slot(slot, study, make, queue, (leave, busy));
                slots.push(
                    thread::Builder::new()
                        .name(format!("nas-slot-{slot}"))
                        .spawn_scoped(scope, work)?,
                );
            }
            let others: Vec<String> = refused.iter().cloned().chain([study.id.clone()]).collect();
            let mut idle = Moment::now();
            let watched = (|| {
                while !self.is_ending() && !slots.iter().all(|slot| slot.is_finished()) {
                    self.wait(self.config.timing.poll.0 * 4);
                    if busy.load(Ordering::Acquire) > 0 {
                        idle = Moment::now();
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
            leave.store(true, Ordering::Release);
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

    /// Claims and evaluates one trial after another.
    fn serve_slot(
        &self,
        slot: usize,
        study: &Shared,
        make: &MakeEvaluator<'a>,
        claims: &Mutex<Queue>,
        (leave, busy): (&AtomicBool, &AtomicUsize),
    ) -> Result<(), ClusterError> {
        let mut poll = BackOff::new(self.config.timing.poll, &format!("{}/{slot}", self.id));
        let mut stop = Stop::new();
        let mut evaluator = None;
        // After a claim whose reply was lost, the trial may be ours.
        let mut in_doubt = false;
        while !leave.load(Ordering::Acquire) && !self.is_ending() {
            let claimed = {
                let mut queue = locked(claims);
                // No other slot claims meanwhile, so what is held and unknown is in doubt for all.
                let known: Vec<Claim> = self.held().keys().copied().collect();
                let claimed = match in_doubt {
                    true => queue.adopt(study, &self.id, &known),
                    false => Ok(None),
                };
                let claimed = match claimed {
                    Ok(None) => queue.claim(study, &self.id),
                    other => other,
                };
                if let Ok(Some((claim, _))) = &claimed {
                    self.held().insert(
                        *claim,
                        Held {
                            stop: stop.clone(),
                            storing: false,
                            lost: false,
                        },
                    );
                }
                claimed
            };
            let (claim, job) = match claimed {
                Ok(Some(claimed)) => claimed,
                Ok(None) => {
                    self.wait_unless(poll.wait(), leave);
                    continue;
                }
                Err(error) if error.is_transient() => {
                    in_doubt = true;
                    self.wait_unless(poll.wait(), leave);
                    continue;
                }
                Err(error) => return Err(error),
            };
            poll.reset();
            in_doubt = false;
            busy.fetch_add(1, Ordering::AcqRel);
            let next = self.serve_trial((slot, make), (claim, &job), &stop, &mut evaluator, claims);
            self.held().remove(&claim);
            busy.fetch_sub(1, Ordering::AcqRel);
            match next? {
                Next::Same => {}
                Next::New => {
                    evaluator = None;
                    stop = Stop::new();
                }
                Next::End => return Ok(()),
            }
        }
        Ok(())
    }

    /// Evaluates one trial, and stores its result or gives it back.
    fn serve_trial(
        &self,
        (slot, make): (usize, &MakeEvaluator<'a>),
        (claim, job): (Claim, &Job),
        stop: &Stop,
        evaluator: &mut Option<Box<dyn Evaluator + 'a>>,
        claims: &Mutex<Queue>,
    ) -> Result<Next, ClusterError> {
        let give_back = |why: &str| -> Result<(), ClusterError> {
            self.end_trial(claims, |queue| queue.release(claim, why))?;
            (self.observer)(&AgentEvent::GaveBack(job.id, why.to_owned()));
            Ok(())
        };
        let give_up = |reason: String| {
            give_back(&reason)?;
            self.out_of_service.store(true, Ordering::Release);
            (self.observer)(&AgentEvent::OutOfService(reason.clone()));
            let note = format!("out of service: {reason}");
            self.end_trial(claims, |queue| queue.note(&self.id, Some(&note), false))?;
            Ok(Next::End)
        };
        if evaluator.is_none() {
            match make(slot, stop) {
                Ok(made) => *evaluator = Some(made),
                Err(reason) => return give_up(reason),
            }
        }
        let Some(evaluator) = evaluator.as_ref() else {
            return Ok(Next::End);
        };
        (self.observer)(&AgentEvent::Began(job.id));
        let begun = Moment::now();
        let result = evaluator.evaluate(&job.trial());
        let seconds = begun.ago().as_secs_f64();
        if self.held().get(&claim).is_none_or(|held| held.lost) {
            (self.observer)(&AgentEvent::Lost(job.id));
            return Ok(Next::New);
        }
        match result {
            Err(failure) if failure.kind == FailureKind::Interrupted => {
                if !stop.is_requested() {
                    return give_up(failure.message);
                }
                give_back("the worker was asked to stop")?;
                Ok(Next::New)
            }
            result => {
                self.store(claims, (claim, job), result, seconds)?;
                // It may have been asked to stop too late.
                Ok(match stop.is_requested() {
                    true => Next::New,
                    false => Next::Same,
                })
            }
        }
    }

    fn store(
        &self,
        claims: &Mutex<Queue>,
        (claim, job): (Claim, &Job),
        result: Result<Evaluation, Failure>,
        seconds: f64,
    ) -> Result<(), ClusterError> {
        let answer = Answer::of(job.id, result.map(|evaluation| (evaluation, None)));
        if let Some(held) = self.held().get_mut(&claim) {
            held.storing = true;
        }
        let completion = self.end_trial(claims, |queue| queue.complete(&self.id, claim, &answer, seconds))?;
        match completion {
            Some(Completion::Stored | Completion::Already) => {
                self.stored.fetch_add(1, Ordering::AcqRel);
                (self.observer)(&AgentEvent::Stored(job.id));
            }
            Some(Completion::Refused) | None => (self.observer)(&AgentEvent::Lost(job.id)),
        }
        Ok(())
    }

    /// Does what ends a trial as soon as the database answers; nothing where it does not for too
    /// long, or where the worker is stopped and the database is away.
    fn end_trial<T>(
        &self,
        claims: &Mutex<Queue>,
        mut work: impl FnMut(&mut Queue) -> Result<T, ClusterError>,
    ) -> Result<Option<T>, ClusterError> {
        let begun = Moment::now();
        let mut pause = BackOff::new((NOTICE, Duration::from_secs(2)), &self.id);
        loop {
            let done = work(&mut locked(claims));
            match done {
                Err(error) if error.is_transient() => {
                    let patience = match self.stop.is_requested() {
                        true => self.config.timing.beat,
                        false => self.config.timing.abandon,
                    };
                    if begun.ago() >= patience {
                        return Ok(None);
                    }
                    thread::sleep(pause.wait());
                }
                other => return other.map(Some),
            }
        }
    }

    /// Renews the leases of all that is evaluated here, looks for expired ones of others, and
    /// passes a stop on. On a thread of its own, which no training holds up.
    fn keep_leases(&self, ended: &AtomicBool) {
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
        self.wait_unless(time, &AtomicBool::new(false));
    }

    /// Waits for this time, but no longer than until a stop is requested or `over` is set.
    fn wait_unless(&self, time: Duration, over: &AtomicBool) {
        let begun = Moment::now();
        while !self.is_ending() && !over.load(Ordering::Acquire) {
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
