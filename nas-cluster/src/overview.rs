//! What can be said of a database: its studies and its workers.

use tokio_postgres::types::Type;

use crate::address::Address;
use crate::error::ClusterError;
use crate::queue::{Queue, Shared, shared};
use crate::schema::ServerCheck;
use crate::timing::Timing;

/// All studies and workers of a database, at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// The studies, the oldest first.
    pub studies: Vec<StudyOverview>,
    /// The workers that were heard of within the last hour and have not ended, by host.
    pub workers: Vec<WorkerOverview>,
}

/// A study, in figures.
#[derive(Debug, Clone, PartialEq)]
pub struct StudyOverview {
    /// Its number.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Trials that wait for a worker.
    pub queued: i64,
    /// Trials that a worker has.
    pub running: i64,
    /// Trials with a result.
    pub done: i64,
    /// Trials that were given up.
    pub dead: i64,
    /// Attempts whose worker was lost.
    pub lost: i64,
    /// Results that came too late and were refused.
    pub stale: i64,
    /// Results that were stored within the last ten minutes.
    pub recent: i64,
    /// Whether its process said that it has ended.
    pub finished: bool,
    /// The process that runs it, and the seconds since it was heard of; nobody where it has ended.
    pub owner: Option<(String, f64)>,
}

/// A worker, in figures.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerOverview {
    /// Its number, a new one for each process.
    pub id: String,
    /// Its machine.
    pub host: String,
    /// Its process on that machine.
    pub process: i64,
    /// Trials that it evaluates at a time.
    pub slots: i32,
    /// Trials that it has now.
    pub running: i64,
    /// Results that it has stored.
    pub stored: i64,
    /// Seconds since its last heartbeat.
    pub silent_seconds: f64,
    /// Why it cannot serve, if it has said so.
    pub note: Option<String>,
}

/// Looks at a server and says what makes it unusable. Changes nothing.
///
/// # Errors
/// [`ClusterError`] where it cannot be asked.
pub fn check(address: &Address) -> Result<ServerCheck, ClusterError> {
    Queue::new(address, Timing::default().lease)?.check()
}

/// The study of this name or number.
///
/// # Errors
/// [`ClusterError::NoStudy`], [`ClusterError::Ambiguous`], or where the database cannot be used.
pub fn find(address: &Address, name: &str) -> Result<Shared, ClusterError> {
    let mut queue = tables(address)?;
    queue.study(name)
}

/// A connection to tables that are there.
fn tables(address: &Address) -> Result<Queue, ClusterError> {
    let mut queue = Queue::new(address, Timing::default().lease)?;
    if queue.refuse_unusable()?.format.is_none() {
        return Err(ClusterError::Server {
            address: address.to_string(),
            reason:
                "it has no studies yet; a search with this address (nas search --store) creates the tables"
                    .to_owned(),
        });
    }
    Ok(queue)
}

impl Overview {
    /// Reads it.
    ///
    /// # Errors
    /// [`ClusterError`] where the database cannot be used, or has no tables yet.
    pub fn read(address: &Address) -> Result<Self, ClusterError> {
        let mut queue = tables(address)?;
        let rows = queue.query(
            "reading the studies",
            "SELECT s.id::text, s.name, s.finished IS NOT NULL, s.owner,
                    extract(epoch FROM now() - s.owner_seen)::float8,
                    count(t.id) FILTER (WHERE t.state = 0), count(t.id) FILTER (WHERE t.state = 1),
                    count(t.id) FILTER (WHERE t.state = 2), count(t.id) FILTER (WHERE t.state = 3),
                    coalesce(sum(t.losses), 0)::bigint,
                    (SELECT count(*) FROM nas.attempt a JOIN nas.trial u ON u.id = a.trial
                     WHERE u.study = s.id AND a.outcome = 'stale'),
                    (SELECT count(*) FROM nas.attempt a JOIN nas.trial u ON u.id = a.trial
                     WHERE u.study = s.id AND a.outcome = 'done' AND a.ended > now() - interval '10 minutes')
             FROM nas.study s LEFT JOIN nas.trial t ON t.study = s.id
             GROUP BY s.id ORDER BY s.created, s.id",
            &[],
        )?;
        let studies = rows
            .iter()
            .map(|row| StudyOverview {
                id: row.get(0),
                name: row.get(1),
                finished: row.get(2),
                owner: row.get::<_, Option<String>>(3).zip(row.get::<_, Option<f64>>(4)),
                queued: row.get(5),
                running: row.get(6),
                done: row.get(7),
                dead: row.get(8),
                lost: row.get(9),
                stale: row.get(10),
                recent: row.get(11),
            })
            .collect();
        let rows = queue.query(
            "reading the workers",
            "SELECT w.id::text, w.host, w.process, w.slots,
                    (SELECT count(*) FROM nas.lease l WHERE l.worker = w.id),
                    (SELECT count(*) FROM nas.attempt a WHERE a.worker = w.id AND a.outcome = 'done'),
                    greatest(extract(epoch FROM now() - w.last_seen), 0)::float8, w.note
             FROM nas.worker w WHERE w.ended IS NULL AND w.last_seen > now() - interval '1 hour'
             ORDER BY w.host, w.process, w.started",
            &[],
        )?;
        let workers = rows
            .iter()
            .map(|row| WorkerOverview {
                id: row.get(0),
                host: row.get(1),
                process: row.get(2),
                slots: row.get(3),
                running: row.get(4),
                stored: row.get(5),
                silent_seconds: row.get(6),
                note: row.get(7),
            })
            .collect();
        Ok(Self { studies, workers })
    }
}

impl Queue {
    /// The study of this name or number.
    ///
    /// # Errors
    /// [`ClusterError::NoStudy`], [`ClusterError::Ambiguous`].
    pub(crate) fn study(&mut self, name: &str) -> Result<Shared, ClusterError> {
        let rows = self.query(
            "looking for the study",
            "SELECT id::text, name, config, description FROM nas.study WHERE name = $1 OR id::text = $1
             ORDER BY created, id",
            &[(&name, Type::TEXT)],
        )?;
        match rows.as_slice() {
            [row] => Ok(shared(row)),
            [] => {
                let known = self.query(
                    "listing the studies",
                    "SELECT DISTINCT name FROM nas.study ORDER BY name LIMIT 20",
                    &[],
                )?;
                Err(ClusterError::NoStudy {
                    address: self.address().to_string(),
                    name: name.to_owned(),
                    studies: known.iter().map(|row| row.get(0)).collect(),
                })
            }
            several => Err(ClusterError::Ambiguous {
                address: self.address().to_string(),
                name: name.to_owned(),
                ids: several.iter().map(|row| row.get(0)).collect(),
            }),
        }
    }

    /// Whether the study has been marked as finished.
    pub(crate) fn is_finished(&mut self, study: &Shared) -> Result<bool, ClusterError> {
        let rows = self.query(
            "looking whether the study has ended",
            "SELECT finished IS NOT NULL FROM nas.study WHERE id = $1::text::uuid",
            &[(&study.id, Type::TEXT)],
        )?;
        Ok(rows.first().is_none_or(|row| row.get(0)))
    }
}
