//! Single-path one-shot search: a supernet trained path by path, and a search on its weights.

use std::path::Path;

use anyhow::Result;
use clap::{Args, ValueEnum};
use nas_eval::data::Augmentation;
use nas_eval::error::EvalError;
use nas_report::number::{counted, grouped, percent};
use nas_report::page::{Align, Cell, Html, Table};
use nas_report::plot::{self, Curve, CurveChart, Dimension, Point, Scale as AxisScale};
use nas_space::arch::Architecture;
use nas_space::search::{Evaluator, Fidelity, Strategy};
use nas_space::seed::Seed;
use nas_space::spaces::{MixedChannels, Space};
use nas_spos::{
    Candidate, EpochReport, Judged, PathEvolution, PathSampling, PathSearch, Spos, SposConfig, SposError,
    SposReport,
};
use nas_study::RunDir;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::supernet::audit::{self, AuditArgs, AuditRecord, Shares};
use super::supernet::{
    self, BATCH, Found, Observer, Scale, Searcher, Searches, Supernet, SupernetArgs, Trains, record_file,
};
use super::{
    Defaults, Known, Method, SearchMethod, Section, Seen, Setting, SupernetPlan, Variant, proposes_nothing,
};
use crate::parsers::at_least;
use crate::size::skeleton;
use crate::usage::Usage;

/// Candidates of which a mean is drawn, where there are no generations.
const DRAWN: usize = 50;
/// The best candidates that a report lists.
const LISTED: usize = 20;

/// A search by single paths, and its audit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SposMethod {
    /// Architectures that are also trained alone, or looked up, to tell how far the ranking by
    /// shared weights agrees; 0 for none.
    #[serde(default, skip_serializing_if = "audit::is_zero")]
    #[schemars(range(max = audit::MOST_AUDITED))]
    pub audit: usize,
    /// Size, training and search.
    pub search: SposConfig,
}

/// Which paths are trained, and which architectures are judged.
#[derive(Debug, Clone, Default, Args)]
pub struct SposArgs {
    #[command(flatten)]
    supernet: SupernetArgs,
    /// Which paths a training step takes [default: uniform]
    #[arg(long, value_enum, value_name = "NAME")]
    path_sampling: Option<SamplingName>,
    /// Which architectures the shared weights judge at the end [default: evolution]
    #[arg(long, value_enum, value_name = "NAME")]
    path_search: Option<SearchName>,
    /// Most architectures that are judged [default: 1000]
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    path_candidates: Option<usize>,
    /// Architectures in a generation of the evolution [default: 50]
    ///
    /// Parents, crossovers and mutants are in the proportions of SPOS. A configuration file can set them one by one.
    #[arg(long, value_name = "N", value_parser = at_least(1))]
    path_population: Option<usize>,
    /// Validation images that judge each architecture, at least 2 [default: all]
    #[arg(long, value_name = "N", value_parser = at_least(2))]
    path_images: Option<usize>,
    #[command(flatten)]
    audit: AuditArgs,
}

/// Which paths a step trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SamplingName {
    /// One, drawn uniformly (SPOS, RandomNAS)
    Uniform,
    /// Several, so that each operation is trained once (FairNAS)
    Fair,
}

impl From<SamplingName> for PathSampling {
    fn from(name: SamplingName) -> Self {
        match name {
            SamplingName::Uniform => Self::Uniform,
            SamplingName::Fair => Self::Fair,
        }
    }
}

/// Which architectures are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SearchName {
    /// Crossovers and mutants of the best so far (SPOS)
    Evolution,
    /// Random draws (RandomNAS)
    Random,
}

