//! Evaluators to start from, as texts: each runs as it is, and has one function to replace by your own training.
//!
//! They are the files of the folder `examples` of this crate.

/// A program in Python, which needs the standard library only. It trains a small perceptron.
pub const EVALUATOR_PYTHON: &str = include_str!("../examples/evaluator.py");
/// A program for a POSIX shell with `sed` and `awk`. It trains nothing: it counts convolutions.
pub const EVALUATOR_SHELL: &str = include_str!("../examples/evaluator.sh");
/// A type in Rust, with a search around it. It trains nothing: it counts parameters.
pub const EVALUATOR_RUST: &str = include_str!("../examples/own_evaluator.rs");
