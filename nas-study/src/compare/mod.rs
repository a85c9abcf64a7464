//! Whether one method is better than another: paired runs, their means, and tests of the differences.
//!
//! Every method is run with the same seeds, so that run `i` of each is a pair. What is compared is the test accuracy of the
//! architecture that validation chose, which no method has seen. A difference of means says little by itself: beside it stand
//! the p-value of a test for pairs ([`signed_rank`]), corrected for the number of pairs of methods ([`holm`]), and the size
//! of the effect ([`superiority`]).
//!
//! # References
//! - F. Wilcoxon. Individual comparisons by ranking methods. Biometrics Bulletin 1 (1945).
//! - S. Holm. A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6 (1979).
//! - A. Vargha, H. D. Delaney. A critique and improvement of the CL common language effect size statistics of McGraw and
//!   Wong. Journal of Educational and Behavioral Statistics 25 (2000).

mod comparison;
mod effect;
mod holm;
mod signed_rank;

pub use comparison::{CompareError, Comparison, Pair, Run, Standing};
pub use effect::superiority;
pub use holm::holm;
pub use signed_rank::signed_rank;
