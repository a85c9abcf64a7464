//! The accuracies that scores are compared with.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use nas_report::Shown;
use nas_report::number::counted;
use nas_runner::args::benchmarks;
use nas_runner::plan::{OneFigure, RunConfig};
use nas_runner::{Typed, Usage, size};
use nas_space::arch::Architecture;
use nas_space::genotype::Genotype;
use nas_space::network::NetworkConfig;
use nas_space::search::Metric;
use nas_space::spaces::Space;
use nas_study::RunDir;
use nas_tables::{Nb201Dataset, Table, TabularEvaluator, built_in};

use crate::args::ScoreAgainstArgs;

/// Figures of architectures: from a table, or of the trials of a run.
pub(super) struct Against {
    /// Where they are from: `cifar10 of the benchmark nb201`, `the trials of runs/a`.
    pub(super) source: String,
    /// What has to be known of them.
    pub(super) notes: Vec<String>,
    /// The figures, at least one.
    pub(super) figures: Vec<Figure>,
    /// The data set of the figures.
    data: Option<String>,
    /// The size of the networks that they are of.
    network: Option<NetworkConfig>,
    of: Source,
}

/// What architectures are ranked by.
pub(super) struct Figure {
    /// Its name: `validation accuracy after 12 epochs`.
    pub(super) name: String,
    /// What it is.
    pub(super) metric: Metric,
}

enum Source {
    Table(TabularEvaluator),
    Run {
        config: Box<RunConfig>,
        space: Arc<dyn Space>,
        /// The mean score of the trials of each architecture.
        scores: BTreeMap<Architecture, f64>,
    },
}

impl Against {
    /// Those that are typed, if any.
    pub(super) fn of(args: &ScoreAgainstArgs) -> Result<Option<Self>> {
        let Some(text) = &args.against else {
            return Ok(None);
        };
        let path = Path::new(text);
        if path.is_dir() {
            if args.table_data.is_some() {
                let why = "--table-data has no meaning with a run directory, which has one data set";
                return Err(Usage::new(why).into());
            }
            return Self::run(path).map(Some);
        }
        let (table, source) = if path.is_file() {
            (Table::open(path)?, format!("the table {text}"))
        } else if benchmarks().contains(&text.as_str()) {
            (built_in(text)?, format!("the benchmark {text}"))
        } else {
            let why = format!(
                "--against: '{text}' is neither a benchmark, a file nor a run directory; benchmarks: {}",
                benchmarks().join(", ")
            );
            return Err(Usage::new(why).into());
        };
        Self::table(table, args.table_data.as_deref(), &source).map(Some)
    }

    fn table(table: Table, data: Option<&str>, source: &str) -> Result<Self> {
        let data = match data {
            // The short name that a search understands.
            Some("imagenet16") => Nb201Dataset::ImageNet16.name().to_owned(),
            Some(data) => data.to_owned(),
            None => table.header().datasets[0].name.clone(),
        };
        let evaluator = TabularEvaluator::new(table.into(), &data).typed("--table-data")?;
        let dataset = evaluator.dataset();
        let metric = evaluator.metric().clone();
        let after = |epochs: u32| format!("after {}", counted(epochs as usize, "epoch"));
        let on_valid = format!("{} {}", metric.on("validation"), after(dataset.search_epochs));
        let on_test = format!("{} {}", metric.on("test"), after(dataset.report_epochs));
        let one_figure = OneFigure::of(dataset);
        let names = match one_figure {
            Some(OneFigure::ValidIsTest) => vec![on_test],
            Some(OneFigure::TestIsValid) => vec![on_valid],
            None => vec![on_valid, on_test],
        };
        let figures = names.into_iter().map(|name| Figure {
            name,
            metric: metric.clone(),
        });
        Ok(Self {
            source: format!("{data} of {source}"),
            notes: Vec::new(),
            figures: figures.collect(),
            data: Some(data),
            network: dataset.network,
            of: Source::Table(evaluator),
        })
    }

