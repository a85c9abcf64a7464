//! The runs and comparisons that are shown, and what is known of each.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use nas_files::fingerprint;
use nas_runner::{State, Status};
use nas_study::Store;
use sha2::Sha256;
use tokio::sync::watch;

use crate::clock::Moment;
use crate::comparison::Comparison;
use crate::folder::{self, Found, Kind};

/// Within this time, what was looked at is not looked at again.
const FRESH: Duration = Duration::from_millis(400);
/// Reading a run that changes takes at most one part in so many of the time.
const SHARE: u32 = 50;

/// A run or a comparison as it was last read.
#[derive(Debug)]
pub(crate) struct Entry {
    /// What addresses name it by. It says nothing of its path, and no path is ever taken from a
    /// request.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) content: Content,
    /// Another number whenever something of it has changed.
    pub(crate) version: u64,
    marks: Marks,
    read_at: Moment,
    /// How long reading it took.
    took: Duration,
}

/// What is known of it.
#[derive(Debug)]
pub(crate) enum Content {
    Run(Box<Status>),
    Comparison(Comparison),
    /// It cannot be read, and why.
    Unreadable(String),
}

impl Entry {
    /// How the run stands, if it is one that can be read.
    pub(crate) fn status(&self) -> Option<&Status> {
        match &self.content {
            Content::Run(status) => Some(status),
            Content::Comparison(_) | Content::Unreadable(_) => None,
        }
    }

    /// Whether a process is at it.
    pub(crate) fn is_running(&self) -> bool {
        self.status().is_some_and(|status| status.state == State::Running)
    }
}

/// What shows that files have changed, without reading them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Marks {
    files: Vec<Option<(u64, Option<SystemTime>)>>,
    /// Whether a process runs it, and which one.
    holder: Option<Option<u32>>,
}

impl Marks {
    fn of(found: &Found) -> Self {
        let names: &[&str] = match found.kind {
            Kind::Run => &["config.toml", "study.db", "study.db-wal", "final.json"],
            Kind::Comparison => &["runs.jsonl", "report.html"],
        };
        let mark = |name: &&str| {
            let file = fs::symlink_metadata(found.path.join(name)).ok()?;
            Some((file.len(), file.modified().ok()))
        };
        let holder = match found.kind {
            Kind::Run => Store::holder(found.path.join("study.db")).ok().flatten(),
            Kind::Comparison => None,
        };
        Self {
            files: names.iter().map(mark).collect(),
            holder: holder.map(|holder| holder.pid),
        }
    }
}

/// Everything below the folder.
#[derive(Debug)]
pub(crate) struct Catalog {
    root: PathBuf,
    known: Mutex<Known>,
    /// When the folder was last looked at.
    looked_at: Mutex<Option<Moment>>,
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Known {
    entries: BTreeMap<String, Arc<Entry>>,
    is_partial: bool,
    version: u64,
}

impl Catalog {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self {
            root,
            known: Mutex::default(),
            looked_at: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// The folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether some folders were not looked at.
    pub(crate) fn is_partial(&self) -> bool {
        self.known().is_partial
    }

    /// All that is known, by name.
    pub(crate) fn entries(&self) -> Vec<Arc<Entry>> {
        let mut entries: Vec<Arc<Entry>> = self.known().entries.values().cloned().collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries
    }

    /// That of an id.
    pub(crate) fn entry(&self, id: &str) -> Option<Arc<Entry>> {
        self.known().entries.get(id).cloned()
    }

    /// Whoever is told that something has changed.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whether anybody is told.
    pub(crate) fn has_subscribers(&self) -> bool {
        self.changes.receiver_count() > 0
    }

    /// Reads what has changed since, unless that was just done.
    pub(crate) fn refresh(&self) {
        // One at a time; meanwhile, others get what was known before.
        let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        if looked_at.is_some_and(|moment| moment.ago() < FRESH) {
            return;
        }
        let findings = folder::find(&self.root);
        let (mut old, mut version) = {
            let known = self.known();
            (known.entries.clone(), known.version)
        };
        let before = version;
        let mut entries = BTreeMap::new();
        for found in findings.found {
            let id = id(&found.path);
            let marks = Marks::of(&found);
            let entry = match old.remove(&id) {
                Some(old) if old.marks == marks || is_early(&old, &marks) => old,
                _ => {
                    version += 1;
                    Arc::new(read(id.clone(), found, marks, version))
                }
            };
            entries.insert(id, entry);
        }
        // What is left is gone.
        version += u64::from(!old.is_empty());
        *self.known() = Known {
            entries,
            is_partial: findings.is_partial,
            version,
        };
        *looked_at = Some(Moment::now());
        if version != before {
            self.changes.send_replace(version);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a run that changes all the time was read only a moment ago. Its end is read at once.
fn is_early(old: &Entry, marks: &Marks) -> bool {
    old.marks.holder == marks.holder && old.read_at.ago() < old.took * SHARE
}

fn read(id: String, found: Found, marks: Marks, version: u64) -> Entry {
    let read_at = Moment::now();
    let content = match found.kind {
        Kind::Run => Status::read(&found.path).map(|status| Content::Run(Box::new(status))),
        Kind::Comparison => Comparison::read(&found.path).map(Content::Comparison),
    };
    Entry {
        id,
        name: found.name,
        path: found.path,
        content: content.unwrap_or_else(|error| Content::Unreadable(format!("{error:#}"))),
        version,
        marks,
        took: read_at.ago(),
        read_at,
    }
}

/// The id of a path, the same whenever this program is started.
fn id(path: &Path) -> String {
    let mut hash = Sha256::default();
    sha2::Digest::update(&mut hash, path.as_os_str().as_encoded_bytes());
    fingerprint::short(hash)
}
