//! Differentiable search: DARTS and its relatives.

mod names;

use std::path::Path;

use anyhow::Result;
use clap::Args;
use nas_darts::{
    CellReport, CostFigure, CostTerm, DartsConfig, DartsError, EdgePerturbation, EpochReport, ExpectedCost,
    Order, Search, SearchReport, Selecting, Selection,
};
use nas_eval::data::{Augmentation, DataFacts};
use nas_eval::error::EvalError;
use nas_report::number::{grouped, percent};
use nas_report::page::{Align, Cell, Html, Table as HtmlTable};
use nas_report::plot::{self, CellStrengths, Curve, Point};
use nas_space::genotype::Genotype;
use nas_space::network::NetworkConfig;
use nas_space::search::Strategy;
use nas_space::seed::Seed;
use nas_space::spaces::Space;
use nas_study::RunDir;
use serde::Serialize;
use toml::Table;

use self::names::{CostName, OrderName, RelaxationName, SelectionName, StopName};
use super::supernet::{
    self, BATCH, Found, Observer, Scale, Searcher, Searches, Supernet, SupernetArgs, Trains, share,
};
use super::{
    Defaults, Known, Method, SearchMethod, Section, Seen, Setting, SupernetPlan, Variant, proposes_nothing,
};
use crate::parsers::not_negative;
use crate::size::{Skeleton, skeleton};
use crate::usage::{Typed, Usage};

/// The preset for the skeleton of NAS-Bench-201.
const NB201: &str = "nb201";

/// How operations are weighed, and an architecture read off.
#[derive(Debug, Clone, Default, Args)]
pub struct DartsArgs {
    /// How to weight operations [default: darts]
    #[arg(long, value_enum, value_name = "NAME")]
    relaxation: Option<RelaxationName>,
    /// Order of the architecture's gradient [default: 1]
    #[arg(long, value_enum, value_name = "N")]
    order: Option<OrderName>,
    /// How to derive the architecture from the supernet [default: magnitude]
    #[arg(long, value_enum, value_name = "NAME")]
    selection: Option<SelectionName>,
    /// When to stop a search that collapses [default: none]
    ///
    /// A rule cannot be combined with --selection perturbation.
    #[arg(long, value_enum, value_name = "NAME")]
    stop: Option<StopName>,
    /// Add the expected cost of the network to the loss of the architecture
    ///
    /// Costs are counted at the size of the supernet, with the strengths of the operations as their probabilities. It has little
    /// effect with --selection perturbation, which decides by accuracies.
    #[arg(long, value_enum, value_name = "NAME")]
    expected_cost: Option<CostName>,
    /// Weight of the expected cost in that loss [default: 0.01]
    ///
    /// The expected cost is 1 when all operations are equally strong, and 0 when no operation with a cost is left. In spaces with
    /// the operation none, a high weight ends in a cell without output.
    #[arg(long, value_name = "WEIGHT", value_parser = not_negative)]
    cost_weight: Option<f64>,
    #[command(flatten)]
    supernet: SupernetArgs,
    /// Epochs between measurements of the Hessian's dominant eigenvalue [default: 0: none]
    ///
    /// The default with --stop robust is 1.
    #[arg(long, value_name = "N")]
    hessian_every: Option<u32>,
}

impl SearchMethod for DartsConfig {
    const NAME: &'static str = "darts";
    const DESCRIPTION: &'static str = "keeps the strongest operations of a supernet";
    const SUITS: &'static str = "large cell spaces in little time";
    const TRAINS_SUPERNET: bool = true;
    const NOT_HALVED: Option<&'static str> = Some("whose trials are searches");
    const NOT_SCREENED: Option<&'static str> = Some("which trains all architectures at once");
    const NOT_REWARDED: Option<&'static str> =
        Some("which learns from gradients (--expected-cost adds costs to its loss)");
    const PRESETS: &'static [(&'static str, &'static str)] =
        &[(NB201, "as in the searches of NAS-Bench-201 (2020)")];
    const OF_DATA: &'static [(&'static [&'static str], &'static [&'static str])] =
        &[(&["network"], &["image", "classes"]), (&[], &["augmentation"])];

    const VARIANTS: &'static [Variant] = &[
        ("pc-darts", &["--relaxation", "pc-darts"]),
        ("gdas", &["--relaxation", "gdas"]),
        ("drnas", &["--relaxation", "drnas"]),
        ("darts-2nd", &["--order", "2"]),
        ("darts-pt", &["--selection", "perturbation"]),
    ];

    type Args = DartsArgs;

    fn default_space(preset: Option<&str>) -> &'static str {
        match preset {
            Some(NB201) => "nb201",
            _ => "darts",
        }
    }

