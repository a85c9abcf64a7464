//! One search by a supernet, whatever the method: what is told of it, and what it leaves in the run directory.

use std::path::Path;

use anyhow::{Context, Result};
use nas_darts::stop::Stopped;
use nas_eval::supernet::{self, Event};
use nas_space::arch::Architecture;
use nas_space::draw;
use nas_space::genotype::Genotype;
use nas_space::search::StrategyError;
use nas_space::seed::Seed;
use nas_study::RunDir;
use serde::Serialize;

use super::oneshot::{
    Searches, Supernet, SupernetSummary, cell_file, checkpoint, record_file, skip_connections,
};
use crate::methods::Method;
use crate::watch::RunEvent;

/// Whoever hears of what happens in a search.
pub(in crate::methods) type Observer<'o, M> =
    dyn for<'e> FnMut(&Event<'e, <M as Trains>::Epoch, <M as Trains>::Step<'e>>) + 'o;

/// A method that trains a supernet, by its settings: what its searches do not have in common with those of the others.
pub(in crate::methods) trait Trains: Sync + 'static {
    /// The method.
    const METHOD: Method;
    /// Its search.
    type Search;
    /// What it tells of an epoch.
    type Epoch: Serialize;
    /// What it does besides epochs.
    type Step<'a>;
    /// What its record has besides epochs.
    type Own: Serialize + Default;

    /// Epochs of a search.
    fn epochs(&self) -> u32;

    /// A search before its first epoch.
    ///
    /// # Errors
    /// Why there can be none.
    fn new_search(&self, supernet: &Supernet<'_>, seed: Seed) -> Result<Self::Search>;

    /// Its supernet.
    fn supernet(search: &Self::Search) -> &supernet::Supernet;

    /// Runs a search, or what is left of it.
    ///
    /// # Errors
    /// Why it cannot go on.
    fn run(
        search: &mut Self::Search,
        checkpoint: &Path,
        observer: &mut Observer<'_, Self>,
    ) -> Result<Found<Self::Epoch, Self::Own>>;

    /// An epoch, in words.
    fn epoch_in_words(epoch: &Self::Epoch) -> String;

    /// A step, in words, where people should hear of it.
    fn step_in_words(step: &Self::Step<'_>) -> Option<String>;

    /// Seconds of an epoch.
    fn seconds(epoch: &Self::Epoch) -> f64;

    /// Whether the error of a search says that a stop was requested.
    fn is_interruption(error: &anyhow::Error) -> bool;

    /// The error of a search as whoever asked for it knows it: that it was asked to stop is no failure of it.
    fn interrupted_or_other(error: anyhow::Error) -> anyhow::Error {
        match Self::is_interruption(&error) {
            true => StrategyError::Interrupted.into(),
            false => error,
        }
    }

    /// The picture of a search: of its epochs, and of what it found once it has ended.
    fn picture(&self, history: &[Self::Epoch], found: Option<&Found<Self::Epoch, Self::Own>>) -> String;

    /// The file of that picture.
    fn picture_file(index: u64) -> String;
}

/// What a search found.
pub(in crate::methods) struct Found<E, O> {
    pub(in crate::methods) genotype: Genotype,
    pub(in crate::methods) history: Vec<E>,
    /// Why it ended early, if it did.
    pub(in crate::methods) stopped: Option<Stopped>,
    /// Why the architecture may mean little.
    pub(in crate::methods) warnings: Vec<String>,
    /// Those before an interruption included.
    pub(in crate::methods) seconds: f64,
    pub(in crate::methods) own: O,
}

/// Searches by one method, each with a supernet of its own.
pub(in crate::methods) struct Searcher<'a, M> {
    pub(in crate::methods) supernet: Supernet<'a>,
    pub(in crate::methods) method: &'a M,
}

