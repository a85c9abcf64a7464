//! Processes that evaluate, as one evaluator.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use nas_space::arch::Architecture;
use nas_space::search::{Attempt, Evaluation, Evaluator, Failure, FailureKind, Metric, Stop, Trial};
use nas_space::spaces::Space;
use serde_json::Value;
use thiserror::Error;

use super::protocol::Detailed;
use super::worker::{Start, Worker};
use crate::clock;

/// Attempts at a trial after the first, where the process is lost.
pub const RETRIES: usize = 3;
/// Failures of different architectures in a row that put a worker out of service, if each took less
/// than [`QUICK_SECONDS`].
pub const QUICK_FAILURES: usize = 3;
/// Seconds below which a failure is quick.
pub const QUICK_SECONDS: f64 = 5.0;

/// How trials are evaluated in other processes. None of it decides an evaluation; the last two
/// decide which trials get one.
///
/// | Name | Purpose | Range |
/// |---|---|---|
/// | `program` | the program and its arguments, which speaks the [protocol](super) | at least the program |
/// | `workers` | how many of it run | ≥ 1 |
/// | `devices` | which devices they get, in turn | any |
/// | `threads` | threads of all of them together | ≥ 1 |
/// | `settings` | passed on with the hello | any JSON |
/// | `description` | what the program must say that it is; any where there is none | |
/// | `metric` | what its evaluations are scores of | any |
/// | `trial_timeout_seconds` | time after which a trial is killed | > 0 |
/// | `trial_memory_bytes` | resident memory beyond which a trial is killed (Linux) | > 0 |
#[derive(Debug, Clone)]
pub struct ProcessConfig {
    /// The program and its arguments.
    pub program: Vec<String>,
    /// How many of it run at a time.
    pub workers: NonZeroUsize,
    /// The devices that the workers get: worker `i` the one at `i` modulo their number; none where
    /// it is empty.
    pub devices: Vec<String>,
    /// Threads of all workers together. Each gets its share, and at least one.
    pub threads: NonZeroUsize,
    /// What else the program has to know.
    pub settings: Value,
    /// The description that is expected of it.
    pub description: Option<String>,
    /// What its evaluations are scores of: the accuracy, but for tables of something else.
    pub metric: Metric,
    /// Seconds after which a trial is killed and has failed.
    pub trial_timeout_seconds: Option<f64>,
    /// Bytes of resident memory beyond which a trial is killed and has failed.
    pub trial_memory_bytes: Option<u64>,
}

/// Why no process can evaluate.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// There is no program.
    #[error("the evaluator's command is empty; expected a program")]
    NoProgram,
    /// It cannot be started, or does not become ready.
    #[error("the evaluator '{program}' cannot be used: {reason}")]
    NotReady {
        /// The program.
        program: String,
        /// What is wrong.
        reason: String,
    },
    /// A stop was requested before it was ready.
    #[error("interrupted: a stop was requested before the evaluator was ready")]
    Interrupted,
}

/// An evaluator whose trials run in other processes, so that a crash costs one trial and not the
/// study. See the [module](super).
///
/// As many trials run at a time as there are workers; a study should have as many threads.
pub struct Processes {
    config: ProcessConfig,
    description: String,
    space: Arc<dyn Space>,
    stop: Stop,
    seats: Mutex<Vec<Seat>>,
    freed: Condvar,
}

/// The place of a worker.
enum Seat {
    /// Somebody is using it.
    Taken,
    /// It is waiting for a trial.
    Free(Box<Worker>),
    /// Nobody is to use it any more, for this reason.
    OutOfService(String),
}

impl Processes {
    /// Workers, which are started when there is work for them. Where no description is expected,
    /// the first is started now, to learn it from it.
    ///
    /// # Errors
    /// [`ProcessError`] if it cannot be started, refuses, or has an unexpected description.
    pub fn start(config: ProcessConfig, space: Arc<dyn Space>, stop: Stop) -> Result<Self, ProcessError> {
        let program = match config.program.as_slice() {
            [] => return Err(ProcessError::NoProgram),
            // For a shell, the command that it runs.
            [_, flag, command] if matches!(flag.as_str(), "-c" | "/C") => command.clone(),
            [program, ..] => program.clone(),
        };
        let count = config.workers.get();
        let mut workers: Vec<Worker> = (0..count).map(|number| Worker::new(number, &config)).collect();
        let description = match &config.description {
            Some(description) => description.clone(),
            None => match workers[0].start(None, &stop) {
                Start::Ready(description) => description,
                Start::Halted => return Err(ProcessError::Interrupted),
                Start::Failed(reason) => return Err(ProcessError::NotReady { program, reason }),
            },
        };
        Ok(Self {
            config: ProcessConfig {
                description: Some(description.clone()),
                ..config
            },
            description,
            space,
            stop,
            seats: Mutex::new(
                workers
                    .into_iter()
                    .map(|worker| Seat::Free(Box::new(worker)))
                    .collect(),
            ),
            freed: Condvar::new(),
        })
    }