    /// The published settings of this relaxation, in a size that suits the data set: other channels, cells and epochs
    /// (with those in which the architecture is frozen in proportion), batches of 64 with a learning rate in proportion, the
    /// data set's own augmentation, and a higher learning rate of the architecture where the search is short.
    ///
    /// With the preset `nb201`, the published settings and size of the searches of NAS-Bench-201, on any data set.
    fn defaults(of: &Defaults<'_>, args: &DartsArgs) -> Result<Self> {
        let (data, skeleton) = (of.data, skeleton(of.space));
        let relaxation = args
            .relaxation
            .or(RelaxationName::in_file(of.file))
            .unwrap_or(RelaxationName::Darts);
        if of.preset == Some(NB201) {
            return nb201_preset(data, skeleton, relaxation, args.order);
        }
        let epochs = of.file.get("epochs");
        let epochs = epochs.and_then(|epochs| u32::try_from(epochs.as_integer()?).ok());
        let scale = Scale::of(data);
        let published = match relaxation {
            RelaxationName::Darts => DartsConfig::default(),
            RelaxationName::PcDarts => DartsConfig::pc_darts(),
            RelaxationName::Gdas => DartsConfig::gdas(),
            RelaxationName::Drnas => DartsConfig::drnas(),
        };
        let whole = DartsConfig::default().epochs;
        let epochs = epochs.unwrap_or(published.epochs * scale.epochs / whole);
        Ok(DartsConfig {
            network: scale.network(data, skeleton),
            epochs,
            frozen_epochs: share(published.frozen_epochs, epochs, published.epochs),
            batch_size: BATCH,
            learning_rate: published.learning_rate * BATCH as f64 / published.batch_size as f64,
            alpha_learning_rate: scale.alpha_learning_rate
                * (published.alpha_learning_rate / DartsConfig::default().alpha_learning_rate),
            augmentation: Augmentation::standard(data),
            ..published
        })
    }

    fn reconcile(file: &mut Table, args: &DartsArgs) {
        let recorded = RelaxationName::in_file(file);
        if recorded.is_some() && args.relaxation.is_some() && recorded != args.relaxation {
            file.remove("relaxation");
        }
    }

    fn overlay(&mut self, args: &DartsArgs, _: &Known<'_>) -> Result<()> {
        if let Some(name) = args
            .relaxation
            .filter(|&name| name != RelaxationName::of(&self.relaxation))
        {
            self.relaxation = name.config();
        }
        if let Some(name) = args.stop.filter(|&name| name != StopName::of(&self.stop)) {
            self.stop = name.config();
        }
        self.order = args.order.map_or(self.order, Into::into);
        if let Some(epochs) = args.supernet.search_epochs {
            // The same share of them is frozen, and as long a share trains between two rounds of a selection.
            self.frozen_epochs = share(self.frozen_epochs, epochs, self.epochs);
            if let Selection::Perturbation { tuning_epochs } = &mut self.selection {
                *tuning_epochs = share(*tuning_epochs, epochs, self.epochs).max(1);
            }
            self.epochs = epochs;
        }
        if let Some(name) = args
            .selection
            .filter(|&name| name != SelectionName::of(&self.selection))
        {
            self.selection = name.config(self.epochs);
        }
        self.expected_cost = expected_cost(self.expected_cost, args)?;
        self.batch_size = args.supernet.search_batch.unwrap_or(self.batch_size);
        args.supernet.overlay(&mut self.network);
        self.hessian_every = match args.hessian_every {
            Some(every) => every,
            // The rule watches the eigenvalue.
            None if args.stop == Some(StopName::Robust) => self.hessian_every.max(1),
            None => self.hessian_every,
        };
        Ok(())
    }

    fn validate(&self, space: &dyn Space) -> Result<()> {
        let cells = supernet::cells(space)?;
        cells.relaxed()?;
        Self::validate(self)?;
        cells.supernet(&self.network, self.relaxation.channels())?;
        if let Some(term) = self.expected_cost {
            ExpectedCost::new(cells, &self.network, term.figure, false)?;
        }
        Ok(())
    }

    fn strategy(&self, _: &Setting<'_>) -> Result<Box<dyn Strategy>> {
        proposes_nothing(Method::Darts)
    }

    fn searches<'a>(&'a self, supernet: Supernet<'a>) -> Option<Box<dyn Searches + 'a>> {
        Some(Box::new(Searcher {
            supernet,
            method: self,
        }))
    }

