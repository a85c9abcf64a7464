//! A slot: claims trials, evaluates them and stores results.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use nas_space::search::{Evaluation, Evaluator, Failure, FailureKind, Stop};
use nas_study::processes::panic_message;
use nas_study::processes::protocol::{Answer, Job};

use super::{Agent, AgentEvent, Held, MakeEvaluator, NOTICE, locked};
use crate::clock::Moment;
use crate::error::ClusterError;
use crate::queue::{Claim, Completion, Queue, Shared};
use crate::timing::BackOff;

/// Where the slots of a study meet.
#[derive(Debug, Default)]
pub(super) struct Hall {
    /// Whether they are to leave the study.
    pub(super) leave: AtomicBool,
    /// How many have a trial.
    pub(super) busy: AtomicUsize,
    /// How many trials were found, so that a slot that waits notices.
    found: AtomicUsize,
}

/// A slot that has a trial. However it ends, the trial is not kept any longer: its lease is no more
/// renewed.
struct Working<'w, 'a> {
    agent: &'w Agent<'a>,
    claim: Claim,
    hall: &'w Hall,
}

impl<'w, 'a> Working<'w, 'a> {
    fn new(agent: &'w Agent<'a>, claim: Claim, hall: &'w Hall) -> Self {
        hall.busy.fetch_add(1, Ordering::AcqRel);
        Self { agent, claim, hall }
    }
}

impl Drop for Working<'_, '_> {
    fn drop(&mut self) {
        self.agent.held().remove(&self.claim);
        self.hall.busy.fetch_sub(1, Ordering::AcqRel);
    }
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
    /// Claims and evaluates one trial after another.
    pub(super) fn serve_slot(
        &self,
        (slot, make): (usize, &MakeEvaluator<'a>),
        study: &Shared,
        claims: &Mutex<Queue>,
        hall: &Hall,
    ) -> Result<(), ClusterError> {
        // All slots together look as often as one would.
        let (shortest, longest) = self.config.timing.poll;
        let slots = u32::try_from(self.config.slots.get()).unwrap_or(u32::MAX);
        let range = (shortest, longest.saturating_mul(slots));
        let mut poll = BackOff::new(range, &format!("{}/{slot}", self.id));
        let mut stop = Stop::new();
        let mut evaluator = None;
        // After a claim whose reply was lost, the trial may be ours.
        let mut in_doubt = false;
        let leave = || hall.leave.load(Ordering::Acquire);
        while !leave() && !self.is_ending() {
            let found = hall.found.load(Ordering::Acquire);
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
                    // Where another slot finds a trial, there may be more.
                    let more = || leave() || hall.found.load(Ordering::Acquire) != found;
                    self.wait_unless(poll.wait(), more);
                    continue;
                }
                Err(error) if error.is_transient() => {
                    in_doubt = true;
                    self.wait_unless(poll.wait().min(longest), leave);
                    continue;
                }
                Err(error) => return Err(error),
            };
            poll.reset();
            in_doubt = false;
            hall.found.fetch_add(1, Ordering::AcqRel);
            let _working = Working::new(self, claim, hall);
            match self.serve_trial((slot, make), (claim, &job), &stop, &mut evaluator, claims)? {
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
            let released = self.end_trial(claims, |queue| queue.release(claim, why))?;
            (self.observer)(&match released {
                Some(true) => AgentEvent::GaveBack(job.id, why.to_owned()),
                // Another worker has it, or will get it once the lease has ended.
                Some(false) | None => AgentEvent::Lost(job.id),
            });
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
        // An evaluator has to be sound after a panic, as one that is shared between threads.
        let caught = catch_unwind(AssertUnwindSafe(|| evaluator.evaluate(&job.trial())));
        let result = caught.unwrap_or_else(|payload| {
            let message = format!("the evaluator panicked: {}", panic_message(payload.as_ref()));
            Err(Failure::new(FailureKind::Panic, message))
        });
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
}
