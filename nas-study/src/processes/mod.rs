//! Evaluation in other processes, so that a crash costs one trial and not the study.
//!
//! [`Processes`] is an ordinary evaluator. It starts workers: programs that use a [protocol] of one
//! JSON object on each line. [`serve`] is the other side, for programs written in Rust. Every event
//! becomes an outcome of the trial:
//!
//! | what happens | outcome | again |
//! |---|---|---|
//! | an answer | the evaluation, or the failure that it tells of | no |
//! | an answer that is none | [`BadAnswer`](FailureKind::BadAnswer); the process is killed | no |
//! | more time than the trial has | [`TimedOut`](FailureKind::TimedOut); killed | no |
//! | more memory than the trial has, the system's killer, or last words of no memory | [`OutOfMemory`](FailureKind::OutOfMemory) | no |
//! | an end with exit code 101 | [`Panic`](FailureKind::Panic) | no |
//! | another exit code | [`Other`](FailureKind::Other), with the last words | no |
//! | an end by a signal | [`LostWorker`](FailureKind::LostWorker) | up to 3 times, same seed |
//! | a process that does not get ready | none: the trial goes to another | 3 times, then the worker is out of service |
//! | three quick failures in a row of different architectures | as above, and the worker is out of service | |
//! | no worker left, or a stop | [`Interrupted`](FailureKind::Interrupted): nothing is recorded | when the study is resumed |
//!
//! - **Invariant:** a worker never has two trials at the same time, and a process that failed
//!   during a trial gets no other.
//! - **Invariant:** no process outlives the evaluator: each leads a process group, which is killed
//!   with all processes that it has started. If the study itself is killed, workers notice it by
//!   the end of their input.
//!

mod exit_status;
mod family;
#[cfg(unix)]
mod guard;
mod input;
mod memory;
mod output;
mod pool;
mod process;
pub mod protocol;
mod serve;
mod worker;

#[cfg(unix)]
pub use guard::guard;
pub use pool::{ProcessConfig, ProcessError, Processes, QUICK_FAILURES, QUICK_SECONDS, RETRIES};
pub use process::kill_all;
pub use serve::{ServeError, Served, panic_message, serve};

#[cfg(doc)]
use nas_space::search::FailureKind;
