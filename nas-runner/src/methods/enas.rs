//! Efficient search: a controller whose proposals share the weights of a supernet.

use std::path::Path;

use anyhow::{Result, bail};
use clap::Args;
use nas_eval::data::Augmentation;
use nas_eval::nn::{Curve as RateCurve, Schedule};
use nas_report::Shown;
use nas_report::number::{counted, percent};
use nas_report::page::{Align, Cell, Html, Table};
use nas_report::plot::{self, Along, Curve, Point, RewardStep};
use nas_rl::enas::{Audit, Candidate, Enas, EnasConfig, EnasReport, EpochReport, Ranked};
use nas_rl::{Reward, RlConfig};
use nas_space::network::NetworkConfig;
use nas_space::search::{Evaluator, Failure, Fidelity, Strategy, Trial};
use nas_space::seed::Seed;
use nas_space::spaces::{MixedChannels, Space};
use nas_study::RunDir;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::controller::{ControllerArgs, measure};
use super::supernet::{
    self, BATCH, Found, Observer, Scale, Searcher, Searches, Supernet, SupernetArgs, Trains, checkpoint,
};
use super::{Defaults, Known, Method, SearchMethod, Section, Seen, Setting, proposes_nothing};
use crate::parsers::{at_least, between};
use crate::size::skeleton;
use crate::watch::RunEvent;

/// The audit of a run, in its directory.
const AUDIT_FILE: &str = "audit.json";

/// The most architectures of an audit, each of which is trained alone.
const MOST_AUDITED: usize = 100_000;

/// The preset of the authors' code.
const AUTHORS: &str = "enas";

/// A search by shared weights, and its audit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnasMethod {
    /// Architectures that are also trained alone, or looked up, to tell how far the ranking by
    /// shared weights agrees; 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(range(max = MOST_AUDITED))]
    pub audit: usize,
    /// Size, training and controller of the search.
    pub search: EnasConfig,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// How proposals that share weights are drawn and judged.
#[derive(Debug, Clone, Default, Args)]
pub struct EnasArgs {
    #[command(flatten)]
    supernet: SupernetArgs,
    #[command(flatten)]
    controller: ControllerArgs,
    /// Updates of the controller after each epoch of the supernet
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    controller_updates: Option<u32>,
    /// Architectures drawn at the end, of which the shared weights choose the best
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    candidates: Option<usize>,
    /// Number of random architectures that are also trained alone [default: 0]
    ///
    /// The result says how far their ranking agrees with that by shared weights. In a table they are looked up.
    #[arg(long, value_name = "N", value_parser = between(0, MOST_AUDITED as u64))]
    audit: Option<usize>,
}

