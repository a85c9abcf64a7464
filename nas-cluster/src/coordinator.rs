//! The side of a study: an evaluator whose trials run elsewhere.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::Duration;

use nas_space::search::{Attempt, Evaluation, Evaluator, Failure, FailureKind, Metric, Stop, Trial, TrialId};
use nas_space::spaces::Space;
use nas_study::processes::protocol::{Answer, Job};

use crate::address::Address;
use crate::clock::Moment;
use crate::error::ClusterError;
use crate::queue::{Ending, Queue, Shared};
use crate::timing::{BackOff, Timing};

/// How often somebody who waits for a result looks whether the study is to stop. There may be
/// thousands of them.
const NOTICE: Duration = Duration::from_millis(500);

/// Pauses between two tries while the database is away. A server that was restarted is back within
/// seconds.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// How long the end of a study is tried to be recorded.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a study brings along to have its trials evaluated elsewhere.
pub struct Enlisted {
    /// The study as workers get it. Its number says which one it is: see [`Coordinator::new_id`].
    pub study: Shared,
    /// The space, for architectures in readable form.
    pub space: Arc<dyn Space>,
    /// What evaluations are scores of.
    pub metric: Metric,
    /// By which it is asked to stop. Workers go on with what they have, and results wait.
    pub stop: Stop,
    /// Who runs the study, for people: the host and the process.
    pub owner: String,
}

/// Hands trials out to workers and waits for their results.
///
/// As an evaluator it may be used by any number of threads at a time; each waits for its trial. A
/// trial that was handed out before, by an earlier process of the same study, is not handed out
/// again: its result is taken from the database as soon as it is there.
pub struct Coordinator {
    enlisted: Enlisted,
    desk: Arc<Desk>,
    thread: Mutex<Option<JoinHandle<Queue>>>,
    owner: i64,
}

/// Where those who wait and the one who asks the database meet.
#[derive(Default)]
struct Desk {
    state: Mutex<State>,
    /// There is a new trial, or the study is gone. Only the one who asks the database waits for it.
    asked: Condvar,
}

#[derive(Default)]
struct State {
    trials: BTreeMap<TrialId, Waiting>,
    /// Why nothing can be handed out any more.
    failed: Option<String>,
    /// Whether the study is gone.
    closed: bool,
}

/// A trial whose end somebody waits for.
struct Waiting {
    /// What is to be handed out, until it is.
    new: Option<Box<Job>>,
    /// Where its end goes: each who waits is woken by its own trial alone.
    to: Sender<Box<Ending>>,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Coordinator {
    /// A number for a new study. Whoever keeps it can continue the study in another process.
    ///
    /// # Errors
    /// [`ClusterError`] where the database cannot be used.
    pub fn new_id(address: &Address) -> Result<String, ClusterError> {
        Queue::new(address, Timing::default().lease)?.new_id()
    }

    /// Creates the tables if there are none, and takes the study over: a process that has run it
    /// before is refused from now on.
    ///
    /// # Errors
    /// [`ClusterError`] where the database cannot be used, or has this study with another
    /// evaluator.
    pub fn start(address: &Address, enlisted: Enlisted, timing: Timing) -> Result<Self, ClusterError> {
        let mut queue = Queue::new(address, timing.lease)?;
        queue.create_tables()?;
        let owner = queue.own(&enlisted.study, &enlisted.owner)?;
        let desk = Arc::new(Desk::default());
        let clerk = Clerk {
            desk: Arc::clone(&desk),
            study: enlisted.study.clone(),
            owner,
            timing,
        };
        let thread = Builder::new().name("nas-coordinator".to_owned()).spawn(move || {
            clerk.work(&mut queue);
            queue
        })?;
        Ok(Self {
            enlisted,
            desk,
            thread: Mutex::new(Some(thread)),
            owner,
        })
    }

    /// Marks the study as finished, so that workers leave it.
    ///
    /// # Errors
    /// [`ClusterError`] where the database cannot be used, or the study was taken over.
    pub fn finish(&self) -> Result<(), ClusterError> {
        let Some(mut queue) = self.close() else {
            return Ok(());
        };
        let begun = Moment::now();
        let mut pause = BackOff::new(PAUSES, &self.enlisted.study.id);
        loop {
            match queue.finish(&self.enlisted.study, self.owner) {
                Err(error) if error.is_transient() && begun.ago() < PATIENCE => sleep(pause.wait()),
                other => return other,
            }
        }
    }

    /// Ends the thread that asks the database.
    fn close(&self) -> Option<Queue> {
        self.desk.lock().closed = true;
        self.desk.asked.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        thread?.join().ok()
    }

    /// Waits for the end of a trial.
    fn ending(&self, trial: &Trial) -> Result<Ending, String> {
        let job = Job::of(trial, self.enlisted.space.genotype(&trial.architecture).ok());
        let (to, end) = mpsc::channel();
        let mut state = self.desk.lock();
        if let Some(reason) = &state.failed {
            return Err(reason.clone());
        }
        let new = Some(Box::new(job));
        state.trials.insert(trial.id, Waiting { new, to });
        drop(state);
        self.desk.asked.notify_all();
        loop {
            match end.recv_timeout(NOTICE) {
                Ok(ending) => return Ok(*ending),
                Err(RecvTimeoutError::Timeout) if self.enlisted.stop.is_requested() => {
                    self.desk.lock().trials.remove(&trial.id);
                    return Err("a stop was requested".to_owned());
                }
                Err(RecvTimeoutError::Timeout) => {}
                // It was let go of, with all others.
                Err(RecvTimeoutError::Disconnected) => {
                    let reason = self.desk.lock().failed.clone();
                    return Err(reason.unwrap_or_else(|| "nobody asks the database any more".to_owned()));
                }
            }
        }
    }
}

impl Drop for Coordinator {
    fn drop(&mut self) {
        self.close();
    }
}

impl Evaluator for Coordinator {
    fn description(&self) -> String {
        self.enlisted.study.description.clone()
    }

