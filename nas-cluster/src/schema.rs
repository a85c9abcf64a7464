//! The tables, and what a server must be like to be trusted with them.

use tokio_postgres::Row;

use crate::connection::Connection;
use crate::error::ClusterError;

/// The version of the tables below.
pub(crate) const SCHEMA_VERSION: i32 = 1;

/// The oldest server that is supported: PostgreSQL 14.
const OLDEST: i32 = 140_000;

/// Number of the lock under which tables are created.
const LOCK: i64 = 0x6e61_7363_6c75;

/// The states of a trial are 0 for queued, 1 for running, 2 for done and 3 for given up.
///
/// A row of `lease` is updated with each heartbeat: its pages keep room for that, and no index
/// covers what changes.
const TABLES: &str = "
CREATE SCHEMA nas;

CREATE TABLE nas.format (version integer NOT NULL);

CREATE TABLE nas.study (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    config text NOT NULL,
    description text NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    owner_epoch bigint NOT NULL DEFAULT 0,
    owner text,
    owner_seen timestamptz,
    finished timestamptz
);

CREATE TABLE nas.trial (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    study uuid NOT NULL REFERENCES nas.study,
    number bigint NOT NULL CHECK (number >= 0),
    job text NOT NULL,
    state smallint NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 3),
    epoch bigint NOT NULL DEFAULT 0,
    losses integer NOT NULL DEFAULT 0,
    UNIQUE (study, number)
);
CREATE INDEX trial_queued ON nas.trial (study, number) WHERE state = 0;

CREATE TABLE nas.lease (
    trial bigint PRIMARY KEY REFERENCES nas.trial,
    epoch bigint NOT NULL,
    worker uuid NOT NULL,
    started timestamptz NOT NULL DEFAULT now(),
    expires timestamptz NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

CREATE TABLE nas.result (
    trial bigint PRIMARY KEY REFERENCES nas.trial,
    epoch bigint NOT NULL,
    answer text NOT NULL,
    seconds double precision NOT NULL
);

CREATE TABLE nas.attempt (
    trial bigint NOT NULL REFERENCES nas.trial,
    epoch bigint NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('done', 'released', 'lost', 'stale')),
    worker uuid NOT NULL,
    started timestamptz,
    ended timestamptz NOT NULL DEFAULT now(),
    detail text,
    PRIMARY KEY (trial, epoch, outcome)
);

CREATE TABLE nas.worker (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    host text NOT NULL,
    process bigint NOT NULL,
    slots integer NOT NULL,
    software text NOT NULL,
    started timestamptz NOT NULL DEFAULT now(),
    last_seen timestamptz NOT NULL DEFAULT now(),
    ended timestamptz,
    note text
);

CREATE TABLE nas.reaper (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    last_run timestamptz NOT NULL DEFAULT now()
);
INSERT INTO nas.reaper DEFAULT VALUES;
";

/// What was found out about a server.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerCheck {
    /// Its version, as it says.
    pub version: String,
    /// The format of the tables; none before they were created.
    pub format: Option<i32>,
    /// Connections that it allows.
    pub connections: i64,
    /// Whether a commit waits for a standby.
    pub synchronous_standby: bool,
    /// What makes it unusable.
    pub faults: Vec<String>,
}

/// Looks at a server. Changes nothing.
pub(crate) fn check(connection: &mut Connection) -> Result<ServerCheck, ClusterError> {
    let rows = connection.query(
        "checking the server",
        "SELECT current_setting('server_version_num')::integer, current_setting('server_version'),
                current_setting('fsync'), current_setting('synchronous_commit'),
                current_setting('full_page_writes'), current_setting('max_connections')::bigint,
                current_setting('synchronous_standby_names') <> '', pg_is_in_recovery(),
                to_regclass('nas.format') IS NOT NULL",
        &[],
    )?;
    let row = one(&rows, connection, "the server's settings")?;
    let mut faults = Vec::new();
    let number: i32 = row.get(0);
    let version: String = row.get(1);
    if number < OLDEST {
        faults.push(format!(
            "it is PostgreSQL {version}; expected version {} or newer",
            OLDEST / 10_000
        ));
    }
    for (place, name) in [(2, "fsync"), (3, "synchronous_commit"), (4, "full_page_writes")] {
        let value: String = row.get(place);
        if value == "off" {
            faults.push(format!(
                "{name} is off, so results that it has acknowledged can be lost; set it to on"
            ));
        }
    }
    if row.get::<_, bool>(7) {
        faults.push("it is a standby, which cannot be written; use the address of the primary".to_owned());
    }
    let (connections, synchronous_standby, has_tables) = (row.get(5), row.get(6), row.get::<_, bool>(8));
    let format = match has_tables {
        false => None,
        true => {
            let rows = connection.query(
                "reading the format of the tables",
                "SELECT version FROM nas.format",
                &[],
            )?;
            Some(one(&rows, connection, "the format of the tables")?.get(0))
        }
    };
    Ok(ServerCheck {
        version,
        format,
        connections,
        synchronous_standby,
        faults,
    })
}

/// Refuses a server that cannot be trusted, and tables of another version.
///
/// # Errors
/// [`ClusterError::Server`], [`ClusterError::Version`].
pub(crate) fn refuse_unusable(connection: &mut Connection) -> Result<ServerCheck, ClusterError> {
    let found = check(connection)?;
    let address = connection.address().to_string();
    if !found.faults.is_empty() {
        let reason = found.faults.join("; ");
        return Err(ClusterError::Server { address, reason });
    }
    match found.format {
        Some(got) if got != SCHEMA_VERSION => Err(ClusterError::Version {
            address,
            expected: SCHEMA_VERSION,
            got,
        }),
        _ => Ok(found),
    }
}

/// Creates the tables where there are none: all of them or nothing, whoever else does the same.
pub(crate) fn create(connection: &mut Connection) -> Result<(), ClusterError> {
    if refuse_unusable(connection)?.format.is_some() {
        return Ok(());
    }
    let statements = format!(
        "BEGIN;
         SELECT pg_advisory_xact_lock({LOCK});
         DO $do$ BEGIN
             IF to_regclass('nas.format') IS NULL THEN
                 {TABLES}
                 INSERT INTO nas.format VALUES ({SCHEMA_VERSION});
             END IF;
         END $do$;
         COMMIT;"
    );
    let created = connection.batch("creating the tables", &statements);
    if created.is_err() {
        // It changes nothing where no transaction is open.
        let _ = connection.batch("giving up a transaction", "ROLLBACK");
    }
    created?;
    refuse_unusable(connection).map(drop)
}

/// The row that there must be.
pub(crate) fn one<'r>(rows: &'r [Row], connection: &Connection, what: &str) -> Result<&'r Row, ClusterError> {
    rows.first().ok_or_else(|| ClusterError::Damaged {
        what: what.to_owned(),
        address: connection.address().to_string(),
        reason: "there is no such row".to_owned(),
    })
}
