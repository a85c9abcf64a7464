//! One worker: a process that is started when it is needed, and started again if it has ended.

use std::process::Command;

use nas_space::arch::Architecture;
use nas_space::genotype::Genotype;
use nas_space::search::{Failure, FailureKind, Stop, Trial, TrialId};

use super::exit_status::with_last_words;
use super::output::Line;
use super::pool::{ProcessConfig, QUICK_FAILURES, QUICK_SECONDS, Streak};
use super::process::{Bounds, Process, Wait};
use super::protocol::{Answer, Detailed, Hello, Job, MAX_LINE, PROTOCOL, Request, shortened};
use crate::clock::Stopwatch;

/// Seconds within which a program has to be ready: it may import libraries and read its data.
const READY_SECONDS: f64 = 600.0;
/// Failed starts in a row after which a worker is not started again.
const STARTS: u32 = 3;
/// Seconds that a trial has to end after a stop was requested.
const GRACE_SECONDS: f64 = 3.0;

/// A worker and, while it has one, its process.
pub(super) struct Worker {
    number: usize,
    program: Vec<String>,
    hello: Hello,
    process: Option<Process>,
    /// The last trial that its process has answered.
    answered: Option<TrialId>,
    description: String,
    failed_starts: u32,
    streak: Streak,
    out_of_service: Option<String>,
}

/// What came of starting a process.
pub(super) enum Start {
    /// It is ready, with this description of itself.
    Ready(String),
    /// A stop was requested meanwhile.
    Halted,
    /// It is not, for this reason.
    Failed(String),
}

impl Worker {
    /// Worker `number`, without a process yet.
    pub(super) fn new(number: usize, config: &ProcessConfig) -> Self {
        Self {
            number,
            program: config.program.clone(),
            hello: Hello {
                protocol: PROTOCOL,
                worker: number,
                device: config.device_of(number).map(str::to_owned),
                threads: config.threads_of(number),
                settings: config.settings.clone(),
            },
            process: None,
            answered: None,
            description: String::new(),
            failed_starts: 0,
            streak: Streak::default(),
            out_of_service: None,
        }
    }

    /// Lets its process know that there will be nothing more, if it has one.
    pub(super) fn dismiss(&mut self) {
        if let Some(process) = &mut self.process {
            process.close_input();
        }
    }

    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Why it is to be used no more, if it is.
    pub(super) fn out_of_service(&self) -> Option<&str> {
        self.out_of_service.as_deref()
    }

    /// Sees to it that there is a process that is ready, and is what is expected.
    pub(super) fn start(&mut self, expected: Option<&str>, stop: &Stop) -> Start {
        if self.process.as_mut().is_some_and(Process::is_running) {
            return Start::Ready(self.description.clone());
        }
        self.process = None;
        self.answered = None;
        let started = self.begin(expected, stop);
        match &started {
            Start::Ready(description) => {
                self.description.clone_from(description);
            }
            Start::Halted => {}
            Start::Failed(reason) => self.count_start(reason),
        }
        started
    }

    fn count_start(&mut self, reason: &str) {
        self.process = None;
        self.failed_starts += 1;
        if self.failed_starts >= STARTS {
            self.out_of_service = Some(format!(
                "it could not be started {STARTS} times in a row: {reason}"
            ));
        }
    }

    fn begin(&mut self, expected: Option<&str>, stop: &Stop) -> Start {
        let mut words = self.program.iter();
        let mut command = Command::new(words.next().map_or("", String::as_str));
        command.args(words);
        let mut process = match Process::spawn(command) {
            Ok(process) => process,
            Err(error) => return Start::Failed(error.to_string()),
        };
        // Where nobody reads it, the reason is in what is left behind.
        process.send(&Request::Hello(self.hello.clone()));
        let bounds = Bounds {
            timeout_seconds: Some(READY_SECONDS),
            memory_bytes: None,
            go_on: &|| !stop.is_requested(),
        };
        let reason = match process.wait_for_line(&bounds) {
            Wait::Halted => return Start::Halted,
            Wait::TimeOut => format!("it was not ready within {READY_SECONDS} s"),
            Wait::Closed | Wait::OverMemory(_) => process.exit().failure().message,
            Wait::Shut => "it closed its standard input before it had read the hello".to_owned(),
            Wait::Line(line) => match read(line) {
                Ok(Answer::Ready(ready)) if ready.protocol != PROTOCOL => format!(
                    "it speaks version {} of the protocol; expected {PROTOCOL}",
                    ready.protocol
                ),
                Ok(Answer::Ready(ready)) if ready.description.trim().is_empty() => {
                    "its description is empty; expected a line that states what determines its evaluations"
                        .to_owned()
                }
                Ok(Answer::Ready(ready)) => match expected {
                    Some(expected) if expected != ready.description => format!(
                        "its description is '{}'; expected '{}'",
                        shortened(&ready.description),
                        shortened(expected)
                    ),
                    _ => {
                        self.process = Some(process);
                        return Start::Ready(ready.description);
                    }
                },
                Ok(Answer::Refused(refused)) => refused.message,
                Ok(_) => "it answered before it was asked; expected it to say that it is ready".to_owned(),
                Err(reason) => format!("its first line is not a message of the protocol: {reason}"),
            },
        };
        Start::Failed(with_last_words(reason, &process.last_words()))
    }

