//! What the program says: text for people on stderr and stdout, one JSON object for programs.

use serde::Serialize;

/// How a command's result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// For people, on stdout.
    Text,
    /// One JSON object on stdout.
    Json,
}

impl Output {
    /// Prints the result: `text` for people or `value` as JSON.
    pub(crate) fn result(self, value: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        match self {
            Self::Text => write_stdout(&text()),
            Self::Json => write_stdout(&serde_json::to_string(value)?),
        }
    }
}

/// Writes a line to stdout; a reader that went away is no error of ours.
pub(crate) fn write_stdout(text: &str) -> anyhow::Result<()> {
    use std::io::{ErrorKind, Write};
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// A line for people that is no result: to stderr.
#[expect(
    clippy::print_stderr,
    reason = "this is the one place where the program talks beside its result"
)]
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}
