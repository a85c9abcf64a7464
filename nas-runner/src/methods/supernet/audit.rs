//! The audit of a supernet: whether its shared weights rank architectures as trainings of their own do.

use std::path::Path;

use anyhow::{Result, bail};
use clap::Args;
use nas_report::Shown as _;
use nas_report::number::{counted, percent};
use nas_report::page::{Align, Cell, Html, Table};
use nas_space::arch::Architecture;
use nas_space::search::{Evaluator, Failure, FailureKind, Fidelity, Metric, StrategyError, Trial};
use nas_study::RunDir;
use nas_study::ranking::{Bounded, Ranking, top_regret};
use serde::{Deserialize, Serialize};

use super::oneshot::{Supernet, checkpoint};
use super::searcher::{Searcher, Trains};
use crate::methods::Seen;
use crate::parsers::between;
use crate::watch::RunEvent;

/// The audit of a run, in its directory.
const AUDIT_FILE: &str = "audit.json";

/// The most architectures of an audit, each of which is trained alone.
pub(in crate::methods) const MOST_AUDITED: usize = 100_000;

/// Architectures that a regret chooses by the shared weights.
const TOP: usize = 5;

/// How many architectures are audited.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::methods) struct AuditArgs {
    /// Number of random architectures that are also trained alone [default: 0]
    ///
    /// The result says how far their ranking agrees with that by shared weights. In a table they are looked up.
    #[arg(long, value_name = "N", value_parser = between(0, MOST_AUDITED as u64))]
    pub(in crate::methods) audit: Option<usize>,
}

/// Whether nothing is audited.
pub(in crate::methods) fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Refuses more than can be audited.
///
/// # Errors
/// For more than [`MOST_AUDITED`].
pub(in crate::methods) fn check(audit: usize) -> Result<()> {
    if audit > MOST_AUDITED {
        bail!(
            "[method] audit is {audit}; expected 0 to {MOST_AUDITED}: each audited architecture is trained separately"
        );
    }
    Ok(())
}

/// A method whose supernet can judge any architecture.
pub(in crate::methods) trait Shares: Trains {
    /// Goes on from the checkpoint of a search that has ended.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn load(search: &mut Self::Search, checkpoint: &Path) -> Result<()>;

    /// Accuracy of an architecture with the shared weights, on all validation images.
    ///
    /// # Errors
    /// Why it cannot be judged.
    fn accuracy(search: &Self::Search, architecture: &Architecture) -> Result<f64>;
}

/// Whether the shared weights of a search rank architectures as trainings of their own do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Number of the search.
    pub search: u64,
    /// None while the audit goes on, or where all are equal in one of the two.
    pub kendall_tau: Option<f64>,
    /// Rank correlations with their intervals, with the shared accuracies as scores. None while the audit goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranking: Option<Ranking>,
    /// The best accuracy alone of the sample, less the best of the five with the best shared accuracies. None while the audit goes on,
    /// or where the sample has no more than five.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_5_regret: Option<Bounded>,
    /// Uniform draws from the space.
    pub sample: Vec<AuditedRecord>,
}

/// An architecture that was judged both ways.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditedRecord {
    /// The architecture, readable.
    pub arch: String,
    /// Validation accuracy with the shared weights. None while the audit goes on, or where the training alone failed.
    pub shared: Option<f64>,
    /// Validation accuracy after a training of its own, or in the table. None where that failed.
    pub alone: Option<f64>,
}

impl AuditRecord {
    /// Whether an audit of this number of architectures is complete.
    pub fn is_done(&self, architectures: usize) -> bool {
        let judged = |one: &AuditedRecord| one.shared.is_some() || one.alone.is_none();
        self.sample.len() == architectures && self.sample.iter().all(judged)
    }

    /// Architectures that were trained alone.
    pub fn judged(&self) -> usize {
        self.sample.iter().filter(|one| one.alone.is_some()).count()
    }

    /// The agreement in words: `Kendall's tau 0.512 [0.301, 0.688], Spearman's rho …`.
    pub fn in_words(&self, metric: &Metric) -> String {
        let bounded = |figure: &Bounded, shown: &dyn Fn(f64) -> String| {
            let interval = figure.interval;
            let interval = interval.map(|[low, high]| format!(" [{}, {}]", shown(low), shown(high)));
            format!("{}{}", shown(figure.value), interval.unwrap_or_default())
        };
        let rank = |value: f64| format!("{value:.3}");
        let Some(tau) = self.kendall_tau else {
            return "Kendall's tau undefined, as all are equal".to_owned();
        };
        let kendall = self.ranking.as_ref().and_then(|ranking| ranking.kendall);
        let tau = kendall.map_or_else(|| rank(tau), |tau| bounded(&tau, &rank));
        let mut words = format!("Kendall's tau {tau}");
        if let Some(rho) = self.ranking.as_ref().and_then(|ranking| ranking.spearman) {
            words += &format!(", Spearman's rho {}", bounded(&rho, &rank));
        }
        if let Some(regret) = &self.top_5_regret {
            let shown = |distance: f64| metric.regret(distance);
            words += &format!(", regret of the top {TOP} {}", bounded(regret, &shown));
        }
        words
    }

    /// Adds up what is judged.
    fn conclude(&mut self) {
        let pairs: Vec<(f64, f64)> = self
            .sample
            .iter()
            .filter_map(|one| Some((one.shared?, one.alone?)))
            .collect();
        let ranking = Ranking::of(&pairs);
        self.kendall_tau = ranking.kendall.map(|tau| tau.value);
        self.ranking = Some(ranking);
        self.top_5_regret = top_regret(&pairs, TOP);
    }
}

