//! `nas test`: a saved network on the test split.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use nas_eval::data::Dataset;
use nas_eval::evaluator::JudgedBy;
use nas_eval::trained::TrainedNetwork;
use nas_report::number::{percent, percent_within};
use nas_runner::data::{self, Looked, OwnPlan, Source};
use nas_runner::plan::RunConfig;
use nas_runner::report::Tested;
use nas_runner::{NETWORK_FILE, Typed, data_dir, device, picture};
use nas_space::op::Operations;
use nas_space::search::{Calibration, ClassFigures, Interval, Intervals, Mistake, TestReport};
use nas_study::RunDir;
use serde::Serialize;

use super::page_file;
use crate::args::TestArgs;
use crate::output::Output;
use crate::progress::only_notes;

/// The JSON of `nas test`.
#[derive(Debug, Serialize)]
struct Printed {
    arch: String,
    data: String,
    params: u64,
    images: Option<usize>,
    #[serde(flatten)]
    figures: TestFigures,
    /// The page that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<PathBuf>,
}

/// The figures of a test, as they are printed for programs.
#[derive(Debug, Serialize)]
pub(super) struct TestFigures {
    test_accuracy: f64,
    test_balanced_accuracy: Option<f64>,
    test_macro_f1: Option<f64>,
    test_loss: Option<f64>,
    /// 95 % intervals: lower and upper bound of each.
    test_intervals: Option<Intervals>,
    /// The test images by their class.
    by_class: Vec<ByClass>,
    calibration: Option<Calibration>,
    /// Classes are places in `by_class`.
    mistakes: Vec<Mistake>,
}

/// How well a class is told from the others.
#[derive(Debug, Serialize)]
struct ByClass {
    class: String,
    #[serde(flatten)]
    figures: ClassFigures,
}

impl TestFigures {
    /// Those of a test, with the names of the classes.
    pub(super) fn of(test: &TestReport, classes: &[String]) -> Self {
        let named = classes.iter().cloned().zip(&test.by_class);
        Self {
            test_accuracy: test.test_accuracy,
            test_balanced_accuracy: test.balanced_accuracy,
            test_macro_f1: test.macro_f1,
            test_loss: test.test_loss,
            test_intervals: test.intervals,
            by_class: named
                .map(|(class, &figures)| ByClass { class, figures })
                .collect(),
            calibration: test.calibration.clone(),
            mistakes: test.mistakes.clone(),
        }
    }

    /// The test accuracy and its interval.
    pub(super) fn accuracy(&self) -> (f64, Option<Interval>) {
        (
            self.test_accuracy,
            self.test_intervals.map(|intervals| intervals.accuracy),
        )
    }
}

fn load(data: &str, data_dir: Option<&Path>, own: Option<&OwnPlan>) -> Result<Dataset> {
    data::load(Source { data, data_dir, own }, &only_notes)
}

/// The file of the network that a run has trained in full.
pub(super) fn network_of(run: &Path) -> Result<PathBuf> {
    let file = run.join(NETWORK_FILE);
    if !file.is_file() {
        let run = run.display();
        bail!(
            "{run} holds no network trained in full; `nas resume {run}` ends a search that trains with one"
        );
    }
    Ok(file)
}

/// Loads the network and its data set and measures.
pub(crate) fn run(args: &TestArgs, output: Output) -> Result<()> {
    device::check(&args.device).typed("--device")?;
    let device = device::parse(&args.device)?;
    let images = args.data.as_deref().map(Path::new);
    let mut page = page_file::place(args.page.as_deref(), images)?;
    let mut file = args.file.clone();
    let mut recorded = None;
    let mut own = None;
    if args.file.is_dir() {
        let run = RunDir::open(&args.file)?;
        let config: RunConfig = run.read_config()?;
        if let Some(images) = config.images() {
            recorded = images.data_dir.map(Path::to_owned);
            own = images.own.map(|own| (images.data.to_owned(), own.clone()));
            let images = own.as_ref().map(|(path, _)| Path::new(path));
            page = page_file::place(page.as_deref(), images)?;
        }
        file = network_of(&args.file)?;
    }
    let network = TrainedNetwork::load(&file, &Operations::standard(), &device)?;
    let data_dir = data_dir::choose(args.data_dir.as_deref(), recorded.as_deref())?;
    let dataset = match (&args.data, &own) {
        (Some(path), recorded) => {
            let recorded = recorded.as_ref().map(|(_, own)| own);
            let looked = Looked::at(path, recorded, (&args.read, false), &only_notes).typed("--data")?;
            load(&looked.data, data_dir.as_deref(), looked.own.as_ref())?
        }
        (None, Some((path, own))) => load(path, None, Some(own))?,
        (None, None) if data::is_named(&network.dataset) => {
            load(&network.dataset, data_dir.as_deref(), None)?
        }
        (None, None) => bail!(
            "{} was trained on images of somebody's own, {}; say where they are with --data PATH",
            file.display(),
            network.dataset
        ),
    };
    let report = network.test(&dataset)?;
    let arch = network.genotype.to_string();
    if let Some(page) = &page {
        let tested = Tested {
            report: &report,
            classes: &dataset.classes,
            pictures: &picture::of_mistakes(&dataset, &report.mistakes),
        };
        page_file::write(page, &tested.page(&arch, &dataset.title))?;
    }
    let printed = Printed {
        arch,
        data: dataset.title.clone(),
        params: network.model.parameters().count(),
        images: report.images,
        figures: TestFigures::of(&report, &dataset.classes),
        page,
    };
    output.result(&printed, || text(&printed, &report))
}

fn text(printed: &Printed, report: &TestReport) -> String {
    let figure = |by: JudgedBy| Some(percent_within(by.of_test(report)?, by.interval_of_test(report)));
    let mut text = format!(
        "{}\ntest accuracy on {}: {} of {} images; 95 % intervals in brackets",
        printed.arch,
        printed.data,
        figure(JudgedBy::Accuracy).unwrap_or_default(),
        printed.images.unwrap_or_default()
    );
    let error = report
        .calibration
        .as_ref()
        .map(|found| percent(found.expected_error));
    for (name, value) in [
        ("balanced accuracy", figure(JudgedBy::Balanced)),
        ("macro F1", figure(JudgedBy::MacroF1)),
        ("expected calibration error", error),
        (
            "page",
            printed.page.as_ref().map(|page| page.display().to_string()),
        ),
    ] {
        text += &value.map_or(String::new(), |value| format!("\n{name}: {value}"));
    }
    text
}
