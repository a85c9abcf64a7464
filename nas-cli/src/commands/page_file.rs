//! The file of a page, as `--page` names it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nas_runner::Usage;

/// The place of a page that was typed as `--page`, which is not in the folder of images: nothing is written there.
pub(super) fn place(page: Option<&Path>, images: Option<&Path>) -> Result<Option<PathBuf>> {
    let Some(page) = page else { return Ok(None) };
    if page.is_dir() {
        let why = format!(
            "--page: {} is a directory; expected the name of a file",
            page.display()
        );
        return Err(Usage::new(why).into());
    }
    let parent = match page.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let lies_within = |parent: PathBuf, images: PathBuf| images.is_dir() && parent.starts_with(images);
    if let (Ok(parent), Some(Ok(images))) = (parent.canonicalize(), images.map(Path::canonicalize))
        && lies_within(parent, images)
    {
        let why = format!(
            "--page: {} lies in the folder of the images, where nothing is written; expected another place",
            page.display()
        );
        return Err(Usage::new(why).into());
    }
    Ok(Some(page.to_owned()))
}

/// Writes a page to its place.
pub(super) fn write(page: &Path, text: &str) -> Result<()> {
    nas_files::replace(page, text.as_bytes()).with_context(|| {
        format!(
            "cannot write {}; name another place with --page FILE",
            page.display()
        )
    })
}
