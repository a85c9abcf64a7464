//! Evaluates the trials of a search on many machines, through a PostgreSQL database.
//!
//! The process that runs a study has a [`Coordinator`]: an ordinary
//! [`Evaluator`](nas_space::Evaluator), which hands each trial out and waits for its result. Any
//! number of machines run an [`Agent`], which claims trials, evaluates them and stores the results.
//! Strategies run in the study alone, and outcomes are told in the order of the trials, so a search
//! is the same with any number of workers, on any machines. A study that tells them in the order of
//! completion keeps that order in its own record; the database does not have it.
//!
//! - **Invariant:** a trial changes its state only by a statement that names the claim (`epoch`)
//!   that the caller believes to hold. A worker that was thought dead, and is not, is refused.
//! - **Invariant:** a trial has at most one result. One that was acknowledged survives the end of
//!   any process, and of the database.
//! - **Invariant:** the clock of the database decides when a lease ends, and no other.
//! - **Invariant:** a trial that was handed out is never handed out anew by a study that is
//!   resumed; its result is used when it is there.

mod address;
mod agent;
mod clock;
mod connection;
mod coordinator;
mod error;
pub mod launch;
mod overview;
mod passfile;
mod queue;
mod schema;
#[cfg(any(test, feature = "testing"))]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "it is for tests"
)]
pub mod testing;
#[cfg(test)]
mod tests;
mod timing;
#[cfg(feature = "tls")]
mod tls;

pub use address::Address;
pub use agent::{Agent, AgentConfig, AgentEvent, MakeEvaluator, Served};
pub use coordinator::{Coordinator, Enlisted};
pub use error::ClusterError;
pub use overview::{Overview, StudyOverview, WorkerOverview, check, find};
pub use queue::Shared;
pub use schema::ServerCheck;
pub use timing::Timing;
