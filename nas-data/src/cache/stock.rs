//! What lies in a cache, and its removal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nas_files::{open_or_create_own, remove_stale_temporaries};
use serde::Deserialize;

use super::{Cache, LARGEST_RECORD, MAKING, io_error, is_digest};
use crate::error::DataError;

/// Images that were read and lie in a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedData {
    /// What they are: see [`OwnData::fingerprint`](crate::OwnData::fingerprint).
    pub fingerprint: String,
    /// The folders and files that they were read from, as absolute paths; the one that was used
    /// last comes first. The same images may have lain in several places, and need not be there any
    /// more. None are known where the process that read them was killed before it noted the place.
    /// What is not UTF-8 in a path is written as `\xNN`.
    pub sources: Vec<String>,
    /// Bytes of the files in the cache.
    pub bytes: u64,
    /// When they were last read or opened, if the file system records it.
    pub last_used: SystemTime,
}

/// What of a cache is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forget<'a> {
    /// All images.
    All,
    /// Those that were last used before this time.
    UnusedSince(SystemTime),
    /// Those with this fingerprint, in full.
    Fingerprint(&'a str),
}

/// What was removed from a cache.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// Images that were removed.
    pub removed: Vec<CachedData>,
    /// Images that should have been removed and stay: a process puts them into the cache just now,
    /// or the system refuses.
    pub kept: Vec<CachedData>,
    /// Folders that processes were making when they were killed, and that were removed.
    pub leftovers: usize,
}

/// The images in the cache in `dir`, by fingerprint. `None` is the cache of this user, as for
/// [`ReadOptions::cache`](crate::ReadOptions::cache). Where there is no cache there are none.
/// Nothing is checked or changed.
///
/// # Errors
/// [`DataError::NoCache`]; [`DataError::Io`] where the folder cannot be read.
pub fn cached(dir: Option<&Path>) -> Result<Vec<CachedData>, DataError> {
    Cache::locate(dir, None)?.stock()
}

/// Removes images from the cache in `dir`, and what killed processes left half made there. `None`
/// is the cache of this user. Images that are removed are read again from their source when they
/// are needed.
///
/// It may run beside searches. What a process is making stays. A process that has removed images
/// open keeps them until it closes them, on Unix; other systems refuse to remove them.
///
/// # Errors
/// [`DataError::NoCache`]; [`DataError::Io`] where the folder cannot be read. What cannot be
/// removed is in [`Forgotten::kept`].
pub fn forget(dir: Option<&Path>, what: Forget<'_>) -> Result<Forgotten, DataError> {
    let cache = Cache::locate(dir, None)?;
    let mut forgotten = Forgotten::default();
    for data in cache.stock()? {
        let is_chosen = match what {
            Forget::All => true,
            Forget::UnusedSince(time) => data.last_used < time,
            Forget::Fingerprint(fingerprint) => data.fingerprint == fingerprint,
        };
        if !is_chosen {
            continue;
        }
        match cache.remove(&data.fingerprint) {
            Ok(()) => forgotten.removed.push(data),
            Err(_) => forgotten.kept.push(data),
        }
    }
    forgotten.leftovers = cache.sweep(None);
    cache.remove_records_of_nothing();
    Ok(forgotten)
}

/// What a record says of any version.
#[derive(Debug, Deserialize)]
struct Brief {
    fingerprint: String,
    source: Option<String>,
}

