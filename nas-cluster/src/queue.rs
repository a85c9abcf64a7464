//! The transitions of trials, each as one statement of the database.
//!
//! A claim raises the `epoch` of a trial. Whatever a worker says of it afterwards names the trial
//! and that epoch, and counts only while the lease of that epoch exists. A worker that has lost its
//! trial can therefore neither store a result nor keep the trial.

use std::time::Duration;

use nas_space::search::TrialId;
use nas_study::processes::RETRIES;
use nas_study::processes::protocol::{Answer, Job, Request};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::address::Address;
use crate::connection::{Connection, Parameters};
use crate::error::ClusterError;
use crate::schema::{self, ServerCheck, one};

/// Attempts that may be lost before a trial is given up.
pub(crate) const MOST_LOSSES: i32 = RETRIES as i32 + 1;

/// A study that workers serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// Its number, a UUID.
    pub id: String,
    /// Its name, for people; not unique.
    pub name: String,
    /// What a worker needs to evaluate its trials, in the words of the program.
    pub config: String,
    /// The description of its evaluator.
    pub description: String,
}

/// A trial that a worker has claimed, and the epoch of that claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Claim {
    pub(crate) trial: i64,
    pub(crate) epoch: i64,
}

/// What became of a result that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Completion {
    /// It is stored now.
    Stored,
    /// It had been stored, and only the reply was lost.
    Already,
    /// The trial has passed to another worker.
    Refused,
}

/// What a heartbeat finds out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Beat {
    /// The claims that the worker still holds.
    pub(crate) renewed: Vec<Claim>,
    /// Whether nobody has looked for expired leases for the time that was given.
    pub(crate) reap_is_due: bool,
}

/// What became of a trial.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ending {
    pub(crate) number: TrialId,
    /// The answer of a worker and the seconds it took; none if the trial was given up.
    pub(crate) answer: Option<(Answer, f64)>,
    /// Attempts that were lost before: the host of the worker, and the seconds from its claim.
    pub(crate) losses: Vec<(String, f64)>,
}

/// A connection to the tables.
#[derive(Debug)]
pub(crate) struct Queue {
    connection: Connection,
    /// How long a lease lasts.
    lease: Duration,
}

impl Queue {
    /// A connection to the tables of this database, whose claims last this long.
    pub(crate) fn new(address: &Address, lease: Duration) -> Result<Self, ClusterError> {
        Ok(Self {
            connection: Connection::new(address)?,
            lease,
        })
    }

    /// The same, whose calls take no longer than this.
    pub(crate) fn with_deadline(self, deadline: Duration) -> Self {
        Self {
            connection: self.connection.with_deadline(deadline),
            ..self
        }
    }

    pub(crate) fn address(&self) -> &Address {
        self.connection.address()
    }

    /// Looks at the server.
    pub(crate) fn check(&mut self) -> Result<ServerCheck, ClusterError> {
        schema::check(&mut self.connection)
    }

    /// Refuses a server or tables that cannot be used.
    pub(crate) fn refuse_unusable(&mut self) -> Result<ServerCheck, ClusterError> {
        schema::refuse_unusable(&mut self.connection)
    }

    /// Creates the tables if there are none.
    pub(crate) fn create_tables(&mut self) -> Result<(), ClusterError> {
        schema::create(&mut self.connection)
    }

