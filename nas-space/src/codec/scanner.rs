//! A scanner of texts that reports the position when it finds something unexpected.

use crate::error::SpaceError;

/// A position in a text of which `what` is to be read.
pub(super) struct Scanner<'a> {
    text: &'a str,
    position: usize,
    what: &'static str,
}

/// Most characters of the rest of the text that an error quotes.
const QUOTED: usize = 24;

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str, what: &'static str) -> Self {
        Self {
            text,
            position: 0,
            what,
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    /// Passes over white space.
    pub(super) fn space(&mut self) {
        let rest = self.rest();
        self.position += rest.len() - rest.trim_start().len();
    }

    /// The next character, which is not passed over.
    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Passes over the next character.
    pub(super) fn next_char(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.position += next.len_utf8();
        Some(next)
    }

    /// Goes back to a position it was at.
    pub(super) fn back_to(&mut self, position: usize) {
        self.position = position;
    }

    /// Passes over `token` if it comes next.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.position += token.len();
        }
        found
    }

    /// Passes over `token`, which must come next.
    pub(super) fn expect(&mut self, token: &str) -> Result<(), SpaceError> {
        if self.eat(token) {
            Ok(())
        } else {
            Err(self.error(&format!("'{token}'")))
        }
    }

    /// The characters up to the first that `belongs` refuses: none, one or more.
    pub(super) fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.position += end;
        &rest[..end]
    }

    /// A number that is the index of a state.
    pub(super) fn state(&mut self) -> Result<usize, SpaceError> {
        let start = self.position;
        let digits = self.take_while(|c| c.is_ascii_digit());
        digits
            .parse()
            .ok()
            .filter(|&state| state <= Self::MOST_STATES)
            .ok_or_else(|| {
                self.position = start;
                self.error("the number of a state")
            })
    }

    /// The highest number of a state that is read. It bounds what a short text can make of memory.
    pub(super) const MOST_STATES: usize = 9_999;

    /// What an error says where the text has ended.
    pub(super) const ENDS_THERE: &'static str = "it ends there";

    /// Bytes of the whole text.
    pub(super) fn length(&self) -> usize {
        self.text.len()
    }

    /// Checks that the text has ended.
    pub(super) fn end(&self) -> Result<(), SpaceError> {
        if self.rest().is_empty() {
            Ok(())
        } else {
            Err(self.error("the end"))
        }
    }

    /// What is wrong here, if `expected` was.
    pub(super) fn error(&self, expected: &str) -> SpaceError {
        self.error_at(self.position, expected)
    }

    /// Where it is, for [`Scanner::error_at`].
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// What is wrong at a position it was at, if `expected` was.
    pub(super) fn error_at(&self, position: usize, expected: &str) -> SpaceError {
        let (before, rest) = self.text.split_at_checked(position).unwrap_or((self.text, ""));
        let found: String = rest.chars().take(QUOTED).collect();
        let more = if found.len() < rest.len() { "…" } else { "" };
        let found = if found.is_empty() {
            Self::ENDS_THERE.to_owned()
        } else {
            format!("found '{found}{more}'")
        };
        let column = before.chars().count() + 1;
        SpaceError::parse(
            self.what,
            format!("expected {expected} at character {column}, {found}"),
        )
    }
}