impl SearchMethod for EnasMethod {
    const NAME: &'static str = "enas";
    const DESCRIPTION: &'static str = "a controller learns from a supernet's weights";
    const SUITS: &'static str = "large spaces that have a supernet";
    const TRAINS_SUPERNET: bool = true;
    const NOT_HALVED: Option<&'static str> = Some("whose trials are searches");
    const NOT_SCREENED: Option<&'static str> = Some("which trains all architectures at once");
    const NOT_REWARDED: Option<&'static str> =
        Some("whose controller learns from accuracies with shared weights alone");
    const PRESETS: &'static [(&'static str, &'static str)] = &[(AUTHORS, "as in the authors' code (2018)")];
    const OF_DATA: &'static [(&'static [&'static str], &'static [&'static str])] = &[
        (&["search", "network"], &["image", "classes"]),
        (&["search"], &["augmentation"]),
    ];

    type Args = EnasArgs;

    /// Numbers of its authors, in a size that suits the data set: other channels, cells and epochs, batches of 64 with a learning
    /// rate in proportion, the data set's own augmentation, and a controller that learns faster where it has few updates. With the
    /// preset, it is their code in that size, and the controller has their learning rate and number of updates.
    fn defaults(of: &Defaults<'_>, _: &EnasArgs) -> Result<Self> {
        let search = defaults(of)?;
        Ok(Self { audit: 0, search })
    }

    fn overlay(&mut self, args: &EnasArgs, _: &Known<'_>) -> Result<()> {
        self.audit = args.audit.unwrap_or(self.audit);
        let enas = &mut self.search;
        enas.epochs = args.supernet.search_epochs.unwrap_or(enas.epochs);
        enas.batch_size = args.supernet.search_batch.unwrap_or(enas.batch_size);
        enas.controller_updates = args.controller_updates.unwrap_or(enas.controller_updates);
        enas.candidates = args.candidates.unwrap_or(enas.candidates);
        args.supernet.overlay(&mut enas.network);
        args.controller.overlay(&mut enas.rl);
        Ok(())
    }

    fn validate(&self, space: &dyn Space) -> Result<()> {
        let Self { audit, search } = self;
        if *audit > MOST_AUDITED {
            bail!(
                "[method] audit is {audit}; expected 0 to {MOST_AUDITED}: each audited architecture is trained separately"
            );
        }
        search.validate()?;
        if space.enas_macro().is_some() {
            Enas::network(space, search)?;
            return Ok(());
        }
        let cells = supernet::cells(space)?;
        cells.relaxed()?;
        cells.supernet(&search.network, MixedChannels::All)?;
        Ok(())
    }

    fn parameters(&self) -> Result<String> {
        Ok(serde_json::to_string(&self.search)?)
    }

    fn strategy(&self, _: &Setting<'_>) -> Result<Box<dyn Strategy>> {
        proposes_nothing(Method::Enas)
    }

    fn searches<'a>(&'a self, supernet: Supernet<'a>) -> Option<Box<dyn Searches + 'a>> {
        Some(Box::new(Searcher {
            supernet,
            method: &self.search,
        }))
    }

    fn audit(
        &self,
        supernet: Supernet<'_>,
        (run, index): (&RunDir, u64),
        (evaluator, fidelity): (&dyn Evaluator, Fidelity),
    ) -> Result<Option<AuditRecord>> {
        if self.audit == 0 {
            return Ok(None);
        }
        let searcher = Searcher {
            supernet,
            method: &self.search,
        };
        let record = searcher.audit(run, index, self.audit, evaluator, fidelity)?;
        Ok(Some(record))
    }

    fn picture(index: u64) -> Option<(&'static str, String)> {
        Some(("rewards", picture_file(index)))
    }

    fn section(&self, seen: &Seen<'_>) -> Result<Option<Section>> {
        let html = section(self, seen)?;
        let title = "The supernet and its controller";
        Ok(Some(Section { title, html }))
    }
}

fn defaults(of: &Defaults<'_>) -> Result<EnasConfig> {
    let scale = Scale::of(of.data);
    let authors = of.preset == Some(AUTHORS);
    let published = authors.then(|| of.space.build()).transpose()?;
    let published = published.and_then(|space| EnasConfig::authors(space.as_ref()));
    let published = published.unwrap_or_default();
    let part = BATCH as f64 / published.batch_size as f64;
    let curve = match published.schedule.curve {
        RateCurve::Cosine { floor } => RateCurve::Cosine { floor: floor * part },
        RateCurve::Restarts {
            floor,
            epochs,
            factor,
        } => RateCurve::Restarts {
            floor: floor * part,
            epochs,
            factor,
        },
        other => other,
    };
    let (rate, updates) = if authors {
        (published.rl.learning_rate, published.controller_updates)
    } else {
        (scale.enas.controller_rate, scale.enas.controller_updates)
    };
    Ok(EnasConfig {
        network: NetworkConfig {
            auxiliary: published.network.auxiliary,
            ..scale.network(of.data, skeleton(of.space))
        },
        epochs: scale.enas.epochs,
        batch_size: BATCH,
        learning_rate: published.learning_rate * part,
        schedule: Schedule {
            curve,
            ..published.schedule
        },
        valid_fraction: scale.enas.valid_fraction,
        augmentation: Augmentation::standard(of.data),
        rl: RlConfig {
            learning_rate: rate,
            ..published.rl.clone()
        },
        controller_updates: updates,
        ..published
    })
}

/// The picture of the epochs of a search.
fn picture_file(index: u64) -> String {
    format!("reward-{index}.svg")
}

/// What its record has besides epochs.
#[derive(Debug, Default, Serialize)]
pub(super) struct Candidates {
    /// Those drawn at the end, the best first.
    candidates: Vec<Candidate>,
}

/// Whether the shared weights of a search rank architectures as trainings of their own do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Number of the search.
    pub search: u64,
    /// None while the audit goes on, or where all are equal in one of the two.
    pub kendall_tau: Option<f64>,
    /// Uniform draws from the space.
    pub sample: Vec<AuditedRecord>,
}

/// An architecture that was judged both ways.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditedRecord {
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
}

