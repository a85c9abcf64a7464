//! The tables, and what makes a file a store.
//!
//! Numbers that affect a result are columns and not JSON: SQLite keeps the eight bytes of a REAL as
//! they are, while a decimal text may be read back one bit off. Named figures are JSON: they are
//! stored with a trial, and objectives and limits get them from [`Sizes`](nas_space::sizes::Sizes).
//!
//! Every row ends in its [checksum](super::checksum).

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// `NASs`: what the header of a study's database carries.
pub(crate) const APPLICATION_ID: i32 = 0x4e41_5373;

/// The version of the tables below.
pub(crate) const SCHEMA_VERSION: i32 = 6;

/// The first bytes of every SQLite database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Bytes of the header of an SQLite database.
const HEADER: usize = 100;

/// How long a reader waits for a writer, and the other way round.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

const TABLES: &str = "
CREATE TABLE study (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    config TEXT NOT NULL,
    budget_seconds REAL,
    decisions TEXT NOT NULL,
    software TEXT NOT NULL,
    created_unix_seconds REAL NOT NULL,
    metric TEXT NOT NULL,
    ended TEXT,
    checksum INTEGER NOT NULL
) STRICT;

CREATE TABLE trials (
    id INTEGER PRIMARY KEY CHECK (id >= 0),
    choices TEXT NOT NULL,
    genotype TEXT,
    fidelity_epochs INTEGER NOT NULL,
    seed TEXT NOT NULL,
    reused_from INTEGER REFERENCES trials (id),
    state TEXT NOT NULL CHECK (state IN ('asked', 'done', 'failed')),
    asked_unix_seconds REAL NOT NULL,
    ask_seconds REAL NOT NULL,
    tell_seconds REAL,
    finished_unix_seconds REAL,
    cost_seconds REAL,
    valid_accuracy REAL,
    valid_loss REAL,
    train_accuracy REAL,
    train_loss REAL,
    params INTEGER,
    macs INTEGER,
    epochs INTEGER,
    device TEXT,
    failure_kind TEXT,
    failure_message TEXT,
    continues INTEGER REFERENCES trials (id),
    figures TEXT,
    completion INTEGER CHECK (completion >= 0),
    checksum INTEGER NOT NULL,
    CHECK (completion IS NULL OR state <> 'asked'),
    CHECK ((state = 'asked') = (cost_seconds IS NULL)),
    CHECK ((state = 'done') = (valid_accuracy IS NOT NULL)),
    CHECK ((state = 'failed') = (failure_kind IS NOT NULL))
) STRICT;

-- No two trials are finished at the same place.
CREATE UNIQUE INDEX completions ON trials (completion) WHERE completion IS NOT NULL;

CREATE TABLE attempts (
    id INTEGER PRIMARY KEY,
    trial INTEGER NOT NULL REFERENCES trials (id),
    failure_kind TEXT NOT NULL,
    failure_message TEXT NOT NULL,
    seconds REAL NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
";

/// How a database is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// To be written; a file that holds nothing becomes a store.
    Write,
    /// For reports.
    Read,
    /// As the former, without looking for damage in all of it first, which takes the longer the
    /// more there is.
    Look,
}

