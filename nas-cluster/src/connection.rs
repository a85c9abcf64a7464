//! A connection that comes back.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
#[cfg(feature = "tls")]
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, NoTls, Row};

use crate::address::{Address, said};
use crate::error::ClusterError;
#[cfg(feature = "tls")]
use crate::tls;

/// Parameters of a statement, each with its type, so that no statement has to be prepared.
pub(crate) type Parameters<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

/// Time that a call may take, at most. The server gives up a statement before.
const DEADLINE: Duration = Duration::from_secs(30);

/// What holds for each connection: nothing is waited for longer than the deadline of a call, and
/// a commit is on disk when it is acknowledged.
const SETTINGS: &str = "
SET statement_timeout = '20s';
SET lock_timeout = '10s';
SET idle_in_transaction_session_timeout = '20s';
SET TIME ZONE 'UTC';
";

/// One connection, used by one thread at a time. It is made by the first call, and made again by
/// the first call after it was lost.
#[derive(Debug)]
pub(crate) struct Connection {
    address: Address,
    runtime: Runtime,
    client: Option<Client>,
    deadline: Duration,
}

impl Connection {
    pub(crate) fn new(address: &Address) -> Result<Self, ClusterError> {
        Ok(Self {
            address: address.clone(),
            runtime: Builder::new_current_thread().enable_all().build()?,
            client: None,
            deadline: DEADLINE,
        })
    }

    /// The same, whose calls take no longer than this.
    pub(crate) fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Runs one statement, which is a transaction of its own.
    ///
    /// # Errors
    /// Where it fails. After a [transient](ClusterError::is_transient) error, it is unknown whether
    /// the statement was carried out.
    pub(crate) fn query(
        &mut self,
        doing: &'static str,
        statement: &str,
        parameters: Parameters<'_>,
    ) -> Result<Vec<Row>, ClusterError> {
        self.call(doing, async |client| {
            client.query_typed(statement, parameters).await
        })
    }

    /// Runs statements without parameters.
    ///
    /// # Errors
    /// As [`Connection::query`].
    pub(crate) fn batch(&mut self, doing: &'static str, statements: &str) -> Result<(), ClusterError> {
        self.call(doing, async |client| client.batch_execute(statements).await)
    }

    fn call<T>(
        &mut self,
        doing: &'static str,
        work: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, ClusterError> {
        let Self {
            address,
            runtime,
            client,
            deadline,
        } = self;
        runtime.block_on(async {
            let open = match client.take().filter(|client| !client.is_closed()) {
                Some(client) => client,
                None => connect(address, *deadline).await?,
            };
            let failed = |reason: String, transient: bool| ClusterError::Statement {
                doing,
                address: address.to_string(),
                reason,
                transient,
            };
            match timeout(*deadline, work(&open)).await {
                Ok(Ok(result)) => {
                    *client = Some(open);
                    Ok(result)
                }
                Ok(Err(error)) => {
                    let transient = is_transient(&error);
                    if !transient {
                        *client = Some(open);
                    }
                    Err(failed(said(&error), transient))
                }
                // The answer to this call must not be taken for that to the next one.
                Err(_) => Err(failed(
                    format!("no answer within {} s", deadline.as_secs_f64()),
                    true,
                )),
            }
        })
    }
}

async fn connect(address: &Address, deadline: Duration) -> Result<Client, ClusterError> {
    let refused = |reason: String, transient: bool| ClusterError::Connect {
        address: address.to_string(),
        reason,
        transient,
    };
    #[cfg(feature = "tls")]
    let encryption = match address.config().get_ssl_mode() {
        SslMode::Require => Some(tls::encryption(address.root()).map_err(|reason| refused(reason, false))?),
        _ => None,
    };
    let connecting = async {
        // The connection runs while a call waits, and ends with its client.
        #[cfg(feature = "tls")]
        let client = match encryption {
            Some(encryption) => {
                let (client, connection) = address.config().connect(encryption).await?;
                tokio::spawn(connection);
                client
            }
            None => open(address).await?,
        };
        #[cfg(not(feature = "tls"))]
        let client = open(address).await?;
        client.batch_execute(SETTINGS).await?;
        Ok(client)
    };
    match timeout(deadline, connecting).await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => Err(refused(said(&error), is_transient(&error))),
        Err(_) => Err(refused(
            format!("no answer within {} s", deadline.as_secs_f64()),
            true,
        )),
    }
}

/// Without encryption.
async fn open(address: &Address) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = address.config().connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Whether the same may work later.
fn is_transient(error: &tokio_postgres::Error) -> bool {
    let Some(state) = error.code() else {
        // Not the server: the connection is lost, or cannot be made.
        return true;
    };
    // Classes: 08 connection, 53 resources, 57P the operator, 40 a conflict of transactions.
    let class = &state.code()[..2];
    matches!(class, "08" | "53" | "40")
        || state.code().starts_with("57P")
        || *state == SqlState::QUERY_CANCELED
        || *state == SqlState::LOCK_NOT_AVAILABLE
        || *state == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        || *state == SqlState::READ_ONLY_SQL_TRANSACTION
}
