//! The written forms that architectures are exchanged in.
//!
//! | form | of | reads | writes |
//! |---|---|---|---|
//! | `\|op~0\|+\|op~0\|op~1\|` | NAS-Bench-201 | [`parse_nb201`] | [`format_nb201`] |
//! | `Genotype(normal=[('op', 0), …], …)` | DARTS | [`parse_darts`] | [`format_darts`] |
//! | `ModelSpec(matrix=[[0, 1], [0, 0]], ops=['input', 'output'])`, or the same as a JSON object | NAS-Bench-101 | [`parse_nb101`] | |
//! | JSON | this crate | [`serde_json`] | [`Genotype::to_json`](crate::genotype::Genotype::to_json) |
//!
//! [`read`] reads any of them in the forms that people and other programs write, also by name and
//! from longer texts such as logs. [`Genotype`](crate::genotype::Genotype) does so by
//! [`str::parse`] where there is one architecture in the text; its `Display` writes the shortest
//! form that holds it. Operations are not looked up here: a text may name those of any vocabulary.

mod darts;
mod literal;
mod naslib;
mod nb101;
mod nb201;
mod reading;
mod scanner;

pub use darts::{format_darts, parse_darts};
pub use nb101::parse_nb101;
pub use nb201::{format_nb201, parse_nb201};
pub(crate) use reading::read_one;
pub use reading::{Reading, read, shortened};

/// Whether an operation's name can stand in every written form: letters, digits, `_`, `-` and `.`.
pub(crate) fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !name.is_empty() && name.chars().all(plain)
}
