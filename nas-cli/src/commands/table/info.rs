//! `nas table info`: what a table holds.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use nas_report::Shown;
use nas_report::number::{NOT_KNOWN, counted, grouped, known};
use nas_runner::plan::OneFigure;
use nas_space::search::Metric;
use nas_space::sizes::Sizes as _;
use nas_tables::{BUILT_IN, Figure, Table, TabularEvaluator, built_in};
use serde::Serialize;

use super::extras::ExtraInfo;
use crate::args::InfoArgs;
use crate::output::Output;

/// The JSON of `nas table info`, and of the commands that make a table.
#[derive(Debug, Serialize)]
struct Info {
    table: String,
    name: String,
    origin: String,
    /// What tells it apart from others.
    identity: String,
    bytes: usize,
    space: String,
    decisions: usize,
    /// Number of architectures in the space.
    architectures: String,
    rows: usize,
    /// Whether every architecture has a row.
    complete: bool,
    datasets: Vec<DatasetInfo>,
}

#[derive(Debug, Serialize)]
struct DatasetInfo {
    name: String,
    /// Epochs after which there are validation accuracies.
    epochs: Vec<u32>,
    search_epochs: u32,
    report_epochs: u32,
    /// Trainings of each architecture after the epochs of a search; 0 where there is only their mean.
    repeats: usize,
    /// Whether trainings have costs.
    seconds: bool,
    /// What its figures are, where they are no accuracies.
    #[serde(skip_serializing_if = "Metric::is_accuracy")]
    metric: Metric,
    /// Whether what a search sees are figures on test images.
    valid_is_test: bool,
    /// Whether what is reported are the figures that a search sees.
    test_is_valid: bool,
    #[serde(skip)]
    one_figure: Option<OneFigure>,
    /// Parameters and multiply-accumulates.
    sizes: Sizes,
    /// Figures that only some benchmarks have.
    extras: Vec<ExtraInfo>,
    /// What architectures can be compared and, but for the accuracy, limited by here: known of every row.
    objectives: Vec<String>,
    /// Figures that the table knows of some rows alone.
    partly: Vec<String>,
    /// Validation figures after the epochs of a search, means over repeats.
    valid: Spread,
    /// Test figures that are reported.
    test: Spread,
}

/// What is known of the sizes of the networks.
#[derive(Debug, Serialize)]
struct Sizes {
    params: SizeInfo,
    macs: SizeInfo,
}

/// One of them.
#[derive(Debug, Serialize)]
struct SizeInfo {
    /// Whether they are counted on networks of this toolkit.
    counted: bool,
    /// How many rows have one in the table.
    rows: usize,
    /// The least that the table gives.
    min: Option<u64>,
    /// The largest.
    max: Option<u64>,
}

/// How figures are spread over the rows.
#[derive(Debug, Serialize)]
struct Spread {
    min: Option<f64>,
    quartiles: Option<[f64; 3]>,
    max: Option<f64>,
}

/// Describes the table.
pub(crate) fn run(args: &InfoArgs, output: Output) -> Result<()> {
    let named = BUILT_IN.iter().any(|table| table.name == args.table) && !Path::new(&args.table).exists();
    let table = if named {
        built_in(&args.table)?
    } else {
        Table::open(&args.table)?
    };
    describe(&Arc::new(table), &args.table, output)
}

/// Prints what this table holds.
pub(super) fn describe(table: &Arc<Table>, place: &str, output: Output) -> Result<()> {
    let header = table.header();
    let datasets = header.datasets.iter().enumerate().map(|(number, dataset)| {
        let evaluator = TabularEvaluator::new(Arc::clone(table), &dataset.name)?;
        let of_rows = evaluator.sizes();
        let size = |figure| SizeInfo::of(&evaluator.published(figure), of_rows.is_counted());
        let sizes = Sizes {
            params: size(Figure::Params),
            macs: size(Figure::Macs),
        };
        let known = of_rows.known();
        let partly = of_rows
            .names()
            .filter(|name| !known.iter().any(|known| known == name));
        Ok(DatasetInfo {
            name: dataset.name.clone(),
            partly: partly.map(str::to_owned).collect(),
            epochs: table.epochs(number),
            search_epochs: dataset.search_epochs,
            report_epochs: dataset.report_epochs,
            repeats: evaluator.repeats(),
            seconds: evaluator.has_seconds(),
            valid_is_test: dataset.valid_is_test,
            test_is_valid: dataset.test_is_valid,
            one_figure: OneFigure::of(dataset),
            objectives: ["accuracy".to_owned()].into_iter().chain(known).collect(),
            sizes,
            extras: ExtraInfo::all(&evaluator),
            valid: Spread::of(evaluator.valid_accuracies(), evaluator.metric()),
            test: Spread::of(evaluator.test_accuracies(), evaluator.metric()),
            metric: evaluator.metric().clone(),
        })
    });
    let info = Info {
        table: place.to_owned(),
        name: header.name.clone(),
        origin: header.origin.clone(),
        identity: table.identity().to_owned(),
        bytes: table.size(),
        space: table.space().name().to_owned(),
        decisions: table.space().decisions().len(),
        architectures: table.space().size().to_string(),
        rows: table.len(),
        complete: table.is_complete(),
        datasets: datasets.collect::<Result<_>>()?,
    };
    output.result(&info, || text(&info))
}