/// The audit of search number `index` by so many architectures, if any: see [`Searcher::audit`].
///
/// # Errors
/// As [`Searcher::audit`].
pub(in crate::methods) fn audited<M: Shares>(
    method: &M,
    architectures: usize,
    supernet: Supernet<'_>,
    of: (&RunDir, u64),
    alone: (&dyn Evaluator, Fidelity),
) -> Result<Option<AuditRecord>> {
    if architectures == 0 {
        return Ok(None);
    }
    let searcher = Searcher { supernet, method };
    searcher.audit(architectures, of, alone).map(Some)
}

impl<M: Shares> Searcher<'_, M> {
    /// Judges so many architectures by the weights of search number `index`, which has ended, and by `evaluator`. What an
    /// interrupted audit found is kept in the run directory and not done again.
    ///
    /// # Errors
    /// [`StrategyError::Interrupted`] where a stop is requested, and why the audit cannot go on.
    fn audit(
        &self,
        architectures: usize,
        (run, index): (&RunDir, u64),
        (evaluator, fidelity): (&dyn Evaluator, Fidelity),
    ) -> Result<AuditRecord> {
        let mut record = AuditRecord {
            search: index,
            kendall_tau: None,
            ranking: None,
            top_5_regret: None,
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
        M::load(&mut search, &checkpoint(run, index))?;
        let space = self.supernet.searched.as_ref();
        let seed = self.supernet.seed_of(index);
        let mut rng = seed.derive("audit", 0).rng();
        let trainings = seed.derive("audit trainings", 0);
        let mut all_shared = Vec::with_capacity(architectures);
        for number in 0..architectures {
            let architecture = space.sample(&mut rng);
            let arch = space.genotype(&architecture)?.to_string();
            let known = record.sample.get(number).filter(|known| known.arch == arch);
            let alone = match known {
                Some(known) => known.alone,
                None => {
                    let (id, seed) = (number as u64, trainings.derive("training", number as u64));
                    let trial = Trial::new(id, architecture.clone(), fidelity, seed);
                    self.alone(evaluator, &trial, &arch)?
                }
            };
            record.sample.truncate(number);
            record.sample.push(AuditedRecord {
                arch,
                shared: None,
                alone,
            });
            run.write_json(AUDIT_FILE, &record)?;
            let shared = alone.map(|_| M::accuracy(&search, &architecture));
            all_shared.push(shared.transpose().map_err(M::interrupted_or_other)?);
        }
        record.sample.truncate(architectures);
        // Before all are judged, an audit is not complete.
        for (one, shared) in record.sample.iter_mut().zip(all_shared) {
            one.shared = shared;
        }
        record.conclude();
        run.write_json(AUDIT_FILE, &record)?;
        Ok(record)
    }

    /// The accuracy of a trial by itself; none where it failed.
    fn alone(&self, evaluator: &dyn Evaluator, trial: &Trial, arch: &str) -> Result<Option<f64>> {
        match evaluator.evaluate(trial) {
            Ok(evaluation) => Ok(Some(evaluation.valid_accuracy)),
            Err(Failure {
                kind: FailureKind::Interrupted,
                ..
            }) => Err(StrategyError::Interrupted.into()),
            Err(Failure { message, .. }) => {
                let note = format!("note: left out of the audit: {arch}: {message}");
                self.supernet.watcher.watch(RunEvent::Note(&note));
                Ok(None)
            }
        }
    }
}

/// The section of a report on how far shared weights agree with trainings alone; empty where there is no audit.
pub(in crate::methods) fn section(seen: &Seen<'_>, architectures: usize) -> Result<Html> {
    let mut html = Html::new();
    let Some(audit) = seen.file::<AuditRecord>(AUDIT_FILE)? else {
        return Ok(html);
    };
    html.heading("Audit of the shared weights");
    let judged = counted(audit.judged(), "uniform draw");
    html.paragraph(&match audit.kendall_tau {
        Some(tau) => format!(
            "For {judged}, Kendall's τ between the accuracies with shared weights and those of separate trainings is {tau:.3}.",
        ),
        None if audit.is_done(architectures) => format!(
            "For {judged}, all accuracies with shared weights or all those of separate trainings are equal, so there is no rank \
             correlation.",
        ),
        None => format!("{judged} evaluated so far; the audit has not ended."),
    });
    if audit.ranking.is_some() && audit.kendall_tau.is_some() {
        html.paragraph(&format!(
            "With 95 % intervals, where there are enough draws: {}. The regret is what is lost by looking only at the {TOP} draws with \
             the best accuracies with shared weights: the distance from the best of these to the best of all.",
            audit.in_words(seen.metric)
        ));
    }
    let columns = [
        ("number", Align::Right),
        ("shared", Align::Right),
        ("alone", Align::Right),
        ("architecture", Align::Left),
    ];
    let mut table = Table::new(&columns);
    for (number, one) in audit.sample.iter().enumerate() {
        let accuracy = |value: Option<f64>| Cell::Text(value.map_or("–".to_owned(), percent));
        table.row([
            Cell::text(number + 1),
            accuracy(one.shared),
            Cell::Text(one.alone.map_or("–".to_owned(), |score| seen.metric.shown(score))),
            Cell::code(&one.arch),
        ]);
    }
    let mut inner = Html::new();
    inner.table(&table);
    html.details("The draws", &inner);
    Ok(html)
}