impl Cache {
    /// What lies here, by fingerprint.
    fn stock(&self) -> Result<Vec<CachedData>, DataError> {
        let mut sources: BTreeMap<String, Vec<(SystemTime, Option<String>)>> = BTreeMap::new();
        for (key, path) in self.records()? {
            if let (Some(brief), Some(used)) = (brief(&path), self.last_used(&key, &path)) {
                sources
                    .entry(brief.fingerprint)
                    .or_default()
                    .push((used, brief.source));
            }
        }
        let mut stock = Vec::new();
        for entry in entries(&self.root)? {
            let Some(fingerprint) = digest_of(&entry.file_name().to_string_lossy(), "") else {
                continue;
            };
            // It may be removed meanwhile.
            let Ok((bytes, made)) = weight(&entry.path()) else {
                continue;
            };
            let mut its_sources = sources.remove(&fingerprint).unwrap_or_default();
            its_sources.sort_unstable_by(|a, b| b.cmp(a));
            let last_used = its_sources.first().map_or(made, |&(used, _)| used);
            let mut named = BTreeSet::new();
            let its_sources = its_sources.into_iter().filter_map(|(_, source)| source);
            stock.push(CachedData {
                fingerprint,
                sources: its_sources
                    .filter(|source| named.insert(source.clone()))
                    .collect(),
                bytes,
                last_used,
            });
        }
        stock.sort_unstable_by(|a, b| a.fingerprint.cmp(&b.fingerprint));
        Ok(stock)
    }

    /// The keys that are on record, with their files.
    fn records(&self) -> Result<Vec<(String, PathBuf)>, DataError> {
        let files = entries(&self.root.join("keys"))?.into_iter();
        Ok(files
            .filter_map(|file| {
                Some((
                    digest_of(&file.file_name().to_string_lossy(), ".json")?,
                    file.path(),
                ))
            })
            .collect())
    }

    /// The time at which the record of a key was last opened or created.
    fn last_used(&self, key: &str, record: &Path) -> Option<SystemTime> {
        let time = |path: &Path| fs::metadata(path).and_then(|found| found.modified()).ok();
        time(record).max(time(&self.root.join("locks").join(key)))
    }

    /// Removes the images of a fingerprint. Nobody sees a part of them.
    fn remove(&self, fingerprint: &str) -> io::Result<()> {
        let lock = open_or_create_own(&self.root.join("locks").join(fingerprint))?;
        lock.try_lock().map_err(io::Error::from)?;
        let aside = self.root.join(format!("{MAKING}{fingerprint}.forgotten"));
        match fs::remove_dir_all(&aside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(self.root.join(fingerprint), &aside)?;
        fs::remove_dir_all(&aside)
    }

    /// Removes the records of missing images, and unfinished files of processes that have ended.
    /// Files that cannot be removed stay until the next time.
    fn remove_records_of_nothing(&self) {
        for (key, path) in self.records().unwrap_or_default() {
            // Whoever has the lock is making what the record leads to.
            let lock = open_or_create_own(&self.root.join("locks").join(&key));
            if !lock.as_ref().is_ok_and(|lock| lock.try_lock().is_ok()) {
                continue;
            }
            let leads_somewhere =
                brief(&path).is_some_and(|brief| self.root.join(brief.fingerprint).exists());
            if !leads_somewhere {
                let _ = fs::remove_file(&path);
            }
        }
        let _ = remove_stale_temporaries(&self.root.join("keys"));
    }
}

fn brief(record: &Path) -> Option<Brief> {
    let text = nas_files::read_text(record, LARGEST_RECORD).ok()?;
    let brief: Brief = serde_json::from_str(&text).ok()?;
    is_digest(&brief.fingerprint).then_some(brief)
}

/// The digest that a name is, before this ending.
fn digest_of(name: &str, ending: &str) -> Option<String> {
    let digest = name.strip_suffix(ending)?;
    is_digest(digest).then(|| digest.to_owned())
}

/// What is in a folder; nothing where there is none.
fn entries(folder: &Path) -> Result<Vec<DirEntry>, DataError> {
    match fs::read_dir(folder).and_then(Iterator::collect) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        other => other.map_err(io_error(folder, "read")),
    }
}

/// The bytes of the files in a folder, and when it was made.
fn weight(folder: &Path) -> io::Result<(u64, SystemTime)> {
    let found = fs::symlink_metadata(folder)?;
    let mut bytes = 0;
    for file in fs::read_dir(folder)? {
        bytes += file?.metadata()?.len();
    }
    Ok((bytes, found.modified()?))
}