impl SearchMethod for SposMethod {
    const NAME: &'static str = "spos";
    const DESCRIPTION: &'static str = "trains a supernet path by path, then searches it";
    const SUITS: &'static str = "large spaces that have a supernet";
    const TRAINS_SUPERNET: bool = true;
    const NOT_HALVED: Option<&'static str> = Some("whose trials are searches");
    const NOT_SCREENED: Option<&'static str> = Some("which trains all architectures at once");
    const NOT_REWARDED: Option<&'static str> = Some("which compares accuracies with shared weights alone");
    const OF_DATA: &'static [(&'static [&'static str], &'static [&'static str])] = &[
        (&["search", "network"], &["image", "classes"]),
        (&["search"], &["augmentation"]),
    ];

    const VARIANTS: &'static [Variant] = &[("fairnas", &["--path-sampling", "fair"])];

    type Args = SposArgs;

    /// The training of NAS-Bench-201's weight-sharing searches and the search of SPOS, in a size that suits the data set: other
    /// channels, cells and epochs, the data set's own augmentation, and a smaller share of validation images.
    fn defaults(of: &Defaults<'_>, _: &SposArgs) -> Result<Self> {
        let scale = Scale::of(of.data);
        let search = SposConfig {
            network: scale.network(of.data, skeleton(of.space)),
            epochs: scale.enas.epochs,
            batch_size: BATCH,
            valid_fraction: scale.enas.valid_fraction,
            augmentation: Augmentation::standard(of.data),
            ..SposConfig::default()
        };
        Ok(Self { audit: 0, search })
    }

    fn overlay(&mut self, args: &SposArgs, _: &Known<'_>) -> Result<()> {
        self.audit = args.audit.audit.unwrap_or(self.audit);
        let spos = &mut self.search;
        spos.epochs = args.supernet.search_epochs.unwrap_or(spos.epochs);
        spos.batch_size = args.supernet.search_batch.unwrap_or(spos.batch_size);
        args.supernet.overlay(&mut spos.network);
        spos.sampling = args.path_sampling.map_or(spos.sampling, Into::into);
        spos.path_search = match (args.path_search, spos.path_search) {
            (Some(SearchName::Random), _) => PathSearch::Random {},
            (Some(SearchName::Evolution), PathSearch::Random {}) => PathSearch::default(),
            (_, before) => before,
        };
        spos.candidates = args.path_candidates.unwrap_or(spos.candidates);
        spos.candidate_images = args.path_images.or(spos.candidate_images);
        if let Some(population) = args.path_population {
            let PathSearch::Evolution(evolution) = &mut spos.path_search else {
                return Err(Usage::new("--path-population has no meaning with --path-search random").into());
            };
            if evolution.population != population {
                *evolution = PathEvolution {
                    mutation: evolution.mutation,
                    ..PathEvolution::of(population)
                };
            }
        }
        Ok(())
    }

    fn validate(&self, space: &dyn Space) -> Result<()> {
        let Self { audit, search } = self;
        audit::check(*audit)?;
        search.validate()?;
        if space.enas_macro().is_some() {
            Spos::network(space, search)?;
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
        proposes_nothing(Method::Spos)
    }

    fn searches<'a>(&'a self, supernet: Supernet<'a>) -> Option<Box<dyn Searches + 'a>> {
        let method = &self.search;
        Some(Box::new(Searcher { supernet, method }))
    }

    fn supernet_plan(&self) -> Option<SupernetPlan> {
        Some(SupernetPlan {
            epochs: self.search.epochs,
            valid_fraction: self.search.valid_fraction,
        })
    }

    fn image_passes(&self, space: &dyn Space, epochs: u32, images: u64) -> Result<Option<u64>> {
        Ok(Some(self.search.image_passes(space, epochs, images)))
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
        Some(("paths", picture_file(index)))
    }

    fn section(&self, seen: &Seen<'_>) -> Result<Option<Section>> {
        let html = section(self, seen)?;
        let title = "The supernet and its paths";
        Ok(Some(Section { title, html }))
    }
}

/// The picture of a search.
fn picture_file(index: u64) -> String {
    format!("paths-{index}.svg")
}

/// What its record has besides epochs.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Candidates {
    /// Those that were judged, in order.
    #[serde(default)]
    candidates: Vec<Candidate>,
}

impl Trains for SposConfig {
    const METHOD: Method = Method::Spos;
    type Search = Spos;
    type Epoch = EpochReport;
    type Step<'a> = Judged<'a>;
    type Own = Candidates;

    fn epochs(&self) -> u32 {
        self.epochs
    }

    fn new_search(&self, supernet: &Supernet<'_>, seed: Seed) -> Result<Spos> {
        let (space, compute) = (supernet.searched.clone(), supernet.compute);
        let search = Spos::new(space, supernet.dataset, self.clone(), seed, compute)?;
        Ok(search.with_stop(supernet.stop.clone()))
    }

    fn supernet(search: &Spos) -> &nas_eval::supernet::Supernet {
        search.supernet()
    }

    fn run(
        search: &mut Spos,
        checkpoint: &Path,
        observer: &mut Observer<'_, Self>,
    ) -> Result<Found<EpochReport, Candidates>> {
        let SposReport {
            genotype,
            candidates,
            history,
            seconds,
            ..
        } = search.run(Some(checkpoint), observer)?;
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
        let accuracy = percent(report.train_accuracy);
        format!("loss {:.3} accuracy of paths {accuracy}", report.train_loss)
    }

    fn step_in_words(step: &Judged<'_>) -> Option<String> {
        Some(format!("{} of {} candidates judged", step.done, step.of))
    }

    fn seconds(epoch: &EpochReport) -> f64 {
        epoch.seconds
    }

    fn is_interruption(error: &anyhow::Error) -> bool {
        matches!(
            error.downcast_ref(),
            Some(SposError::Eval(EvalError::Interrupted))
        )
    }

    fn picture(&self, history: &[EpochReport], found: Option<&Found<EpochReport, Candidates>>) -> String {
        match found {
            Some(found) => judged(&found.own.candidates, &self.path_search),
            None => trained(history),
        }
    }

    fn picture_file(index: u64) -> String {
        picture_file(index)
    }
}

impl Shares for SposConfig {
    fn load(search: &mut Spos, checkpoint: &Path) -> Result<()> {
        Ok(search.load(checkpoint)?)
    }

