//! Runs a search strategy against an evaluator, under a budget, and records every trial.
//!
//! A [`Study`] brings a [`Strategy`](nas_space::Strategy), a [`Space`](nas_space::Space) and an
//! [`Evaluator`](nas_space::Evaluator) together. Its loop asks for architectures, evaluates them on
//! as many threads as it is given, tells the outcomes and writes everything into a [`Store`]. It
//! never prints; pass an [`Observer`] to watch it. With [`processes::Processes`] as the evaluator,
//! trials run in separate processes, in any language.
//!
//! - **Invariant:** a study is a function of its [`StudyConfig`] and of the evaluator; the number
//!   of threads is not part of it. Outcomes are told in trial order. The number of trials that are
//!   asked before the first is told is part of it. With [`TellOrder::Completion`], a study is a
//!   function of the order of completions as well, which is recorded before the strategy learns of
//!   it.
//! - **Invariant:** every event that an observer has received is on disk. A killed study is resumed
//!   by replay: a fresh strategy is asked again, must repeat each recorded proposal, and is told
//!   each recorded outcome.
//! - **Invariant:** a failed trial is data: a panic, a NaN or an impossible network is recorded
//!   with its reason and told to the strategy.
//!
//! # Example
//! ```
//! use nas_space::{Budget, Evaluator, Space, Strategy};
//! use nas_study::{Study, StudyError};
//!
//! fn search(
//!     space: &dyn Space,
//!     strategy: &mut dyn Strategy,
//!     evaluator: &dyn Evaluator,
//! ) -> Result<(), StudyError> {
//!     let summary = Study::new(space, strategy, evaluator).budget(Budget::trials(100)).run()?;
//!     println!("{summary}");
//!     Ok(())
//! }
//! ```

mod clock;
pub mod compare;
mod config;
mod error;
mod event;
mod executor;
pub mod processes;
pub mod ranking;
mod run;
mod run_dir;
mod store;
pub mod templates;
#[cfg(test)]
mod testing;

pub use nas_space::search::Stop;

pub use config::{ConfigError, Duplicates, FORMAT, StudyConfig, TellOrder};
pub use error::{Difference, StudyError};
pub use event::{Event, Observer, Progress, Silent};
pub use run::{Commit, Parts, PreparedStudy, RunOptions, Study};
pub use run_dir::{MOST_CONFIG, MOST_RECORD, RunDir};
pub use store::{
    AttemptRecord, Best, Conclusion, End, Holder, Incumbent, Records, Selected, Selection, Standing, Store,
    StoreError, StudyRecord, Summary, TrialOrder, TrialRecord, TrialState, Within,
};
