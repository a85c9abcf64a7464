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
    /// Whether this option of this decision, both counted from 0, may be chosen after these choices, which are those of all
    /// decisions before it. Where skip connections are made at anchor points, all of one layer are drawn at once: `chosen`
    /// are the choices before the first of them.
    fn allows(&self, decision: usize, option: usize, chosen: &[usize]) -> bool;
}