/// Opens a store's file.
pub(crate) fn open(path: &Path, access: Access) -> Result<Connection, StoreError> {
    check_file(path)?;
    let flags = match access {
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Access::Read | Access::Look => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let sqlite = |e| StoreError::sqlite(path, e);
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = match access {
        Access::Read | Access::Look if is_settled_and_read_only(path) => {
            Connection::open_with_flags(immutable(path), flags | OpenFlags::SQLITE_OPEN_URI)
                .map_err(sqlite)?
        }
        _ => Connection::open_with_flags(path, flags).map_err(sqlite)?,
    };
    connection.busy_timeout(BUSY_TIMEOUT).map_err(sqlite)?;
    let application = integer(&connection, "application_id").map_err(sqlite)?;
    if application != APPLICATION_ID {
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(sqlite)?;
        if application != 0 || tables != 0 {
            return Err(StoreError::Foreign {
                path: path.to_owned(),
                expected: APPLICATION_ID,
                got: application,
            });
        }
        // A process was killed while it created this file.
        if access != Access::Write {
            return Err(StoreError::Empty {
                path: path.to_owned(),
            });
        }
        configure(&connection).map_err(sqlite)?;
        create_tables(&mut connection).map_err(sqlite)?;
        return Ok(connection);
    }
    let got = integer(&connection, "user_version").map_err(sqlite)?;
    if got != SCHEMA_VERSION {
        return Err(StoreError::Version {
            path: path.to_owned(),
            expected: SCHEMA_VERSION,
            got,
        });
    }
    if access != Access::Look {
        let check: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(sqlite)?;
        if check != "ok" {
            return Err(StoreError::damaged(path, check));
        }
    }
    if access == Access::Write {
        configure(&connection).map_err(sqlite)?;
    }
    Ok(connection)
}

/// A store in memory.
pub(crate) fn in_memory() -> rusqlite::Result<Connection> {
    let mut connection = Connection::open_in_memory()?;
    connection.pragma_update(None, "foreign_keys", true)?;
    create_tables(&mut connection)?;
    Ok(connection)
}

/// A commit returns when what it wrote would survive a loss of power.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)
}

/// All tables and the marks of the file, or nothing.
fn create_tables(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()
}

fn integer(connection: &Connection, pragma: &str) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, pragma, |row| row.get(0))
}

/// Whether the file is empty, or begins like a database and is as long as its header says.
///
/// SQLite takes what is missing at the end of the last page for zeros. Where there is a write-ahead
/// log, the end of the file may rightly be in there.
fn check_file(path: &Path) -> Result<(), StoreError> {
    let file = match nas_files::open_own(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            return Err(StoreError::Missing {
                path: path.to_owned(),
            });
        }
        other => other.map_err(|e| StoreError::io(path, e))?,
    };
    // SQLite itself follows, replays and removes its companion files.
    for ending in ["-wal", "-shm", "-journal"] {
        let beside = beside(path, ending);
        nas_files::check_own_file(&beside).map_err(|e| StoreError::io(&beside, e))?;
    }
    let length = file.metadata().map_err(|e| StoreError::io(path, e))?.len();
    if length == 0 {
        return Ok(());
    }
    let mut header = Vec::new();
    file.take(HEADER as u64)
        .read_to_end(&mut header)
        .map_err(|e| StoreError::io(path, e))?;
    if !header.starts_with(MAGIC) {
        return Err(StoreError::NotADatabase {
            path: path.to_owned(),
        });
    }
    let log = fs::metadata(beside(path, "-wal")).map_or(0, |log| log.len());
    if log > 0 {
        return Ok(());
    }
    let expected = length_in(&header);
    if header.len() < HEADER || length < expected {
        let reason = format!(
            "it has {length} bytes, expected at least {}",
            expected.max(HEADER as u64)
        );
        return Err(StoreError::damaged(path, reason));
    }
    Ok(())
}

/// The length of a database in bytes, as its header has it: a page size of two bytes, where 1
/// stands for 65,536, and a number of pages of four.
fn length_in(header: &[u8]) -> u64 {
    let number = |from: usize, to: usize| {
        let bytes = header.get(from..to).unwrap_or_default();
        bytes.iter().fold(0, |n, &byte| n << 8 | u64::from(byte))
    };
    let page = match number(16, 18) {
        1 => 65_536,
        size => size,
    };
    page * number(28, 32)
}

/// Whether all records are in the database's own file, and nothing can be written beside it: SQLite
/// would want to, if only to lock what it reads.
fn is_settled_and_read_only(path: &Path) -> bool {
    let has_log = fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
    !has_log && cannot_write_beside(path)
}

#[cfg(unix)]
fn cannot_write_beside(path: &Path) -> bool {
    use rustix::fs::{Access, access};

    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    access(folder, Access::WRITE_OK).is_err()
}

#[cfg(not(unix))]
fn cannot_write_beside(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.permissions().readonly())
}

/// The name by which SQLite reads a file that nobody changes, without
/// locks: <https://sqlite.org/uri.html>.
fn immutable(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => uri.push(byte.into()),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}

/// The file beside a database that SQLite names with this ending.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
