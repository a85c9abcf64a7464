//! The trait that search methods implement.

use thiserror::Error;

use super::{Outcome, Proposal, TrialId};
use crate::spaces::SpaceError;

/// A strategy's answer to [`Strategy::ask`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Evaluate this.
    Evaluate(Proposal),
    /// No proposal until an outstanding outcome is told.
    Wait,
    /// The search is over, whatever is left of the budget.
    Finished,
}

/// A search method: it proposes architectures and learns from their outcomes.
///
/// The study numbers the proposals 0, 1, 2, … as it asks for them, and tells every outcome exactly
/// once, failures included: in that order, or, if the strategy [takes any](Strategy::any_order) and
/// the study is set so, in the order in which trials are finished. Several proposals may be
/// outstanding at a time; a strategy that cannot continue without an outcome answers [`Ask::Wait`].
/// What a strategy does is a function of its configuration, its seed and the sequence of calls
/// alone: a run is resumed by asking and telling again.
///
/// # Example
/// A strategy that tries every architecture of a small space:
/// ```
/// use nas_space::arch::Architecture;
/// use nas_space::search::{Ask, Outcome, Proposal, Strategy, StrategyError};
///
/// struct Sweep { next: usize, options: usize }
///
/// impl Strategy for Sweep {
///     fn name(&self) -> &str {
///         "sweep"
///     }
///
///     fn ask(&mut self) -> Result<Ask, StrategyError> {
///         if self.next == self.options {
///             return Ok(Ask::Finished);
///         }
///         self.next += 1;
///         Ok(Ask::Evaluate(Proposal::new(Architecture::new([self.next - 1]))))
///     }
///
///     fn tell(&mut self, _outcome: &Outcome) -> Result<(), StrategyError> {
///         Ok(())
///     }
/// }
///
/// let mut sweep = Sweep { next: 0, options: 2 };
/// assert!(matches!(sweep.ask().unwrap(), Ask::Evaluate(_)));
/// assert!(matches!(sweep.ask().unwrap(), Ask::Evaluate(_)));
/// assert_eq!(sweep.ask().unwrap(), Ask::Finished);
/// ```
pub trait Strategy: Send {
    /// The method's name, as typed by a user: `random`, `evolution`, …
    fn name(&self) -> &str;

    /// The next proposal.
    ///
    /// # Errors
    /// If the strategy cannot continue; the study ends with this error.
    fn ask(&mut self) -> Result<Ask, StrategyError>;

    /// Learns from an outcome.
    ///
    /// # Errors
    /// [`StrategyError::Unexpected`] for an outcome that was not requested or is out of order.
    fn tell(&mut self, outcome: &Outcome) -> Result<(), StrategyError>;

    /// Whether outcomes may be told in any order: each once, and none before it was asked for. If
    /// not, they are told in the order of the proposals. A wrapping strategy returns what the inner
    /// one does.
    fn any_order(&self) -> bool {
        false
    }

    /// What the strategy has learned so far, in a form of its own. A study stores it with the
    /// trials when it ends. None if the trials contain everything. A wrapping strategy returns the
    /// report of the inner one.
    fn report(&self) -> Option<serde_json::Value> {
        None
    }
}

/// Why a strategy cannot continue.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StrategyError {
    /// An outcome was told that was not asked for, or a second time, or not in this order.
    #[error("told the outcome of trial {got}, expected that of trial {expected}")]
    Unexpected {
        /// The trial whose outcome is due, or the lowest of several.
        expected: TrialId,
        /// The trial told.
        got: TrialId,
    },
    /// A [`Stop`](super::Stop) was requested while it was at work on a proposal. Asked again, by a
    /// study that is resumed, it makes that proposal.
    #[error("interrupted: a stop was requested")]
    Interrupted,
    /// The space refused an architecture.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// Anything else.
    #[error(transparent)]
    Other(Box<dyn std::error::Error + Send + Sync>),
}