    pub(crate) fn query(
        &mut self,
        doing: &'static str,
        statement: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, ClusterError> {
        self.connection.query(doing, statement, parameters)
    }

    /// A number for a new study.
    pub(crate) fn new_id(&mut self) -> Result<String, ClusterError> {
        let rows = self.query("drawing a number", "SELECT gen_random_uuid()::text", &[])?;
        Ok(one(&rows, &self.connection, "a new number")?.get(0))
    }

    /// Makes a study known, and makes the caller its owner; whoever owned it before is refused from
    /// now on. Returns the epoch of the owner.
    pub(crate) fn own(&mut self, study: &Shared, owner: &str) -> Result<i64, ClusterError> {
        let rows = self.query(
            "recording the study",
            "INSERT INTO nas.study AS s (id, name, config, description, owner_epoch, owner, owner_seen)
             VALUES ($1::text::uuid, $2, $3, $4, 1, $5, now())
             ON CONFLICT (id) DO UPDATE SET config = $3, owner_epoch = s.owner_epoch + 1, owner = $5,
                 owner_seen = now(), finished = NULL
             WHERE s.description = $4
             RETURNING owner_epoch",
            &[
                (&study.id, Type::TEXT),
                (&study.name, Type::TEXT),
                (&study.config, Type::TEXT),
                (&study.description, Type::TEXT),
                (&owner, Type::TEXT),
            ],
        )?;
        match rows.first() {
            Some(row) => Ok(row.get(0)),
            None => Err(ClusterError::Server {
                address: self.address().to_string(),
                reason: format!(
                    "study '{}' is recorded there with another evaluator; its data or its settings have changed",
                    study.name
                ),
            }),
        }
    }

    /// Says that the owner is alive.
    ///
    /// # Errors
    /// [`ClusterError::TakenOver`] if it is the owner no more.
    pub(crate) fn owner_beat(&mut self, study: &Shared, owner: i64) -> Result<(), ClusterError> {
        let rows = self.query(
            "renewing the ownership of the study",
            "UPDATE nas.study SET owner_seen = now() WHERE id = $1::text::uuid AND owner_epoch = $2 RETURNING 1",
            &[(&study.id, Type::TEXT), (&owner, Type::INT8)],
        )?;
        owned(study, rows.first()).map(drop)
    }

    /// Marks a study as finished: workers leave it.
    pub(crate) fn finish(&mut self, study: &Shared, owner: i64) -> Result<(), ClusterError> {
        let rows = self.query(
            "ending the study",
            "UPDATE nas.study SET finished = now(), owner = NULL
             WHERE id = $1::text::uuid AND owner_epoch = $2 RETURNING 1",
            &[(&study.id, Type::TEXT), (&owner, Type::INT8)],
        )?;
        owned(study, rows.first()).map(drop)
    }

    /// Adds trials. One that is there already stays as it is.
    ///
    /// # Errors
    /// [`ClusterError::TakenOver`]; [`ClusterError::Differs`] for a trial that is there already and
    /// is another one.
    pub(crate) fn propose(&mut self, study: &Shared, owner: i64, jobs: &[Job]) -> Result<(), ClusterError> {
        let numbers: Vec<i64> = jobs.iter().map(|job| number(job.id)).collect();
        let texts: Vec<String> = jobs.iter().map(text_of).collect();
        let rows = self.query(
            "adding trials",
            "WITH mine AS (
                 SELECT id FROM nas.study WHERE id = $1::text::uuid AND owner_epoch = $2 FOR SHARE
             ), given AS (
                 SELECT * FROM unnest($3::bigint[], $4::text[]) AS g (number, job)
             ), added AS (
                 INSERT INTO nas.trial (study, number, job)
                 SELECT mine.id, given.number, given.job FROM given, mine ORDER BY given.number
                 ON CONFLICT (study, number) DO NOTHING
             )
             SELECT (SELECT min(given.number) FROM given JOIN nas.trial t
                     ON t.study = $1::text::uuid AND t.number = given.number WHERE t.job <> given.job)
             FROM mine",
            &[
                (&study.id, Type::TEXT),
                (&owner, Type::INT8),
                (&numbers, Type::INT8_ARRAY),
                (&texts, Type::TEXT_ARRAY),
            ],
        )?;
        match owned(study, rows.first())?.get::<_, Option<i64>>(0) {
            None => Ok(()),
            Some(trial) => Err(ClusterError::Differs {
                name: study.name.clone(),
                trial: trial.unsigned_abs(),
            }),
        }
    }

    /// What became of those of these trials that have ended.
    pub(crate) fn endings(
        &mut self,
        study: &Shared,
        trials: &[TrialId],
    ) -> Result<Vec<Ending>, ClusterError> {
        let numbers: Vec<i64> = trials.iter().map(|&trial| number(trial)).collect();
        let rows = self.query(
            "looking for results",
            "SELECT t.number, r.answer, r.seconds,
                    ARRAY(SELECT w.host FROM nas.attempt a JOIN nas.worker w ON w.id = a.worker
                          WHERE a.trial = t.id AND a.outcome = 'lost' ORDER BY a.epoch),
                    ARRAY(SELECT greatest(extract(epoch FROM a.ended - a.started), 0)::float8 FROM nas.attempt a
                          JOIN nas.worker w ON w.id = a.worker
                          WHERE a.trial = t.id AND a.outcome = 'lost' ORDER BY a.epoch)
             FROM nas.trial t LEFT JOIN nas.result r ON r.trial = t.id
             WHERE t.study = $1::text::uuid AND t.number = ANY($2::bigint[]) AND t.state >= 2
             ORDER BY t.number",
            &[
                (&study.id, Type::TEXT),
                (&numbers, Type::INT8_ARRAY),
            ],
        )?;
        let address = self.address().to_string();
        rows.iter()
            .map(|row| {
                let number = row.get::<_, i64>(0).unsigned_abs();
                let answer = match row.get::<_, Option<String>>(1) {
                    None => None,
                    Some(text) => {
                        let answer = Answer::parse(&text).map_err(|reason| ClusterError::Damaged {
                            what: format!("the result of trial {number}"),
                            address: address.clone(),
                            reason,
                        })?;
                        Some((answer, row.get(2)))
                    }
                };
                let (hosts, seconds): (Vec<String>, Vec<f64>) = (row.get(3), row.get(4));
                Ok(Ending {
                    number,
                    answer,
                    losses: hosts.into_iter().zip(seconds).collect(),
                })
            })
            .collect()
    }

