//! Pixels that were read once, kept outside of the source.
//!
//! | path | what it is |
//! |---|---|
//! | `FINGERPRINT/pixels` | a [header](pixels), then the pixels of all images: training, validation, test |
//! | `FINGERPRINT/index.json` | the [index]: shape, classes; labels, groups and names of all images |
//! | `keys/KEY.json` | what a source's names, lengths, times and settings lead to: the source's path, a fingerprint, and the findings |
//! | `locks/KEY`, `locks/FINGERPRINT` | locked by the process that makes either; the time of the former is when it was last opened |
//! | `.making-KEY` | a folder being made |
//! | `.making-FINGERPRINT.forgotten` | a folder being removed |
//!
//! A folder is written under another name and renamed when it is complete and on disk. On opening,
//! lengths and checksums are compared, and damaged entries are built again. [`stock`] lists and
//! removes entries. Files in `locks` are never removed, because a process may be waiting for one;
//! each has one byte.

pub(crate) mod index;
mod making;
mod pixels;
mod stock;

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nas_files::{Mapped, open_or_create_own};
use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::findings::Findings;

use self::index::Index;
pub(crate) use self::making::Making;
pub use self::stock::{CachedData, Forget, Forgotten, cached, forget};

/// Version of the files of a cache. Others are made again. It is raised where pixels change, too.
const VERSION: u32 = 3;
/// The most bytes of a file in `keys`.
const LARGEST_RECORD: u64 = 256 << 20;
/// Folders being made begin with it.
const MAKING: &str = ".making-";

/// A folder of caches.
#[derive(Debug)]
pub(crate) struct Cache {
    root: PathBuf,
}

/// A cache that was opened: all its lengths and checksums are right.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) fingerprint: String,
    pub(crate) index: Index,
    /// The file of pixels. They begin at [`pixels::BEGIN`](Opened::BEGIN).
    pub(crate) pixels: Arc<Mapped>,
}

impl Opened {
    /// Where in the file the first pixel is.
    pub(crate) const BEGIN: usize = pixels::BEGIN;
}

/// What a key leads to.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    version: u32,
    /// Where the source is, for people.
    source: String,
    fingerprint: String,
    findings: Findings,
}