    /// How many trials run at a time.
    pub fn workers(&self) -> NonZeroUsize {
        self.config.workers
    }

    /// As [`Evaluator::evaluate`], with what else the program has to say.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`].
    pub fn evaluate_detailed(&self, trial: &Trial) -> Result<Detailed, Failure> {
        let mut attempts = Vec::new();
        match self.last_attempt(trial, &mut attempts) {
            Ok((evaluation, details)) => Ok((
                Evaluation {
                    attempts,
                    ..evaluation
                },
                details,
            )),
            Err(failure) => Err(Failure { attempts, ..failure }),
        }
    }

    /// What came of the last attempt at a trial, after those before it.
    fn last_attempt(&self, trial: &Trial, before: &mut Vec<Attempt>) -> Result<Detailed, Failure> {
        loop {
            let lost = before.len();
            let mut worker = self.take()?;
            let (result, seconds) = clock::timed(|| self.attempt(&mut worker, trial));
            let Some(result) = result else {
                // Another worker, or the same one anew; each is out of service after a few such
                // starts.
                self.give_back(worker);
                continue;
            };
            let again = lost < RETRIES
                && matches!(&result, Err(failure) if failure.kind == FailureKind::LostWorker)
                && !self.stop.is_requested();
            if !again {
                worker.count(&trial.architecture, &result, seconds);
            }
            self.give_back(worker);
            match result {
                Err(failure) if again => before.push(Attempt { failure, seconds }),
                Err(failure) if failure.kind == FailureKind::LostWorker && lost > 0 => {
                    let message = format!(
                        "lost {} times in a row; the last time: {}",
                        lost + 1,
                        failure.message
                    );
                    return Err(Failure::new(FailureKind::LostWorker, message));
                }
                result => return result,
            }
        }
    }