    fn supernet_plan(&self) -> Option<SupernetPlan> {
        Some(SupernetPlan {
            epochs: self.epochs,
            valid_fraction: self.valid_fraction,
        })
    }

    fn image_passes(&self, space: &dyn Space, epochs: u32, images: u64) -> Result<Option<u64>> {
        let passes = Self::image_passes(self, supernet::cells(space)?, epochs, images)?;
        Ok(Some(passes))
    }

    fn found_by_epoch(&self, run: &RunDir, index: u64) -> Result<Vec<(f64, Genotype)>> {
        let history = supernet::history_of::<EpochReport>(run, index)?;
        let mut seconds = 0.0;
        let found = history.iter().map(|epoch| {
            seconds += epoch.seconds;
            Ok((seconds, epoch.genotype.parse()?))
        });
        found.collect()
    }

    fn picture(index: u64) -> Option<(&'static str, String)> {
        Some(("strengths", picture_file(index)))
    }

    fn section(&self, seen: &Seen<'_>) -> Result<Option<Section>> {
        let html = section(seen)?;
        let title = "The supernet and its operations";
        Ok(Some(Section { title, html }))
    }
}

/// What the loss adds, with what was typed.
fn expected_cost(recorded: Option<CostTerm>, args: &DartsArgs) -> Result<Option<CostTerm>> {
    let figure = args.expected_cost.map(CostFigure::from);
    let Some(figure) = figure.or(recorded.map(|term| term.figure)) else {
        return match args.cost_weight {
            Some(_) => {
                Err(Usage::new("--cost-weight has no meaning without --expected-cost params or macs").into())
            }
            None => Ok(None),
        };
    };
    let weight = args.cost_weight.or(recorded.map(|term| term.weight));
    Ok(Some(CostTerm {
        figure,
        weight: weight.unwrap_or(CostTerm::WEIGHT),
    }))
}

/// The published settings and size of the searches of NAS-Bench-201.
fn nb201_preset(
    data: &DataFacts,
    skeleton: Skeleton,
    relaxation: RelaxationName,
    order: Option<OrderName>,
) -> Result<DartsConfig> {
    if skeleton != Skeleton::Nb201 {
        let why = "--preset nb201 is for the skeleton of NAS-Bench-201; expected a space that stands in it, such as \
                   --space nb201";
        return Err(Usage::new(why.to_owned()).into());
    }
    let order = order.map_or(Order::First, Into::into);
    let published = DartsConfig::nb201(relaxation.config(), order).typed("--preset nb201")?;
    Ok(DartsConfig {
        network: NetworkConfig {
            image: data.shape,
            classes: data.classes,
            stem_halvings: NetworkConfig::halvings_for(data.shape),
            ..published.network
        },
        augmentation: Augmentation::standard(data),
        ..published
    })
}

/// The picture of the epochs of a search.
fn picture_file(index: u64) -> String {
    format!("alpha-{index}.svg")
}

/// What its record has besides epochs.
#[derive(Debug, Default, Serialize)]
pub(super) struct Perturbations {
    perturbations: Vec<EdgePerturbation>,
}

impl Trains for DartsConfig {
    const METHOD: Method = Method::Darts;
    type Search = Search;
    type Epoch = EpochReport;
    type Step<'a> = Selecting<'a>;
    type Own = Perturbations;

    fn epochs(&self) -> u32 {
        self.epochs
    }

    fn new_search(&self, supernet: &Supernet<'_>, seed: Seed) -> Result<Search> {
        let space = supernet::cells(supernet.space)?;
        let search = Search::new(space, supernet.dataset, self.clone(), seed, supernet.compute)?;
        Ok(search.with_stop(supernet.stop.clone()))
    }

    fn supernet(search: &Search) -> &nas_eval::supernet::Supernet {
        search.supernet()
    }

    fn run(
        search: &mut Search,
        checkpoint: &Path,
        observer: &mut Observer<'_, Self>,
    ) -> Result<Found<EpochReport, Perturbations>> {
        let report = search.run(Some(checkpoint), observer)?;
        let SearchReport {
            genotype,
            history,
            stopped,
            perturbations,
            warnings,
            seconds,
        } = report;
        Ok(Found {
            genotype,
            history,
            stopped,
            warnings,
            seconds,
            own: Perturbations { perturbations },
        })
    }

    fn epoch_in_words(report: &EpochReport) -> String {
        let skips: usize = report.cells.iter().map(|cell| cell.skip_connections).sum();
        let eigenvalue = report
            .eigenvalue
            .map_or(String::new(), |value| format!(" eigenvalue {value:.3}"));
        let cost = report.expected_cost.map_or(String::new(), |cost| {
            format!(" expected cost {}", grouped(cost.round() as u64))
        });
        format!(
            "loss {:.3} valid {} skips {skips}{cost}{eigenvalue}",
            report.train_loss,
            percent(report.valid_accuracy)
        )
    }

