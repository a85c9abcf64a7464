//! A list of images with their classes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::columns::{Columns, Wrong};
use super::rows::{Row, rows};
use super::stamp::Stamp;
use super::walk::bytes;
use super::{Content, Entry, Listing, Side, Skip, Source, check, dimensions_of_file, fetch_file, io};
use crate::error::DataError;
use crate::progress::{Progress, Stage};

/// The most bytes that a list may have.
const LARGEST_LIST: u64 = 1 << 30;
/// Progress is reported after this number of lines.
const OFTEN: usize = 1000;

/// A list whose files are known.
#[derive(Debug)]
pub(super) struct List {
    /// The folder that paths are relative to.
    folder: PathBuf,
    listing: Listing,
    /// Of each entry.
    stamps: Vec<Stamp>,
    /// The digest of the list itself.
    digest: [u8; 32],
}

impl List {
    /// Reads the list and looks whether its files are there.
    ///
    /// # Errors
    /// A list that cannot be read; columns that are not known; a line that lacks something.
    pub(super) fn open(
        path: &Path,
        given: Option<&[String]>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Self, DataError> {
        let canonical = fs::canonicalize(path).map_err(io(path, "read"))?;
        let folder = canonical.parent().map(Path::to_owned).unwrap_or_default();
        let text = nas_files::read_text(path, LARGEST_LIST).map_err(io(path, "read as a list"))?;
        let wrong_line = |line: u64, problem: String| DataError::Line {
            path: path.to_owned(),
            line,
            problem,
        };
        let rows = rows(&text).map_err(|(line, problem)| wrong_line(line, problem))?;
        let first = rows.first().ok_or_else(|| DataError::TooSmall {
            what: format!("{}: the list has no lines", path.display()),
            remedy: "expected a path and a class on each".to_owned(),
        })?;
        let columns =
            Columns::find(first, given, |field| file_of(&folder, field).1.is_ok()).map_err(|wrong| {
                match wrong {
                    Wrong::List(problem) => DataError::Columns {
                        path: path.to_owned(),
                        problem,
                    },
                    Wrong::Given(problem) => DataError::Option {
                        option: "the list of columns (--columns)",
                        got: format!("'{}': {problem}", given.unwrap_or_default().join(",")),
                        expected: "path and label, each once; split, group and _ (unused) are optional"
                            .to_owned(),
                    },
                }
            })?;
        let width = first.fields.len();
        let mut reading = Reading {
            folder: &folder,
            columns,
            found: Vec::new(),
            labels: BTreeMap::new(),
            skipped: Vec::new(),
        };
        let total = rows.len();
        for (done, row) in rows.iter().enumerate().skip(usize::from(columns.has_header)) {
            if row.fields.len() != width {
                let problem = format!(
                    "expected {width} fields as on line {}, got {}; enclose fields that contain the delimiter in double quotes",
                    first.line,
                    row.fields.len()
                );
                return Err(wrong_line(row.line, problem));
            }
            reading
                .take(row)
                .map_err(|problem| wrong_line(row.line, problem))?;
            if done.is_multiple_of(OFTEN) {
                progress(Progress {
                    stage: Stage::Listing,
                    done,
                    total,
                });
            }
        }
        let (listing, stamps) = reading.finish();
        check(path, &listing)?;
        let mut digest = Sha256::new_with_prefix(bytes(&canonical));
        digest.update(&text);
        Ok(Self {
            folder,
            listing,
            stamps,
            digest: digest.finalize().into(),
        })
    }
}

/// A list being read.
struct Reading<'a> {
    folder: &'a Path,
    columns: Columns,
    found: Vec<(Entry, Stamp)>,
    /// Numbers of labels, by first appearance.
    labels: BTreeMap<String, u32>,
    skipped: Vec<Skip>,
}