    /// Makes a worker known. Returns its number, a new one for each process.
    pub(crate) fn register(
        &mut self,
        host: &str,
        slots: usize,
        software: &str,
    ) -> Result<String, ClusterError> {
        let rows = self.query(
            "registering this worker",
            "INSERT INTO nas.worker (host, process, slots, software) VALUES ($1, $2, $3, $4) RETURNING id::text",
            &[
                (&host, Type::TEXT),
                (&i64::from(std::process::id()), Type::INT8),
                (&i32::try_from(slots).unwrap_or(i32::MAX), Type::INT4),
                (&software, Type::TEXT),
            ],
        )?;
        Ok(one(&rows, &self.connection, "this worker")?.get(0))
    }

    /// Leaves a note beside a worker, and whether it has ended.
    pub(crate) fn note(&mut self, worker: &str, note: Option<&str>, ended: bool) -> Result<(), ClusterError> {
        self.query(
            "noting the state of this worker",
            "UPDATE nas.worker SET note = coalesce($2, note), ended = CASE WHEN $3 THEN now() ELSE ended END
             WHERE id = $1::text::uuid",
            &[(&worker, Type::TEXT), (&note, Type::TEXT), (&ended, Type::BOOL)],
        )
        .map(drop)
    }

    /// A study with trials to claim that is not one of `refused`: that of this name or number, or
    /// else the oldest.
    pub(crate) fn open_study(
        &mut self,
        named: Option<&str>,
        refused: &[String],
    ) -> Result<Option<Shared>, ClusterError> {
        let rows = self.query(
            "looking for a study",
            "SELECT id::text, name, config, description FROM nas.study s
             WHERE finished IS NULL AND ($1::text IS NULL OR name = $1 OR id::text = $1)
               AND NOT id::text = ANY($2::text[])
               AND EXISTS (SELECT 1 FROM nas.trial t WHERE t.study = s.id AND t.state = 0)
             ORDER BY created, id LIMIT 1",
            &[(&named, Type::TEXT), (&refused, Type::TEXT_ARRAY)],
        )?;
        Ok(rows.first().map(shared))
    }

