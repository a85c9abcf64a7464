//! A parser under test.

use std::fmt;
use std::path::Path;

use crate::envelope::Envelope;

/// What is done with an input that was accepted; an error says which property it violates.
pub type Use<'a> = Box<dyn FnOnce() -> Result<(), String> + 'a>;

/// Reads an input, with a folder to put files into. An error is why the parser refuses it, which is as it should be.
pub type Parse = Box<dyn for<'a> Fn(&'a [u8], &'a Path) -> Result<Use<'a>, String>>;

/// The most memory that may be allocated at a time beyond what was before.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// Bytes for any input.
    pub base: usize,
    /// Bytes for each byte of the input.
    pub per_byte: usize,
}

impl Due {
    /// What an input of so many bytes is due.
    pub(crate) fn of(self, length: usize) -> usize {
        self.base.saturating_add(self.per_byte.saturating_mul(length))
    }
}

/// A parser with all that is known of its inputs.
pub struct Target {
    /// Name of the target and of its folder in the corpus.
    pub name: &'static str,
    /// Words of the format, which mutations put in.
    pub words: &'static [&'static str],
    /// What the parser reads through to what is mutated: lengths, checksums, compression.
    pub envelope: Envelope,
    /// The parser.
    pub parse: Parse,
    /// Memory for reading an input.
    pub read: Due,
    /// Memory for using what was read.
    pub using: Due,
    /// Valid inputs that are made by the program itself, where they would go out of date in a file.
    pub made: Vec<Vec<u8>>,
}

const MIB: usize = 1 << 20;

impl Target {
    /// A target whose inputs are not wrapped up, and take little more memory than they are long.
    pub fn new(
        name: &'static str,
        words: &'static [&'static str],
        parse: impl for<'a> Fn(&'a [u8], &'a Path) -> Result<Use<'a>, String> + 'static,
    ) -> Self {
        let little = Due {
            base: 4 * MIB,
            per_byte: 64,
        };
        Self {
            name,
            words,
            envelope: Envelope::None,
            parse: Box::new(parse),
            read: little,
            using: little,
            made: Vec::new(),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