impl Reading<'_> {
    fn take(&mut self, row: &Row) -> Result<(), String> {
        let field = |place: usize| row.fields[place].as_str();
        let (path, label) = (field(self.columns.path), field(self.columns.label));
        if path.is_empty() {
            return Err("it has no path".to_owned());
        }
        if label.is_empty() {
            return Err(format!("'{path}' has no label"));
        }
        let side = match self.columns.split.map(field) {
            None => None,
            Some(name) => Some(
                Side::of_name(name)
                    .ok_or_else(|| format!("'{name}' is no split; expected train, val or test"))?,
            ),
        };
        let group = self
            .columns
            .group
            .map(field)
            .filter(|group| !group.is_empty())
            .map(str::to_owned);
        let next = self.labels.len() as u32;
        let label = *self.labels.entry(label.to_owned()).or_insert(next);
        let line = || Some(format!("line {}", row.line));
        let (path, file) = file_of(self.folder, path);
        match file {
            Err(reason) => self.skipped.push(Skip::bad(&path, reason, line())),
            Ok(stamp) if stamp.length == 0 => {
                self.skipped.push(Skip::bad(&path, Skip::EMPTY, line()));
            }
            Ok(stamp) => self.found.push((
                Entry {
                    path,
                    label,
                    side,
                    group,
                },
                stamp,
            )),
        }
        Ok(())
    }

    fn finish(mut self) -> (Listing, Vec<Stamp>) {
        let classes = in_order(self.labels.keys());
        let mut number = vec![0; classes.len()];
        for (place, class) in (0..).zip(&classes) {
            if let Some(&first) = self.labels.get(class) {
                number[first as usize] = place;
            }
        }
        for (entry, _) in &mut self.found {
            entry.label = number[entry.label as usize];
        }
        // A path that is listed twice keeps its order by its class, so that the order of lines does
        // not matter.
        self.found.sort_by(|(a, _), (b, _)| {
            let key = |entry: &Entry| (entry.label, entry.side, entry.group.clone());
            bytes(&a.path)
                .cmp(bytes(&b.path))
                .then_with(|| key(a).cmp(&key(b)))
        });
        let (entries, stamps) = self.found.into_iter().unzip();
        let listing = Listing {
            classes,
            entries,
            skipped: self.skipped,
            warnings: Vec::new(),
        };
        (listing, stamps)
    }
}

/// Labels in order: as numbers where all are numbers, else bytewise.
pub(super) fn in_order<'a>(labels: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut labels: Vec<String> = labels.cloned().collect();
    labels.sort_unstable();
    let numbers: Option<Vec<f64>> = labels
        .iter()
        .map(|label| label.parse().ok().filter(|number: &f64| number.is_finite()))
        .collect();
    if let Some(numbers) = numbers {
        let mut pairs: Vec<(f64, String)> = numbers.into_iter().zip(labels).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        return pairs.into_iter().map(|(_, label)| label).collect();
    }
    labels
}

/// The file that a list calls `path`, by the path that is right; or why there is none.
fn file_of(folder: &Path, path: &str) -> (PathBuf, Result<Stamp, &'static str>) {
    let plain = path.strip_prefix("./").unwrap_or(path);
    let look = |path: &str| match fs::metadata(folder.join(path)) {
        Ok(found) if found.is_file() => Ok(Stamp::of(&found)),
        Ok(_) => Err("not a file"),
        Err(_) => Err("missing"),
    };
    let found = look(plain);
    // Lists that were written on Windows.
    let slashes = plain.replace('\\', "/");
    if found.is_err() && slashes != plain {
        let other = look(&slashes);
        if other.is_ok() {
            return (slashes.into(), other);
        }
    }
    (plain.into(), found)
}

impl Source for List {
    fn listing(&self) -> &Listing {
        &self.listing
    }

    fn is_listed(&self) -> bool {
        true
    }

    fn fetch(&self, entry: usize) -> Result<Content, String> {
        fetch_file(&self.folder.join(&self.listing.entries[entry].path))
    }

    fn dimensions(&self, entry: usize) -> Option<(u32, u32)> {
        dimensions_of_file(&self.folder.join(&self.listing.entries[entry].path))
    }

    fn stamp(&self, hash: &mut Sha256) {
        hash.update("list");
        hash.update(self.digest);
        for (entry, stamp) in self.listing.entries.iter().zip(&self.stamps) {
            let path = bytes(&entry.path);
            hash.update((path.len() as u64).to_le_bytes());
            hash.update(path);
            stamp.hash(hash);
        }
        for skip in &self.listing.skipped {
            hash.update((skip.name.len() as u64).to_le_bytes());
            hash.update(&skip.name);
        }
    }

    fn folder(&self) -> Option<&Path> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_as_numbers_where_all_are() {
        let order = |labels: &[&str]| {
            in_order(
                labels
                    .iter()
                    .map(|&label| label.to_owned())
                    .collect::<Vec<_>>()
                    .iter(),
            )
        };
        assert_eq!(order(&["10", "9", "-1"]), ["-1", "9", "10"]);
        assert_eq!(order(&["10", "9", "ten"]), ["10", "9", "ten"]);
        assert_eq!(order(&["01", "1", "0.5"]), ["0.5", "01", "1"]);
    }
}