    fn step_in_words(step: &Selecting<'_>) -> Option<String> {
        match step {
            Selecting::Perturbed { done, of, .. } => Some(format!("perturbation: {done} of {of} decided")),
            _ => None,
        }
    }

    fn seconds(epoch: &EpochReport) -> f64 {
        epoch.seconds
    }

    fn is_interruption(error: &anyhow::Error) -> bool {
        matches!(
            error.downcast_ref(),
            Some(DartsError::Eval(EvalError::Interrupted))
        )
    }

    fn picture(&self, history: &[EpochReport], found: Option<&Found<EpochReport, Perturbations>>) -> String {
        let stopped = found.and_then(|found| found.stopped.as_ref());
        drawn(
            history,
            found.map(|found| &found.genotype),
            stopped.map(|stopped| stopped.architecture_of),
        )
    }

    fn picture_file(index: u64) -> String {
        picture_file(index)
    }
}

/// The picture of these epochs.
fn drawn(history: &[EpochReport], architecture: Option<&Genotype>, of_epoch: Option<u32>) -> String {
    let strengths = |cell: &CellReport| CellStrengths {
        name: cell.name.clone(),
        edges: cell.edges.clone(),
        operations: cell.operations.clone(),
        strengths: cell.strengths.clone(),
        chosen: cell.chosen.clone(),
    };
    let epochs = history
        .iter()
        .map(|report| report.cells.iter().map(strengths).collect());
    plot::strengths(&epochs.collect::<Vec<_>>(), architecture, of_epoch)
}

/// Strengths of operations.
fn section(seen: &Seen<'_>) -> Result<Html> {
    let mut html = Html::new();
    let shown = supernet::shown::<EpochReport>(seen)?;
    let Some(search) = shown.search() else {
        return Ok(html);
    };
    html.append(&supernet::overview(seen, &shown));
    let architecture: Option<Genotype> = search.arch.as_ref().map(|arch| arch.parse()).transpose()?;
    let of_epoch = search.stopped.as_ref().map(|stopped| stopped.architecture_of);
    let strengths = drawn(&search.history, architecture.as_ref(), of_epoch);
    html.figure(
        &strengths,
        "The strength of each operation on each edge: the softmax of α, or the weight that the relaxation uses.",
    );
    let epochs = search.history.iter();
    let curve = |name: &str, of: fn(&EpochReport) -> f64| Curve {
        name: name.to_owned(),
        points: epochs
            .clone()
            .map(|epoch| Point::new(f64::from(epoch.epoch) + 1.0, 100.0 * of(epoch)))
            .collect(),
    };
    html.append(&supernet::training_curve(vec![
        curve("training batches", |epoch| epoch.train_accuracy),
        curve("the half that α is fitted to", |epoch| epoch.valid_accuracy),
    ]));
    let columns = [
        ("epoch", Align::Right),
        ("training loss", Align::Right),
        ("training accuracy", Align::Right),
        ("validation loss", Align::Right),
        ("validation accuracy", Align::Right),
        ("skip connections", Align::Right),
        ("entropy of α, nats", Align::Right),
        ("eigenvalue", Align::Right),
        ("expected cost", Align::Right),
    ];
    let mut table = HtmlTable::new(&columns);
    for epoch in epochs {
        let cells = epoch.cells.len().max(1) as f64;
        let entropy: f64 = epoch.cells.iter().map(|cell| cell.mean_entropy).sum();
        table.row([
            Cell::text(epoch.epoch + 1),
            Cell::Text(format!("{:.4}", epoch.train_loss)),
            Cell::Text(percent(epoch.train_accuracy)),
            Cell::Text(format!("{:.4}", epoch.valid_loss)),
            Cell::Text(percent(epoch.valid_accuracy)),
            Cell::text(
                epoch
                    .cells
                    .iter()
                    .map(|cell| cell.skip_connections)
                    .sum::<usize>(),
            ),
            Cell::Text(format!("{:.3}", entropy / cells)),
            Cell::Text(
                epoch
                    .eigenvalue
                    .map_or("–".to_owned(), |value| format!("{value:.4}")),
            ),
            Cell::Text(
                epoch
                    .expected_cost
                    .map_or("–".to_owned(), |cost| grouped(cost.round() as u64)),
            ),
        ]);
    }
    let mut inner = Html::new();
    inner.table(&table);
    html.details("The epochs in numbers", &inner);
    Ok(html)
}
