//! Searches by ENAS.

use anyhow::{Context, Result};
use nas_eval::DType;
use nas_rl::enas::{Audit, Candidate, EnasConfig, EpochReport, Event, Ranked};
use nas_space::arch::Architecture;
use nas_space::draw;
use nas_space::search::{Evaluator, Failure, Fidelity, Trial};
use nas_study::RunDir;
use serde::{Deserialize, Serialize};

use super::{Found, Searches, Supernet, cell_file, checkpoint, picture_file, record_file, skip_connections};
use crate::method::Method;
use crate::output::note;
use crate::plot;
use crate::progress::{Screen, SharedBar};

/// `audit.json` of a run directory.
pub(crate) const AUDIT_FILE: &str = "audit.json";

/// Searches by a controller whose proposals share their weights.
pub(crate) struct Enas<'a> {
    pub(crate) supernet: Supernet<'a>,
    pub(crate) config: &'a EnasConfig,
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
    seconds: f64,
    /// Those drawn at the end, the best first.
    candidates: &'a [Candidate],
    history: &'a [EpochReport],
}

/// Whether the shared weights of a search rank architectures as trainings of their own do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AuditRecord {
    /// Number of the search.
    pub(crate) search: u64,
    /// None while the audit goes on, or where all are equal in one of the two.
    pub(crate) kendall_tau: Option<f64>,
    /// Uniform draws from the space.
    pub(crate) sample: Vec<AuditedRecord>,
}

/// An architecture that was judged both ways.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AuditedRecord {
    pub(crate) arch: String,
    /// Validation accuracy with the shared weights. None while the audit goes on, or where the training alone failed.
    pub(crate) shared: Option<f64>,
    /// Validation accuracy after a training of its own, or in the table. None where that failed.
    pub(crate) alone: Option<f64>,
}

impl AuditRecord {
    /// Whether this is all of an audit of so many architectures.
    pub(crate) fn is_done(&self, architectures: usize) -> bool {
        let judged = |one: &AuditedRecord| one.shared.is_some() || one.alone.is_none();
        self.sample.len() == architectures && self.sample.iter().all(judged)
    }
}

impl Enas<'_> {
    /// Search number `index`, before its first epoch.
    fn new_search(&self, index: u64) -> Result<nas_rl::enas::Enas> {
        let Supernet {
            space,
            dataset,
            device,
            ..
        } = self.supernet;
        let (config, seed) = (self.config.clone(), self.supernet.seed_of(index));
        let search = nas_rl::enas::Enas::new(space, dataset, config, seed, device, DType::F32);
        let search = search.context("the supernet cannot be made")?;
        Ok(search.stopping_at(self.supernet.stop.clone()))
    }

    /// The epochs so far, for who looks on.
    fn write_epochs(&self, run: &RunDir, record: &Record<'_>, history: &[EpochReport]) -> Result<()> {
        let record = Record {
            seconds: history.iter().map(|report| report.seconds).sum(),
            history,
            arch: None,
            candidates: &[],
            ..*record
        };
        run.write_json(&record_file(record.search), &record)?;
        let picture = plot::shared_reward(history, self.config.rl.reward);
        Ok(run.write_text(&picture_file(Method::Enas, record.search), &picture)?)
    }

    /// Judges so many architectures by the weights of search number `index`, which has ended, and by `evaluator`. What an
    /// interrupted audit found is kept in the run directory and not done again.
    pub(crate) fn audit(
        &self,
        run: &RunDir,
        index: u64,
        architectures: usize,
        evaluator: &dyn Evaluator,
        fidelity: Fidelity,
    ) -> Result<AuditRecord> {
        let space = self.supernet.space;
        let mut record = AuditRecord {
            search: index,
            kendall_tau: None,
            sample: Vec::new(),
        };
        if let Some(before) = run.read_json::<AuditRecord>(AUDIT_FILE)? {
            // A larger budget may have found a better search since.
            if before.search == index {
                record = before;
            }
        }
        if record.is_done(architectures) {
            return Ok(record);
        }
        let mut search = self.new_search(index)?;
        search.load(&checkpoint(run, index))?;
        let seed = self.supernet.seed_of(index).derive("audit trainings", 0);
        let mut number = 0;
        let audit: Audit = search.audit(architectures, |architecture| -> Result<Option<f64>> {
            let arch = space.genotype(architecture)?.to_string();
            let (place, trial) = (
                number,
                Trial {
                    id: number as u64,
                    architecture: architecture.clone(),
                    fidelity,
                    seed: seed.derive("training", number as u64),
                    continues: None,
                },
            );
            number += 1;
            if let Some(known) = record.sample.get(place).filter(|known| known.arch == arch) {
                return Ok(known.alone);
            }
            let alone = match evaluator.evaluate(&trial) {
                Ok(evaluation) => Some(evaluation.valid_accuracy),
                Err(Failure { message, .. }) => {
                    note(&format!("note: left out of the audit: {arch}: {message}"));
                    None
                }
            };
            record.sample.truncate(place);
            record.sample.push(AuditedRecord {
                arch,
                shared: None,
                alone,
            });
            run.write_json(AUDIT_FILE, &record)?;
            Ok(alone)
        })?;
        record.kendall_tau = audit.kendall_tau;
        record.sample.truncate(architectures);
        let mut judged = audit.sample.iter();
        for one in record.sample.iter_mut().filter(|one| one.alone.is_some()) {
            one.shared = judged.next().map(|judged| judged.shared);
        }
        run.write_json(AUDIT_FILE, &record)?;
        Ok(record)
    }
}

impl Searches for Enas<'_> {
    fn method(&self) -> Method {
        Method::Enas
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
            seconds: 0.0,
            candidates: &[],
            history: &[],
        };
        let mut bar = SharedBar::new(screen, index, self.config.epochs);
        // An observer cannot stop a search: where nothing can be written, its checkpoint fails as well.
        let mut written = Ok(());
        let report = search.run(Some(&checkpoint(run, index)), |event| match event {
            Event::Resumed { history } => bar.resumed(history),
            Event::Epoch { history, .. } => {
                bar.show(history);
                if written.is_ok() {
                    written = self.write_epochs(run, &record, history);
                }
            }
            Event::Own(Ranked { done, of, .. }) => bar.show_candidates(*done, *of),
        })?;
        bar.finish();
        written?;
        let genotype = &report.genotype;
        let found = Found {
            params: record.params,
            epochs: report.history.len() as u32,
            skip_connections: skip_connections(genotype, self.supernet.space),
            stopped: None,
            warnings: Vec::new(),
            seconds: report.seconds,
        };
        record.arch = Some(genotype.to_string());
        record.skip_connections = Some(found.skip_connections);
        record.seconds = report.seconds;
        record.candidates = &report.candidates;
        record.history = &report.history;
        run.write_json(&record_file(index), &record)?;
        let picture = plot::shared_reward(&report.history, self.config.rl.reward);
        run.write_text(&picture_file(Method::Enas, index), &picture)?;
        run.write_text(&cell_file(index), &draw::svg(genotype))?;
        Ok((report.architecture, found))
    }
}