/// `search-i.json` of a run directory.
#[derive(Serialize)]
struct Record<'a, E, O> {
    search: u64,
    /// The search's own, derived from the study's.
    seed: u64,
    params: u64,
    /// None before the search has ended.
    arch: Option<String>,
    skip_connections: Option<usize>,
    stopped: Option<&'a Stopped>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
    seconds: f64,
    #[serde(flatten)]
    own: &'a O,
    history: &'a [E],
}

impl<M: Trains> Searcher<'_, M> {
    /// Search number `index`, before its first epoch.
    ///
    /// # Errors
    /// Why there can be none.
    pub(in crate::methods) fn new_search(&self, index: u64) -> Result<M::Search> {
        let seed = self.supernet.seed_of(index);
        let search = self.method.new_search(&self.supernet, seed);
        search.context("the supernet cannot be built")
    }

    /// Writes what is known of a search, so that it can be watched.
    fn write(&self, run: &RunDir, record: &Record<'_, M::Epoch, M::Own>, picture: &str) -> Result<()> {
        run.write_json(&record_file(record.search), record)?;
        Ok(run.write_text(&M::picture_file(record.search), picture)?)
    }
}

impl<M: Trains> Searches for Searcher<'_, M> {
    fn method(&self) -> Method {
        M::METHOD
    }

    fn check(&self) -> Result<()> {
        self.new_search(0).map(drop)
    }

    fn search(&self, index: u64, run: &RunDir) -> Result<(Architecture, SupernetSummary)> {
        let mut search = self.new_search(index)?;
        let own = M::Own::default();
        let begun = Record {
            search: index,
            seed: self.supernet.seed_of(index).value(),
            params: M::supernet(&search).parameters().count(),
            arch: None,
            skip_connections: None,
            stopped: None,
            warnings: &[],
            seconds: 0.0,
            own: &own,
            history: &[],
        };
        let watcher = self.supernet.watcher;
        watcher.watch(RunEvent::SupernetBegins {
            search: index,
            epochs: self.method.epochs(),
        });
        let show = |history: &[M::Epoch], resumed| {
            watcher.watch(RunEvent::SupernetEpochs {
                done: history.len(),
                resumed,
                figures: &history.last().map(M::epoch_in_words).unwrap_or_default(),
            });
        };
        // An observer cannot stop a search: where nothing can be written, its checkpoint fails as well.
        let mut written = Ok(());
        let found = M::run(&mut search, &checkpoint(run, index), &mut |event| match event {
            Event::Resumed { history } => show(history, true),
            Event::Epoch { history, .. } => {
                show(history, false);
                if written.is_ok() {
                    let record = Record {
                        seconds: history.iter().map(M::seconds).sum(),
                        history,
                        arch: None,
                        ..begun
                    };
                    written = self.write(run, &record, &self.method.picture(history, None));
                }
            }
            Event::Own(step) => {
                if let Some(words) = M::step_in_words(step) {
                    watcher.watch(RunEvent::SupernetStep(&words));
                }
            }
        })
        .map_err(M::interrupted_or_other)?;
        watcher.watch(RunEvent::SupernetEnds);
        written?;
        for warning in &found.warnings {
            watcher.watch(RunEvent::Note(&format!("warning: search {index}: {warning}")));
        }
        let summary = SupernetSummary {
            params: begun.params,
            epochs: found.history.len() as u32,
            skip_connections: skip_connections(&found.genotype, self.supernet.space),
            stopped: found.stopped.clone(),
            warnings: found.warnings.clone(),
            seconds: found.seconds,
        };
        let record = Record {
            arch: Some(found.genotype.to_string()),
            skip_connections: Some(summary.skip_connections),
            stopped: found.stopped.as_ref(),
            warnings: &found.warnings,
            seconds: found.seconds,
            own: &found.own,
            history: &found.history,
            ..begun
        };
        self.write(run, &record, &self.method.picture(&found.history, Some(&found)))?;
        run.write_text(&cell_file(index), &draw::svg(&found.genotype))?;
        Ok((self.supernet.space.architecture(&found.genotype)?, summary))
    }
}