    fn seats(&self) -> MutexGuard<'_, Vec<Seat>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The free worker of the lowest number. Waits for one; there is none where all are out of
    /// service.
    fn take(&self) -> Result<Box<Worker>, Failure> {
        let mut seats = self.seats();
        loop {
            if self.stop.is_requested() {
                return Err(Failure::new(FailureKind::Interrupted, "a stop was requested"));
            }
            for seat in seats.iter_mut() {
                if let Seat::Free(_) = seat
                    && let Seat::Free(worker) = std::mem::replace(seat, Seat::Taken)
                {
                    return Ok(worker);
                }
            }
            if !seats.iter().any(|seat| matches!(seat, Seat::Taken)) {
                return Err(Failure::new(FailureKind::Interrupted, out_of_service(&seats)));
            }
            // Whoever has one gives it back.
            seats = self.freed.wait(seats).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn give_back(&self, worker: Box<Worker>) {
        let number = worker.number();
        let seat = match worker.out_of_service() {
            None => Seat::Free(worker),
            Some(reason) => Seat::OutOfService(reason.to_owned()),
        };
        self.seats()[number] = seat;
        self.freed.notify_all();
    }

    /// One attempt by one worker. `None` where that could not begin the trial, which is not the
    /// trial's fault.
    fn attempt(&self, worker: &mut Worker, trial: &Trial) -> Option<Result<Detailed, Failure>> {
        match worker.start(self.config.description.as_deref(), &self.stop) {
            Start::Ready(_) => {}
            Start::Halted => {
                return Some(Err(Failure::new(
                    FailureKind::Interrupted,
                    "a stop was requested",
                )));
            }
            Start::Failed(_) => return None,
        }
        let genotype = self.space.genotype(&trial.architecture).ok();
        let result = worker.evaluate(trial, genotype, &self.config, &self.stop)?;
        Some(
            result
                .and_then(|(evaluation, details)| Ok((evaluation.checked_as(&self.config.metric)?, details))),
        )
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        // All of them end at the same time; each is killed if it does not.
        for seat in self.seats().iter_mut() {
            if let Seat::Free(worker) = seat {
                worker.dismiss();
            }
        }
    }
}

/// Why there is no worker left.
fn out_of_service(seats: &[Seat]) -> String {
    let reasons: BTreeSet<&str> = seats
        .iter()
        .filter_map(|seat| match seat {
            Seat::OutOfService(reason) => Some(reason.as_str()),
            _ => None,
        })
        .collect();
    let reasons: Vec<&str> = reasons.into_iter().collect();
    let count = match seats.len() {
        1 => "the worker is".to_owned(),
        count => format!("all {count} workers are"),
    };
    format!("{count} out of service: {}", reasons.join("; and "))
}

impl Evaluator for Processes {
    fn description(&self) -> String {
        self.description.clone()
    }

    fn metric(&self) -> Metric {
        self.config.metric.clone()
    }

    fn evaluate(&self, trial: &Trial) -> Result<Evaluation, Failure> {
        self.evaluate_detailed(trial).map(|(evaluation, _)| evaluation)
    }
}

impl ProcessConfig {
    /// A worker's share of the threads; the first workers get the remainder.
    pub(super) fn threads_of(&self, number: usize) -> usize {
        let (threads, workers) = (self.threads.get(), self.workers.get());
        (threads / workers + usize::from(number < threads % workers)).max(1)
    }

    /// The device that a worker gets.
    pub(super) fn device_of(&self, number: usize) -> Option<&str> {
        let place = number.checked_rem(self.devices.len())?;
        self.devices.get(place).map(String::as_str)
    }
}

/// Architectures whose trials have failed one after the other, quickly, on one worker.
#[derive(Debug, Default)]
pub(super) struct Streak(Vec<Architecture>);

impl Streak {
    /// Adds a trial; says whether the worker is to be put out of service.
    pub(super) fn add(
        &mut self,
        architecture: &Architecture,
        result: &Result<Detailed, Failure>,
        seconds: f64,
    ) -> bool {
        match result {
            Err(failure) if is_of_worker(failure.kind) && seconds < QUICK_SECONDS => {
                if !self.0.contains(architecture) {
                    self.0.push(architecture.clone());
                }
            }
            Err(failure) if failure.kind == FailureKind::Interrupted => {}
            _ => self.0.clear(),
        }
        self.0.len() >= QUICK_FAILURES
    }
}

/// Whether a failure can be the worker's fault rather than the architecture's: an architecture
/// alone can give no number, or need too much memory or time.
fn is_of_worker(kind: FailureKind) -> bool {
    use FailureKind::{BadAnswer, LostWorker, Other, Panic};

    [BadAnswer, LostWorker, Other, Panic].contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(workers: usize, threads: usize, devices: &[&str]) -> ProcessConfig {
        ProcessConfig {
            program: vec!["true".to_owned()],
            workers: workers.try_into().unwrap(),
            devices: devices.iter().map(|&device| device.to_owned()).collect(),
            threads: threads.try_into().unwrap(),
            settings: Value::Null,
            description: None,
            metric: Metric::default(),
            trial_timeout_seconds: None,
            trial_memory_bytes: None,
        }
    }

    #[test]
    fn threads_and_devices_are_shared_out() {
        let shares = |workers, threads| {
            let config = config(workers, threads, &[]);
            (0..workers)
                .map(|number| config.threads_of(number))
                .collect::<Vec<_>>()
        };
        assert_eq!(shares(3, 8), [3, 3, 2]);
        assert_eq!(shares(4, 2), [1, 1, 1, 1]);
        let two = config(3, 3, &["cuda:0", "cuda:1"]);
        let devices: Vec<_> = (0..3).map(|number| two.device_of(number)).collect();
        assert_eq!(devices, [Some("cuda:0"), Some("cuda:1"), Some("cuda:0")]);
        assert_eq!(config(1, 1, &[]).device_of(0), None);
    }

    #[test]
    fn three_quick_failures_in_a_row_of_different_architectures_are_a_streak() {
        let failed = |kind| Err(Failure::new(kind, "why"));
        let add = |streak: &mut Streak, choice: usize, result: &_, seconds| {
            streak.add(&Architecture::new([choice]), result, seconds)
        };
        let other = failed(FailureKind::Other);
        let mut streak = Streak::default();
        assert!(!add(&mut streak, 0, &other, 0.1));
        assert!(!add(&mut streak, 0, &other, 0.1), "the same one again");
        assert!(!add(&mut streak, 1, &other, 0.1));
        assert!(add(&mut streak, 2, &other, 0.1));
        for breaking in [failed(FailureKind::NonFinite), failed(FailureKind::OutOfMemory)] {
            let mut streak = Streak::default();
            add(&mut streak, 0, &other, 0.1);
            add(&mut streak, 1, &other, 0.1);
            assert!(!add(&mut streak, 2, &breaking, 0.1), "that is the architecture's");
            assert!(!add(&mut streak, 3, &other, 0.1));
        }
        let mut streak = Streak::default();
        add(&mut streak, 0, &other, 0.1);
        add(&mut streak, 1, &other, 0.1);
        assert!(!add(&mut streak, 2, &other, 60.0), "it worked for a minute");
    }
}
