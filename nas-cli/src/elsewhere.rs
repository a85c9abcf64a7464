//! Searches whose trials other machines evaluate.

use std::sync::Arc;

use anyhow::{Context, Result};
use nas_cluster::{Address, Coordinator, Enlisted, Shared, Timing};
use nas_runner::{Crew, RunConfig, SearchResult, Session, Stopped, Typed, shell};
use nas_space::search::Stop;
use nas_study::{RunDir, Store};
use serde::{Deserialize, Serialize};

use crate::output::note;

/// The file of a run directory that says which database has the search's trials.
const FILE: &str = "store.json";

/// Which database has the trials of a search, and as which study.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Elsewhere {
    /// The address as it was typed, without a password.
    address: String,
    /// The number of the study.
    study: String,
}

impl Elsewhere {
    /// A new study of this database, which is asked for a number.
    pub(crate) fn new(typed: &str, session: &Session) -> Result<Self> {
        session.config().for_workers().typed("--store")?;
        let address = Address::parse(typed).typed("--store")?;
        Ok(Self {
            study: Coordinator::new_id(&address)?,
            address: address.given().to_owned(),
        })
    }

    /// The study with this name or number, and its search.
    pub(crate) fn find(typed: &str, study: &str) -> Result<(Self, RunConfig)> {
        let address = Address::parse(typed).typed("--store")?;
        let found = nas_cluster::find(&address, study)?;
        let config: RunConfig = serde_json::from_str(&found.config)
            .with_context(|| format!("the configuration of study '{}' cannot be read", found.name))?;
        let this = Self {
            address: address.given().to_owned(),
            study: found.id,
        };
        Ok((this, config))
    }

    /// That of a run, if it has one. If an address is typed, the database is there now.
    pub(crate) fn of_run(run: &RunDir, typed: Option<&str>) -> Result<Option<Self>> {
        let mut recorded: Option<Self> = run.read_json(FILE)?;
        if let (Some(recorded), Some(typed)) = (&mut recorded, typed) {
            recorded.address = Address::parse(typed).typed("--store")?.given().to_owned();
        }
        Ok(recorded)
    }

    /// Records it in the run directory, so that the run can be resumed.
    pub(crate) fn record(&self, run: &RunDir) -> Result<()> {
        Ok(run.write_json(FILE, self)?)
    }

    /// Records the study in the run directory, and runs what is left of the search with its trials.
    pub(crate) fn run(
        &self,
        session: &Session,
        run: &RunDir,
        store: Store,
        stop: &Stop,
    ) -> Result<SearchResult> {
        self.record(run)?;
        let coordinator = self.coordinator(session, run, stop)?;
        let ended = || {
            // Where the database is away for long, workers keep looking.
            if let Err(error) = coordinator.finish() {
                note(&format!("note: the end of the study is not recorded: {error}"));
            }
        };
        let crew = Crew::Elsewhere {
            evaluator: &coordinator,
            ended: &ended,
        };
        session.run(run, store, crew)
    }

    /// What hands the trials out. `stop` ends the search here, and leaves workers and results alone.
    fn coordinator(&self, session: &Session, run: &RunDir, stop: &Stop) -> Result<Coordinator> {
        let address = Address::parse(&self.address)?;
        let config = session.config();
        let name = run.path().file_name().map(|name| name.to_string_lossy());
        let name = name.map_or_else(|| self.study.clone(), std::borrow::Cow::into_owned);
        let description = match session.trial_description(run) {
            Err(_) if stop.is_requested() => return Err(Stopped.into()),
            other => other?,
        };
        let enlisted = Enlisted {
            study: Shared {
                id: self.study.clone(),
                name: name.clone(),
                config: serde_json::to_string(config)?,
                description,
            },
            space: Arc::clone(session.shared_space()),
            metric: config.metric(),
            stop: stop.clone(),
            owner: format!("{} (pid {})", host(), std::process::id()),
        };
        let coordinator = Coordinator::start(&address, enlisted, Timing::default()).with_context(|| {
            let resume = shell::resume(run.path(), Some(config));
            format!("the trials cannot be handed out; to evaluate them on this machine: {resume} --workers 1")
        })?;
        note(&format!(
            "trials are handed out as study '{name}'; workers get them by: nas worker --store {address}"
        ));
        Ok(coordinator)
    }
}

/// The name of this machine, for people.
pub(crate) fn host() -> String {
    let of_system = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = of_system
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok());
    name.map_or("unknown".to_owned(), |name| name.trim().to_owned())
}
