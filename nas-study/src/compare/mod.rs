//! Whether one method is better than another: paired runs, their means, and tests of the differences.
//!
//! Every method is run with the same seeds, so that run `i` of each is a pair. What is compared is the test accuracy of the
//! architecture that validation chose, which no method has seen. A difference of means says little by itself: beside it stand
//! a bootstrap interval ([`Bootstrap`]), the p-value of a test for pairs ([`signed_rank`]), corrected for the number of pairs of
//! methods on all tasks ([`holm`]), the size of the effect ([`superiority`]), and where nothing could be shown, how many seeds
//! might have shown it ([`pairs_needed`]). Over seeds and tasks, methods are ranked ([`Ranks`]). A [`Comparison`] holds all of
//! it, and a verdict in words that says no more than these numbers.
//!
//! How fast a method finds what it finds is told by [`Curve`]: the figure of the architecture that validation would have
//! chosen so far, over trials or seconds.
//!
//! A comparison takes as long as all its runs: a [`Journal`] keeps those that are finished.
//!
//! # References
//! - F. Wilcoxon. Individual comparisons by ranking methods. Biometrics Bulletin 1 (1945).
//! - S. Holm. A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6 (1979).
//! - B. Efron. Bootstrap methods: another look at the jackknife. Annals of Statistics 7 (1979).
//! - A. Vargha, H. D. Delaney. A critique and improvement of the CL common language effect size statistics of McGraw and
//!   Wong. Journal of Educational and Behavioral Statistics 25 (2000).
//! - J. Demšar. Statistical comparisons of classifiers over multiple data sets. JMLR 7 (2006).
//! - A. Yang, P. M. Esperança, F. M. Carlucci. NAS evaluation is frustratingly hard. ICLR 2020, arXiv 1912.12522.

mod bootstrap;
mod comparison;
mod curve;
mod effect;
mod holm;
mod journal;
mod power;
mod ranks;
mod signed_rank;
mod verdict;

pub use bootstrap::{Bootstrap, CONFIDENCE, Estimate, RESAMPLES};
pub use comparison::{CompareError, Comparison, Pair, Run, Standing, Task, TaskRuns, Uniform};
pub use curve::{Currency, Curve, Incumbent, incumbents};
pub use effect::superiority;
pub use holm::holm;
pub use journal::{Entry, Journal, JournalError};
pub use power::{POWER, least_pairs, pairs_needed};
pub use ranks::Ranks;
pub use signed_rank::signed_rank;
pub use verdict::BASELINE;

/// The p-value below which a difference is called significant.
pub const SIGNIFICANCE: f64 = 0.05;
