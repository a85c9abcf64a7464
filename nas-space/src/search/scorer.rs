//! The trait of scores that need no training.

use super::Failure;
use crate::arch::Architecture;

/// Gives an architecture a score without training it: a zero-cost proxy, or a combination of some.
///
/// Of two architectures, the one with the higher score is expected to be better. That is all a
/// score says: it has no unit, its range is that of the proxy, it is no accuracy, and scores of
/// different scorers cannot be compared. −∞ stands for an architecture that cannot be ranked above
/// any other; no score is NaN.
///
/// A scorer is shared between threads. Its answer is a function of its configuration and the
/// architecture alone: not of what was scored before, nor of how many threads there are.
///
/// # Example
/// ```
/// use nas_space::{Architecture, Failure, search::Scorer};
///
/// /// Likes small choices.
/// struct Synthetic;
///
/// impl Scorer for Synthetic {
///     fn description(&self) -> String {
///         "synthetic".to_owned()
///     }
///
///     fn score(&self, architecture: &Architecture) -> Result<f64, Failure> {
///         let sum: usize = architecture.choices().iter().sum();
///         Ok(-(sum as f64))
///     }
/// }
///
/// let [a, b] = [[0, 1], [3, 2]].map(|choices| Synthetic.score(&Architecture::new(choices)));
/// assert!(a? > b?);
/// # Ok::<(), Failure>(())
/// ```
pub trait Scorer: Send + Sync {
    /// Everything that determines a score besides the architecture, in one line. Equal descriptions
    /// mean comparable scores.
    fn description(&self) -> String;

    /// The score of one architecture. Higher is better.
    ///
    /// # Errors
    /// A typed [`Failure`]: the architecture is not of the space, its network cannot be built at
    /// this size, or the score is NaN.
    fn score(&self, architecture: &Architecture) -> Result<f64, Failure>;
}

impl<S: Scorer + ?Sized> Scorer for &S {
    fn description(&self) -> String {
        (**self).description()
    }

    fn score(&self, architecture: &Architecture) -> Result<f64, Failure> {
        (**self).score(architecture)
    }
}