    /// Has a trial evaluated. [`Worker::start`] comes before. `None` where its process was gone
    /// before it could be handed the trial.
    pub(super) fn evaluate(
        &mut self,
        trial: &Trial,
        genotype: Option<Genotype>,
        config: &ProcessConfig,
        stop: &Stop,
    ) -> Option<Result<Detailed, Failure>> {
        let mut process = self.process.take()?;
        if let Some(reason) = self.unasked(&mut process, trial.id) {
            process.kill();
            self.count_start(&reason);
            return None;
        }
        process.watch_memory();
        let watch = Stopwatch::start();
        let job = Request::Trial(Box::new(Job::of(trial, genotype)));
        if !process.send(&job) {
            let reason = process.exit().failure().message;
            self.count_start(&reason);
            return None;
        }
        let bounds = Bounds {
            timeout_seconds: config.trial_timeout_seconds,
            memory_bytes: config.trial_memory_bytes,
            go_on: &|| !stop.is_requested(),
        };
        let mut wait = self.wait_for_answer(&mut process, trial.id, &bounds);
        if wait == Wait::Halted {
            // The end of its input tells it to stop; what it can still finish is welcome.
            process.close_input();
            let grace = Bounds {
                timeout_seconds: Some(GRACE_SECONDS),
                go_on: &|| true,
                ..bounds
            };
            wait = process.wait_for_line(&grace);
            let answered = match wait {
                Wait::Line(line) => read(line).ok().map(|answer| self.result(answer, trial, &watch)),
                _ => None,
            };
            process.kill();
            return Some(
                answered
                    .filter(Result::is_ok)
                    .unwrap_or_else(|| Err(Failure::new(FailureKind::Interrupted, "a stop was requested"))),
            );
        }
        let result = match wait {
            Wait::Line(_) if process.has_unread_input() => {
                // Written before it was asked, but it arrived after: the same case as above.
                process.kill();
                self.count_start(
                    "the worker answered before it had read the trial; expected each answer after its request",
                );
                return None;
            }
            Wait::Line(line) => match read(line) {
                Ok(answer) => self.result(answer, trial, &watch),
                Err(reason) => Err(Failure::new(
                    FailureKind::BadAnswer,
                    with_last_words(
                        format!("the worker's answer is not a message of the protocol: {reason}"),
                        &process.last_words(),
                    ),
                )),
            },
            Wait::TimeOut => Err(Failure::new(
                FailureKind::TimedOut,
                format!(
                    "it took longer than the {} s that a trial may take",
                    config.trial_timeout_seconds.unwrap_or_default()
                ),
            )),
            Wait::OverMemory(used) => Err(Failure::new(
                FailureKind::OutOfMemory,
                format!(
                    "the worker used {} of memory; a trial may use {}",
                    mebibytes(used),
                    mebibytes(config.trial_memory_bytes.unwrap_or_default())
                ),
            )),
            Wait::Shut => Err(Failure::new(
                FailureKind::BadAnswer,
                with_last_words(
                    "the worker closed its standard input before it had read the trial; it was killed"
                        .to_owned(),
                    &process.last_words(),
                ),
            )),
            Wait::Closed | Wait::Halted => Err(process.exit().failure()),
        };
        self.answered = Some(trial.id);
        // It was of use, if only to fail.
        self.failed_starts = 0;
        if is_spoiled(&result) {
            process.kill();
        } else if process.is_running() {
            self.process = Some(process);
        }
        Some(result)
    }

