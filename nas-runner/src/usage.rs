//! Errors in what a user typed, which have a different exit code from other errors.

use std::fmt;

use anyhow::Result;

/// Something typed cannot be: a wrong name, a value out of range, options that contradict each other.
#[derive(Debug)]
pub struct Usage(String);

impl Usage {
    /// What is wrong, and what would be right.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// Whether such an error lies below this one.
    pub fn caused(error: &anyhow::Error) -> bool {
        error.chain().any(|cause| cause.is::<Self>())
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Results that depend on nothing but what was typed.
pub trait Typed<T> {
    /// Makes an error one of usage, which begins with the name of the option or argument.
    fn typed(self, name: &str) -> Result<T>;
}

impl<T, E: Into<anyhow::Error>> Typed<T> for Result<T, E> {
    fn typed(self, name: &str) -> Result<T> {
        self.map_err(|error| Usage::new(format!("{name}: {:#}", error.into())).into())
    }
}
