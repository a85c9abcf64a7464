//! Efficient search: a controller whose proposals share the weights of a supernet.

use std::path::Path;

use anyhow::Result;
use clap::Args;
use nas_eval::data::Augmentation;
use nas_eval::error::EvalError;
use nas_eval::nn::{Curve as RateCurve, Schedule};
use nas_report::number::percent;
use nas_report::page::{Align, Cell, Html, Table};
use nas_report::plot::{self, Along, Curve, Point, RewardStep};
use nas_rl::enas::{Candidate, Enas, EnasConfig, EnasReport, EpochReport, Ranked};
use nas_rl::{Reward, RlConfig, RlError};
use nas_space::arch::Architecture;
use nas_space::network::NetworkConfig;
use nas_space::search::{Evaluator, Fidelity, Strategy};
use nas_space::seed::Seed;
use nas_space::spaces::{MixedChannels, Space};
use nas_study::RunDir;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::controller::{ControllerArgs, measure};
use super::supernet::audit::{self, AuditArgs, AuditRecord, Shares};
use super::supernet::{
    self, BATCH, Found, Observer, Scale, Searcher, Searches, Supernet, SupernetArgs, Trains,
};
use super::{Defaults, Known, Method, SearchMethod, Section, Seen, Setting, SupernetPlan, proposes_nothing};
use crate::parsers::at_least;
use crate::size::skeleton;

/// The preset of the authors' code.
const AUTHORS: &str = "enas";

/// A search by shared weights, and its audit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnasMethod {
    /// Architectures that are also trained alone, or looked up, to tell how far the ranking by
    /// shared weights agrees; 0 for none.
    #[serde(default, skip_serializing_if = "audit::is_zero")]
    #[schemars(range(max = audit::MOST_AUDITED))]
    pub audit: usize,
    /// Size, training and controller of the search.
    pub search: EnasConfig,
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
    #[command(flatten)]
    audit: AuditArgs,
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
        self.audit = args.audit.audit.unwrap_or(self.audit);
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
        audit::check(*audit)?;
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

    fn supernet_plan(&self) -> Option<SupernetPlan> {
        Some(SupernetPlan {
            epochs: self.search.epochs,
            valid_fraction: self.search.valid_fraction,
        })
    }

    fn image_passes(&self, _: &dyn Space, epochs: u32, images: u64) -> Result<Option<u64>> {
        Ok(Some(self.search.image_passes(epochs, images)))
    }

    fn audit(
        &self,
        supernet: Supernet<'_>,
        of: (&RunDir, u64),
        alone: (&dyn Evaluator, Fidelity),
    ) -> Result<Option<AuditRecord>> {
        audit::audited(&self.search, self.audit, supernet, of, alone)
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

    fn is_interruption(error: &anyhow::Error) -> bool {
        matches!(error.downcast_ref(), Some(RlError::Eval(EvalError::Interrupted)))
    }

    fn picture(&self, history: &[EpochReport], _: Option<&Found<EpochReport, Candidates>>) -> String {
        drawn(history, self.rl.reward)
    }

    fn picture_file(index: u64) -> String {
        picture_file(index)
    }
}

impl Shares for EnasConfig {
    fn load(search: &mut Enas, checkpoint: &Path) -> Result<()> {
        Ok(search.load(checkpoint)?)
    }

    fn accuracy(search: &Enas, architecture: &Architecture) -> Result<f64> {
        Ok(search.evaluate(architecture)?.accuracy)
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
    html.append(&audit::section(seen, config.audit)?);
    Ok(html)
}
