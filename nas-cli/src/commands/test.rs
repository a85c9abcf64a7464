//! `nas test`: a saved network on the test split.

use anyhow::Result;
use nas_report::number;
use nas_runner::{Typed, device};
use serde::Serialize;

use super::network::Opened;
use super::train::ByClass;
use crate::args::TestArgs;
use crate::output::Output;

/// The JSON of `nas test`.
#[derive(Debug, Serialize)]
struct Tested {
    arch: String,
    data: String,
    params: u64,
    images: Option<usize>,
    test_accuracy: f64,
    test_balanced_accuracy: Option<f64>,
    test_macro_f1: Option<f64>,
    test_loss: Option<f64>,
    /// The test images by their class.
    by_class: Vec<ByClass>,
}

/// Loads the network and its data set and measures.
pub(crate) fn run(args: &TestArgs, output: Output) -> Result<()> {
    device::check(&args.device).typed("--device")?;
    let opened = Opened::at(&args.file, &device::parse(&args.device)?)?;
    let dataset = opened.dataset(&args.measured)?;
    let network = opened.network;
    let report = network.test(&dataset)?;
    let tested = Tested {
        arch: network.genotype.to_string(),
        data: dataset.title.clone(),
        params: network.model.parameters().count(),
        images: report.images,
        test_accuracy: report.test_accuracy,
        test_balanced_accuracy: report.balanced_accuracy,
        test_macro_f1: report.macro_f1,
        test_loss: report.test_loss,
        by_class: ByClass::of(&report, &dataset.classes),
    };
    output.result(&tested, || {
        let figures = [
            ("balanced accuracy", tested.test_balanced_accuracy),
            ("macro F1", tested.test_macro_f1),
        ];
        let beside: String = figures
            .into_iter()
            .filter_map(|(name, value)| Some(format!("\n{name}: {}", number::percent(value?))))
            .collect();
        format!(
            "{}\ntest accuracy on {}: {} of {} images{beside}",
            tested.arch,
            tested.data,
            number::percent(tested.test_accuracy),
            tested.images.unwrap_or_default()
        )
    })
}