/// A right to make something, until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Cache {
    /// The cache in `chosen`, else where caches of this user are. Nothing is created yet.
    ///
    /// # Errors
    /// [`DataError::CacheInSource`] where it lies below `source`, which must be canonical;
    /// [`DataError::NoCache`].
    pub(crate) fn locate(chosen: Option<&Path>, source: Option<&Path>) -> Result<Self, DataError> {
        let root = match chosen {
            Some(chosen) => chosen.to_owned(),
            None => cache_folder().ok_or(DataError::NoCache)?,
        };
        let root = std::path::absolute(&root).map_err(io_error(&root, "found"))?;
        if let Some(source) = source
            && canonical_if_there(&root).starts_with(source)
        {
            return Err(DataError::CacheInSource {
                cache: root,
                source_folder: source.to_owned(),
            });
        }
        Ok(Self { root })
    }

    /// What the key leads to, if that is there and whole.
    pub(crate) fn find(&self, key: &str) -> Option<(Opened, Findings)> {
        let text = nas_files::read_text(&self.record(key), LARGEST_RECORD).ok()?;
        let record: Record = serde_json::from_str(&text).ok()?;
        if record.version != VERSION {
            return None;
        }
        let opened = self.open(&record.fingerprint)?;
        self.note_use(key);
        Some((opened, record.findings))
    }

    /// Writes down what the key of a source leads to.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn remember(
        &self,
        key: &str,
        source: String,
        fingerprint: &str,
        findings: &Findings,
    ) -> Result<(), DataError> {
        let path = self.record(key);
        let record = Record {
            version: VERSION,
            source,
            fingerprint: fingerprint.to_owned(),
            findings: findings.clone(),
        };
        let written = serde_json::to_vec(&record)
            .map_err(io::Error::from)
            .and_then(|bytes| nas_files::replace(&path, &bytes));
        written.map_err(io_error(&path, "written"))
    }

    /// The right to make what `name` leads to. Another process that has it is waited for; `waits`
    /// is called before.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn lock(&self, name: &str, waits: impl FnOnce()) -> Result<Lock, DataError> {
        for folder in ["keys", "locks"] {
            let folder = self.root.join(folder);
            fs::create_dir_all(&folder).map_err(io_error(&folder, "created"))?;
        }
        let path = self.root.join("locks").join(name);
        let file = open_or_create_own(&path).map_err(io_error(&path, "opened"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waits();
                loop {
                    match file.lock() {
                        Ok(()) => break,
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Err(error) => return Err(io_error(&path, "locked")(error)),
                    }
                }
            }
            Err(TryLockError::Error(error)) => return Err(io_error(&path, "locked")(error)),
        }
        Ok(Lock { _file: file })
    }

    /// Notes that what the key leads to is used now: writes to the file of its lock, of which the
    /// file system keeps the time. Where the cache cannot be written, the time stays as it was.
    fn note_use(&self, key: &str) {
        let file = open_or_create_own(&self.root.join("locks").join(key));
        let _ = file.and_then(|mut file| file.write_all(b"."));
    }

    /// Removes folders that processes were making or removing which have ended, all but that of
    /// `own`, whose lock is held, and gives their number. What cannot be removed stays.
    pub(crate) fn sweep(&self, own: Option<&str>) -> usize {
        let Ok(entries) = fs::read_dir(&self.root) else {
            return 0;
        };
        let mut removed = 0;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(key) = name.to_str().and_then(|name| name.strip_prefix(MAKING)) else {
                continue;
            };
            let key = key.split('.').next().unwrap_or_default();
            if Some(key) == own || !is_digest(key) {
                continue;
            }
            // The lock is held while the folder is removed.
            let lock = open_or_create_own(&self.root.join("locks").join(key));
            if lock.as_ref().is_ok_and(|lock| lock.try_lock().is_ok())
                && fs::remove_dir_all(entry.path()).is_ok()
            {
                removed += 1;
            }
        }
        removed
    }

    fn record(&self, key: &str) -> PathBuf {
        self.root.join("keys").join(format!("{key}.json"))
    }

    /// The cache of this fingerprint, if it is there and whole.
    fn open(&self, fingerprint: &str) -> Option<Opened> {
        if !is_digest(fingerprint) {
            return None;
        }
        let folder = self.root.join(fingerprint);
        let pixels = Mapped::open(&folder.join(pixels::NAME)).ok()?;
        let header = pixels::Header::of(&pixels)?;
        let index = nas_files::read_bytes(&folder.join(index::NAME), header.index_length).ok()?;
        if !header.agrees(&pixels, &index) {
            return None;
        }
        let index: Index = serde_json::from_slice(&index).ok()?;
        let is_whole = index.is_consistent() && index.bytes()? == header.pixels_length;
        is_whole.then(|| Opened {
            fingerprint: fingerprint.to_owned(),
            index,
            pixels: Arc::new(pixels),
        })
    }
}

/// Whether this is a SHA-256 as text, and so a name that leads nowhere else.
fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The folder of this user's cache: `$XDG_CACHE_HOME/nas`, else `~/.cache/nas`. A variable that is
/// not absolute does not count, as the XDG specification says. It need not exist. `None` where
/// neither the variable nor the user's folder is known.
pub fn cache_folder() -> Option<PathBuf> {
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let chosen = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .and_then(absolute);
    let caches = chosen.or_else(|| Some(absolute(std::env::home_dir()?)?.join(".cache")))?;
    Some(caches.join("nas"))
}

/// The path with all links of the part of it that exists resolved.
fn canonical_if_there(path: &Path) -> PathBuf {
    for above in path.ancestors() {
        if let (Ok(canonical), Ok(rest)) = (fs::canonicalize(above), path.strip_prefix(above)) {
            return canonical.join(rest);
        }
    }
    path.to_owned()
}

fn io_error(path: &Path, action: &'static str) -> impl Fn(io::Error) -> DataError {
    move |reason| DataError::Io {
        path: path.to_owned(),
        action,
        reason,
    }
}
