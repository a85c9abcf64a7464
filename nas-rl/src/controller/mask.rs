//! Choices that are not allowed.

use std::fmt;

/// Says which options may be chosen, for spaces or searches in which not any combination will do.
///
/// What is not allowed has probability 0, and the others' probabilities sum to one.
///
/// # Example
/// ```
/// use nas_rl::controller::Mask;
///
/// /// No two neighbouring decisions alike.
/// #[derive(Debug)]
/// struct Alternating;
///
/// impl Mask for Alternating {
///     fn allows(&self, _decision: usize, option: usize, chosen: &[usize]) -> bool {
///         chosen.last() != Some(&option)
///     }
/// }
/// ```
pub trait Mask: fmt::Debug + Send + Sync {
    /// Whether this option of this decision, both counted from 0, may be chosen after these
    /// choices, which are those of all decisions before it.
    fn allows(&self, decision: usize, option: usize, chosen: &[usize]) -> bool;

    /// The same where the architecture is to have `choices` choices in all, fewer than there are
    /// decisions: that of a level of a space that grows.
    fn allows_of(&self, choices: usize, decision: usize, option: usize, chosen: &[usize]) -> bool {
        let _ = choices;
        self.allows(decision, option, chosen)
    }
}