    /// The validation figures of the trials with the most epochs.
    fn run(path: &Path) -> Result<Self> {
        let shown = path.display();
        let directory = RunDir::open(path)?;
        let config: RunConfig = directory.read_config()?;
        if let Some(plan) = config.proxy() {
            bail!(
                "--against: the trials of {shown} were scored by {} and not trained, so they have no accuracies",
                plan.proxy
            );
        }
        let space = config.space.build()?;
        let mut found: BTreeMap<u32, BTreeMap<Architecture, (f64, u32)>> = BTreeMap::new();
        directory.records()?.for_each_trial(|record| {
            if let Some(Ok(evaluation)) = record.conclusion.map(|conclusion| conclusion.result) {
                let of_epochs = found.entry(evaluation.epochs).or_default();
                let sum = of_epochs.entry(record.trial.architecture).or_default();
                *sum = (sum.0 + evaluation.valid_accuracy, sum.1 + 1);
            }
        })?;
        let fewer: usize = found.values().rev().skip(1).map(BTreeMap::len).sum();
        let Some((epochs, sums)) = found.pop_last() else {
            bail!("--against: {shown} has no evaluated trials");
        };
        let mut notes = vec![
            "These architectures were chosen by a search, so they are no random sample of the space: a search that finds good \
             ones leaves fewer differences to rank."
                .to_owned(),
        ];
        if fewer > 0 {
            notes.push(format!(
                "Trials with fewer epochs are left out: {}.",
                counted(fewer, "architecture")
            ));
        }
        let metric = config.metric();
        let name = format!(
            "{} after {}",
            metric.on("validation"),
            counted(epochs as usize, "epoch")
        );
        let scores = sums
            .into_iter()
            .map(|(architecture, (sum, count))| (architecture, sum / f64::from(count)));
        Ok(Self {
            source: format!("the trials of {shown}"),
            notes,
            figures: vec![Figure { name, metric }],
            data: config.images().map(|images| images.data.to_owned()),
            network: config.network().ok(),
            of: Source::Run {
                scores: scores.collect(),
                config: Box::new(config),
                space,
            },
        })
    }

    /// In what scores on these images and networks of this size differ from the figures.
    pub(super) fn differs(&self, data: &str, network: &NetworkConfig) -> Vec<String> {
        let mut differences = Vec::new();
        if let Some(own) = self.data.as_deref().filter(|own| *own != data) {
            differences.push(format!(
                "Scores were computed on images of {data}, the figures are of {own}."
            ));
        }
        let differs = |own: &&NetworkConfig| (own.channels, own.cells) != (network.channels, network.cells);
        if let Some(own) = self.network.as_ref().filter(differs) {
            differences.push(format!(
                "Scores are of networks of {}, the figures of networks of {}.",
                size::in_words(network),
                size::in_words(own)
            ));
        }
        differences
    }

    /// The search and its architectures, if this is a run.
    pub(super) fn trials(&self) -> Option<(&RunConfig, &dyn Space, impl Iterator<Item = &Architecture>)> {
        match &self.of {
            Source::Run {
                config,
                space,
                scores,
            } => Some((config, space.as_ref(), scores.keys())),
            Source::Table(_) => None,
        }
    }

    /// The scores of an architecture by the metrics of the figures; NaN where there is none.
    ///
    /// # Errors
    /// If the architecture is not of the space.
    pub(super) fn figures_of(&self, genotype: &Genotype) -> Result<Vec<f64>> {
        let in_space = |space: &dyn Space| {
            space
                .architecture(genotype)
                .with_context(|| format!("{genotype} is not of the space of {}", self.source))
        };
        Ok(match &self.of {
            Source::Table(evaluator) => {
                let architecture = in_space(evaluator.table().space().as_ref())?;
                let valid = || evaluator.valid_accuracy(&architecture);
                let test = || Some(evaluator.test_report(&architecture).ok()?.test_accuracy);
                let figures = match OneFigure::of(evaluator.dataset()) {
                    Some(OneFigure::ValidIsTest) => vec![test()],
                    Some(OneFigure::TestIsValid) => vec![valid()],
                    None => vec![valid(), test()],
                };
                figures
                    .into_iter()
                    .map(|figure| figure.unwrap_or(f64::NAN))
                    .collect()
            }
            Source::Run { space, scores, .. } => {
                let architecture = in_space(space.as_ref())?;
                vec![scores.get(&architecture).copied().unwrap_or(f64::NAN)]
            }
        })
    }
}
