//! Benchmark tables: architectures whose accuracies are known, so that strategies can be compared without training.

mod error;
mod evaluator;
mod nb201;

pub use error::TableError;
pub use evaluator::{SEARCH_EPOCHS, TEST_EPOCHS, TabularEvaluator};
pub use nb201::{Nb201Dataset, Nb201Table};
