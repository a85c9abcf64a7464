//! What an export consists of.

use crate::error::ExportError;
use crate::source::Source;

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, or its path below the folder of the export, with `/` between the parts.
    pub name: String,
    /// What it holds.
    pub content: Vec<u8>,
}

impl File {
    /// A file of text or bytes.
    pub(crate) fn new(name: &str, content: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.to_owned(),
            content: content.into(),
        }
    }
}

/// A form that a network can leave in.
pub trait Format {
    /// Its name, as it is typed.
    fn name(&self) -> &'static str;

    /// The files of the export, the one with the network first.
    ///
    /// # Errors
    /// [`ExportError::Layer`] for a layer that the format cannot express;
    /// [`ExportError::Mismatch`] where classes or normalisation are not those of the network.
    fn files(&self, source: &Source<'_>) -> Result<Vec<File>, ExportError>;
}
