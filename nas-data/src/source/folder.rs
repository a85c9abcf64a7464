//! A folder of class folders, or of splits of them.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use sha2::{Digest as _, Sha256};

use super::layout::{self, Candidate};
use super::stamp::Stamp;
use super::walk::{self, bytes};
use super::{Content, Listing, Skip, Source, check, dimensions_of_file, fetch_file, io};
use crate::error::DataError;
use crate::progress::Progress;

/// Endings of the formats that are read.
const IMAGES: [&str; 15] = [
    "png", "apng", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp", "dib", "gif", "tif", "tiff", "pnm", "ppm",
    "pgm",
];
/// Endings of images in formats that are not read.
const OTHER_IMAGES: [&str; 18] = [
    "avif", "heic", "heif", "jp2", "jxl", "svg", "tga", "ico", "dds", "exr", "hdr", "psd", "dcm", "dng",
    "cr2", "nef", "arw", "raw",
];

/// Whether files of this ending, in small letters, are images that are read.
pub(super) fn is_image_ending(ending: &str) -> bool {
    IMAGES.contains(&ending) || ending == "pbm" || ending == "pam"
}

/// A folder whose files are listed.
#[derive(Debug)]
pub(super) struct Folder {
    /// Its canonical path.
    root: PathBuf,
    listing: Listing,
    /// Of each entry.
    stamps: Vec<Stamp>,
    /// The digest of what else was found, for the findings to be up to date.
    others: [u8; 32],
}

impl Folder {
    /// Lists the folder and finds out how it is laid out.
    ///
    /// # Errors
    /// A folder that cannot be read; a pattern that is none; a layout that is none or ambiguous.
    pub(super) fn open(
        path: &Path,
        glob: Option<&str>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Self, DataError> {
        let root = std::fs::canonicalize(path).map_err(io(path, "read"))?;
        let filter = glob.map(Filter::new).transpose()?;
        let walked = walk::walk(&root, progress)?;
        let mut skipped = walked.skipped;
        let mut candidates = Vec::new();
        let mut others = Sha256::new();
        for file in walked.files {
            match set_aside(&file, filter.as_ref()) {
                None => candidates.push(Candidate {
                    path: file.path,
                    stamp: file.stamp,
                }),
                Some(skip) => {
                    others.update(bytes(&file.path));
                    file.stamp.hash(&mut others);
                    if file.path != Path::new(layout::CLASSES_FILE) {
                        skipped.push(skip);
                    }
                }
            }
        }
        for skip in &skipped {
            others.update(&skip.name);
        }
        let laid_out = layout::lay_out(path, &root, candidates, &walked.folders, &skipped, glob)?;
        skipped.sort_by(|a, b| a.name.cmp(&b.name));
        let listing = Listing {
            classes: laid_out.classes,
            entries: laid_out.entries,
            skipped,
            warnings: laid_out.warnings,
        };
        check(path, &listing)?;
        Ok(Self {
            root,
            listing,
            stamps: laid_out.stamps,
            others: others.finalize().into(),
        })
    }
}

impl Source for Folder {
    fn listing(&self) -> &Listing {
        &self.listing
    }

    fn fetch(&self, entry: usize) -> Result<Content, String> {
        fetch_file(&self.root.join(&self.listing.entries[entry].path))
    }

    fn dimensions(&self, entry: usize) -> Option<(u32, u32)> {
        dimensions_of_file(&self.root.join(&self.listing.entries[entry].path))
    }

    fn stamp(&self, hash: &mut Sha256) {
        hash.update("folder");
        hash.update(bytes(&self.root));
        hash.update(self.others);
        for class in &self.listing.classes {
            hash.update((class.len() as u64).to_le_bytes());
            hash.update(class);
        }
        for (entry, stamp) in self.listing.entries.iter().zip(&self.stamps) {
            let path = bytes(&entry.path);
            hash.update((path.len() as u64).to_le_bytes());
            hash.update(path);
            stamp.hash(hash);
        }
    }

    fn folder(&self) -> Option<&Path> {
        Some(&self.root)
    }
}

/// Why a file is no image to be read, if it is none.
fn set_aside(file: &walk::File, filter: Option<&Filter>) -> Option<Skip> {
    let path = &file.path;
    if filter.is_some_and(|filter| !filter.chooses(path)) {
        return Some(Skip::aside(path, "not chosen by the pattern (--glob)"));
    }
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default();
    if OTHER_IMAGES.contains(&ending.as_str()) {
        Some(Skip::bad(
            path,
            "an image in an unsupported format; convert it to PNG or JPEG",
            None,
        ))
    } else if !is_image_ending(&ending) {
        Some(Skip::aside(path, "no image"))
    } else if file.stamp.length == 0 {
        Some(Skip::aside(path, Skip::EMPTY))
    } else {
        None
    }
}

/// A pattern of paths.
struct Filter {
    matcher: GlobMatcher,
    /// Whether files that match are chosen, or those that do not.
    chooses_matches: bool,
}

impl Filter {
    fn new(pattern: &str) -> Result<Self, DataError> {
        let (positive, chooses_matches) = match pattern.strip_prefix('!') {
            Some(rest) => (rest, false),
            None => (pattern, true),
        };
        let glob = GlobBuilder::new(positive).build().map_err(|error| DataError::Option {
            option: "the pattern --glob",
            got: format!("'{pattern}' ({})", error.kind()),
            expected: "a pattern of paths in the folder, such as '*/images/*.png', '*.{jpg,png}' or '!*_mask.png'".to_owned(),
        })?;
        Ok(Self {
            matcher: glob.compile_matcher(),
            chooses_matches,
        })
    }

    fn chooses(&self, path: &Path) -> bool {
        self.matcher.is_match(path) == self.chooses_matches
    }
}