    fn metric(&self) -> Metric {
        self.enlisted.metric.clone()
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        let ending = self
            .ending(trial)
            .map_err(|reason| Failure::new(FailureKind::Interrupted, reason))?;
        outcome(ending, trial)
    }
}

/// What a trial's end means to a study.
fn outcome(ending: Ending, trial: &Trial) -> Result<Evaluation, Failure> {
    let mut attempts: Vec<Attempt> = ending
        .losses
        .into_iter()
        .map(|(host, seconds)| Attempt {
            failure: Failure::new(
                FailureKind::LostWorker,
                format!("the worker on {host} was not heard of any more"),
            ),
            seconds,
        })
        .collect();
    match ending.answer {
        Some((Answer::Evaluation(figures), seconds)) => {
            let (evaluation, _) = figures.evaluation(trial.fidelity.epochs, seconds, "remote");
            Ok(Evaluation {
                attempts,
                ..evaluation
            })
        }
        Some((Answer::Failure(reason), _)) => Err(Failure {
            attempts,
            ..Failure::new(reason.kind, reason.message)
        }),
        Some(_) => Err(Failure::new(
            FailureKind::BadAnswer,
            "the database has a message for it that is no result",
        )),
        None => {
            let lost = attempts.len();
            let last = attempts.pop();
            let last = last.map_or_else(|| "no attempt".to_owned(), |attempt| attempt.failure.message);
            Err(Failure {
                attempts,
                ..Failure::new(
                    FailureKind::LostWorker,
                    format!("lost {lost} times in a row; the last time: {last}"),
                )
            })
        }
    }
}

/// Whoever asks the database for all that wait.
struct Clerk {
    desk: Arc<Desk>,
    study: Shared,
    owner: i64,
    timing: Timing,
}

impl Clerk {
    fn work(&self, queue: &mut Queue) {
        let started = Moment::now();
        let (mut beat, mut reaped) = (Moment::now(), Moment::now());
        let mut look = BackOff::new(self.timing.look, &self.study.id);
        let mut away = BackOff::new(PAUSES, &self.study.id);
        loop {
            let mut turn = || -> Result<bool, ClusterError> {
                let progress = self.exchange(queue)?;
                if beat.ago() >= self.timing.beat {
                    queue.owner_beat(&self.study, self.owner)?;
                    beat = Moment::now();
                }
                // Whoever has just come back does not know who is alive.
                if reaped.ago() >= self.timing.reap && started.ago() >= self.timing.lease {
                    queue.reap()?;
                    reaped = Moment::now();
                }
                Ok(progress)
            };
            let wait = match turn() {
                Ok(progress) => {
                    away.reset();
                    if progress {
                        look.reset();
                    }
                    look.wait()
                }
                Err(error) if error.is_transient() => away.wait(),
                Err(error) => {
                    let mut state = self.desk.lock();
                    state.failed = Some(error.to_string());
                    state.trials.clear();
                    return;
                }
            };
            let state = self.desk.lock();
            if state.closed {
                return;
            }
            if !state.trials.values().any(|waiting| waiting.new.is_some()) {
                // A new trial ends the wait.
                drop(self.desk.asked.wait_timeout(state, wait));
            }
        }
    }

    /// Hands out what is new and takes results in. Says whether there was any of it.
    fn exchange(&self, queue: &mut Queue) -> Result<bool, ClusterError> {
        let state = self.desk.lock();
        let new = state.trials.values().filter_map(|waiting| waiting.new.as_deref());
        let jobs: Vec<Job> = new.cloned().collect();
        drop(state);
        if !jobs.is_empty() {
            queue.propose(&self.study, self.owner, &jobs)?;
        }
        let mut state = self.desk.lock();
        for job in &jobs {
            if let Some(waiting) = state.trials.get_mut(&job.id) {
                waiting.new = None;
            }
        }
        let out = state.trials.iter().filter(|(_, waiting)| waiting.new.is_none());
        let out: Vec<TrialId> = out.map(|(id, _)| *id).collect();
        drop(state);
        if out.is_empty() {
            return Ok(!jobs.is_empty());
        }
        let endings = queue.endings(&self.study, &out)?;
        let progress = !jobs.is_empty() || !endings.is_empty();
        let mut state = self.desk.lock();
        for ending in endings {
            if let Some(waiting) = state.trials.remove(&ending.number) {
                // Whoever waited may be gone: the study is to stop.
                let _ = waiting.to.send(Box::new(ending));
            }
        }
        Ok(progress)
    }
}
