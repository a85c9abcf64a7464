//! Where the database is, and how its password is found.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::error::ClusterError;
use crate::passfile::{self, Place};

/// The port where none is given.
const PORT: u16 = 5432;

/// The address of a PostgreSQL database: `postgres://USER@HOST:PORT/DATABASE`.
///
/// What is left out is taken from `PGUSER`, `PGDATABASE` and, where no host is named, from `PGHOST`
/// and `PGPORT`, as other programs for PostgreSQL do. The password is never part of an address, because other users of the machine
/// can read a command line: it comes from `PGPASSWORD`, from the file named by `PGPASSFILE`, or
/// from `~/.pgpass`.
///
/// With `?sslmode=require`, or `PGSSLMODE=require`, the connection is encrypted, and the server's
/// certificate must be one that the system trusts, or the file named by `PGSSLROOTCERT`. Otherwise
/// it is not encrypted.
#[derive(Clone)]
pub struct Address {
    config: Config,
    given: String,
    shown: String,
    /// A file with the certificates that are trusted; those of the system where there is none.
    #[cfg(feature = "tls")]
    root: Option<PathBuf>,
}

impl Address {
    /// Reads an address, and looks up its password.
    ///
    /// # Errors
    /// [`ClusterError::Address`] says what is wrong with it; [`ClusterError::PasswordFile`] where
    /// the file with passwords cannot be used.
    pub fn parse(text: &str) -> Result<Self, ClusterError> {
        let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self::parse_in(text, &environment)
    }

    fn parse_in(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self, ClusterError> {
        let wrong = |reason: &str| ClusterError::Address {
            // It may contain a password.
            reason: reason.to_owned(),
        };
        if !(text.starts_with("postgres://") || text.starts_with("postgresql://")) {
            return Err(wrong("it does not begin with postgres://"));
        }
        // The certificate is always checked: there is no weaker mode to tell apart.
        let understood = text.replace("sslmode=verify-full", "sslmode=require");
        let mut config = Config::from_str(&understood).map_err(|error| wrong(&said(&error)))?;
        if config.get_password().is_some() {
            return Err(wrong(
                "it contains a password, which other users of this machine could read; put the password into ~/.pgpass \
                 or the variable PGPASSWORD",
            ));
        }
        let asked =
            environment("PGSSLMODE").is_some_and(|mode| mode == "require" || mode.starts_with("verify"));
        if asked && !text.contains("sslmode=") {
            config.ssl_mode(SslMode::Require);
        }
        if config.get_ssl_mode() != SslMode::Require {
            config.ssl_mode(SslMode::Disable);
        } else if cfg!(not(feature = "tls")) {
            return Err(wrong(
                "it requires TLS (sslmode=require), without which this program was built; build it with the feature tls, or use \
                 a tunnel, such as ssh -L",
            ));
        }
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            config.host(environment("PGHOST").unwrap_or_else(|| "localhost".to_owned()));
        }
        if config.get_ports().is_empty() {
            let port = match environment("PGPORT") {
                None => PORT,
                Some(text) => text
                    .parse()
                    .map_err(|_| wrong(&format!("PGPORT is '{text}'; expected a number up to 65535")))?,
            };
            config.port(port);
        }
        if config.get_user().is_none() {
            let user = environment("PGUSER").or_else(|| environment("USER"));
            config.user(user.ok_or_else(|| wrong("it names no user, and PGUSER is not set"))?);
        }
        if config.get_dbname().is_none() {
            let name = environment("PGDATABASE").or_else(|| config.get_user().map(str::to_owned));
            config.dbname(name.unwrap_or_default());
        }
        let place = place(&config);
        let password = match environment("PGPASSWORD") {
            Some(password) => Some(password),
            None => {
                let named = environment("PGPASSFILE").map(PathBuf::from);
                let usual = environment("HOME").map(|home| PathBuf::from(home).join(".pgpass"));
                match named.or(usual) {
                    Some(file) => passfile::password(&file, &place)?,
                    None => None,
                }
            }
        };
        if let Some(password) = password {
            config.password(password);
        }
        // A connection that nobody answers any more is noticed within half a minute.
        config
            .application_name("nas")
            .connect_timeout(Duration::from_secs(10))
            .tcp_user_timeout(Duration::from_secs(15))
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3);
        let mode = match config.get_ssl_mode() {
            SslMode::Require => "?sslmode=require",
            _ => "",
        };
        let shown = format!(
            "postgres://{}@{}:{}/{}{mode}",
            place.user, place.host, place.port, place.database
        );
        Ok(Self {
            config,
            given: text.to_owned(),
            shown,
            #[cfg(feature = "tls")]
            root: environment("PGSSLROOTCERT")
                .filter(|file| file != "system")
                .map(PathBuf::from),
        })
    }

    /// The same, which trusts the certificates in this file.
    #[cfg(all(test, feature = "tls"))]
    pub(crate) fn trusting(self, root: PathBuf) -> Self {
        let root = Some(root);
        Self { root, ..self }
    }

    /// The address as it was given, to be parsed again. It has no password.
    pub fn given(&self) -> &str {
        &self.given
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    #[cfg(feature = "tls")]
    pub(crate) fn root(&self) -> Option<&std::path::Path> {
        self.root.as_deref()
    }
}

