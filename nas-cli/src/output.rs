//! What the program says: text for people on stderr and stdout, one JSON object for programs.

use std::borrow::Cow;

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
            Self::Text => write_stdout(&printable(&text())),
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
///
/// Where nobody can read it, as with a full disk or a terminal that is gone, the program goes on without.
pub(crate) fn note(text: &str) {
    use std::io::Write as _;

    let _ = writeln!(std::io::stderr().lock(), "{}", printable(text));
}

/// A text that begins in column `indent`, in lines that end before column `columns`; the second and
/// later ones are indented alike. A longer word has a line of its own.
pub(crate) fn wrapped(text: &str, columns: usize, indent: usize) -> String {
    let mut lines = String::new();
    let mut column = indent;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > indent && column + 1 + length > columns {
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            column = indent;
        } else if column > indent {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += length;
    }
    lines
}

/// A text as a terminal may get it. Names, messages and commands come from files and from other programs; characters that
/// would move the cursor, change colours or reverse the direction of writing are shown as escapes.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let is_control = |letter: char| {
        (letter.is_control() && letter != '\n' && letter != '\t')
            || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
    };
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_control(letter) {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_wrapped_between_words() {
        assert_eq!(wrapped("one two three four", 9, 0), "one two\nthree\nfour");
        assert_eq!(
            wrapped("a longer-than-that b", 8, 2),
            "a\n  longer-than-that\n  b"
        );
        assert_eq!(wrapped("short", 100, 4), "short");
    }

    #[test]
    fn what_commands_a_terminal_is_shown_as_an_escape() {
        assert_eq!(printable("two\n\tlines, naïve Δ 漢"), "two\n\tlines, naïve Δ 漢");
        assert_eq!(printable("\u{1b}[2Jgone\r"), "\\u{1b}[2Jgone\\r");
        assert_eq!(
            printable("a\u{9b}31m\u{7f}\u{202e}"),
            "a\\u{9b}31m\\u{7f}\\u{202e}"
        );
    }
}
