//! Runs a complete search, from its configuration to a tested result. The program `nas` is built on
//! it; use it in your own programs.
//!
//! [`RunConfig`] describes a search completely: the method, the space, the evaluation of
//! architectures, the budget. [`Session`] builds its parts and runs it in a run directory, where it
//! is recorded and can be resumed after an interruption. The best architecture is then trained in
//! full and tested once. [`report::page`] makes a page of such a directory.
//!
//! ```
//! use nas_runner::{RunConfig, search_in};
//!
//! let folder = tempfile::tempdir()?;
//! let config = RunConfig::from_toml(
//!     "method = 'evolution'\n\
//!      budget = { trials = 30 }\n\
//!      estimation = { kind = 'table', benchmark = 'digits' }",
//! )?;
//! let result = search_in(&folder.path().join("run"), config)?;
//! assert!(result.to_string().contains("best architecture"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Watcher`] receives the events of a run. [`methods`] has a file for each search method;
//! [`args`] are the options of a search for command lines. Errors are [`anyhow::Error`]s with a
//! message for users; errors in what a user has typed or written are [`Usage`] errors.

mod architecture_csv;
pub mod args;
pub mod data;
pub mod data_dir;
pub mod device;
mod environment;
pub mod methods;
mod named;
pub mod parsers;
pub mod picture;
pub mod plan;
mod preflight;
pub mod program;
pub mod report;
mod schema;
pub mod scoring;
pub mod screening;
mod session;
pub mod shell;
pub mod size;
mod status;
mod traced;
mod usage;
mod watch;

use std::path::Path;

use anyhow::Result;
use nas_space::search::Stop;

pub use environment::Environment;
pub use methods::{Method, MethodConfig};
pub use plan::RunConfig;
pub use schema::schema;
pub use session::{
    Concluded, Crew, FinalRecord, LearnedEpoch, NETWORK_FILE, SearchResult, Session, Slot, Stopped,
    TrialSettings, Worker, halved,
};
pub use status::{BestSoFar, State, Status};
pub use traced::{Traced, trace};
pub use usage::{Typed, Usage};
pub use watch::{RunEvent, Unwatched, Watcher};

/// Runs a search in its own directory, which is created, or continues the search that is there.
/// Trials are evaluated in this process.
///
/// # Errors
/// For an invalid configuration, a directory with another search, or any failure of the search.
/// Recorded results stay.
pub fn search_in(directory: &Path, config: RunConfig) -> Result<SearchResult> {
    if directory.is_dir() {
        config.keep_latencies_in(directory)?;
    }
    let session = Session::prepare(config, &Stop::new())?;
    let (run, store) = session.open(directory)?;
    session.run(&run, store, 0)
}