/// Without its password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Without its password.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.shown)
    }
}

/// The place that a configuration leads to.
fn place(config: &Config) -> Place {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        // As psql has it.
        #[cfg(unix)]
        Some(Host::Unix(_)) => "localhost".to_owned(),
        None => config
            .get_hostaddrs()
            .first()
            .map(ToString::to_string)
            .unwrap_or_default(),
    };
    Place {
        host,
        port: config.get_ports().first().copied().unwrap_or(PORT),
        database: config.get_dbname().unwrap_or_default().to_owned(),
        user: config.get_user().unwrap_or_default().to_owned(),
    }
}

/// An error with its causes, on one line.
pub(crate) fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, variables: &[(&str, &str)]) -> Result<Address, ClusterError> {
        Address::parse_in(text, &|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn what_is_left_out_comes_from_the_environment() {
        let full = parsed("postgres://ada@db:6000/searches", &[("PGUSER", "x")]).unwrap();
        assert_eq!(full.to_string(), "postgres://ada@db:6000/searches");
        let variables = [
            ("PGUSER", "ada"),
            ("PGHOST", "db"),
            ("PGPORT", "6000"),
            ("PGDATABASE", "searches"),
        ];
        let empty = parsed("postgres://", &variables).unwrap();
        assert_eq!(empty.to_string(), full.to_string());
        let usual = parsed("postgresql://localhost", &[("USER", "ada")]).unwrap();
        assert_eq!(usual.to_string(), "postgres://ada@localhost:5432/ada");
    }

    #[test]
    fn a_password_is_refused_in_an_address_and_never_shown() {
        let refused = parsed("postgres://ada:tr0ub4dor@db/x", &[])
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains(".pgpass") && !refused.contains("tr0ub4dor"),
            "{refused}"
        );
        let address = parsed("postgres://ada@db/x", &[("PGPASSWORD", "tr0ub4dor")]).unwrap();
        assert_eq!(address.config().get_password(), Some(b"tr0ub4dor".as_slice()));
        assert!(!format!("{address} {address:?} {}", address.given()).contains("tr0ub4dor"));
    }

    #[test]
    fn encryption_is_asked_for_in_the_address_or_by_a_variable() {
        let asked = [
            parsed("postgres://ada@db/x?sslmode=require", &[]),
            parsed("postgres://ada@db/x?sslmode=verify-full", &[]),
            parsed("postgres://ada@db/x", &[("PGSSLMODE", "verify-full")]),
        ];
        for address in asked {
            if cfg!(feature = "tls") {
                let shown = address.unwrap().to_string();
                assert_eq!(shown, "postgres://ada@db:5432/x?sslmode=require");
                assert_eq!(parsed(&shown, &[]).unwrap().to_string(), shown);
            } else {
                assert!(address.unwrap_err().to_string().contains("TLS"));
            }
        }
        let plain = [
            parsed("postgres://ada@db/x", &[]),
            parsed("postgres://ada@db/x?sslmode=disable", &[("PGSSLMODE", "require")]),
        ];
        for address in plain {
            let address = address.unwrap();
            assert_eq!(address.config().get_ssl_mode(), SslMode::Disable);
            assert_eq!(address.to_string(), "postgres://ada@db:5432/x");
        }
    }

    #[test]
    fn other_addresses_are_refused_with_the_reason() {
        for (text, variables, named) in [
            ("mysql://db/x", &[][..], "postgres://"),
            ("db", &[], "postgres://"),
            ("postgres://db:port/x", &[("USER", "ada")], "port"),
            ("postgres://db/x", &[], "PGUSER"),
            ("postgres://ada@/x", &[("PGPORT", "many")], "PGPORT"),
        ] {
            let refused = parsed(text, variables).unwrap_err().to_string();
            assert!(refused.contains(named), "{text}: {refused}");
        }
    }
}