    /// What the process has written that nobody has asked for, before it is sent trial `next`. Its
    /// last answer once more is no harm and is passed over.
    fn unasked(&self, process: &mut Process, next: TrialId) -> Option<String> {
        while let Some(line) = process.waiting_line() {
            let reason = match read(line) {
                Ok(answer) if self.is_surplus(&answer, next) => continue,
                Ok(answer) => format!("it wrote before it was asked: {}", shortened(&answer.line())),
                Err(reason) => {
                    format!(
                        "it wrote before it was asked, and the line is not a message of the protocol: {reason}"
                    )
                }
            };
            return Some(with_last_words(reason, &process.last_words()));
        }
        None
    }

    /// Waits for a line that is not the last answer once more.
    fn wait_for_answer(&self, process: &mut Process, trial: TrialId, bounds: &Bounds<'_>) -> Wait {
        let watch = Stopwatch::start();
        loop {
            let left = bounds
                .timeout_seconds
                .map(|limit| (limit - watch.seconds()).max(0.0));
            let wait = process.wait_for_line(&Bounds {
                timeout_seconds: left,
                ..*bounds
            });
            match wait {
                Wait::Line(Line::Text(text))
                    if Answer::parse(&text).is_ok_and(|answer| self.is_surplus(&answer, trial)) => {}
                wait => return wait,
            }
        }
    }

    /// Whether an answer repeats the previous answer and does not belong to the current trial. Both
    /// trials may have the same number.
    fn is_surplus(&self, answer: &Answer, trial: TrialId) -> bool {
        self.answered.is_some() && answer.trial() == self.answered && self.answered != Some(trial)
    }

    /// The result that an answer is.
    fn result(&self, answer: Answer, trial: &Trial, watch: &Stopwatch) -> Result<Detailed, Failure> {
        let bad = |message: String| Err(Failure::new(FailureKind::BadAnswer, message));
        let other = |id| {
            bad(format!(
                "the worker answered for trial {id}; expected an answer for trial {}",
                trial.id
            ))
        };
        match answer {
            Answer::Evaluation(figures) if figures.id != trial.id => other(figures.id),
            Answer::Evaluation(figures) if let Some(reason) = figures.out_of_bounds() => bad(reason),
            Answer::Evaluation(figures) => {
                let device = self.hello.device.as_deref().unwrap_or("process");
                Ok(figures.evaluation(trial.fidelity.epochs, watch.seconds(), device))
            }
            Answer::Failure(reason) if reason.id != trial.id => other(reason.id),
            Answer::Failure(reason) if reason.kind == FailureKind::Interrupted => {
                bad("the worker abandoned the trial without being asked to".to_owned())
            }
            Answer::Failure(reason) => Err(Failure::new(reason.kind, reason.message)),
            Answer::Interrupted(_) => {
                // Somebody else told it so, such as a signal: the worker is lost.
                let message = "the worker abandoned the trial without a request from the study";
                Err(Failure::new(FailureKind::LostWorker, message))
            }
            Answer::Ready(_) | Answer::Refused(_) => {
                bad("the worker said that it is ready; expected an answer to a trial".to_owned())
            }
        }
    }

    /// Counts what became of a trial on this worker: three quick failures in a row of different
    /// architectures put it out of service.
    pub(super) fn count(
        &mut self,
        architecture: &Architecture,
        result: &Result<Detailed, Failure>,
        seconds: f64,
    ) {
        if self.streak.add(architecture, result, seconds)
            && let Err(failure) = result
        {
            self.process = None;
            self.out_of_service = Some(format!(
                "trials of {} different architectures failed on it one after the other, each within {} s; the last one \
                 because: {}",
                QUICK_FAILURES, QUICK_SECONDS, failure.message
            ));
        }
    }
}

/// Whether the process is still at work, or nobody can tell what is left of it.
fn is_spoiled(result: &Result<Detailed, Failure>) -> bool {
    use FailureKind::{BadAnswer, LostWorker, OutOfMemory, TimedOut};

    matches!(result, Err(failure) if [BadAnswer, LostWorker, OutOfMemory, TimedOut].contains(&failure.kind))
}

fn read(line: Line) -> Result<Answer, String> {
    match line {
        Line::Text(text) => Answer::parse(&text),
        Line::TooLong => Err(format!("it has more than {} bytes in one line", MAX_LINE)),
        Line::NotText => Err("it is not UTF-8".to_owned()),
        Line::Unfinished => Err("it is a line without an end".to_owned()),
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20))
}
