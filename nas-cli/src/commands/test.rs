//! `nas test`: a saved network on the test split.

use std::path::{Path, PathBuf};

use anyhow::Result;
use nas_eval::evaluator::JudgedBy;
use nas_report::number::{percent, percent_within};
use nas_runner::report::Tested;
use nas_runner::{Typed, device, picture};
use nas_space::search::{Calibration, ClassFigures, Interval, Intervals, Mistake, TestReport};
use serde::Serialize;

use super::network::Opened;
use super::page_file;
use crate::args::TestArgs;
use crate::output::Output;

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

/// Loads the network and its data set and measures.
pub(crate) fn run(args: &TestArgs, output: Output) -> Result<()> {
    device::check(&args.device).typed("--device")?;
    let images = args.measured.data.as_deref().map(Path::new);
    let page = page_file::place(args.page.as_deref(), images)?;
    let opened = Opened::at(&args.file, &device::parse(&args.device)?)?;
    let page = page_file::place(page.as_deref(), opened.images())?;
    let dataset = opened.dataset(&args.measured)?;
    let network = opened.network;
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
