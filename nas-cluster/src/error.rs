//! What can go wrong with a database and the machines that share it.

use std::path::PathBuf;

use nas_space::search::TrialId;
use thiserror::Error;

/// Why trials cannot be handed out or answered. What the database has stored stays.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The address is none.
    #[error(
        "the address of the database cannot be used: {reason}; expected postgres://USER@HOST:PORT/DATABASE"
    )]
    Address {
        /// What is wrong with it.
        reason: String,
    },
    /// The file with passwords cannot be used.
    #[error("the file with passwords '{}' cannot be used: {reason}", path.display())]
    PasswordFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system refuses what a connection needs.
    #[error("cannot prepare a connection: {0}")]
    System(#[from] std::io::Error),
    /// Nobody answers, or the server lets nobody in.
    #[error("cannot connect to {address}: {reason}")]
    Connect {
        /// The address, without its password.
        address: String,
        /// Why.
        reason: String,
        /// Whether it may work later.
        transient: bool,
    },
    /// A statement failed.
    #[error("{doing} failed at {address}: {reason}")]
    Statement {
        /// What was being done.
        doing: &'static str,
        /// The address, without its password.
        address: String,
        /// What the server said.
        reason: String,
        /// Whether it may work later.
        transient: bool,
    },
    /// The server cannot keep what is entrusted to it.
    #[error("the server at {address} cannot be used: {reason}")]
    Server {
        /// The address, without its password.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// The tables are those of another version of this program.
    #[error(
        "the tables at {address} have format {got}, and this program uses format {expected}; use the same version of the \
         program everywhere, or another database"
    )]
    Version {
        /// The address, without its password.
        address: String,
        /// The format of this program.
        expected: i32,
        /// The format found.
        got: i32,
    },
    /// There is no such study.
    #[error("there is no study '{name}' at {address}{}", known(studies))]
    NoStudy {
        /// The address, without its password.
        address: String,
        /// Its name or number, as it was given.
        name: String,
        /// The names that there are.
        studies: Vec<String>,
    },
    /// Several studies have this name.
    #[error("several studies at {address} are named '{name}'; name one by its number: {}", ids.join(", "))]
    Ambiguous {
        /// The address, without its password.
        address: String,
        /// The name.
        name: String,
        /// Their numbers.
        ids: Vec<String>,
    },
    /// Another process has taken the study over.
    #[error("study '{name}' is run by another process since; this one must not continue")]
    TakenOver {
        /// The name of the study.
        name: String,
    },
    /// A trial is on record as another one.
    #[error(
        "trial {trial} of study '{name}' is recorded with another architecture, seed or number of epochs: this is \
         another search; run it as a study of its own"
    )]
    Differs {
        /// The name of the study.
        name: String,
        /// The first such trial.
        trial: TrialId,
    },
    /// What is stored cannot be understood.
    #[error("{what} at {address} cannot be understood: {reason}")]
    Damaged {
        /// What.
        what: String,
        /// The address, without its password.
        address: String,
        /// Why.
        reason: String,
    },
}

impl ClusterError {
    /// Whether the same may work later: a connection was lost, or the server is starting.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Connect { transient: true, .. } | Self::Statement { transient: true, .. }
        )
    }
}

fn known(studies: &[String]) -> String {
    match studies {
        [] => "; there is none at all".to_owned(),
        studies => format!("; there are: {}", studies.join(", ")),
    }
}
