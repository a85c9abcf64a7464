//! Whether one method is better than another: paired runs, their means, and tests of the
//! differences.
//!
//! Every method is run with the same seeds, so that run `i` of each is a pair. The test accuracies
//! of the architectures that validation chose are compared; no method has seen them. A difference
//! of means says little by itself, so it has a bootstrap interval ([`Bootstrap`]). Two methods are
//! compared by one test of their paired differences ([`SignedRank`]), rounded to the steps in which
//! accuracies differ ([`Grid`]): it gives the p-value, corrected for the number of pairs of methods
//! on all tasks ([`holm`]), the typical difference with an interval at the corrected level, and the
//! effect, so these never contradict each other. If no difference could be shown, [`pairs_needed`]
//! estimates how many seeds might show it. A run of which no trial succeeded has no result: it
//! counts as worse than any run with one, and as equal to another without one. Over seeds and
//! tasks, methods are ranked ([`Ranks`]). A [`Comparison`] contains all of this, with a verdict in
//! words that claims no more than these numbers.
//!
//! [`Curve`] shows how fast a method finds its architectures: the figure of the architecture that
//! validation would have chosen so far, over trials or seconds.
//!
//! A comparison takes as long as all its runs together, so a [`Journal`] keeps the finished ones.
//!
//! # References
//! - F. Wilcoxon. Individual comparisons by ranking methods. Biometrics Bulletin 1 (1945).
//! - S. Holm. A simple sequentially rejective multiple test procedure. Scandinavian Journal of
//!   Statistics 6 (1979).
//! - B. Efron. Bootstrap methods: another look at the jackknife. Annals of Statistics 7 (1979).
//! - J. L. Hodges, E. L. Lehmann. Estimates of location based on rank tests. Annals of Mathematical
//!   Statistics 34 (1963).
//! - D. S. Kerby. The simple difference formula: an approach to teaching nonparametric correlation.
//!   Comprehensive Psychology 3 (2014).
//! - J. Demšar. Statistical comparisons of classifiers over multiple data sets. JMLR 7 (2006).
//! - A. Yang, P. M. Esperança, F. M. Carlucci. NAS evaluation is frustratingly hard. ICLR 2020,
//!   arXiv 1912.12522.

mod bootstrap;
mod comparison;
mod curve;
mod grid;
mod holm;
mod journal;
mod pair;
mod power;
mod ranks;
mod shifts;
mod signed_rank;
mod values;
mod verdict;
mod words;

pub(crate) use bootstrap::quantile;
pub use bootstrap::{Bootstrap, CONFIDENCE, Estimate, RESAMPLES};
pub use comparison::{CompareError, Comparison, Run, Standing, Task, TaskRuns, Uniform};
pub use curve::{Currency, Curve, Incumbent, incumbents};
pub use grid::Grid;
pub use holm::holm;
pub use journal::{Entry, Journal, JournalError};
pub use pair::{Finding, Pair};
pub use power::{POWER, least_pairs, pairs_needed};
pub use ranks::Ranks;
use shifts::Shifts;
pub use signed_rank::{ShiftInterval, SignedRank, signed_rank};
pub use verdict::BASELINE;
pub use words::{about_seeds, difference, interval, p_equals, p_text, plain};

/// The p-value below which a difference is called significant.
pub const SIGNIFICANCE: f64 = 0.05;