    fn accuracy(search: &Spos, architecture: &Architecture) -> Result<f64> {
        Ok(search.evaluate(architecture)?.accuracy)
    }
}

/// The picture of a training: of the paths that its steps took.
fn trained(history: &[EpochReport]) -> String {
    plot::curves(&CurveChart {
        title: "Accuracy of the sampled paths".to_owned(),
        subtitle: "With shared weights, on training batches; this is not the accuracy of the result."
            .to_owned(),
        x: Dimension::count("epochs", AxisScale::Linear),
        y: Dimension::percent("accuracy", AxisScale::Linear),
        curves: vec![training_curve(history)],
        dots: Vec::new(),
    })
}

fn training_curve(history: &[EpochReport]) -> Curve {
    let point = |epoch: &EpochReport| Point::new(f64::from(epoch.epoch) + 1.0, 100.0 * epoch.train_accuracy);
    Curve {
        name: "training batches".to_owned(),
        points: history.iter().map(point).collect(),
    }
}

/// The picture of a search among candidates.
fn judged(candidates: &[Candidate], search: &PathSearch) -> String {
    let (size, name) = match search {
        PathSearch::Evolution(evolution) => (evolution.population, "mean of a generation".to_owned()),
        _ => (DRAWN, format!("mean of {DRAWN}")),
    };
    let mut best: Vec<Point> = Vec::new();
    let mut so_far = f64::NEG_INFINITY;
    for (number, candidate) in (1..).zip(candidates) {
        let is_last = number == candidates.len();
        if candidate.valid_accuracy > so_far || is_last {
            so_far = candidate.valid_accuracy.max(so_far);
            best.push(Point::new(number as f64, 100.0 * so_far));
        }
    }
    let mut end = 0;
    let mean = |part: &[Candidate]| {
        end += part.len();
        let sum: f64 = part.iter().map(|candidate| candidate.valid_accuracy).sum();
        Point::new(end as f64, 100.0 * sum / part.len() as f64)
    };
    let means = candidates.chunks(size).map(mean).collect();
    plot::curves(&CurveChart {
        title: "Candidates judged by the shared weights".to_owned(),
        subtitle: "Validation accuracy with shared weights; this is not the accuracy of the result."
            .to_owned(),
        x: Dimension::count("candidates", AxisScale::Linear),
        y: Dimension::percent("accuracy", AxisScale::Linear),
        curves: vec![
            Curve {
                name: "best so far".to_owned(),
                points: best,
            },
            Curve { name, points: means },
        ],
        dots: Vec::new(),
    })
}

/// The training, the candidates, and the audit of the shared weights.
fn section(config: &SposMethod, seen: &Seen<'_>) -> Result<Html> {
    let mut html = Html::new();
    let shown = supernet::shown::<EpochReport>(seen)?;
    let Some(search) = shown.search() else {
        return Ok(html);
    };
    html.append(&supernet::overview(seen, &shown));
    let found: Candidates = seen.file(&record_file(search.search))?.unwrap_or_default();
    if !found.candidates.is_empty() {
        html.figure(
            &judged(&found.candidates, &config.search.path_search),
            "The search among complete architectures, none of which is trained for it.",
        );
    }
    html.append(&supernet::training_curve(vec![training_curve(&search.history)]));
    let columns = [
        ("epoch", Align::Right),
        ("training loss", Align::Right),
        ("training accuracy", Align::Right),
        ("learning rate", Align::Right),
        ("images, once for each path", Align::Right),
        ("seconds", Align::Right),
    ];
    let mut table = Table::new(&columns);
    for epoch in &search.history {
        table.row([
            Cell::text(epoch.epoch + 1),
            Cell::Text(format!("{:.4}", epoch.train_loss)),
            Cell::Text(percent(epoch.train_accuracy)),
            Cell::Text(format!("{:.5}", epoch.learning_rate)),
            Cell::Text(grouped(epoch.image_passes)),
            Cell::Text(format!("{:.1}", epoch.seconds)),
        ]);
    }
    let mut inner = Html::new();
    inner.table(&table);
    html.details("The epochs in numbers", &inner);
    html.append(&best_candidates(found.candidates));
    html.append(&audit::section(seen, config.audit)?);
    Ok(html)
}

/// The best candidates in a table.
fn best_candidates(mut candidates: Vec<Candidate>) -> Html {
    let mut html = Html::new();
    if candidates.is_empty() {
        return html;
    }
    let all = candidates.len();
    // Stable: of equals, the first judged stays first.
    candidates.sort_by(|a, b| b.valid_accuracy.total_cmp(&a.valid_accuracy));
    candidates.truncate(LISTED);
    let mut table = Table::new(&[("shared", Align::Right), ("choices", Align::Left)]);
    for candidate in &candidates {
        table.row([
            Cell::Text(percent(candidate.valid_accuracy)),
            Cell::code(candidate.architecture.to_string()),
        ]);
    }
    let mut inner = Html::new();
    inner.table(&table);
    let best = counted(candidates.len(), "best candidate");
    html.details(&format!("The {best} of {}", grouped(all as u64)), &inner);
    html
}