    /// Claims the trial of the lowest number that nobody has, with its job.
    ///
    /// After a transient error, the trial may be claimed all the same: see [`Queue::adopt`].
    pub(crate) fn claim(
        &mut self,
        study: &Shared,
        worker: &str,
    ) -> Result<Option<(Claim, Job)>, ClusterError> {
        let lease = self.lease.as_secs_f64();
        let rows = self.query(
            "claiming a trial",
            "WITH picked AS (
                 SELECT t.id FROM nas.trial t JOIN nas.study s ON s.id = t.study
                 WHERE t.study = $1::text::uuid AND t.state = 0 AND s.finished IS NULL
                 ORDER BY t.number LIMIT 1 FOR UPDATE OF t SKIP LOCKED
             ), taken AS (
                 UPDATE nas.trial t SET state = 1, epoch = epoch + 1 FROM picked WHERE t.id = picked.id
                 RETURNING t.id, t.epoch, t.job
             ), leased AS (
                 INSERT INTO nas.lease (trial, epoch, worker, expires)
                 SELECT id, epoch, $2::text::uuid, now() + make_interval(secs => $3) FROM taken
             )
             SELECT id, epoch, job FROM taken",
            &[
                (&study.id, Type::TEXT),
                (&worker, Type::TEXT),
                (&lease, Type::FLOAT8),
            ],
        )?;
        rows.first().map(|row| self.claimed(row)).transpose()
    }

    /// A trial that the worker holds and does not know of, because the reply to its claim was lost.
    pub(crate) fn adopt(
        &mut self,
        study: &Shared,
        worker: &str,
        known: &[Claim],
    ) -> Result<Option<(Claim, Job)>, ClusterError> {
        let known: Vec<i64> = known.iter().map(|claim| claim.trial).collect();
        let rows = self.query(
            "looking for a claim without a reply",
            "SELECT t.id, l.epoch, t.job FROM nas.lease l JOIN nas.trial t ON t.id = l.trial
             WHERE l.worker = $1::text::uuid AND t.study = $2::text::uuid AND NOT l.trial = ANY($3::bigint[])
             ORDER BY l.trial LIMIT 1",
            &[
                (&worker, Type::TEXT),
                (&study.id, Type::TEXT),
                (&known, Type::INT8_ARRAY),
            ],
        )?;
        rows.first().map(|row| self.claimed(row)).transpose()
    }

    fn claimed(&self, row: &Row) -> Result<(Claim, Job), ClusterError> {
        let claim = Claim {
            trial: row.get(0),
            epoch: row.get(1),
        };
        let job: String = row.get(2);
        match Request::parse(&job) {
            Ok(Request::Trial(job)) => Ok((claim, *job)),
            other => Err(ClusterError::Damaged {
                what: format!("the trial in row {}", claim.trial),
                address: self.address().to_string(),
                reason: match other {
                    Err(reason) => reason,
                    Ok(_) => "it is another message".to_owned(),
                },
            }),
        }
    }

    /// Renews the leases of these claims, and says that the worker is alive. A lease that has expired
    /// is renewed as well, if nobody has taken the trial yet.
    pub(crate) fn beat(
        &mut self,
        worker: &str,
        claims: &[Claim],
        reap: Duration,
    ) -> Result<Beat, ClusterError> {
        let trials: Vec<i64> = claims.iter().map(|claim| claim.trial).collect();
        let epochs: Vec<i64> = claims.iter().map(|claim| claim.epoch).collect();
        let (lease, reap) = (self.lease.as_secs_f64(), reap.as_secs_f64());
        let rows = self.query(
            "renewing leases",
            "WITH held AS (
                 SELECT * FROM unnest($2::bigint[], $3::bigint[]) AS h (trial, epoch)
             ), seen AS (
                 UPDATE nas.worker SET last_seen = now() WHERE id = $1::text::uuid
             ), renewed AS (
                 UPDATE nas.lease l SET expires = now() + make_interval(secs => $4) FROM held
                 WHERE l.trial = held.trial AND l.epoch = held.epoch AND l.worker = $1::text::uuid
                 RETURNING l.trial, l.epoch
             )
             SELECT now() - last_run > make_interval(secs => $5),
                    ARRAY(SELECT trial FROM renewed ORDER BY trial), ARRAY(SELECT epoch FROM renewed ORDER BY trial)
             FROM nas.reaper",
            &[
                (&worker, Type::TEXT),
                (&trials, Type::INT8_ARRAY),
                (&epochs, Type::INT8_ARRAY),
                (&lease, Type::FLOAT8),
                (&reap, Type::FLOAT8),
            ],
        )?;
        let row = one(
            &rows,
            &self.connection,
            "the time of the last look for expired leases",
        )?;
        let (trials, epochs): (Vec<i64>, Vec<i64>) = (row.get(1), row.get(2));
        let renewed = trials.into_iter().zip(epochs);
        Ok(Beat {
            reap_is_due: row.get(0),
            renewed: renewed.map(|(trial, epoch)| Claim { trial, epoch }).collect(),
        })
    }

    /// Stores a result and gives the lease back: both, or neither.
    pub(crate) fn complete(
        &mut self,
        worker: &str,
        claim: Claim,
        answer: &Answer,
        seconds: f64,
    ) -> Result<Completion, ClusterError> {
        let text = answer.line();
        let rows = self.query(
            "storing a result",
            "WITH given_back AS (
                 DELETE FROM nas.lease WHERE trial = $1 AND epoch = $2 RETURNING trial, epoch, worker, started
             ), done AS (
                 UPDATE nas.trial t SET state = 2 FROM given_back g WHERE t.id = g.trial AND t.epoch = g.epoch
                 RETURNING t.id
             ), stored AS (
                 INSERT INTO nas.result (trial, epoch, answer, seconds) SELECT id, $2, $3, $4 FROM done
             )
             INSERT INTO nas.attempt (trial, epoch, outcome, worker, started)
             SELECT g.trial, g.epoch, 'done', g.worker, g.started FROM given_back g JOIN done ON done.id = g.trial
             RETURNING trial",
            &[
                (&claim.trial, Type::INT8),
                (&claim.epoch, Type::INT8),
                (&text.trim_end(), Type::TEXT),
                (&seconds, Type::FLOAT8),
            ],
        )?;
        if !rows.is_empty() {
            return Ok(Completion::Stored);
        }
        let rows = self.query(
            "looking for the result that is stored",
            "SELECT 1 FROM nas.result WHERE trial = $1 AND epoch = $2",
            &[(&claim.trial, Type::INT8), (&claim.epoch, Type::INT8)],
        )?;
        if !rows.is_empty() {
            return Ok(Completion::Already);
        }
        self.query(
            "recording a late result",
            "INSERT INTO nas.attempt (trial, epoch, outcome, worker) VALUES ($1, $2, 'stale', $3::text::uuid)
             ON CONFLICT DO NOTHING",
            &[
                (&claim.trial, Type::INT8),
                (&claim.epoch, Type::INT8),
                (&worker, Type::TEXT),
            ],
        )?;
        Ok(Completion::Refused)
    }

    /// Gives a trial back that was not finished, for a reason that is not its fault. It is free at
    /// once. Says whether the worker still had it.
    pub(crate) fn release(&mut self, claim: Claim, why: &str) -> Result<bool, ClusterError> {
        let rows = self.query(
            "giving a trial back",
            "WITH given_back AS (
                 DELETE FROM nas.lease WHERE trial = $1 AND epoch = $2 RETURNING trial, epoch, worker, started
             ), freed AS (
                 UPDATE nas.trial t SET state = 0 FROM given_back g WHERE t.id = g.trial AND t.epoch = g.epoch
             )
             INSERT INTO nas.attempt (trial, epoch, outcome, worker, started, detail)
             SELECT trial, epoch, 'released', worker, started, $3 FROM given_back RETURNING trial",
            &[
                (&claim.trial, Type::INT8),
                (&claim.epoch, Type::INT8),
                (&why, Type::TEXT),
            ],
        )?;
        Ok(!rows.is_empty())
    }

    /// Frees the trials whose leases have expired, and gives up those that were lost too often.
    /// Returns how many.
    ///
    /// If nobody has looked for half a lease, or the server was started since, then holders had no
    /// chance to renew their leases: each gets a whole one, and nothing is freed.
    pub(crate) fn reap(&mut self) -> Result<u64, ClusterError> {
        let lease = self.lease.as_secs_f64();
        let rows = self.query(
            "looking for expired leases",
            "WITH turn AS (
                 SELECT last_run, (now() - last_run > make_interval(secs => $1 / 2)
                                   OR pg_postmaster_start_time() > last_run) AS blind
                 FROM nas.reaper FOR UPDATE SKIP LOCKED
             ), looked AS (
                 UPDATE nas.reaper SET last_run = now() FROM turn
             ), prolonged AS (
                 UPDATE nas.lease SET expires = greatest(expires, now() + make_interval(secs => $1))
                 WHERE (SELECT blind FROM turn)
             ), expired AS (
                 SELECT trial FROM nas.lease WHERE expires < now() AND (SELECT NOT blind FROM turn)
                 FOR UPDATE SKIP LOCKED
             ), lost AS (
                 DELETE FROM nas.lease l USING expired WHERE l.trial = expired.trial
                 RETURNING l.trial, l.epoch, l.worker, l.started
             ), freed AS (
                 UPDATE nas.trial t SET losses = t.losses + 1,
                     state = CASE WHEN t.losses + 1 >= $2 THEN 3 ELSE 0 END
                 FROM lost WHERE t.id = lost.trial AND t.epoch = lost.epoch
             )
             INSERT INTO nas.attempt (trial, epoch, outcome, worker, started, detail)
             SELECT trial, epoch, 'lost', worker, started, 'its lease has expired' FROM lost RETURNING trial",
            &[(&lease, Type::FLOAT8), (&MOST_LOSSES, Type::INT4)],
        )?;
        Ok(rows.len() as u64)
    }
}

/// A trial as it is stored.
fn text_of(job: &Job) -> String {
    let mut line = Request::Trial(Box::new(job.clone())).line();
    line.truncate(line.trim_end().len());
    line
}

/// Trials are numbered from 0 without a gap; no study has 2⁶³ of them.
fn number(trial: TrialId) -> i64 {
    i64::try_from(trial).unwrap_or(i64::MAX)
}

pub(crate) fn shared(row: &Row) -> Shared {
    Shared {
        id: row.get(0),
        name: row.get(1),
        config: row.get(2),
        description: row.get(3),
    }
}

/// The row that only the owner of a study gets.
fn owned<'r>(study: &Shared, row: Option<&'r Row>) -> Result<&'r Row, ClusterError> {
    row.ok_or_else(|| ClusterError::TakenOver {
        name: study.name.clone(),
    })
}