impl Searcher<'_, EnasConfig> {
    /// Judges so many architectures by the weights of search number `index`, which has ended, and by `evaluator`. What an
    /// interrupted audit found is kept in the run directory and not done again.
    fn audit(
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
                Trial::new(
                    number as u64,
                    architecture.clone(),
                    fidelity,
                    seed.derive("training", number as u64),
                ),
            );
            number += 1;
            if let Some(known) = record.sample.get(place).filter(|known| known.arch == arch) {
                return Ok(known.alone);
            }
            let alone = match evaluator.evaluate(&trial) {
                Ok(evaluation) => Some(evaluation.valid_accuracy),
                Err(Failure { message, .. }) => {
                    let note = format!("note: left out of the audit: {arch}: {message}");
                    self.supernet.watcher.watch(RunEvent::Note(&note));
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

impl Trains for EnasConfig {
    const METHOD: Method = Method::Enas;
    type Search = Enas;
    type Epoch = EpochReport;
    type Step<'a> = Ranked<'a>;
    type Own = Candidates;

    fn epochs(&self) -> u32 {
        self.epochs
    }

    fn new_search(&self, supernet: &Supernet<'_>, seed: Seed) -> Result<Enas> {
        let search = Enas::new(
            supernet.space,
            supernet.dataset,
            self.clone(),
            seed,
            supernet.compute,
        )?;
        Ok(search.with_stop(supernet.stop.clone()))
    }

    fn supernet(search: &Enas) -> &nas_eval::supernet::Supernet {
        search.supernet()
    }

    fn run(
        search: &mut Enas,
        checkpoint: &Path,
        observer: &mut Observer<'_, Self>,
    ) -> Result<Found<EpochReport, Candidates>> {
        let report = search.run(Some(checkpoint), observer)?;
        let EnasReport {
            genotype,
            candidates,
            history,
            seconds,
            ..
        } = report;
        Ok(Found {
            genotype,
            history,
            stopped: None,
            warnings: Vec::new(),
            seconds,
            own: Candidates { candidates },
        })
    }

    fn epoch_in_words(report: &EpochReport) -> String {
        format!(
            "loss {:.3} reward {:.4} entropy {:.2}",
            report.train_loss, report.reward, report.entropy
        )
    }

    fn step_in_words(step: &Ranked<'_>) -> Option<String> {
        Some(format!("{} of {} candidates ranked", step.done, step.of))
    }

    fn seconds(epoch: &EpochReport) -> f64 {
        epoch.seconds
    }

    fn picture(&self, history: &[EpochReport], _: Option<&Found<EpochReport, Candidates>>) -> String {
        drawn(history, self.rl.reward)
    }

    fn picture_file(index: u64) -> String {
        picture_file(index)
    }
}

/// The picture of these epochs: the rewards are of accuracies of validation batches, and no best one is known.
fn drawn(history: &[EpochReport], reward: Reward) -> String {
    let step = |report: &EpochReport| RewardStep {
        at: u64::from(report.epoch) + 1,
        reward: report.reward,
        baseline: report.baseline,
        best: None,
    };
    let steps: Vec<RewardStep> = history.iter().map(step).collect();
    plot::reward(&steps, Along::Epochs, &measure(reward, "accuracy"), None)
}

/// Rewards, and the audit of the shared weights.
fn section(config: &EnasMethod, seen: &Seen<'_>) -> Result<Html> {
    let mut html = Html::new();
    let shown = supernet::shown::<EpochReport>(seen)?;
    let Some(search) = shown.search() else {
        return Ok(html);
    };
    html.append(&supernet::overview(seen, &shown));
    html.figure(
        &drawn(&search.history, config.search.rl.reward),
        "The reward of the controller's draws, measured with the shared weights on batches of validation images.",
    );
    let epochs = search.history.iter();
    let points = epochs
        .clone()
        .map(|epoch| Point::new(f64::from(epoch.epoch) + 1.0, 100.0 * epoch.train_accuracy));
    html.append(&supernet::training_curve(vec![Curve {
        name: "training batches".to_owned(),
        points: points.collect(),
    }]));
    let columns = [
        ("epoch", Align::Right),
        ("training loss", Align::Right),
        ("training accuracy", Align::Right),
        ("reward", Align::Right),
        ("baseline", Align::Right),
        ("entropy, nats", Align::Right),
        ("seconds", Align::Right),
    ];
    let mut table = Table::new(&columns);
    for epoch in epochs {
        table.row([
            Cell::text(epoch.epoch + 1),
            Cell::Text(format!("{:.4}", epoch.train_loss)),
            Cell::Text(percent(epoch.train_accuracy)),
            Cell::Text(format!("{:.4}", epoch.reward)),
            Cell::Text(format!("{:.4}", epoch.baseline)),
            Cell::Text(format!("{:.2}", epoch.entropy)),
            Cell::Text(format!("{:.1}", epoch.seconds)),
        ]);
    }
    let mut inner = Html::new();
    inner.table(&table);
    html.details("The epochs in numbers", &inner);
    html.append(&audit_section(seen, config.audit)?);
    Ok(html)
}

/// How far shared weights agree with trainings alone.
fn audit_section(seen: &Seen<'_>, architectures: usize) -> Result<Html> {
    let mut html = Html::new();
    let Some(audit) = seen.file::<AuditRecord>(AUDIT_FILE)? else {
        return Ok(html);
    };
    html.heading("Audit of the shared weights");
    let judged = audit.sample.iter().filter(|one| one.alone.is_some()).count();
    html.paragraph(&match audit.kendall_tau {
        Some(tau) => format!(
            "For {}, Kendall's τ between the accuracies with shared weights and those of separate trainings is {tau:.3}.",
            counted(judged, "uniform draw")
        ),
        None if audit.is_done(architectures) => format!(
            "For {}, all accuracies with shared weights or all those of separate trainings are equal, so there is no rank correlation.",
            counted(judged, "uniform draw")
        ),
        None => format!(
            "{} evaluated so far; the audit has not ended.",
            counted(judged, "uniform draw")
        ),
    });
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