impl SizeInfo {
    fn of(given: &[u64], counted: bool) -> Self {
        Self {
            counted,
            rows: given.len(),
            min: given.iter().min().copied(),
            max: given.iter().max().copied(),
        }
    }

    /// In words, of a table with so many rows.
    fn text(&self, rows: usize) -> String {
        let given = self.min.zip(self.max).map(|(min, max)| {
            let of = match self.rows == rows {
                true => String::new(),
                false => format!(" of {} rows", grouped(self.rows as u64)),
            };
            format!("{} to {} in the table{of}", grouped(min), grouped(max))
        });
        match (self.counted, given) {
            (true, None) => "counted on the networks".to_owned(),
            (true, Some(given)) => format!("counted on the networks; {given}"),
            (false, given) => known(given, |given| given),
        }
    }
}

impl Spread {
    fn of(scores: Vec<f64>, metric: &Metric) -> Self {
        let values = scores.into_iter().map(|score| metric.value(score));
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
        Self {
            min: values.first().copied(),
            quartiles: (!values.is_empty()).then(|| [at(0.25), at(0.5), at(0.75)]),
            max: values.last().copied(),
        }
    }

    fn text(&self, metric: &Metric) -> String {
        let value = |value: f64| metric.shown(metric.score(value));
        match (self.min, self.quartiles, self.max) {
            (Some(min), Some([first, median, third]), Some(max)) => format!(
                "{} to {}, quartiles {}, {}, {}",
                value(min),
                value(max),
                value(first),
                value(median),
                value(third)
            ),
            _ => NOT_KNOWN.to_owned(),
        }
    }
}

fn text(info: &Info) -> String {
    let complete = if info.complete {
        "all of them known"
    } else {
        "not all of them known"
    };
    let mut lines = vec![
        format!(
            "{} ({}, {} bytes, {})",
            info.name,
            info.table,
            grouped(info.bytes as u64),
            info.identity
        ),
        format!("origin     {}", info.origin),
        format!(
            "space      {}: {} architectures, {} decisions; {} rows, {complete}",
            info.space,
            info.architectures,
            info.decisions,
            grouped(info.rows as u64)
        ),
    ];
    for dataset in &info.datasets {
        let epochs: Vec<String> = dataset.epochs.iter().map(u32::to_string).collect();
        let repeats = match dataset.repeats {
            0 => "means over repeats".to_owned(),
            1 => "one training each".to_owned(),
            count => format!("{count} trainings each"),
        };
        let costs = if dataset.seconds {
            "with seconds"
        } else {
            "without costs"
        };
        lines.push(format!("data       {}: {repeats}, {costs}", dataset.name));
        lines.push(format!("  metric   {}", dataset.metric.described()));
        lines.push(format!(
            "  valid    after {} epoch{}; a search sees {}{}{}",
            epochs.join(", "),
            if dataset.epochs == [1] { "" } else { "s" },
            dataset.search_epochs,
            if dataset.epochs.len() > 1 {
                ", with --epochs another one, with --halving several"
            } else {
                ""
            },
            if dataset.valid_is_test {
                ", and what it sees are figures on test images"
            } else {
                ""
            }
        ));
        lines.push(format!("           {}", dataset.valid.text(&dataset.metric)));
        let report = counted(dataset.report_epochs as usize, "epoch");
        lines.push(format!("  test     after {report}"));
        lines.push(format!("           {}", dataset.test.text(&dataset.metric)));
        lines.extend(
            dataset
                .one_figure
                .map(|one| format!("  note     {}", one.sentence())),
        );
        for (name, size) in [
            ("params  ", &dataset.sizes.params),
            ("macs    ", &dataset.sizes.macs),
        ] {
            lines.push(format!("  {name} {}", size.text(info.rows)));
        }
        for extra in &dataset.extras {
            lines.push(format!("  extra    {}", extra.text(info.rows)));
        }
        lines.push(format!("  to compare by: {}", dataset.objectives.join(", ")));
        if !dataset.partly.is_empty() {
            lines.push(format!("  of some rows alone: {}", dataset.partly.join(", ")));
        }
    }
    lines.join("\n")
}
