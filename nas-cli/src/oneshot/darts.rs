//! Differentiable searches.

use anyhow::{Context, Result};
use nas_darts::stop::Stopped;
use nas_darts::{DartsConfig, EdgePerturbation, EpochReport, Event, Search, Selecting};
use nas_eval::DType;
use nas_space::arch::Architecture;
use nas_space::draw;
use nas_study::RunDir;
use serde::Serialize;

use super::{Found, Searches, Supernet, cell_file, checkpoint, picture_file, record_file, skip_connections};
use crate::method::Method;
use crate::output::note;
use crate::plan;
use crate::plot;
use crate::progress::{Screen, SearchBar};

/// Differentiable searches: DARTS and its relatives.
pub(crate) struct Darts<'a> {
    pub(crate) supernet: Supernet<'a>,
    pub(crate) config: &'a DartsConfig,
}

/// `search-i.json` of a run directory.
#[derive(Debug, Serialize)]
struct Record<'a> {
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
    perturbations: &'a [EdgePerturbation],
    history: &'a [EpochReport],
}

impl Darts<'_> {
    /// Search number `index`, before its first epoch.
    fn new_search(&self, index: u64) -> Result<Search> {
        let Supernet {
            space,
            dataset,
            device,
            ..
        } = self.supernet;
        let seed = self.supernet.seed_of(index);
        let space = plan::cells(space)?;
        let search = Search::new(space, dataset, self.config.clone(), seed, device, DType::F32);
        let search = search.context("the supernet cannot be made")?;
        Ok(search.stopping_at(self.supernet.stop.clone()))
    }

    /// The epochs so far, for who looks on.
    fn write_epochs(run: &RunDir, record: &Record<'_>, history: &[EpochReport]) -> Result<()> {
        let record = Record {
            seconds: history.iter().map(|report| report.seconds).sum(),
            history,
            arch: None,
            perturbations: &[],
            ..*record
        };
        run.write_json(&record_file(record.search), &record)?;
        let picture = plot::strengths(history, None, None);
        Ok(run.write_text(&picture_file(Method::Darts, record.search), &picture)?)
    }
}

impl Searches for Darts<'_> {
    fn method(&self) -> Method {
        Method::Darts
    }

    fn check(&self) -> Result<()> {
        self.new_search(0).map(drop)
    }

    fn search(&self, index: u64, run: &RunDir, screen: &Screen) -> Result<(Architecture, Found)> {
        let mut search = self.new_search(index)?;
        let mut record = Record {
            search: index,
            seed: self.supernet.seed_of(index).value(),
            params: search.supernet().parameters().count(),
            arch: None,
            skip_connections: None,
            stopped: None,
            warnings: &[],
            seconds: 0.0,
            perturbations: &[],
            history: &[],
        };
        let mut bar = SearchBar::new(screen, index, self.config.epochs);
        // An observer cannot stop a search: where nothing can be written, its checkpoint fails as well.
        let mut written = Ok(());
        let report = search.run(Some(&checkpoint(run, index)), |event| match event {
            Event::Resumed { history } => bar.resumed(history),
            Event::Epoch { history, .. } => {
                bar.show(history);
                if written.is_ok() {
                    written = Self::write_epochs(run, &record, history);
                }
            }
            Event::Own(Selecting::Perturbed { done, of, .. }) => bar.show_decisions(*done, *of),
            _ => {}
        })?;
        bar.finish();
        written?;
        for warning in &report.warnings {
            note(&format!("warning: search {index}: {warning}"));
        }
        let genotype = &report.genotype;
        let found = Found {
            params: record.params,
            epochs: report.history.len() as u32,
            skip_connections: skip_connections(genotype, self.supernet.space),
            stopped: report.stopped.clone(),
            warnings: report.warnings.clone(),
            seconds: report.seconds,
        };
        record.arch = Some(genotype.to_string());
        record.skip_connections = Some(found.skip_connections);
        record.stopped = report.stopped.as_ref();
        record.warnings = &report.warnings;
        record.seconds = report.seconds;
        record.perturbations = &report.perturbations;
        record.history = &report.history;
        run.write_json(&record_file(index), &record)?;
        let of_epoch = report.stopped.as_ref().map(|stopped| stopped.architecture_of);
        let strengths = plot::strengths(&report.history, Some(genotype), of_epoch);
        run.write_text(&picture_file(Method::Darts, index), &strengths)?;
        run.write_text(&cell_file(index), &draw::svg(genotype))?;
        Ok((self.supernet.space.architecture(genotype)?, found))
    }
}
